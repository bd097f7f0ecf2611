"""Each format knows the bytes its values were read from: they are the value, as it was written."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest

from waypost.core.component import LocatingFormat
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.flow.history.lineage_message import leaf_paths, value_at
from waypost.mapping.lineage_path import parse_path

SAMPLES = Path(__file__).parents[3] / "examples/order-to-cash/samples"
LAYOUT = b"""
layout: payments
records:
  header:
    - {name: type, length: 1, value: H}
    - {name: name, length: 8}
    - {name: created, length: 8, type: date, format: YYYYMMDD}
  payment:
    - {name: type, length: 1, value: P}
    - {name: to, length: 6}
    - {name: amount, length: 8, type: decimal, places: 2}
structure: [header, payment*]
"""
HL7 = (
    b"MSH|^~\\&|LAB|A|EHR|B|20260301||ADT^A01^ADT_A01|77|P|2.5.1\r"
    b"PID|1||4711^^^HOSP^MR~88^^^CITY||M\xc3\xbcller^Anna^B&C||19800102|F\rOBX|1|NM|GLU||5.4|mmol\r"
)
EDIFACT = (
    b"UNB+UNOC:3+SENDER+RECEIVER+260301:1200+77'\r\nUNH+1+ORDERS:D:96A:UN'\r\nBGM+220+PO?+1+9'\r\n"
    b"NAD+BY+4012345000009::9++Acme Ltd'\r\nLIN+1++4000862141404:SRS'\r\nQTY+21:12'\r\nUNT+6+1'\r\nUNZ+1+77'\r\n"
)
TRADACOMS = (
    b"STX=ANA:1+5000000000000:S+5010000000000:R+260301:120000+77++ORDHDR'MHD=1+ORDERS:9'CLO=5000000000000::A'"
    b"OLD=1+5011:X++++12'MTR=4'END=1'"
)
XML = (
    b'<?xml version="1.0"?>\n<o:orders xmlns:o="urn:o" xmlns:p="urn:p"><o:order id="7" p:kind=\'x\'>'
    b"<o:sku>A &amp; B</o:sku>"
    b"<o:line><n>1</n></o:line><o:line><n>2</n><n/></o:line></o:order><o:order id='8'><o:sku>\xc3\xa4</o:sku></o:order>"
    b"</o:orders>"
)


def read(name: str, content: bytes, files: dict[str, bytes] | None = None, **options: Any) -> list[tuple[Any, ...]]:
    """(format, record's bytes, context, document) of each record."""
    component = registry.find("format", name)
    assert component is not None
    grants = Grants(root=Path("."), read_file=(files or {}).__getitem__)
    made = component.build(component.spec.options(**options), grants)
    framer = made.framer(1 << 20)
    slices = [*framer.feed(content), *framer.finish()]
    return [(made, s.data, s.context, made.decode([s.data], s.context)[0]) for s in slices]


def same(value: Any, written: str, name: str) -> bool:
    """Whether ``written`` is how ``value`` may stand in a content."""
    if value in (None, "", [], {}):
        return written.strip() in ("", "null", "[]", "{}")
    if isinstance(value, bool):
        return written == str(value).lower()
    if isinstance(value, int | Decimal):
        try:
            return Decimal(written) == value or Decimal(written).scaleb(-2) == value
        except InvalidOperation:
            return False
    plain = {"json": lambda t: json.loads(t), "xml": lambda t: t.replace("&amp;", "&"),
             "csv": lambda t: t.replace('""', '"')}.get(name, lambda t: t.replace("?+", "+"))(written)  # fmt: skip
    return plain.strip() == value.strip() or plain.strip() == value.replace("-", "").strip()


CASES = [
    ("json", b'\xef\xbb\xbf {"a": 1, "b": [true, {"c": "x\\"\\u00e4]"}, -1.50e3], "": null, "d": {}}', {}, 6),
    ("json", b'{"n": "\xc3\xa4"}\n{"n": [1,[2]]}\n', {"lines": True}, 3),
    ("csv", b'sku;price;note\r\nA;1.5;"x;""y"""\r\n"B\nC";;\xc3\xa4\r\n', {"delimiter": ";"}, 6),
    ("csv", b"A\t1\tq", {"delimiter": "\t", "quote": "", "header": False}, 3),
    ("fixed", b"H\xc3\xa4cme    20260301\nPBob   00001250\nPEve   00000099\n", {"layout": "l", "unit": "content"}, 9),
    ("fixed", b"PBob   00001250\nPEve   00000099\n", {"layout": "l"}, 6),
    ("hl7", HL7, {}, 60),
    ("xml", XML, {"namespaces": {"": "urn:o", "p": "urn:p"}, "lists": ["line"]}, 8),
    ("xml", XML, {"records": "orders/order", "drop_namespaces": True}, 8),
    ("edifact", EDIFACT, {}, 25),
    ("edifact", EDIFACT, {"unit": "interchange"}, 25),
    ("tradacoms", TRADACOMS, {}, 12),
    ("x12", (SAMPLES / "acme-1001.edi").read_bytes(), {}, 60),
    ("x12", (SAMPLES / "acme-1003.edi").read_bytes(), {"unit": "group"}, 60),
]
OUTSIDE = {"interchange", "group", "transaction", "accepted", "errors"}
"""Made of the envelope, or by the reader."""


@pytest.mark.parametrize(("name", "content", "options", "least"), CASES)
def test_the_bytes_of_a_value_are_the_value(name, content, options, least):
    located = 0
    for made, data, context, document in read(name, content, {"l": LAYOUT}, **options):
        assert isinstance(made, LocatingFormat)
        paths = leaf_paths(document)
        for path, found in zip(paths, made.locate(data, context, paths), strict=True):
            if found is None:
                value = value_at(document, path)
                known = OUTSIDE.intersection(map(str, path)) or value in (None, "", [], {}) or "record" in path
                assert known, f"{path} is nowhere"
                continue
            written = data[slice(*found)].decode()
            assert same(value_at(document, path), written, name), (path, value_at(document, path), written)
            located += 1
    assert located >= least


def test_a_list_or_mapping_is_all_of_its_bytes():
    data = b'{"a": [1, {"b": 2}], "c": 3}'
    ((made, raw, context, _),) = read("json", data)
    texts = [raw[slice(*found)] for found in made.locate(raw, context, [parse_path("a"), parse_path("a[1]"), ()])]
    assert texts == [b'[1, {"b": 2}]', b'{"b": 2}', data]
    assert made.locate(raw, context, [parse_path("a[].b"), parse_path("x.y"), parse_path("a[9]")]) == [None] * 3


def test_of_a_member_written_twice_the_last_counts():
    ((made, raw, context, document),) = read("json", b'{"a": 1, "a": 22}')
    assert document == {"a": 22}
    assert [raw[slice(*found)] for found in made.locate(raw, context, [("a",)])] == [b"22"]


def test_a_name_of_the_view_stands_where_its_element_stands():
    made, raw, context, document = read("x12", (SAMPLES / "acme-1001.edi").read_bytes())[0]
    path = parse_path("purchase_order.lines[0].quantity")
    (found,) = made.locate(raw, context, [path])
    assert document["purchase_order"]["lines"][0]["quantity"] == Decimal(raw[slice(*found)].decode())
    segment = raw[: found[0]].rpartition(b"~")[2].strip()
    assert segment.startswith(b"PO1*")
