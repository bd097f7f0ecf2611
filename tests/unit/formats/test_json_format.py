"""What the json format accepts, refuses, and says about it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from waypost.core.errors import DataError
from waypost.testing.format_kit import build_format, frame


def read(data: bytes, options: str = "{}") -> Any:
    return build_format("json", options).decode([data], b"")[0]


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b'{"a": 1,\n "b": ]}', "json-syntax", "line 2, column 7 (byte 15)"),  # the place of the offending byte
        (b'{"a": ', "json-syntax", "it ends too early at the end"),
        (b"{} {}", "json-syntax", "trailing characters"),
        (b"[NaN]", "json-syntax", "invalid character"),  # RFC 8259, section 6: no NaN
        (b"[01]", "json-syntax", "invalid number"),
        (b'["\xc3"]', "json-encoding", "byte 0xc3 is not UTF-8"),
        ('["ü"]'.encode("utf-16"), "json-encoding", "UTF-16"),
        (b'{"k": "\\udc00"}', "json-text", "byte 7"),
        (b"[1e9999999999999999999]", "json-number", "exponent"),
        (b"[" * 513 + b"]" * 513, "json-depth", "at most 512 levels"),
        (b"[" * 100_000, "json-depth", "at most 512 levels"),  # no stack is overrun
    ],
)
def test_what_is_no_json_is_refused_with_its_place(data: bytes, code: str, says: str) -> None:
    error = read(data)
    assert isinstance(error, DataError)
    assert (error.code, says in str(error)) == (code, True), str(error)


def test_an_excerpt_shows_the_neighbourhood_and_not_the_document() -> None:
    error = read(b'{"secret": "' + b"x" * 5000 + b'", nope}')
    assert "nope" in str(error)
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"1E400", Decimal("1E+400")),
        (b"-0.0", Decimal("-0.0")),
        (b"1.10", Decimal("1.10")),
        (b"18446744073709551616", 2**64),
        (b"\xef\xbb\xbf true ", True),
        (b"[" * 512 + b"]" * 512, None),
    ],
)
def test_numbers_are_exact_and_a_byte_order_mark_is_passed_over(data: bytes, value: Any) -> None:
    found = read(data)
    assert not isinstance(found, DataError)
    if value is not None:
        assert (str(found), type(found)) == (str(value), type(value))


def test_a_key_written_twice_counts_as_written_last_unless_it_is_refused() -> None:
    data = b'{"a": {"k": 1, "k": 2}}'
    assert read(data) == {"a": {"k": 2}}
    error = read(data, "{duplicate_keys: refuse}")
    assert isinstance(error, DataError)
    assert (error.code, "byte 15" in error.where) == ("json-duplicate-key", True)
    assert read(b'{"a": 1.50}', "{duplicate_keys: refuse}") == {"a": Decimal("1.50")}


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (Decimal("NaN"), "json-number"),
        ([Decimal("-Infinity")], "json-number"),
        ("\ud800", "json-text"),
        ({None: 1}, "json-type"),
        (object(), "json-type"),
    ],
)
def test_what_has_no_form_in_json_is_refused(document: Any, code: str) -> None:
    (error,) = build_format("json").encode([document])
    assert isinstance(error, DataError)
    assert error.code == code


def test_the_word_nan_in_a_text_is_no_number() -> None:
    assert build_format("json").encode([{"name": "NaN Infinity"}]) == [b'{"name":"NaN Infinity"}']


def test_a_document_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    (error,) = build_format("json").encode([endless])
    assert isinstance(error, DataError)
    assert error.code == "json-depth"


def test_lines_end_by_lf_or_crlf_and_blank_ones_are_gaps() -> None:
    slices, refusal = frame(build_format("json", "{lines: true}"), [b'{"a":1}\r\n\n \t\r\n', b'{"b"', b":2}"])
    assert [(s.start, s.end, s.data) for s in slices] == [(0, 7, b'{"a":1}'), (14, 21, b'{"b":2}')]
    assert refusal == ""


def test_records_before_one_that_is_too_large_are_given_out_first() -> None:
    framer = build_format("json", "{lines: true}").framer(10)
    assert [s.data for s in framer.feed(b'"ok"\n"' + b"x" * 20 + b'"\n"lost"\n')] == [b'"ok"']
    with pytest.raises(DataError, match="record at byte 5: a record of more than 10 bytes"):
        framer.feed(b"")


def test_a_record_of_exactly_the_limit_passes() -> None:
    slices, refusal = frame(build_format("json", "{lines: true}"), [b'"12345678"\r', b"\n"], limit=10)
    assert ([s.data for s in slices], refusal) == ([b'"12345678"'], "")


@pytest.mark.parametrize(
    ("encoding", "said"), [("utf-16", "a UTF-16"), ("utf-32", "a UTF-32"), ("utf-32-be", "a UTF-32")]
)
def test_the_mark_of_another_encoding_is_named(encoding: str, said: str) -> None:
    data = ("\ufeff" if encoding.endswith("be") else "").encode(encoding) + '{"a": 1}'.encode(encoding)
    (error,) = build_format("json").decode([data], b"")
    assert said in str(error) and error.code == "json-encoding"
