"""The ledger of claims: each claim with its acknowledgements, status, attachments, payments and posting.

Pure but for the book: the same documents and moment give the same chains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from waypost.reconcile.chain.book import Book
from waypost.reconcile.chain.document import Difference, Document, decimal, iso

_ZERO = Decimal(0)
_DAY = 86_400_000_000
_ACCEPTED = frozenset({"A", "E"})
_REFUSALS = ("A3", "A4", "A6", "A7", "A8")
"""Categories of a 277CA that refuse a claim (code source 507)."""
_ORDER = ("claim", "syntax", "receipt", "attachment", "inquiry", "status", "remittance")
_DENIED, _REVERSED = "4", "22"
_GROUPS = {
    "CO": "contractual",
    "PR": "the patient's",
    "OA": "other",
    "PI": "the payer's initiative",
    "CR": "correction",
}


@dataclass(slots=True)
class ClaimLine:
    """One service: what was charged and paid, and what was taken off, by group and reason."""

    number: str
    procedure: str
    charged: Decimal | None = None
    paid: Decimal | None = None
    adjustments: dict[str, Decimal] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {"line": self.number, "procedure": self.procedure, "charged": self.charged, "paid": self.paid,
                "adjustments": self.adjustments}  # fmt: skip


@dataclass(slots=True)
class ClaimChain:
    """One claim with everything that followed it."""

    claim: str
    pair: str
    partner: str
    provider: str
    documents: list[Document]
    billed: Decimal | None = None
    paid: Decimal = _ZERO
    patient: Decimal = _ZERO
    adjustments: dict[str, Decimal] = field(default_factory=dict)
    lines: list[ClaimLine] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    posting: str = ""
    status: str = ""
    state: str = "submitted"

    @property
    def troubled(self) -> bool:
        return any(one.severity == "error" for one in self.differences)

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "claim": self.claim, "provider": self.provider, "partner": self.partner, "parties": self.pair.split("|"),
            "state": self.state, "billed": self.billed, "paid": self.paid, "patient": self.patient,
            "adjustments": [
                {"group": code.partition("-")[0], "reason": code.partition("-")[2], "amount": amount}
                for code, amount in self.adjustments.items()
            ],
            "status": self.status, "posting": self.posting, "lines": [line.data() for line in self.lines],
            "documents": [
                {"kind": one.kind, "set": one.set, "number": one.number, "code": one.code, "at": iso(one.at),
                 "source": one.source, "message": one.message, "flow": one.flow, "state": one.state}
                for one in self.documents
            ],
            "differences": [one.data() for one in self.differences],
        }  # fmt: skip


def claim_chains(book: Book, now: int, *, claim: str = "", unpaid_days: int = 30) -> Iterator[ClaimChain]:
    """The chain of every claim, one at a time; of ``claim`` alone where it is given. A claim that is neither paid nor
    refused after ``unpaid_days`` is told of."""
    keys = (
        dict.fromkeys(key for key, _ in book.chains(("claim", "receipt", "remittance"))) if not claim else {claim: None}
    )
    for key in keys:
        documents = [one for one in book.of_key(key) if one.kind not in ("syntax", "attachment", "question", "answer")]
        claims = [one for one in documents if one.kind == "claim"]
        for provider in dict.fromkeys(_provider(one) for one in claims) or [""]:
            mine = [one for one in documents if _provider(one) in ("", provider) or not claims or
                    (one.kind != "claim" and len({_provider(c) for c in claims}) == 1)]  # fmt: skip
            if mine:
                yield _chain(book, key, provider, mine, now, unpaid_days)


def _provider(one: Document) -> str:
    return next(iter(one.refs.get("provider", ())), "")


def _chain(book: Book, key: str, provider: str, found: list[Document], now: int, unpaid_days: int) -> ClaimChain:
    documents = sorted([*found, *_further(book, key, found)], key=lambda one: (one.at, _ORDER.index(one.kind)))
    chain = ClaimChain(key, documents[0].pair, documents[0].partner, provider or _provider(documents[0]), documents)
    claims = [one for one in documents if one.kind == "claim"]
    latest = claims[-1] if claims else None
    chain.billed = decimal(latest.total) if latest else None
    if latest is not None:
        chain.lines = [ClaimLine(line.number, line.ids[0], decimal(line.price)) for line in latest.lines]
    _acknowledged(chain)
    for one in (one for one in documents if one.kind == "remittance"):
        _paid(chain, one)
    chain.status = next((one.code for one in reversed(documents) if one.kind == "status"), "")
    _judge(chain, claims, now, unpaid_days)
    return chain


def _further(book: Book, key: str, found: Sequence[Document]) -> list[Document]:
    """What is linked by other numbers than the claim's: groups of sets, traces of attachments and inquiries."""
    made: list[Document] = []
    known = {(one.kind, one.key, one.number) for one in found}

    def take(one: Document) -> None:
        if (one.kind, one.key, one.number) not in known:
            known.add((one.kind, one.key, one.number))
            made.append(one)

    for claim in (one for one in found if one.kind == "claim"):
        for group in claim.refs.get("group", ()):
            for one in book.about("syntax", group):
                if one.pair == claim.pair and one.number in ("", *claim.refs.get("control", ())):
                    take(one)
        for trace in claim.refs.get("attachment", ()):
            for one in (*book.about("attachment", trace), *book.numbered("attachment", trace)):
                take(one)
    for one in book.about("attachment", key):
        take(one)
    for one in found:
        for number in one.refs.get("payer_claim", ()):
            for attached in book.about("attachment", number):
                take(attached)
        if one.kind == "status":
            for attached in book.numbered("attachment", one.number):
                take(attached)
    for inquiry in (one for one in found if one.kind == "inquiry"):
        for one in book.numbered("status", inquiry.number):
            take(one)
    return made


def _acknowledged(chain: ClaimChain) -> None:
    for one in chain.documents:
        if one.kind == "syntax":
            chain.state = "received" if one.code in _ACCEPTED else "rejected"
            if one.code not in _ACCEPTED:
                chain.differences.append(
                    Difference("rejected", found=one.code, says=f"the set was refused by a {one.set}")
                )
        elif one.kind == "receipt":
            refused = one.code.startswith(_REFUSALS)
            chain.state = "rejected" if refused else "accepted"
            if refused:
                chain.differences.append(
                    Difference("rejected", found=one.code, says="the claim was refused by a 277CA", by=one.source)
                )


def _paid(chain: ClaimChain, one: Document) -> None:
    """Fold one payment of a claim: paid, adjusted, and by line."""
    sign = Decimal(-1) if one.code == _REVERSED and (decimal(one.total) or _ZERO) > 0 else Decimal(1)
    billed = decimal(one.amounts.get("billed", ""))
    chain.paid += sign * (decimal(one.total) or _ZERO)
    chain.patient += sign * (decimal(one.amounts.get("patient", "")) or _ZERO)
    whole = {name: decimal(text) or _ZERO for name, text in one.amounts.items() if "-" in name}
    for line in one.lines:
        for name, text in line.amounts.items():
            if name != "paid":
                whole[name] = whole.get(name, _ZERO) + (decimal(text) or _ZERO)
    for name, amount in whole.items():
        chain.adjustments[name] = chain.adjustments.get(name, _ZERO) + amount
    if chain.billed is not None and billed is not None and billed != chain.billed and one.code != _REVERSED:
        chain.differences.append(Difference("billed", "", str(chain.billed), str(billed),
                                            "the payer read another charge", f"835 {one.number}"))  # fmt: skip
    if billed is not None and one.code != _REVERSED:
        rest = billed - sum(whole.values(), _ZERO) - (decimal(one.total) or _ZERO)
        if rest:
            chain.differences.append(Difference("balance", "", "0", str(rest), "charge less adjustments is not "
                                                "what was paid", f"835 {one.number}"))  # fmt: skip
    _lines_paid(chain, one)
    chain.posting = f"{one.flow} {one.state}".strip() if one.message else chain.posting


def _lines_paid(chain: ClaimChain, one: Document) -> None:
    left = list(chain.lines)
    for line in one.lines:
        found = next((c for c in left if c.number == line.number and c.procedure == line.ids[0]), None)
        found = found or next((c for c in left if c.procedure == line.ids[0]), None)
        if found is None:
            found = ClaimLine(line.number, line.ids[0])
            chain.lines.append(found)
            if any(doc.kind == "claim" for doc in chain.documents):
                chain.differences.append(
                    Difference("line", line.number, found=line.ids[0], says="paid, but not claimed")
                )
        else:
            left.remove(found)
        charged, paid = decimal(line.price), decimal(line.amounts.get("paid", "")) or _ZERO
        if found.charged is None:
            found.charged = charged
        found.paid = (found.paid or _ZERO) + paid
        for name, text in line.amounts.items():
            if name != "paid":
                found.adjustments[name] = found.adjustments.get(name, _ZERO) + (decimal(text) or _ZERO)
        owed = sum((a for name, a in found.adjustments.items() if name.startswith("PR-")), _ZERO)
        if charged and not paid and not owed and one.code not in (_REVERSED, _DENIED):
            why = ", ".join(found.adjustments)
            chain.differences.append(Difference("denied-line", found.number, str(charged), "0",
                                                f"{found.procedure} was denied", why))  # fmt: skip


def _judge(chain: ClaimChain, claims: Sequence[Document], now: int, unpaid_days: int) -> None:
    """The state of a claim, by what came last."""
    payments = [one for one in chain.documents if one.kind == "remittance"]
    if payments and not claims:
        chain.differences.append(Difference("no-claim", says="paid, but no claim is known"))
    if payments:
        last = payments[-1].code
        if last == _REVERSED:
            chain.state = "reversed"
        elif last == _DENIED:
            chain.state = "denied"
            chain.differences.append(Difference("denied", says="the claim was denied", found=_words(chain.adjustments)))
        elif chain.billed is not None and chain.paid + chain.patient < chain.billed - _contractual(chain):
            chain.state = "partly paid"
        else:
            chain.state = "paid"
    elif claims and chain.state != "rejected" and now - claims[-1].at > unpaid_days * _DAY:
        chain.state = "unpaid"
        days = (now - claims[-1].at) // _DAY
        chain.differences.append(Difference("unpaid", says=f"neither paid nor refused after {days} days"))


def _contractual(chain: ClaimChain) -> Decimal:
    return sum((a for name, a in chain.adjustments.items() if name.startswith(("CO-45", "CO-253"))), _ZERO)


def _words(adjustments: dict[str, Decimal]) -> str:
    return ", ".join(f"{code} {amount}" for code, amount in adjustments.items())


def explained(chain: ClaimChain) -> list[str]:
    """What lies between the charge and the payment, by group and reason."""
    by_group: dict[str, list[str]] = {}
    for code, amount in chain.adjustments.items():
        group, _, reason = code.partition("-")
        by_group.setdefault(group, []).append(f"{reason} {amount}")
    return [f"{group} ({_GROUPS.get(group, 'unknown')}) {', '.join(parts)}" for group, parts in by_group.items()]
