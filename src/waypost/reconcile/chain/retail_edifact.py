"""Reads ORDERS, ORDCHG, ORDRSP, DESADV, INVOIC and REMADV of EDIFACT."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from waypost.reconcile.chain.document import Document, Line
from waypost.reconcile.chain.reading import Read, Row, moment, part
from waypost.reconcile.chain.retail_x12 import begun

_QUANTITIES = {
    "order": ("21",), "change": ("21",), "confirmation": ("113", "12", "21"), "notice": ("12",),
    "invoice": ("47", "46"),
}  # fmt: skip
"""Which quantity (6063) counts in a document, the best first."""
_PRICES = ("AAA", "AAB", "AAE", "CAL", "INF")
_REFUSED = frozenset({"2", "7"})
_DATES = {"137": "document", "2": "delivery", "69": "delivery", "17": "delivery", "64": "delivery", "11": "ship",
          "10": "ship", "13": "pay_by", "138": "paid", "97": "paid", "203": "paid"}  # fmt: skip


def _goods(kind: str) -> Callable[[Read], Iterator[Document]]:
    def read_goods(read: Read) -> Iterator[Document]:
        yield from _Reader(read, kind).documents()

    return read_goods


class _Reader:
    """Reads one message about goods; a line may name an order of its own."""

    def __init__(self, read: Read, kind: str) -> None:
        self._read, self._kind = read, kind
        self._made = begun(read, kind, "", "")
        self._by_order: dict[str, Document] = {}
        self._current = self._made
        self._line: Line | None = None
        self._best: tuple[int, int] = (99, 99)

    def documents(self) -> Iterator[Document]:
        for row in self._read.rows:
            take = getattr(self, f"_{row[0].lower()}", None) if row[0] in _TAGS else None
            if take is not None:
                take(row)
        if self._kind == "order":
            self._made.key = self._made.number
        others = [one for one in self._by_order.values() if one is not self._made and one.lines]
        if others:
            self._made.total = ""  # it is that of several orders
        yield from (self._made, *others) if self._made.lines or not others else others

    def _bgm(self, row: Row) -> None:
        self._made.number = part(row, 2)
        self._made.code = part(row, 3)

    def _dtm(self, row: Row) -> None:
        name, when = _DATES.get(part(row, 1, 1)), moment(part(row, 1, 2))
        if name and when:
            self._made.dates.setdefault(name, when)

    def _cux(self, row: Row) -> None:
        self._made.currency = part(row, 1, 2)

    def _rff(self, row: Row) -> None:
        qualifier, number = part(row, 1, 1), part(row, 1, 2)
        if qualifier != "ON" or self._kind == "order" or not number:
            return
        if self._line is None or not self._made.key:
            self._made.key = self._made.key or number
            self._by_order.setdefault(number, self._made)
        elif number != self._current.key:
            other = self._by_order.setdefault(number, begun(self._read, self._kind, number, self._made.number))
            self._current.lines.remove(self._line)
            other.lines.append(self._line)
            self._current = other
        if self._line is not None and part(row, 1, 3):
            self._line.number = part(row, 1, 3)

    def _lin(self, row: Row) -> None:
        self._line, self._best, self._current = Line(part(row, 1), code=part(row, 2)), (99, 99), self._made
        if part(row, 3, 1):
            self._line.ids = [f"{part(row, 3, 2)}:{part(row, 3, 1)}"]
        self._made.lines.append(self._line)

    def _pia(self, row: Row) -> None:
        if self._line is not None:
            self._line.ids += [f"{part(row, n, 2)}:{part(row, n, 1)}" for n in range(2, len(row)) if part(row, n, 1)]

    def _qty(self, row: Row) -> None:
        wanted = _QUANTITIES[self._kind]
        if self._line is None or part(row, 1, 1) not in wanted:
            return
        rank = wanted.index(part(row, 1, 1))
        if rank < self._best[0]:
            self._best = (rank, self._best[1])
            refused = self._kind == "confirmation" and self._line.code in _REFUSED
            self._line.quantity = "0" if refused else part(row, 1, 2)
            self._line.unit = part(row, 1, 3)

    def _pri(self, row: Row) -> None:
        if self._line is not None and part(row, 1, 1) in _PRICES:
            rank = _PRICES.index(part(row, 1, 1))
            if rank < self._best[1]:
                self._best = (self._best[0], rank)
                self._line.price = part(row, 1, 2)

    def _uns(self, row: Row) -> None:
        self._line = None

    def _moa(self, row: Row) -> None:
        qualifier, amount = part(row, 1, 1), part(row, 1, 2)
        if self._line is not None:
            return
        if qualifier in ("77", "9", "86") and not (self._made.total and qualifier != "77"):
            self._made.total = amount
        elif qualifier in ("124", "176"):
            self._made.amounts["tax"] = amount
        elif qualifier in ("23", "8"):
            self._made.amounts["charges"] = amount


_TAGS = frozenset({"BGM", "DTM", "CUX", "RFF", "LIN", "PIA", "QTY", "PRI", "UNS", "MOA"})


def _paid(read: Read) -> Iterator[Document]:
    number, day, made = "", 0, None
    for row in read.rows:
        if row[0] == "BGM":
            number = part(row, 2)
        elif row[0] == "DTM" and made is None and part(row, 1, 1) in ("137", "138", "97", "203"):
            day = moment(part(row, 1, 2)) or day
        elif row[0] == "DOC":
            if made is not None:
                yield made
            made = begun(read, "payment", part(row, 2, 1), number)
            made.code = part(row, 1, 1)
            made.dates = {"paid": day} if day else {}
        elif row[0] == "MOA" and made is not None:
            if part(row, 1, 1) in ("12", "9") and not (made.total and part(row, 1, 1) == "9"):
                made.total = part(row, 1, 2)
            elif part(row, 1, 1) == "52":
                made.amounts["discount"] = part(row, 1, 2)
        elif row[0] == "UNS" and made is not None:
            yield made
            made = None
    if made is not None:
        yield made


READERS: dict[str, Callable[[Read], Iterator[Document]]] = {
    "ORDERS": _goods("order"), "ORDCHG": _goods("change"), "ORDRSP": _goods("confirmation"), "DESADV": _goods("notice"),
    "INVOIC": _goods("invoice"), "REMADV": _paid,
}  # fmt: skip
