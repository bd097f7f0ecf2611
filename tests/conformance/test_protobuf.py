"""The protobuf format keeps what every format must."""

from __future__ import annotations

from decimal import Decimal
from itertools import repeat
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet
from hypothesis import strategies as st

from waypost.core.errors import DataError, ProjectError
from waypost.testing.format_kit import FormatConformance, build_format

COVERS = {("format", "protobuf")}

F = FieldDescriptorProto


def descriptors() -> bytes:
    made = FileDescriptorSet()
    file = made.file.add(name="o.proto", package="shop", syntax="proto3")
    line = file.message_type.add(name="Line")
    line.field.add(name="sku", number=1, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)
    line.field.add(name="unit_price", number=2, type=F.TYPE_DOUBLE, label=F.LABEL_OPTIONAL)
    order = file.message_type.add(name="Order")
    order.field.add(name="id", number=1, type=F.TYPE_INT64, label=F.LABEL_OPTIONAL)
    order.field.add(name="raw", number=2, type=F.TYPE_BYTES, label=F.LABEL_OPTIONAL)
    order.field.add(name="lines", number=3, type=F.TYPE_MESSAGE, type_name=".shop.Line", label=F.LABEL_REPEATED)
    order.field.add(name="parent", number=4, type=F.TYPE_MESSAGE, type_name=".shop.Order", label=F.LABEL_OPTIONAL)
    return made.SerializeToString()


FILES = {"o.protoset": descriptors()}
LINES = st.fixed_dictionaries({
    "sku": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
    "unit_price": st.integers(1, 10**6).map(lambda n: Decimal(repr(n / 100))),
})  # fmt: skip
ORDERS = st.fixed_dictionaries({
    "id": st.integers(1, 2**63 - 1), "raw": st.just("AAE="), "lines": st.lists(LINES, min_size=1, max_size=3),
})  # fmt: skip
OPTIONS = "descriptors: o.protoset, message: shop.Order"
ORDER = b"\x08\x07\x1a\x05\x0a\x03A-1"


class TestProtobuf(FormatConformance):
    name, options, files, documents = "protobuf", f"{{{OPTIONS}}}", FILES, ORDERS
    contents = (ORDER,)
    broken = (b"\x0a\xff", b"\x1a\x05\x0a\x03A-", b"\x22\x7f" * 3)


class TestProtobufDelimited(FormatConformance):
    name, options, files, documents = "protobuf", f"{{{OPTIONS}, unit: delimited}}", FILES, ORDERS
    contents = (bytes([len(ORDER)]) + ORDER + b"\x02\x08\x08",)
    broken = (b"\x05\x08", b"\xff" * 6, b"\x02\x0a\xff")
    endless_start, endless = b"\xff\xff\xff\x01", b"x" * 1000
    stream = staticmethod(lambda: repeat(b"\xec\x07\x12\xe9\x07" + b"x" * 1001))


def test_whole_numbers_are_numbers_and_names_are_those_of_the_schema() -> None:
    format_ = build_format("protobuf", f"{{{OPTIONS}}}", FILES)
    document: dict[str, Any] = {"id": 2**62, "lines": [{"unit_price": Decimal("1.5")}], "parent": {"id": 3}}
    assert format_.decode(format_.encode([document]), b"") == [document]


def test_a_whole_decimal_is_written_exactly_where_a_float_would_not_hold_it() -> None:
    format_ = build_format("protobuf", f"{{{OPTIONS}}}", FILES)
    (written,) = format_.encode([{"id": Decimal(2**53 + 1), "lines": [{"unit_price": Decimal(2)}]}])
    assert format_.decode([written], b"") == [{"id": 2**53 + 1, "lines": [{"unit_price": Decimal("2.0")}]}]


@pytest.mark.parametrize(
    "change",
    [
        {"id": "seven"}, {"ids": 1}, {"lines": [{"sku": 1}]}, {"id": 2**64}, {"raw": 1}, {"raw": "?"}, {"raw": "A"},
        {"parent": {"parent": {"raw": "no base 64"}}}, {"id": Decimal("1.5")},
    ],
)  # fmt: skip
def test_what_the_schema_does_not_allow_is_refused(change: dict[str, Any]) -> None:
    (error,) = build_format("protobuf", f"{{{OPTIONS}}}", FILES).encode([change])
    assert isinstance(error, DataError) and error.code == "protobuf-value", error


def test_messages_nested_without_end_are_refused() -> None:
    data = b""
    for _ in range(200):
        size = len(data)
        data = b"\x22" + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + data
    (error,) = build_format("protobuf", f"{{{OPTIONS}}}", FILES).decode([data], b"")
    assert isinstance(error, DataError) and error.code == "protobuf-syntax"


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"text", "no descriptor set"), (FILES["o.protoset"].replace(b"Order", b"Ordre"), "did you mean")],
)
def test_a_descriptor_set_that_does_not_fit_is_a_fault_of_the_project(data: bytes, says: str) -> None:
    with pytest.raises(ProjectError, match=says):
        build_format("protobuf", f"{{{OPTIONS}}}", {"o.protoset": data})
