"""The fixed format keeps what every format must."""

from __future__ import annotations

from decimal import Decimal
from itertools import repeat
from typing import Any

from hypothesis import strategies as st

from waypost.testing.format_kit import FormatConformance

COVERS = {("format", "fixed")}

PRICES = b"""
layout: prices
records:
  price:
    - {name: sku, length: 10, required: true}
    - {name: price, at: 12, length: 9, type: decimal, places: 2}
    - {name: count, length: 6, type: integer}
    - {name: since, length: 8, type: date}
    - {name: note, length: 1000}
structure: [price*]
"""
PAYMENTS = b"""
layout: payments
length: 30
records:
  header: [{name: type, length: 1, value: H}, {name: created, length: 6, type: date, format: YYMMDD}]
  batch: [{name: type, length: 1, value: B}, {name: account, length: 8}]
  payment:
    - {name: type, length: 1, value: P}
    - {name: amount, length: 10, type: decimal, places: 2}
    - {name: to, length: 12}
  end: [{name: type, length: 1, value: E}, {name: total, length: 12, type: decimal, places: 2}]
  trailer: [{name: type, length: 1, value: T}, {name: lines, length: 6, type: integer}]
structure:
  - header
  - {group: batches, body: [batch, payment*, end], checks: [{field: end.total, sum: payment.amount}]}
  - trailer?
checks: [{field: trailer.lines, count: [payment]}]
"""
TEXTS = st.text(st.sampled_from("abc Z0-é"), max_size=8).map(str.strip)
AMOUNTS = st.decimals(0, 99999, places=2)


class TestFixedLines(FormatConformance):
    name, options, files = "fixed", "schemas/prices.layout.yaml", {"schemas/prices.layout.yaml": PRICES}
    documents = st.fixed_dictionaries(
        {
            "sku": TEXTS.map(lambda text: f"A{text}"),
            "price": st.none() | st.decimals(-99999, 99999, places=2),
            "count": st.none() | st.integers(-99999, 999999),
            "since": st.none() | st.dates(min_value=__import__("datetime").date(1000, 1, 1)).map(str),
            "note": TEXTS,
        }
    )
    contents = (b"A-1        00000015000000120260102a note\r\n\nB-2\n",)
    broken = (b"A-1        dear\n", b"\xff\n", b"           000000150\n", b"A-1        000000150000001202613010\n")
    stream = staticmethod(lambda: repeat(b"A-1        00000015000000120260102%b\n" % (b"x" * 990)))


def _payments(batches: list[list[Decimal]], lines: bool) -> dict[str, Any]:
    made = [
        {
            "batch": {"type": "B", "account": "1"},
            "payment": [{"type": "P", "amount": amount, "to": "x"} for amount in amounts],
            "end": {"type": "E", "total": sum(amounts, Decimal("0.00"))},
        }
        for amounts in batches
    ]
    count = sum(map(len, batches))
    trailer = {"trailer": {"type": "T", "lines": count}} if lines else {}
    return {"header": {"type": "H", "created": "2026-01-02"}, "batches": made, **trailer}


class TestFixedContent(FormatConformance):
    name, files = "fixed", {"p.yaml": PAYMENTS}
    options = "{layout: p.yaml, unit: content, encoding: latin-1}"
    documents = st.builds(_payments, st.lists(st.lists(AMOUNTS, max_size=3), max_size=3), st.booleans())
    contents = (b"H260102\nB1\nP0000000150anna\nE000000000150\nB2\nE\nT000001\n", b"H260102")
    broken = (
        b"H260102\nB1\nP0000000150anna\nE000000000151\n",
        b"H260102\nT000001\n",
        b"B1\nE\n",
        b"H260102\nX\n",
        b"H260102\nT000000\nB1\n",
        b"H260102" + b" " * 30 + b"x",
    )


class TestFixedBlocks(FormatConformance):
    name, files = "fixed", {"p.yaml": PAYMENTS.replace(b"length: 30", b"length: 30\nseparator: none")}
    options = "{layout: p.yaml, encoding: cp037}"
    documents = st.builds(lambda amount: {"record": "payment", "type": "P", "amount": amount, "to": "x"}, AMOUNTS)
    contents = (("P0000000150anna".ljust(30) + "T000001".ljust(30)).encode("cp037"),)
    broken = ("X".ljust(30).encode("cp037"), "P".encode("cp037"))
    stream = staticmethod(lambda: repeat("P0000000150anna".ljust(30).encode("cp037") * 1000))

    def test_a_record_without_end_is_refused_before_memory_grows(self, format_) -> None:  # type: ignore[no-untyped-def, override]
        """Every 30 bytes are a record: there is none without end."""
        assert len(format_.framer(1 << 20).feed(b"x" * 300_000)) == 10_000
