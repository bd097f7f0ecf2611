"""What the xml format makes of documents, refuses, and says about it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from waypost.core.errors import DataError, Fault
from waypost.core.event import Event
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.yamlfile import parse_yaml
from waypost.testing.format_kit import build_format, decode_all, frame


def read(content: bytes, options: str = "{}") -> list[Any]:
    format_ = build_format("xml", options)
    slices, refusal = frame(format_, [content], limit=8 << 20)
    assert not refusal, refusal
    return decode_all(format_, slices)


def test_a_document_is_addressed_by_names() -> None:
    content = (
        b'<order id="7"><customer><name>Acme</name></customer><line sku="A">1</line><line sku="B"/><note/></order>'
    )
    assert read(content) == [{
        "order": {
            "@id": "7",
            "customer": {"name": "Acme"},
            "line": [{"@sku": "A", "#text": "1"}, {"@sku": "B"}],
            "note": "",
        }
    }]  # fmt: skip


def test_a_single_element_is_a_list_where_the_options_say_so() -> None:
    assert read(b"<o><line>1</line></o>", "{lists: [line]}") == [{"o": {"line": ["1"]}}]


def test_the_prefixes_are_ours_and_not_the_senders() -> None:
    options = "{namespaces: {'': 'urn:o', c: 'urn:c'}}"
    expected = [{"order": {"c:id": "1", "{urn:x}y": "2", "{}z": ""}}]
    for content in (
        b"<order xmlns='urn:o' xmlns:c='urn:c' xmlns:q='urn:x'><c:id>1</c:id><q:y>2</q:y><z xmlns=''/></order>",
        b"<o:order xmlns:o='urn:o'><id xmlns='urn:c'>1</id><y xmlns='urn:x'>2</y><z/></o:order>",
    ):
        assert read(content, options) == expected
    (written,) = build_format("xml", options).encode(expected)
    assert read(written, options) == expected


def test_namespaces_can_be_dropped() -> None:
    assert read(b"<o:a xmlns:o='urn:o' o:b='1'/>", "{drop_namespaces: true}") == [{"a": {"@b": "1"}}]


def test_text_between_elements_keeps_its_order() -> None:
    content = b"<p>one <b>two</b> three<i/></p>"
    assert read(content) == [{"p": {"#content": ["one ", {"b": "two"}, " three", {"i": ""}]}}]
    assert build_format("xml", "{declaration: false}").encode(read(content)) == [content]


def test_elements_named_as_ordered_keep_the_order_of_their_children() -> None:
    content = b"<m><a>1</a><b>2</b><a>3</a></m>"
    assert read(content, "{ordered: [m]}") == [{"m": {"#content": [{"a": "1"}, {"b": "2"}, {"a": "3"}]}}]
    assert read(content) == [{"m": {"a": ["1", "3"], "b": "2"}}]


def test_records_keep_the_namespaces_declared_around_them() -> None:
    content = b"<c:all xmlns:c='urn:c'><c:day n='1'><c:order>1</c:order></c:day><c:order>2</c:order></c:all>"
    assert read(content, "{records: all/day/order, namespaces: {k: 'urn:c'}}") == [{"k:order": "1"}]
    assert read(content, "{records: order, namespaces: {k: 'urn:c'}}") == [{"k:order": "1"}, {"k:order": "2"}]


def test_a_broken_record_is_told_and_the_next_one_is_read() -> None:
    broken, sound = read(b"<os>\n<o><a></b></o>\n<o>2</o></os>", "{records: o}")
    assert isinstance(broken, DataError) and broken.where.startswith("line 1, column ")
    assert sound == {"o": "2"}


def test_numbers_take_their_schema_form_and_null_is_left_out() -> None:
    document = {"o": {"@n": 1, "a": Decimal("1E+3"), "b": True, "c": None, "d": [1, None]}}
    assert build_format("xml", "{declaration: false}").encode([document]) == [
        b'<o n="1"><a>1000</a><b>true</b><d>1</d><d/></o>'
    ]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"a": 1, "b": 2}, "xml-root"),
        ({"a": [1]}, "xml-root"),
        ([], "xml-root"),
        ({"a b": 1}, "xml-name"),
        ({"a": {"x:y": 1}}, "xml-name"),
        ({"a": {"@x><b": 1}}, "xml-name"),
        ({"a": {1: 2}}, "xml-name"),
        ({"a": "\x00"}, "xml-text"),
        ({"a": "\ud800"}, "xml-text"),
        ({"a": float("nan")}, "xml-value"),
        ({"a": Decimal("Infinity")}, "xml-value"),
        ({"a": {"#content": "x"}}, "xml-value"),
    ],
)
def test_what_has_no_form_in_xml_is_refused_with_its_place(document: Any, code: str) -> None:
    (error,) = build_format("xml").encode([document])
    assert isinstance(error, DataError) and (error.code, bool(error.where)) == (code, True), error


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "xml-doctype"),
        (b"<?x?><!-- - -->\n<!DOCTYPE a><a/>", "xml-doctype"),
        ("<!DOCTYPE a><a/>".encode("utf-16"), "xml-doctype"),
        (b"<a>&x;</a>", "xml-syntax"),
        (b"<a>" * 300 + b"</a>" * 300, "xml-depth"),
        (b"<a>" * 100_000, "xml-depth"),
        (b"<?xml version='1.0' encoding='EBCDIC-CP-US'?><a/>", "xml-encoding"),
        (b"<a>\xff</a>", "xml-encoding"),
        (b"<a " + b" ".join(b"a%d=''" % n for n in range(10_001)) + b"/>", "xml-attributes"),
        (b"<a " + b" ".join(b"a%d=''" % n for n in range(200_000)), "xml-attributes"),
        (b"<a>" + b"<b/>" * 1_000_001 + b"</a>", "xml-size"),
        (b"<a><b></a>", "xml-syntax"),
        (b"<a b='1' b='2'/>", "xml-syntax"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_refused_with_place_and_code(content: bytes, code: str) -> None:
    (error,) = read(content)
    assert isinstance(error, DataError) and (error.code, bool(error.where)) == (code, True), error


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<!DOCTYPE a><a/>", "xml-doctype"),
        (b"<a><b></a>", "xml-syntax"),
        (b"<a>" * 300, "xml-depth"),
        (b"<a><![CDATA[ x", "xml-syntax"),
        (b"<![CDATA[x]]>", "xml-syntax"),
        (b"<a " + b"x" * (2 << 20), "xml-attributes"),
        (b"<a x='" + b"x" * (1 << 17) + b"'>", "xml-attributes"),
        (b"<?xml version='1.0' encoding='UTF-16'?><a/>", "xml-encoding"),
        (b"\xfe\xff\x00<", "xml-encoding"),
        (b"sku;price", "xml-syntax"),
    ],
)
def test_a_content_whose_frame_is_broken_is_refused(content: bytes, code: str) -> None:
    _, refusal = frame(build_format("xml", "{records: z}"), [content], limit=4 << 20)
    assert refusal.startswith(code), refusal


@pytest.mark.parametrize(
    "options",
    ["{records: a//b}", "{records: 'a[1]'}", "{namespaces: {xml1: u}}", "{namespaces: {a: u, b: u}}",
     "{drop_namespaces: true, namespaces: {a: u}}"],
)  # fmt: skip
def test_options_that_make_no_sense_are_faults(options: str) -> None:
    component = registry.find("format", "xml")
    faults: list[Fault] = []
    file = parse_yaml(options, "flow.yaml", faults)
    assert component and component.spec.parse(file, file.data, (), faults) is None and faults


@pytest.mark.parametrize(
    ("records", "content", "refused", "told"),
    [
        ("orders/order", b"<Orders><order/></Orders>", "no 'order', but 'Orders'", ""),
        ("a/b/c", b"<x:a xmlns:x='u'><d/><e><b><c/></b></e></x:a>", "no 'c', but 'd', 'e' in 'a'", ""),
        ("orders/order", b"<orders><Order/><date>x</date></orders>", "", "no 'order', but 'Order', 'date' in 'orders'"),
        ("order", b"<orders><Order/></orders>", "", "no 'order', but 'orders', 'Order'"),
        ("*/order", b"<orders><line/></orders>", "", "no 'order', but 'line' in '*'"),
        ("orders/order", b"<orders/>", "", ""),
        ("orders/order", b"<orders><!-- none today --></orders>", "", ""),
        ("orders/order", b"<orders><date/><order/></orders>", "", ""),
        ("orders/order", b"", "", ""),
    ],
)
def test_records_that_are_never_met_are_told_with_what_was_there(
    records: str, content: bytes, refused: str, told: str
) -> None:
    heard: list[Event] = []
    grants = Grants(root=Path("."), flow="f")
    grants.events.subscribe(heard.append)
    component = registry.find("format", "xml")
    assert component is not None
    _, refusal = frame(component.build(component.spec.options(records=records), grants), [content])
    assert (refused in refusal) if refused else not refusal
    assert ("check `records`" in refusal) == bool(refused)
    assert [str(event) for event in heard] == ([f"f: a content without records at '{records}': {told}"] if told else [])
