"""How trading with partners went: volume, rejections, time to the acknowledgement, promises kept; by partner, period
and document. Folded from what was exchanged, so that it is the same whenever asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

from waypost.reconcile.chain.document import Due
from waypost.reconcile.exchange import Exchange, Reference, same_number
from waypost.reconcile.expectation import Expectation

Period = Literal["day", "week", "month"]
PERIODS: Mapping[str, str] = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}
_NOT_TAKEN = frozenset({"dead", "parked"})
_BAD = frozenset({"rejected", "partly"})


@dataclass(slots=True)
class Documents:
    """The messages of one kind that went one way in one period. ``seconds`` are the times to their acknowledgements."""

    partner: str
    period: str
    direction: str
    standard: str
    kind: str
    interchanges: dict[str, None] = field(default_factory=dict)
    messages: int = 0
    rejected: int = 0
    answered: int = 0
    seconds: list[float] = field(default_factory=list)

    def data(self) -> dict[str, Any]:
        """As plain data; shares are of 1, None where there is nothing to divide by."""
        return {
            "partner": self.partner, "period": self.period, "direction": self.direction, "standard": self.standard,
            "set": self.kind, "interchanges": len(self.interchanges), "messages": self.messages,
            "rejected": self.rejected, "reject_rate": share(self.rejected, self.messages), "answered": self.answered,
            "acknowledged_after_seconds": {"median": middle(self.seconds), "most": max(self.seconds, default=None)},
        }  # fmt: skip


@dataclass(slots=True)
class Promises:
    """What was promised and became due in one period: an acknowledgement, or a document after another."""

    partner: str
    period: str
    name: str
    whose: str
    kept: int = 0
    late: int = 0
    overdue: int = 0
    open: int = 0
    penalty: str = ""

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "partner": self.partner, "period": self.period, "name": self.name, "whose": self.whose, "kept": self.kept,
            "late": self.late, "overdue": self.overdue, "open": self.open,
            "kept_share": share(self.kept, self.kept + self.late + self.overdue), "penalty": self.penalty,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Card:
    """Both, in the order of partner, period and name."""

    documents: Sequence[Documents]
    promises: Sequence[Promises]

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {"documents": [one.data() for one in self.documents],
                "promises": [one.data() for one in self.promises]}  # fmt: skip


def share(part: int, whole: int) -> float | None:
    """A part of a whole, to four digits; None of nothing."""
    return round(part / whole, 4) if whole else None


def middle(values: Sequence[float]) -> float | None:
    """The median; None of nothing.

    >>> middle([3, 1, 2]), middle([1, 2]), middle([])
    (2, 1.5, None)
    """
    ranked, half = sorted(values), len(values) // 2
    if not ranked:
        return None
    return ranked[half] if len(ranked) % 2 else (ranked[half - 1] + ranked[half]) / 2


def period_of(moment: int, period: str, zone: tzinfo = UTC) -> str:
    """The name of the period a moment (UTC µs) lies in."""
    return datetime.fromtimestamp(moment / 1_000_000, UTC).astimezone(zone).strftime(PERIODS[period])


def card(
    rows: Iterable[Mapping[str, Any]], expectations: Iterable[Expectation], dues: Iterable[tuple[str, Due]],
    period: str, zone: Callable[[str], tzinfo],
) -> Card:  # fmt: skip
    """The card over rows of the control channel, the books of acknowledgements, and what was due in chains of
    documents, each with its partner. ``zone`` gives a partner's time zone."""
    every = list(rows)
    exchanges = sorted(map(Exchange.of, every), key=lambda one: one.at)
    states = {(str(row["message"]), str(row["direction"])): str(row.get("state") or "") for row in every}
    answers = _Answers(exchanges)
    documents: dict[tuple[str, ...], Documents] = {}
    for one in exchanges:
        if one.kind:
            continue
        at = period_of(one.at, period, zone(one.partner))
        for set_id, number, group in one.messages:
            key = (one.partner, at, one.direction, one.standard, set_id)
            line = documents.setdefault(key, Documents(*key))
            answer = answers.of(one, set_id, number, group)
            state = states[one.message, one.direction]
            line.interchanges[one.interchange] = None
            line.messages += 1
            line.answered += answer is not None
            line.rejected += answer[1] in _BAD if answer is not None else (
                one.direction == "received" and state in _NOT_TAKEN)  # fmt: skip
            if answer is not None:
                line.seconds.append((answer[0] - one.at) / 1_000_000)
    return Card([documents[key] for key in sorted(documents)], _promises(expectations, dues, period, zone))


class _Answers:
    """Finds what acknowledged a message: of those after it the first, by group in X12, by interchange in EDIFACT. Where
    that takes a part and names messages, those it does not name are taken."""

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self._found: dict[tuple[str, ...], list[tuple[int, str]]] = {}
        for one in exchanges:
            if not one.acknowledges or one.kind in ("824", "APERAK"):
                continue
            whole, naming = "", {said.group for said in one.acknowledges if said.level == "message"}
            for said in one.acknowledges:
                whole = said.number if said.level == "interchange" else whole
                names = said.level == "group" and said.number in naming
                verdict = "accepted" if said.verdict == "partly" and names else said.verdict
                for key in self._keys(one, said, whole):
                    self._found.setdefault(key, []).append((one.at, verdict))

    @staticmethod
    def _keys(one: Exchange, said: Reference, whole: str) -> list[tuple[str, ...]]:
        way = (one.partner, one.standard, "received" if one.direction == "sent" else "sent")
        if said.level == "message":
            outer = whole if one.standard == "edifact" else said.group or whole
            return [(*way, "message", _plain(outer), _plain(said.number), said.set)]
        if one.kind == "TA1" and said.verdict == "accepted":  # says nothing of what is inside
            return []
        outer = whole if (one.standard, said.level) == ("edifact", "group") else ""
        return [(*way, said.level, _plain(outer), _plain(said.number))]

    def of(self, one: Exchange, set_id: str, number: str, group: str) -> tuple[int, str] | None:
        """When a message was acknowledged, and how; None where it was not."""
        way = (one.partner, one.standard, one.direction)
        outer = group if one.standard == "x12" else one.interchange
        around = one.interchange if one.standard == "edifact" else ""
        keys = [
            (*way, "message", _plain(outer), _plain(number), set_id),
            (*way, "group", _plain(around), _plain(group)),
            (*way, "interchange", "0", _plain(one.interchange)),
        ]
        for key in keys:
            for answer in self._found.get(key, ()):
                if answer[0] >= one.at:
                    return answer
        return None


def _plain(number: str) -> str:
    assert same_number(number, number.strip().lstrip("0") or "0")
    return number.strip().lstrip("0") or "0"


def _promises(
    expectations: Iterable[Expectation], dues: Iterable[tuple[str, Due]], period: str, zone: Callable[[str], tzinfo]
) -> list[Promises]:  # fmt: skip
    made: dict[tuple[str, str, str, str], Promises] = {}

    def line(partner: str, moment: int, name: str, whose: str) -> Promises:
        key = (partner, period_of(moment, period, zone(partner)), name, whose)
        return made.setdefault(key, Promises(*key))

    for one in expectations:
        whose = "theirs" if one.rule.direction == "sent" else "ours"
        found = line(one.opened_by.partner, one.due, f"{one.rule.what} in time", whose)
        state = "late" if one.late else {"closed": "kept"}.get(one.state, one.state)
        setattr(found, state, getattr(found, state) + 1)
    for partner, due in dues:
        name = due.name or f"{due.what} after {due.after}"
        found = line(partner, due.due, name, f"{due.what} after {due.after}")
        found.penalty = due.penalty
        state = {"closed": "kept"}.get(due.state, due.state)
        setattr(found, state, getattr(found, state) + 1)
    return [made[key] for key in sorted(made)]
