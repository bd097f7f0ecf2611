"""The avro format keeps what every format must."""

from __future__ import annotations

import io
import json
import zlib
from typing import Any

import fastavro
import pytest
from hypothesis import strategies as st

from waypost.core.errors import DataError, ProjectError
from waypost.testing.format_kit import FormatConformance, build_format, decode_all, frame

COVERS = {("format", "avro")}

SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "note", "type": ["null", "string"]},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "weight", "type": "double"},
        {"name": "on", "type": {"type": "int", "logicalType": "date"}},
        {"name": "raw", "type": "bytes"},
        {"name": "lines", "type": {"type": "array", "items": "string"}},
    ],
}
RECORD = {"id": 7, "note": None, "price": "1.50", "weight": 1.5, "on": "2026-01-02", "raw": "AAE=", "lines": ["a"]}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
RECORDS = st.fixed_dictionaries({
    "id": st.integers(-(2**63), 2**63 - 1),
    "note": st.none() | TEXTS,
    "price": st.decimals(-9999, 9999, places=2),
    "weight": st.decimals(-1000, 1000, places=3).map(lambda d: type(d)(repr(float(d)))),
    "on": st.dates().map(str),
    "raw": st.sampled_from(["", "AAE=", "/w=="]),
    "lines": st.lists(TEXTS, max_size=3),
})  # fmt: skip


def container(schema: Any, records: list[Any], codec: str = "null") -> bytes:
    made = io.BytesIO()
    fastavro.writer(made, schema, records, codec=codec, sync_marker=b"s" * 16)
    return made.getvalue()


PLAIN = {"type": "record", "name": "P", "fields": [{"name": "n", "type": "long"}, {"name": "t", "type": "string"}]}
ROWS = [{"n": n, "t": "x"} for n in range(3)]
TREE = {
    "type": "record", "name": "T", "fields": [{"name": "l", "type": ["null", "T"]}]
}  # fmt: skip
NULLS = {"type": "record", "name": "N", "fields": [{"name": "l", "type": {"type": "array", "items": "null"}}]}
SOUND = container(PLAIN, ROWS)


def bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(bytes(2 << 20)) + packer.flush()
    head = container(PLAIN, [], "deflate")
    size = len(body) << 1
    return head + bytes([2, size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14]) + body + b"s" * 16


class TestAvro(FormatConformance):
    name, options = "avro", "{schema: o.avsc, unpacked_bytes: 1MiB}"
    files = {"o.avsc": json.dumps(SCHEMA).encode()}  # noqa: RUF012
    documents = st.builds(lambda records: {"records": records}, st.lists(RECORDS, min_size=1, max_size=4))
    contents = (SOUND, container(PLAIN, ROWS, "deflate") + SOUND)
    broken = (
        b"text",
        SOUND[:-20],
        container(TREE, [{"l": None}]),
        container(NULLS, [{"l": [None]}]),
        SOUND.replace(b"avro.codec\x08null", b"avro.codec\x08lz99"),
        bomb(),
    )
    endless_start, endless = SOUND[: SOUND.rindex(b"s" * 16)] + b"s" * 16 + b"\x02\xfe\xff\xff\x07", b"x" * 1000

    def stream(self):  # type: ignore[no-untyped-def]
        head = container(PLAIN, [])
        yield head
        block = container(PLAIN, [{"n": 1, "t": "x" * 900}])[len(head) :]
        while True:
            yield block


def test_what_is_written_is_read_by_others() -> None:
    (written,) = build_format("avro", "{schema: o.avsc}", {"o.avsc": json.dumps(SCHEMA).encode()}).encode(
        [{"records": [{**RECORD, "price": 1, "weight": 1}]}]
    )
    (read,) = fastavro.reader(io.BytesIO(written))
    assert (read["id"], str(read["price"]), read["weight"], read["raw"]) == (7, "1.00", 1.0, b"\x00\x01")


@pytest.mark.parametrize(
    "change", [{"id": "seven"}, {"on": "2. Jan"}, {"raw": "?"}, {"more": 1}, {"lines": [1]}, {"id": 2**63}]
)
def test_what_the_schema_does_not_allow_is_refused(change: dict[str, Any]) -> None:
    format_ = build_format("avro", "{schema: o.avsc}", {"o.avsc": json.dumps(SCHEMA).encode()})
    (error,) = format_.encode([{"records": [{**RECORD, "price": 1, **change}]}])
    assert isinstance(error, DataError) and error.code == "avro-value", error


def test_a_schema_that_is_none_is_a_fault_of_the_project() -> None:
    with pytest.raises(ProjectError, match=r"o\.avsc"):
        build_format("avro", "{schema: o.avsc}", {"o.avsc": b'{"type": "recor"}'})


def test_a_container_is_read_by_the_schema_it_carries() -> None:
    assert decode_all(build_format("avro"), frame(build_format("avro"), [SOUND])[0]) == [{"records": ROWS}]


def test_all_that_does_not_fit_is_said_in_words_of_the_schema() -> None:
    format_ = build_format("avro", "{schema: o.avsc}", {"o.avsc": json.dumps(SCHEMA).encode()})
    (error,) = format_.encode([{"records": [{**RECORD, "price": 1, "id": "seven"}]}])
    assert "id: found 'seven', expected long" in str(error)
    assert "class" not in str(error) and "\n" not in str(error)
