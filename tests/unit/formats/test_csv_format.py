"""What the csv format accepts, refuses, and says about it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from waypost.core.errors import DataError, Fault
from waypost.core.registry import registry
from waypost.core.yamlfile import parse_yaml
from waypost.testing.format_kit import build_format, decode_all, frame


def read(content: bytes, options: str = "{}") -> list[Any]:
    format_ = build_format("csv", options)
    slices, refusal = frame(format_, [content])
    assert not refusal
    return decode_all(format_, slices)


def test_columns_are_named_by_the_header_and_typed_by_the_options() -> None:
    options = "{types: {quantity: integer, price: decimal}}"
    found = read(b'sku,quantity,price,note\nA-1, 7 ,1.50,"a ""b"", c"\nB-2,,,\n', options)
    assert found == [
        {"sku": "A-1", "quantity": 7, "price": Decimal("1.50"), "note": 'a "b", c'},
        {"sku": "B-2", "quantity": None, "price": None, "note": ""},
    ]


def test_names_given_take_the_place_of_the_headers() -> None:
    assert read(b"Artikel;Preis\nA;1\n", "{delimiter: ';', columns: [sku, price]}") == [{"sku": "A", "price": "1"}]


def test_columns_without_a_name_are_numbered() -> None:
    assert read(b"a,b\n", "{header: false}") == [{"column_1": "a", "column_2": "b"}]
    assert read(b"sku,,x\n1,2,3\n") == [{"sku": "1", "column_2": "2", "x": "3"}]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_other_encodings_are_read_and_written(encoding: str) -> None:
    content = "name\nMüller\n".encode(encoding)
    assert read(content, f"{{encoding: {encoding}}}") == [{"name": "Müller"}]
    written = build_format("csv", f"{{encoding: {encoding}, line_ending: lf}}").encode([{"name": "Müller"}])
    assert written == ["Müller\n".encode(encoding)]


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"a,b\n1\n", "csv-ragged", "column 2: 1 fields"),
        (b"a,b\n1,2,3\n", "csv-ragged", "column 3: 3 fields, the first '1'; expected 2 fields"),
        (b'a,b\n1,"x"y\n', "csv-syntax", "expected fields by RFC 4180"),
        (b'a,b\n1,"open\n', "csv-syntax", "unexpected end of data"),
        (b"a,b\n1,\xe4\n", "csv-encoding", "byte 2 of the record: byte 0xe4 is not utf-8"),
        (b"a,a\n1,2\n", "csv-header", "column 'a' is named twice"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(content: bytes, code: str, says: str) -> None:
    (error,) = read(content)
    assert isinstance(error, DataError)
    assert (error.code, says in str(error)) == (code, True), str(error)


def test_a_header_whose_quote_is_never_closed_is_reported_with_all_it_swallowed() -> None:
    (swallowed,), refusal = frame(build_format("csv"), [b'"a\n1,2\n'])
    assert (swallowed.data, refusal) == (b'"a\n1,2\n', "")
    assert swallowed.fault.startswith("header at byte 0: a quote that is never closed")


def test_all_wrong_values_of_a_record_are_named_together() -> None:
    (error,) = read(b"n,p\nx,1_0\n", "{types: {n: integer, p: decimal}}")
    assert isinstance(error, DataError)
    assert "column 'n': found 'x'; expected a whole number" in str(error)
    assert "column 'p': found '1_0'; expected a decimal" in str(error)


def test_a_type_for_a_column_the_header_lacks_is_refused() -> None:
    (error,) = read(b"sku,price\nA,1\n", "{types: {prize: decimal}}")
    assert isinstance(error, DataError)
    assert (error.code, error.remedy) == ("csv-header", "did you mean 'price'?")


def test_a_record_of_too_many_fields_is_refused_before_they_are_made() -> None:
    (error,) = read(b"," * 16_384 + b"\n", "{header: false}")
    assert isinstance(error, DataError)
    assert error.code == "csv-columns"
    (full,) = read(b"," * 16_383 + b"\n", "{header: false}")
    assert len(full) == 16_384


def test_delimiters_within_quotes_make_no_fields() -> None:
    (document,) = read(b'"' + b"," * 20_000 + b'",2\n', "{header: false}")
    assert document["column_2"] == "2"


def test_a_broken_record_leaves_its_neighbours_alone() -> None:
    results = read(b"a,b\n1,2\n3\n4,5\n")
    assert [isinstance(r, DataError) for r in results] == [False, True, False]


def test_written_fields_are_quoted_where_they_must_be() -> None:
    format_ = build_format("csv", "{columns: [a, b, c]}")
    written = format_.encode([{"a": 'x "y"', "b": "1,2\n3", "c": True}, {"b": Decimal("1E+3")}])
    assert written == [b'"x ""y""","1,2\n3",true\r\n', b",1000,\r\n"]


def test_a_list_is_written_as_several_records_under_one_header() -> None:
    written = build_format("csv", "{write_header: true}").encode([[{"a": "1", "b": ""}, {"a": "2", "b": "3"}]])
    assert written == [b"a,b\r\n1,\r\n2,3\r\n"]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"a": "1", "x": "2"}, "field 'x' has no column"),  # data must not vanish in silence
        ({"a": {"b": 1}}, "in field 'a'"),
        ({"a": Decimal("NaN")}, "'NaN' in field 'a'"),
        ({"a": float("inf")}, "'inf' in field 'a'"),
        ([{"a": "1"}, 7], "record 2: a int"),
        ({"a": "\ud800"}, "has no form in utf-8"),
    ],
)
def test_what_has_no_form_in_csv_is_refused(document: Any, says: str) -> None:
    (error,) = build_format("csv", "{columns: [a]}").encode([document])
    assert isinstance(error, DataError)
    assert says in str(error)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("{delimiter: ';;'}", "one ASCII character"),
        ("{quote: ','}", "same character as the delimiter"),
        ("{columns: [a, a]}", "'a' is named twice"),
        ("{columns: [price], types: {prize: decimal}}", "did you mean 'price'?"),
        ("{types: {price: money}}", "one of text, integer, decimal"),
    ],
)
def test_options_that_make_no_sense_are_faults(options: str, says: str) -> None:
    component = registry.find("format", "csv")
    assert component is not None
    faults: list[Fault] = []
    file = parse_yaml(options, "flow.yaml", faults)
    assert component.spec.parse(file, file.data, (), faults) is None
    assert says in str(faults[0])


def test_ragged_records_can_be_filled() -> None:
    assert read(b"a,b\n1\n1,2,3,4\n", "{ragged: fill}") == [
        {"a": "1", "b": ""},
        {"a": "1", "b": "2", "beyond": ["3", "4"]},
    ]


def test_without_a_quote_quotes_are_characters_like_others() -> None:
    options = '{delimiter: "\\t", quote: "", line_ending: lf}'
    assert read(b'a\tb\n"x\ty"\n', options) == [{"a": '"x', "b": 'y"'}]
    written, *refused = build_format("csv", options).encode(
        [{"a": '"x', "b": 1}, {"a": "x\ty"}, {"a": ""}, {"a": "\n"}]
    )
    assert written == b'"x\t1\n'
    assert all(isinstance(error, DataError) and error.code == "csv-record" for error in refused)


@pytest.mark.parametrize(
    ("quoting", "expected"), [("needed", b'x,1,"a,b",\n'), ("texts", b'"x",1,"a,b",\n'), ("all", b'"x","1","a,b",""\n')]
)
def test_more_fields_can_be_quoted_than_need_it(quoting: str, expected: bytes) -> None:
    format_ = build_format("csv", f"{{quoting: {quoting}, line_ending: lf}}")
    assert format_.encode([{"t": "x", "n": 1, "c": "a,b", "e": None}]) == [expected]


@pytest.mark.parametrize("options", ["{quote: '', quoting: all}", "{ragged: fill, columns: [beyond]}"])
def test_dialects_that_contradict_themselves_are_faults(options: str) -> None:
    faults: list[Fault] = []
    component, file = registry.find("format", "csv"), parse_yaml(options, "flow.yaml", faults)
    assert component and component.spec.parse(file, file.data, (), faults) is None and faults


@pytest.mark.parametrize("content", [b"a,b\r1,2\r3,4\r", b"a,b\r1,2", "a,b\n1,2\n".encode("utf-16-le")])
def test_a_file_that_would_be_one_long_header_is_refused(content: bytes) -> None:
    slices, refusal = frame(build_format("csv", "{}"), [content])
    assert not slices
    assert refusal.startswith("csv-header: header at byte 0"), refusal


def test_a_quoted_column_name_may_hold_a_line_end() -> None:
    format_ = build_format("csv", "{}")
    slices, refusal = frame(format_, [b'"a\r\nb",c\r\n1,2\r\n'])
    assert not refusal
    assert decode_all(format_, slices) == [{"a\r\nb": "1", "c": "2"}]
