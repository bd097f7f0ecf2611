"""The ledger of orders: by order and line what was ordered, confirmed, shipped, invoiced and paid, and what differs.

Pure but for the book: the same documents, terms and moment give the same chains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from waypost.reconcile.chain.book import Book
from waypost.reconcile.chain.document import Difference, Document, Due, Line, decimal, iso

STAGES = ("ordered", "confirmed", "shipped", "invoiced")
_STAGE_OF = {"order": "ordered", "change": "ordered", "confirmation": "confirmed", "notice": "shipped",
             "invoice": "invoiced"}  # fmt: skip
SETS = {"order": ("850", "ORDERS"), "change": ("860", "ORDCHG"), "confirmation": ("855", "ORDRSP"),
        "notice": ("856", "DESADV"), "invoice": ("810", "INVOIC"), "payment": ("820", "REMADV")}  # fmt: skip
"""What each kind of document is called in X12 and EDIFACT."""
KIND_OF = {name: kind for kind, names in SETS.items() for name in names}
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far figures may differ before somebody is told; percentages of what was expected, ``amount`` of totals."""

    quantity_percent: Decimal = _ZERO
    price_percent: Decimal = _ZERO
    amount: Decimal = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Promise:
    """A document is due: ``due`` gives the deadline (UTC µs) of a moment, which is that of the document it follows, or
    with ``of`` a date that document names (``ship``, ``delivery``)."""

    what: str
    after: str
    due: Callable[[int], int]
    of: str = ""
    name: str = ""
    penalty: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds with one partner."""

    partner: str = ""
    tolerance: Tolerance = Tolerance()
    promises: Sequence[Promise] = ()
    ids: frozenset[str] = frozenset()
    """The partner's names in envelopes."""


@dataclass(slots=True)
class OrderLine:
    """One line through all stages; None where a stage says nothing of it."""

    number: str
    ids: list[str]
    unit: str = ""
    quantities: dict[str, Decimal] = field(default_factory=dict)
    prices: dict[str, Decimal] = field(default_factory=dict)
    documents: dict[str, list[str]] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "line": self.number, "items": self.ids, "unit": self.unit,
            **{stage: self.quantities.get(stage) for stage in STAGES},
            "prices": {stage: self.prices[stage] for stage in STAGES if stage in self.prices},
        }  # fmt: skip


@dataclass(slots=True)
class OrderChain:
    """One order with everything that followed it."""

    order: str
    pair: str
    partner: str
    documents: list[Document]
    lines: list[OrderLine] = field(default_factory=list)
    invoiced: Decimal = _ZERO
    paid: Decimal = _ZERO
    differences: list[Difference] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)
    theirs: frozenset[str] = frozenset()

    def expectations(self) -> Iterator[dict[str, Any]]:
        """What is due of the order, as the rows of expectations are; times are texts."""
        for one in self.due:
            opener = next(doc for doc in self.documents if doc.kind == KIND_OF.get(one.after))
            closers = [doc for doc in self.documents if doc.kind == KIND_OF.get(one.what)]
            yield {
                "what": one.what, "state": one.state if one.state in ("open", "overdue") else "closed",
                "direction": "owed by us" if opener.sender in self.theirs else "owed to us", "partner": self.partner,
                "flow": opener.flow, "message": opener.message, "level": "order", "number": self.order,
                "set": one.after, "interchange": "", "opened_at": iso(opener.at), "due": iso(one.due),
                "closed_at": iso(one.closed_at), "closed_by": closers[0].message if closers else None, "verdict": None,
                "late": one.state == "late", "duplicates": [], "keys": {}, "rule": one.rule, "penalty": one.penalty,
            }  # fmt: skip

    @property
    def state(self) -> str:
        """``overdue`` or ``differs`` where somebody has to look, ``paid``, or the last stage reached."""
        if any(one.state == "overdue" for one in self.due):
            return "overdue"
        if any(one.severity == "error" for one in self.differences) or any(one.state == "late" for one in self.due):
            return "differs"
        kinds = {one.kind for one in self.documents}
        if "payment" in kinds and self.paid >= self.invoiced:
            return "paid"
        for kind, state in (("invoice", "invoiced"), ("notice", "shipped"), ("confirmation", "confirmed")):
            if kind in kinds:
                return state
        return "ordered"

    @property
    def troubled(self) -> bool:
        return self.state in ("overdue", "differs")

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "order": self.order, "partner": self.partner, "parties": self.pair.split("|"), "state": self.state,
            "documents": [
                {"kind": one.kind, "set": one.set, "number": one.number, "at": iso(one.at), "total": decimal(one.total),
                 "source": one.source, "message": one.message, "flow": one.flow, "state": one.state}
                for one in self.documents
            ],
            "lines": [line.data() for line in self.lines], "invoiced": self.invoiced, "paid": self.paid,
            "differences": [one.data() for one in self.differences],
            "due": [
                {"what": one.what, "after": one.after, "due": iso(one.due), "state": one.state,
                 "closed_at": iso(one.closed_at), "name": one.name, "penalty": one.penalty, "rule": one.rule}
                for one in self.due
            ],
        }  # fmt: skip


def order_chains(book: Book, terms: Callable[[Document], Terms], now: int, *, order: str = "") -> Iterator[OrderChain]:
    """The chain of every order there are documents about, one at a time; of ``order`` alone where it is given."""
    for key, pair in book.chains(("order", "change", "confirmation", "notice", "invoice")):
        if order and key != order:
            continue
        documents = [one for one in book.of_key(key, pair) if one.kind in _STAGE_OF]
        documents += _payments(book, key, pair, documents)
        yield _chain(key, pair, documents, terms(documents[0]), now)


def _payments(book: Book, key: str, pair: str, documents: Sequence[Document]) -> list[Document]:
    """What was paid for the invoices of an order, or for the order itself: between the same parties, or by somebody
    else, such as a bank, where no other pair has an invoice of that number."""
    made: list[Document] = []
    for number in dict.fromkeys([*(one.number for one in documents if one.kind == "invoice"), key]):
        for one in book.about("payment", number):
            if number == key and one.code not in ("PO", "105"):
                continue
            if one.pair == pair or (number != key and book.pairs_of("invoice", number) == 1):
                made.append(one)
    return made


def _chain(key: str, pair: str, documents: list[Document], terms: Terms, now: int) -> OrderChain:
    chain = OrderChain(key, pair, terms.partner, documents, theirs=terms.ids)
    _Lines(chain).fold()
    _compare(chain, terms.tolerance)
    _money(chain, terms.tolerance)
    chain.due = [due for promise in terms.promises for due in _promised(promise, documents, now)]
    for one in chain.due:
        if one.state in ("overdue", "late"):
            what = "is missing" if one.state == "overdue" else "came late"
            chain.differences.append(Difference(f"{one.state}-{one.what}", says=f"{one.what} {what}", by=one.rule))
    return chain


class _Lines:
    """Puts the lines of all documents of an order together."""

    def __init__(self, chain: OrderChain) -> None:
        self._chain = chain
        self._by_item: dict[str, list[OrderLine]] = {}
        self._by_number: dict[str, OrderLine] = {}

    def fold(self) -> None:
        """Orders come first, whenever they were written; copies of a document count once."""
        seen: set[tuple[str, str, str]] = set()
        first = ("order", "change")
        ordered = sorted(self._chain.documents, key=lambda one: one.kind not in first)
        for one in ordered:
            stage = _STAGE_OF.get(one.kind)
            if stage is None:
                continue
            same = (one.kind, one.number, one.sender)
            if same in seen and one.kind in ("invoice", "notice", "order"):
                self._chain.differences.append(
                    Difference("duplicate", found=one.number, says=f"{one.kind} {one.number} came again", by=one.source)
                )
                continue
            seen.add(same)
            for line in one.lines:
                self._take(one, stage, line)

    def _take(self, document: Document, stage: str, line: Line) -> None:
        found = self._by_number.get(_plain(line.number)) if document.kind == "order" else self._find(line, stage)
        if found is None:
            found = self._new(line)
            if stage != "ordered" and any(one.kind == "order" for one in self._chain.documents):
                self._chain.differences.append(
                    Difference("not-ordered", found.number, found=" ".join(line.ids) or line.number,
                               says=f"{stage}, but not ordered", by=f"{document.set} {document.number}")
                )  # fmt: skip
        quantity, price = decimal(line.quantity), decimal(line.price)
        if document.kind == "change":
            self._change(found, line, quantity, price)
            return
        if quantity is not None:
            if line.unit and found.unit and line.unit != found.unit:
                self._chain.differences.append(
                    Difference("unit", found.number, found.unit, line.unit, f"another unit {stage}",
                               f"{document.set} {document.number}")
                )  # fmt: skip
                return
            found.unit = found.unit or line.unit
            again = found.quantities.get(stage, _ZERO) if stage not in ("ordered", "confirmed") else _ZERO
            if stage in ("ordered", "confirmed") and found.documents.get(stage) == [document.number]:
                again = found.quantities.get(stage, _ZERO)  # a line split within one document
            found.quantities[stage] = again + quantity
        if price is not None:
            found.prices[stage] = price
        found.documents[stage] = [document.number]

    def _change(self, found: OrderLine, line: Line, quantity: Decimal | None, price: Decimal | None) -> None:
        if line.code in ("DI", "2"):
            found.quantities["ordered"] = _ZERO
        elif quantity is not None:
            found.quantities["ordered"] = quantity
        if price is not None:
            found.prices["ordered"] = price

    def _find(self, line: Line, stage: str) -> OrderLine | None:
        """By an item number, and among several lines of one item by line number, or the first this stage has not
        reached; else by line number alone."""
        for item in line.ids:
            candidates = self._by_item.get(item, [])
            if candidates:
                numbered = (one for one in candidates if one.number == _plain(line.number))
                left = (one for one in candidates if stage not in one.quantities)
                return next(numbered, None) or next(left, candidates[0])
        known = self._by_number.get(_plain(line.number))
        return known if known is not None and not (known.ids and line.ids and _same_kind(known.ids, line.ids)) else None

    def _new(self, line: Line) -> OrderLine:
        made = OrderLine(_plain(line.number) or str(len(self._chain.lines) + 1), list(line.ids), line.unit)
        self._chain.lines.append(made)
        self._by_number.setdefault(made.number, made)
        for item in line.ids:
            self._by_item.setdefault(item, []).append(made)
        return made


def _plain(number: str) -> str:
    return number.lstrip("0") or number


def _same_kind(ids: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two lines have numbers of one kind, which then are others."""
    return bool({one.partition(":")[0] for one in ids} & {one.partition(":")[0] for one in others})


def _beyond(expected: Decimal, found: Decimal, percent: Decimal) -> bool:
    return abs(found - expected) * 100 > abs(expected) * percent


def _compare(chain: OrderChain, tolerance: Tolerance) -> None:
    """Quantities and prices of each line, each stage against the one that binds it."""
    kinds = {one.kind for one in chain.documents}
    for line in chain.lines:
        quantity = line.quantities
        ordered = quantity.get("ordered")
        agreed = quantity.get("confirmed", ordered)
        pairs = [
            ("confirmed", "ordered", ordered if "confirmation" in kinds else None, quantity.get("confirmed")),
            ("shipped", "confirmed" if "confirmed" in quantity else "ordered", agreed if "notice" in kinds else None,
             quantity.get("shipped", _ZERO)),
            ("invoiced", "shipped" if "notice" in kinds else "confirmed" if "confirmed" in quantity else "ordered",
             (quantity.get("shipped", _ZERO) if "notice" in kinds else agreed) if "invoice" in kinds else None,
             quantity.get("invoiced", _ZERO)),
        ]  # fmt: skip
        for stage, against, expected, found in pairs:
            if expected is None:
                continue
            if found is None:
                chain.differences.append(Difference("not-confirmed", line.number, says="ordered, but not confirmed"))
            elif _beyond(expected, found, tolerance.quantity_percent):
                chain.differences.append(Difference(f"{stage}-quantity", line.number, str(expected), str(found),
                                                    f"{stage} other than {against}"))  # fmt: skip
        for stage in ("confirmed", "invoiced"):
            against = "confirmed" if stage == "invoiced" and "confirmed" in line.prices else "ordered"
            price, held = line.prices.get(stage), line.prices.get(against)
            if price is not None and held is not None and _beyond(held, price, tolerance.price_percent):
                chain.differences.append(Difference(f"{stage}-price", line.number, str(held), str(price),
                                                    f"price {stage} other than {against}"))  # fmt: skip


def _money(chain: OrderChain, tolerance: Tolerance) -> None:
    """Invoices against their lines, payments against invoices."""
    invoices: dict[str, Document] = {}
    for one in chain.documents:
        if one.kind == "invoice":
            invoices.setdefault(one.number, one)
    for number, invoice in invoices.items():
        total, lines = decimal(invoice.total), _extended(invoice)
        chain.invoiced += total if total is not None else lines or _ZERO
        if total is not None and lines is not None and abs(total - lines) > tolerance.amount:
            chain.differences.append(
                Difference("invoice-total", "", str(lines), str(total),
                           f"invoice {number}: total other than its lines and charges")
            )  # fmt: skip
    payments = [one for one in chain.documents if one.kind == "payment"]
    for one in payments:
        chain.paid += decimal(one.total) or _ZERO
    for number, invoice in invoices.items():
        about = [one for one in payments if one.key == number]
        total = decimal(invoice.total)
        if not about or total is None:
            continue
        paid = sum((decimal(one.total) or _ZERO for one in about), _ZERO)
        discount = sum((decimal(one.amounts.get("discount", "")) or _ZERO for one in about), _ZERO)
        if abs(total - paid - discount) > tolerance.amount:
            says = f"invoice {number}: paid other than invoiced" + (f", discount {discount} taken" if discount else "")
            chain.differences.append(Difference("paid-amount", "", str(total - discount), str(paid), says,
                                                " ".join(f"{one.set} {one.number}" for one in about)))  # fmt: skip


def _extended(invoice: Document) -> Decimal | None:
    """The lines of an invoice with charges and taxes; None where a line has no quantity or price, or where the invoice
    bills other orders too."""
    whole = _ZERO
    for line in invoice.lines:
        quantity, price = decimal(line.quantity), decimal(line.price)
        if quantity is None or price is None:
            return None
        whole += quantity * price
    if not invoice.lines:
        return None
    return whole + sum((decimal(amount) or _ZERO for amount in invoice.amounts.values()), _ZERO)


def _promised(promise: Promise, documents: Sequence[Document], now: int) -> Iterator[Due]:
    """What is due because of the first document that opens it, and whether it came."""
    openers = [one for one in documents if one.kind == KIND_OF.get(promise.after)]
    closers = [one for one in documents if one.kind == KIND_OF.get(promise.what)]
    for opener in openers[:1]:
        start = opener.dates.get(promise.of) if promise.of else opener.at
        if promise.of and start is None:
            start = next((one.dates[promise.of] for one in closers if promise.of in one.dates), None)
        if start is None:
            continue
        due = promise.due(start)
        came = min((one.at for one in closers), default=0)
        state: Any = ("closed" if came <= due else "late") if came else ("overdue" if now > due else "open")
        yield Due(promise.what, promise.after, due, state, promise.name, promise.penalty, came, promise.rule)
