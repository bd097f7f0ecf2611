"""The json format keeps what every format must."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import repeat

from hypothesis import strategies as st

from waypost.testing.format_kit import FormatConformance

COVERS = {("format", "json")}

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=3)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
BROKEN = [b'{"a": 1,}\n', b"[NaN]\n", b'{"a": "\xff"}\n', b'"\\ud800"\n', b"[1e99999999999999999999]", b"[" * 600]


class TestJsonLines(FormatConformance):
    name, options, documents, broken = "json", "{lines: true}", VALUES, BROKEN
    contents = (b'{"id": 1, "price": 1.50}\r\n\r\n{"id": 2}\n  \n[3]', b"\xef\xbb\xbf7\n8\n")
    stream = staticmethod(lambda: repeat(b'{"id": 1, "price": 1.50, "note": "%b"}\n' % (b"x" * 1000)))


class TestJsonWhole(FormatConformance):
    name, documents, broken = "json", VALUES, BROKEN
    contents = (b'{\n  "order": {"lines": [{"sku": "A-1", "quantity": 10.0}]}\n}\n', b"\xef\xbb\xbf[1, -0.0, 1E5]")


class TestJsonRecords(FormatConformance):
    name, options, documents = "json", "{records: data.orders}", VALUES
    contents = (
        b'{"note": "[\\"", "data": {"n": [1], "orders": [ {"id": 1, "lines": [[]]} , "a]\\"b",-1.50, null,[] ] }}\n',
        b'\xef\xbb\xbf{"data":{"orders":[{"id":"\xc3\xa4"}],"more":[2]}}',
    )
    broken = (
        b'{"data": {"orders": [1,,2]}}', b'{"data": {"orders": [1,]}}', b'{"data": {"orders": [{} {}]}}',
        b'{"data": {"orders": [1', b'{"data": {"orders": [{"a": "x', b'{"data": {"orders": [1] }',
        b'{"data": {"orders": {}}}', b'{"data": {"orders": [1]}} 2', b'{"data": {"orders": [1], "orders": [2]}}',
        b"[1, 2]", b"true", b'{"data": {"orders": [}]}}',
    )  # fmt: skip
    endless_start = b'{"data": {"orders": [{"a": "'

    @staticmethod
    def stream() -> Iterator[bytes]:
        yield b'{"data": {"orders": [{"id": 0}'
        yield from repeat(b',\n{"id": 1, "price": 1.50, "note": "%b"}' % (b"x" * 1000))


class TestJsonRecordsOfTheContentItself(FormatConformance):
    name, options, documents = "json", "{records: this}", VALUES
    contents = (b"[1, 2]", b'\n[{"a": [1]}]\n', b'["\\\\"]')
    broken = (b"[1, 2", b"{}", b"[1] [2]", b"[[1, 2]", b'"a text without an end')
    endless_start = b"[["
    endless = b"[1,2]," * 100

    @staticmethod
    def stream() -> Iterator[bytes]:
        yield b"[0"
        yield from repeat(b', "%b"' % (b"x" * 1000))


def test_numbers_keep_the_form_they_were_written_in() -> None:
    from waypost.testing.format_kit import build_format

    written = b"[0.10,1E+5,-0.0,123456789012345678901234567890]"
    (document,) = build_format("json").decode([written], b"")
    assert document[0] == Decimal("0.10")
    assert build_format("json").encode([document]) == [written]
