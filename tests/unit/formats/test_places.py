"""Each format knows the bytes its values were read from: they are the value, as it was written."""

from __future__ import annotations

import io
import json
import struct
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import fastavro
import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as F
from google.protobuf.descriptor_pb2 import FileDescriptorSet

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


AVRO = {
    "type": "record", "name": "O", "fields": [
        {"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"]},
        {"name": "weight", "type": "double"}, {"name": "on", "type": {"type": "int", "logicalType": "date"}},
        {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["A", "B"]}},
        {"name": "hash", "type": {"type": "fixed", "name": "H", "size": 4}},
        {"name": "tags", "type": {"type": "map", "values": "string"}},
        {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "L", "fields": [
            {"name": "sku", "type": "string"}, {"name": "kind", "type": "K"}, {"name": "ok", "type": "boolean"}]}}},
    ],
}  # fmt: skip
ROW = {"id": 300, "note": "so", "weight": 1.5, "on": 5, "kind": "B", "hash": b"abcd", "tags": {"x": "1", "y": "22"},
       "lines": [{"sku": "A-1", "kind": "A", "ok": True}, {"sku": "B-22", "kind": "B", "ok": False}]}  # fmt: skip


def container(codec: str) -> bytes:
    made = io.BytesIO()
    fastavro.writer(made, AVRO, [{**ROW, "note": None, "lines": []}, ROW], codec=codec)
    return made.getvalue()


AVRO_PLACES = {
    "records[0].id": b"\xd8\x04", "records[1].note": b"\x04so", "records[1].weight": struct.pack("<d", 1.5),
    "records[1].on": b"\x0a", "records[1].kind": b"\x02", "records[1].hash": b"abcd", "records[1].tags.y": b"\x0422",
    "records[1].lines[1].sku": b"\x08B-22", "records[1].lines[1].kind": b"\x02", "records[1].lines[0].ok": b"\x01",
    "records[0].note": b"", "records[2].id": None, "records[1].lines[2]": None,
    "records[1].tags.z": None, "records": None,
}  # fmt: skip


def test_values_of_an_avro_block_have_their_bytes():
    ((made, data, context, _),) = read("avro", container("null"))
    places = made.locate(data, context, [parse_path(path) for path in AVRO_PLACES])
    assert [p and data[slice(*p)] for p in places] == list(AVRO_PLACES.values())
    assert made.place_names(data, context, [("records", 0, "id")]) == [None]


def test_values_of_a_packed_avro_block_have_a_place_in_what_it_unpacks_to():
    ((made, data, context, _),) = read("avro", container("deflate"))
    paths = [parse_path("records[0].id"), parse_path("records[9]")]
    assert made.locate(data, context, paths) == [None, None]
    assert made.place_names(data, context, paths) == ["bytes 0–2 of the unpacked block", None]


def described() -> bytes:
    files = FileDescriptorSet()
    file = files.file.add(name="o.proto", package="shop", syntax="proto3")
    line = file.message_type.add(name="Line")
    line.field.add(name="sku", number=1, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)
    order = file.message_type.add(name="Order")
    entry = order.nested_type.add(name="TagsEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=F.TYPE_SINT32, label=F.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=F.TYPE_MESSAGE, type_name=".shop.Line", label=F.LABEL_OPTIONAL)
    order.field.add(name="id", number=1, type=F.TYPE_INT64, label=F.LABEL_OPTIONAL)
    order.field.add(name="weight", number=2, type=F.TYPE_DOUBLE, label=F.LABEL_OPTIONAL)
    order.field.add(name="lines", number=3, type=F.TYPE_MESSAGE, type_name=".shop.Line", label=F.LABEL_REPEATED)
    order.field.add(name="sizes", number=4, type=F.TYPE_INT32, label=F.LABEL_REPEATED)
    order.field.add(name="tags", number=16, type=F.TYPE_MESSAGE, type_name=".shop.Order.TagsEntry",
                    label=F.LABEL_REPEATED)  # fmt: skip
    return files.SerializeToString()


PROTOBUF = (
    b"\x08\x07\x11" + struct.pack("<d", 1.5) + b"\x1a\x05\x0a\x03A-1"
    b"\x22\x03\x01\xac\x02" b"\x1a\x06\x0a\x04B-22"
    b"\x28\x09" b"\x20\x05" + b"\x82\x01\x07\x08\x03\x12\x03\x0a\x01t" + b"\x08\xac\x02"
)  # fmt: skip
PROTOBUF_PLACES = {
    "id": b"\xac\x02", "weight": struct.pack("<d", 1.5), "lines[0].sku": b"A-1", "lines[1].sku": b"B-22",
    "lines[1]": b"\x0a\x04B-22", "sizes[0]": b"\x01", "sizes[1]": b"\xac\x02", "sizes[2]": b"\x05",
    'tags["-2"].sku': b"t",
    "lines": None, "lines[2]": None, "other": None, "sizes[3]": None,
}  # fmt: skip


@pytest.mark.parametrize("unit", ["content", "delimited"])
def test_values_of_a_protobuf_message_have_their_bytes(unit):
    content = PROTOBUF if unit == "content" else b"\x00" + bytes([len(PROTOBUF)]) + PROTOBUF
    options = {"descriptors": "o", "message": "shop.Order", "unit": unit}
    made, data, context, document = read("protobuf", content, {"o": described()}, **options)[-1]
    assert (document["sizes"], document["tags"]) == ([1, 300, 5], {"-2": {"sku": "t"}})
    paths = [parse_path(path) if '["' not in path else ("tags", "-2", "sku") for path in PROTOBUF_PLACES]
    places = made.locate(data, context, paths)
    assert [p and data[slice(*p)] for p in places] == list(PROTOBUF_PLACES.values())
