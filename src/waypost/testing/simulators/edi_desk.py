"""What a simulated partner's EDI desk does: keeps a ledger of what it got, and answers it by 997 or CONTRL.

It shares no code with the product's EDI formats, so that it is a second opinion: it splits at the separators that these
simulators agree on (``*`` and ``~``; ``+``, ``:`` and ``'``), and knows the few segments it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

Row = list[str]
ACKNOWLEDGEMENTS = frozenset({"997", "CONTRL"})
_ORDER = {"855": ("BAK", 3), "856": ("PRF", 1), "810": ("BIG", 4)}
"""Where the number of the purchase order stands in X12."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What the desk does not accept: segment, its position in the message, element, the code of X12 723, the value."""

    segment: str
    position: int
    element: int
    code: str
    value: str


@dataclass(frozen=True, slots=True)
class Document:
    """One message that was received: its set, the interchange's control number, the purchase order it is about."""

    set: str
    interchange: str
    order: str
    fault: Fault | None = None


@dataclass(slots=True)
class Ledger:
    """What a partner has got, counted by itself: its orders' documents, and the answers to what it sent."""

    documents: list[Document] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """What our own interchanges (EDIFACT) or groups (X12) were answered with: ``A``, ``P``, ``R``; ``7``, ``4``."""
    sent: dict[str, str] = field(default_factory=dict)
    """The verdict this desk gave by interchange: ``accepted``, ``rejected``."""


class Desk:
    """The desk of one partner. ``judge`` says what of an X12 set it does not accept."""

    def __init__(self, judge: Callable[[str, Sequence[Row]], Fault | None] | None = None) -> None:
        self.ledger = Ledger()
        self._judge = judge or (lambda _set, _rows: None)
        self._number = 0

    def take(self, content: bytes) -> tuple[Document | None, bytes]:
        """Book what one interchange holds; its document, and the acknowledgement to send back (b'' for none)."""
        text = content.decode("latin-1")
        return self._x12(text) if text.startswith("ISA") else self._edifact(text)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _x12(self, text: str) -> tuple[Document | None, bytes]:
        rows = _rows(text, "~", "*")
        isa, gs, st = _row(rows, "ISA"), _row(rows, "GS"), _row(rows, "ST")
        if st[1] == "997":
            self.ledger.answers[_row(rows, "AK1")[2]] = _row(rows, "AK9")[1]
            return None, b""
        tag, place = _ORDER.get(st[1], ("BEG", 3))
        body = rows[rows.index(st) :]
        found = Document(st[1], isa[13], _row(rows, tag)[place], self._judge(st[1], body))
        self._book(found)
        return found, _x12_answer(isa, gs, st, found.fault, self._next())

    def _edifact(self, text: str) -> tuple[Document | None, bytes]:
        rows = _rows(text.removeprefix("UNA:+.? '"), "'", "+")
        unb, unh = _row(rows, "UNB"), _row(rows, "UNH")
        kind = unh[2].split(":")[0]
        if kind == "CONTRL":
            uci = _row(rows, "UCI")
            worst = max((row[3] for row in rows if row[0] == "UCM" and row[3] == "4"), default=uci[4])
            self.ledger.answers[uci[1]] = worst
            return None, b""
        order = next(row[1].split(":")[1] for row in rows if row[0] == "RFF" and row[1].startswith("ON:"))
        found = Document(kind, unb[5], order)
        self._book(found)
        return found, _contrl(unb, unh, self._next())

    def _book(self, found: Document) -> None:
        self.ledger.documents.append(found)
        self.ledger.sent[found.interchange] = "accepted" if found.fault is None else "rejected"


def _rows(text: str, end: str, between: str) -> list[Row]:
    return [segment.strip().split(between) for segment in text.split(end) if segment.strip()]


def _row(rows: Sequence[Row], tag: str) -> Row:
    return next(row for row in rows if row[0] == tag)


def _x12_answer(isa: Row, gs: Row, st: Row, fault: Fault | None, number: int) -> bytes:
    """A 997 that accepts the one set of a group, or rejects it for one fault."""
    now = datetime.now(UTC)
    detail = ["AK5*A"] if fault is None else [
        f"AK3*{fault.segment}*{fault.position}**8", f"AK4*{fault.element}**{fault.code}*{fault.value}", "AK5*R*5"
    ]  # fmt: skip
    verdict = "A" if fault is None else "R"
    body = [f"AK1*{gs[1]}*{gs[6]}", f"AK2*{st[1]}*{st[2]}", *detail, f"AK9*{verdict}*1*1*{int(fault is None)}"]
    head = [*isa[:5], isa[7], isa[8], isa[5], isa[6], f"{now:%y%m%d}", f"{now:%H%M}", isa[11], isa[12], f"{number:09}",
            "0", isa[15], ">"]  # fmt: skip
    rows = [
        "*".join(head), f"GS*FA*{gs[3]}*{gs[2]}*{now:%Y%m%d}*{now:%H%M}*{number}*X*{gs[8]}", "ST*997*0001", *body,
        f"SE*{len(body) + 2}*0001", f"GE*1*{number}", f"IEA*1*{number:09}",
    ]  # fmt: skip
    return "".join(f"{row}~\n" for row in rows).encode("latin-1")


def _contrl(unb: Row, unh: Row, number: int, action: Literal["4", "7"] = "7") -> bytes:
    """A CONTRL that acknowledges an interchange of one message."""
    now = datetime.now(UTC)
    body = [f"UCI+{unb[5]}+{unb[2]}+{unb[3]}+{action}", f"UCM+{unh[1]}+{unh[2]}+{action}"]
    test = "++++++1" if len(unb) > 11 and unb[11] == "1" else ""
    rows = [
        f"UNB+{unb[1]}+{unb[3]}+{unb[2]}+{now:%y%m%d}:{now:%H%M}+C{number}{test}", "UNH+1+CONTRL:D:3:UN", *body,
        f"UNT+{len(body) + 2}+1", f"UNZ+1+C{number}",
    ]  # fmt: skip
    return "".join(f"{row}'\n" for row in rows).encode("latin-1")
