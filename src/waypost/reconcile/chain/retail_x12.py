"""Reads orders, confirmations, ship notices, invoices and payments of X12: 850, 860, 855, 856, 810 and 820."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from waypost.reconcile.chain.document import Document, Line
from waypost.reconcile.chain.reading import Read, Row, moment, part

_DELIVERY = frozenset({"002", "063", "069", "071", "106", "128"})
_SHIP = frozenset({"010", "037", "038", "118"})
_REFUSED = frozenset({"IR", "R1", "R2", "R3", "R4", "IH", "ID"})


def begun(read: Read, kind: str, key: str, number: str) -> Document:
    """A document of a message that says nothing yet."""
    return Document(kind, read.set, key, "|".join(sorted((read.sender, read.receiver))), read.at, number,
                    sender=read.sender, source=read.source, message=read.message, flow=read.flow, state=read.state,
                    partner=read.partner)  # fmt: skip


def _ids(row: Row, first: int) -> list[str]:
    """The item numbers of a row: pairs of qualifier and number from element ``first`` on."""
    return [f"{part(row, n)}:{part(row, n + 1)}" for n in range(first, len(row) - 1, 2) if part(row, n + 1)]


def _ordered(read: Read) -> Iterator[Document]:
    made = begun(read, "order", "", "")
    for row in read.rows:
        tag = row[0]
        if tag == "BEG":
            made.key = made.number = part(row, 3)
            made.code = part(row, 1)
            _dated(made, "document", moment(part(row, 5)))
        elif tag == "CUR":
            made.currency = part(row, 2)
        elif tag == "DTM":
            _order_date(made, part(row, 1), moment(part(row, 2), part(row, 3)))
        elif tag == "PO1":
            made.lines.append(Line(part(row, 1), _ids(row, 6), part(row, 2), part(row, 3), part(row, 4)))
        elif tag == "AMT" and part(row, 1) == "TT":
            made.total = part(row, 2)
    yield made


def _changed(read: Read) -> Iterator[Document]:
    made = begun(read, "change", "", "")
    for row in read.rows:
        if row[0] == "BCH":
            made.key = part(row, 3)
            made.number = part(row, 5) or part(row, 4) or made.key
            made.code = part(row, 1)
        elif row[0] == "DTM":
            _order_date(made, part(row, 1), moment(part(row, 2), part(row, 3)))
        elif row[0] == "POC":
            made.lines.append(
                Line(part(row, 1), _ids(row, 8), part(row, 3), part(row, 5), part(row, 6), code=part(row, 2))
            )
    yield made


def _confirmed(read: Read) -> Iterator[Document]:
    made = begun(read, "confirmation", "", "")
    for row in read.rows:
        tag = row[0]
        if tag == "BAK":
            made.key, made.number, made.code = part(row, 3), part(row, 8) or part(row, 3), part(row, 2)
        elif tag == "PO1":
            made.lines.append(Line(part(row, 1), _ids(row, 6), part(row, 2), part(row, 3), part(row, 4)))
        elif tag == "ACK" and made.lines:
            line = made.lines[-1]
            refused = part(row, 1) in _REFUSED
            said = "0" if refused else part(row, 2) or line.quantity
            line.quantity = said if not line.code else _sum(line.quantity, said)
            line.code = part(row, 1)
            line.unit = part(row, 3) or line.unit
    if made.code in ("RJ", "RD") and not made.lines:
        made.code = "rejected"
    yield made


def _sum(one: str, other: str) -> str:
    from waypost.reconcile.chain.document import decimal

    left, right = decimal(one), decimal(other)
    return str((left or 0) + (right or 0))


def _shipped(read: Read) -> Iterator[Document]:
    """One document for each order a ship notice covers; items belong to the order their levels lead up to."""
    number, at, shipped, arrives = "", 0, 0, 0
    parents: dict[str, str] = {}
    orders: dict[str, Document] = {}
    level, line = "", None
    for row in read.rows:
        tag = row[0]
        if tag == "BSN":
            number, at = part(row, 2), moment(part(row, 3), part(row, 4))
        elif tag == "HL":
            level, line = part(row, 1), None
            parents[level] = part(row, 2)
        elif tag == "DTM":
            when = moment(part(row, 2), part(row, 3))
            shipped = when if part(row, 1) == "011" else shipped
            arrives = when if part(row, 1) in ("017", "067") else arrives
        elif tag == "PRF":
            orders[level] = begun(read, "notice", part(row, 1), number)
        elif tag == "LIN" and (order := _above(level, parents, orders)) is not None:
            line = Line(part(row, 1), _ids(row, 2))
            order.lines.append(line)
        elif tag == "SN1" and (order := _above(level, parents, orders)) is not None:
            if line is None:
                line = Line()
                order.lines.append(line)
            line.number = line.number or part(row, 1)
            line.quantity, line.unit = part(row, 2), part(row, 3)
    for order in orders.values():
        order.dates = {
            name: when for name, when in (("document", at), ("ship", shipped), ("delivery", arrives)) if when
        }
        yield order


def _above(level: str, parents: dict[str, str], orders: dict[str, Document]) -> Document | None:
    for _ in range(len(parents) + 1):
        if level in orders:
            return orders[level]
        if level not in parents:
            break
        level = parents[level]
    return next(iter(orders.values())) if len(orders) == 1 else None


def _invoiced(read: Read) -> Iterator[Document]:
    """One document for each order an invoice bills; a line may name an order of its own."""
    made = begun(read, "invoice", "", "")
    by_order: dict[str, Document] = {}
    current = made
    for row in read.rows:
        tag = row[0]
        if tag == "BIG":
            made.number, made.key, made.code = part(row, 2), part(row, 4), part(row, 7)
            _dated(made, "document", moment(part(row, 1)))
            by_order[made.key] = made
        elif tag == "CUR":
            made.currency = part(row, 2)
        elif tag == "IT1":
            current = made
            current.lines.append(Line(part(row, 1), _ids(row, 6), part(row, 2), part(row, 3), part(row, 4)))
        elif tag == "REF" and part(row, 1) == "PO" and made.lines:
            other = by_order.setdefault(part(row, 2), begun(read, "invoice", part(row, 2), made.number))
            if other is not current:
                other.lines.append(current.lines.pop())
                current = other
        elif tag == "ITD" and part(row, 6):
            _dated(made, "pay_by", moment(part(row, 6)))
        elif tag == "SAC" and part(row, 5):
            sign = "-" if part(row, 1) == "A" else ""
            made.amounts["charges"] = _sum(made.amounts.get("charges", ""), f"{sign}{_cents(part(row, 5))}")
        elif tag == "TXI" and part(row, 2):
            made.amounts["tax"] = _sum(made.amounts.get("tax", ""), part(row, 2))
        elif tag == "TDS":
            made.total = _cents(part(row, 1))
    if sum(bool(one.lines) for one in by_order.values()) > 1:
        made.total = ""  # it is that of several orders
    yield from (one for one in by_order.values() if one.lines or (one is made and len(by_order) == 1))


def _cents(text: str) -> str:
    """An amount with two implied decimals (N2)."""
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    return f"{sign}{digits[:-2] or '0'}.{digits[-2:].rjust(2, '0')}" if digits.isdecimal() else text


def _paid(read: Read) -> Iterator[Document]:
    """One document for each invoice a payment names."""
    trace, day = "", 0
    for row in read.rows:
        if row[0] == "BPR":
            day = moment(part(row, 16))
        elif row[0] == "TRN":
            trace = part(row, 2)
        elif row[0] == "RMR" and part(row, 1) in ("IV", "PO", "OI", "IK", "R7", "VV"):
            made = begun(read, "payment", part(row, 2), trace)
            made.code, made.total = part(row, 1), part(row, 4)
            made.amounts = {
                name: text for name, text in (("invoice", part(row, 5)), ("discount", part(row, 6))) if text
            }
            _dated(made, "paid", day)
            yield made


def _order_date(made: Document, qualifier: str, when: int) -> None:
    if qualifier in _DELIVERY:
        _dated(made, "delivery", when)
    elif qualifier in _SHIP:
        _dated(made, "ship", when)


def _dated(made: Document, name: str, when: int) -> None:
    if when:
        made.dates.setdefault(name, when)


READERS: dict[str, Callable[[Read], Iterator[Document]]] = {
    "850": _ordered, "860": _changed, "855": _confirmed, "856": _shipped, "810": _invoiced, "820": _paid,
}  # fmt: skip
