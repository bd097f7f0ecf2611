"""Expectations: something that happened opens one, what should follow closes it, and a deadline makes it overdue.

Pure: the books are folded from what was exchanged, in the order of time, so that they are the same whenever made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Literal

from waypost.reconcile.exchange import Exchange, Reference, Verdict, same_number

State = Literal["open", "overdue", "closed"]
FUNCTIONAL = frozenset({"997", "999", "CONTRL"})
ACKNOWLEDGEMENTS = FUNCTIONAL | {"TA1", "824", "277CA", "APERAK"}
CLAIMS = frozenset({"837"})
_AT_ONCE = 3_600_000_000
"""Messages of one interchange are taken in within this time (µs)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is expected. ``what`` is an acknowledgement, which names what it answers, or a document such as 855, known
    by a business key it shares with what it follows (``by``: which one; '' = any of the same name). ``direction`` says
    which exchanges open it: ``sent`` ones wait for the partner, for ``received`` ones we owe it. ``sets`` are the
    messages that open it. ``due`` gives the deadline of a moment (UTC µs)."""

    what: str
    standard: str
    partner: str
    direction: Literal["sent", "received"]
    due: Callable[[int], int]
    flow: str = ""
    sets: frozenset[str] = frozenset()
    source: str = ""
    """Where the rule is written: file and line."""
    by: str = ""

    @property
    def of_document(self) -> bool:
        """Whether a document is expected, no acknowledgement."""
        return self.what not in ACKNOWLEDGEMENTS

    def opens(self, exchange: Exchange) -> bool:
        """Whether an exchange opens an expectation of this rule. Acknowledgements expect none."""
        return (
            exchange.direction == self.direction and exchange.partner == self.partner
            and exchange.standard == self.standard and not exchange.kind
            and (not self.flow or exchange.flow == self.flow)
            and any(self.is_opened_by(one[0]) for one in exchange.messages)
        )  # fmt: skip

    def is_opened_by(self, set_id: str) -> bool:
        """Whether a message of this set opens an expectation."""
        sets = self.sets or (CLAIMS if self.what == "277CA" else self.sets)
        return set_id in sets if sets else set_id != self.what


@dataclass(slots=True)
class Expectation:
    """One thing that is waited for: the acknowledgement of one interchange, group or message of ``opened_by``."""

    rule: Rule
    opened_by: Exchange
    level: Literal["interchange", "group", "message", "document"]
    number: str
    set: str
    due: int
    state: State = "open"
    closed_by: Exchange | None = None
    verdict: Verdict | None = None
    late: bool = False
    again: list[Exchange] = field(default_factory=list)
    """Further acknowledgements of the same: duplicates."""

    def matches(self, exchange: Exchange, reference: Reference) -> bool:
        """Whether an acknowledgement says this."""
        return (
            exchange.kind == self.rule.what and exchange.standard == self.rule.standard
            and exchange.direction != self.rule.direction and exchange.at >= self.opened_by.since
            and reference.level == self.level and same_number(reference.number, self.number)
            and (not reference.set or not self.set or reference.set == self.set)
        )  # fmt: skip

    def follows(self, exchange: Exchange) -> bool:
        """Whether an exchange is the document that is waited for."""
        rule = self.rule
        return (
            exchange.direction != rule.direction and exchange.partner == rule.partner
            and exchange.standard == rule.standard and exchange.at >= self.opened_by.since
            and any(one[0] == rule.what for one in exchange.messages)
            and not set(keys_of(exchange, rule.by)).isdisjoint(keys_of(self.opened_by, rule.by))
        )  # fmt: skip

    def data(self) -> dict[str, Any]:
        """As plain data; times are UTC µs."""
        opened, closed = self.opened_by, self.closed_by
        return {
            "what": f"{self.rule.standard}/{self.rule.what}", "state": self.state,
            "direction": "owed to us" if self.rule.direction == "sent" else "owed by us", "partner": opened.partner,
            "flow": opened.flow, "message": opened.message, "level": self.level, "number": self.number, "set": self.set,
            "interchange": opened.interchange, "opened_at": opened.at, "due": self.due,
            "closed_at": closed.at if closed else None, "closed_by": closed.message if closed else None,
            "verdict": self.verdict, "late": self.late, "duplicates": [one.message for one in self.again],
            "keys": {name: list(values) for name, values in opened.keys.items()}, "rule": self.rule.source,
        }  # fmt: skip


@dataclass(slots=True)
class Books:
    """Every expectation, in the order opened, and the acknowledgements that answer nothing that is known."""

    expectations: list[Expectation] = field(default_factory=list)
    unmatched: list[tuple[Exchange, Reference]] = field(default_factory=list)

    def events(self) -> list[dict[str, Any]]:
        """What somebody should know: missing, late, rejected, duplicate and unmatched acknowledgements."""
        found: list[dict[str, Any]] = []
        for one in self.expectations:
            kinds = [
                *(["missing"] if one.state == "overdue" else []), *(["late"] if one.late and one.closed_by else []),
                *(["rejected"] if one.verdict in ("rejected", "partly") else []), *(["duplicate"] if one.again else []),
            ]  # fmt: skip
            found += [{"event": kind, **one.data()} for kind in kinds]
        return found + [
            {"event": "unmatched", "what": f"{exchange.standard}/{exchange.kind}", "partner": exchange.partner,
             "flow": exchange.flow, "message": exchange.message, "level": reference.level, "number": reference.number,
             "set": reference.set, "at": exchange.at, "verdict": reference.verdict}
            for exchange, reference in self.unmatched
        ]  # fmt: skip


def books_of(rules: Sequence[Rule], exchanges: Iterable[Exchange], now: int) -> Books:
    """The books at ``now`` of everything that was exchanged, in whatever order it is given."""
    books = Books()
    waiting: dict[tuple[str, str, str], list[Expectation]] = {}
    documents: dict[tuple[str, str, str], list[Expectation]] = {}
    for exchange in sorted(exchanges, key=_in_order):
        for rule in rules:
            if rule.opens(exchange):
                if rule.of_document:
                    books.expectations += _opened_for(rule, exchange, documents)
                    continue
                for opened in _opened(rule, exchange):
                    known = waiting.setdefault((exchange.partner, opened.level, _plain(opened.number)), [])
                    if not any(_same(one, opened) for one in known):
                        books.expectations.append(opened)
                        known.append(opened)
        for key in keys_of(exchange, ""):
            for waits in documents.get((exchange.partner, *key), ()):
                if waits.closed_by is None and waits.follows(exchange):
                    waits.closed_by, waits.verdict, waits.state = exchange, "accepted", "closed"
                    waits.late = exchange.at > waits.due
        for reference in exchange.acknowledges:
            candidates = waiting.get((exchange.partner, reference.level, _plain(reference.number)), [])
            _close(books, candidates, exchange, reference)
    for one in books.expectations:
        if one.state == "open" and now > one.due:
            one.state = "overdue"
    return books


def _in_order(one: Exchange) -> tuple[int, bool, str]:
    """What opens comes where an answer could first have come, an acknowledgement when it did."""
    return (one.at if one.kind else one.since, one.direction == "received", one.message)


def _same(one: Expectation, other: Expectation) -> bool:
    """Whether two messages of one interchange open the same: what is owed for their group."""
    return (
        one.rule is other.rule and one.opened_by.interchange == other.opened_by.interchange and one.set == other.set
        and one.opened_by.message != other.opened_by.message and other.opened_by.at - one.opened_by.at < _AT_ONCE
    )  # fmt: skip


def _plain(number: str) -> str:
    return number.strip().lstrip("0")


def _opened(rule: Rule, exchange: Exchange) -> list[Expectation]:
    """A technical acknowledgement answers the interchange, a functional one each group (in EDIFACT the interchange),
    one of content each message."""
    due = rule.due(exchange.at)
    if rule.what in ("TA1", "CONTRL"):
        return [Expectation(rule, exchange, "interchange", exchange.interchange, "", due)]
    if rule.what in FUNCTIONAL:
        return [Expectation(rule, exchange, "group", number, "", due) for number in exchange.groups]
    wanted = [(one[0], _known_by(rule, one)) for one in exchange.messages if rule.is_opened_by(one[0])]
    return [Expectation(rule, exchange, "message", number, set_id, due) for set_id, number in wanted]


def _known_by(rule: Rule, message: Sequence[str]) -> str:
    """The number by which what is expected names a message: claims go by their own reference."""
    return message[3] if rule.what == "277CA" and len(message) > 3 and message[3] else message[1]


def keys_of(exchange: Exchange, name: str) -> list[tuple[str, str]]:
    """The business keys of an exchange, (name, value); of one ``name``, or all."""
    return [(key, value) for key, values in exchange.keys.items() if name in ("", key) for value in values]


def _opened_for(
    rule: Rule, exchange: Exchange, documents: dict[tuple[str, str, str], list[Expectation]]
) -> list[Expectation]:  # fmt: skip
    """A document answers the message that opens; by none of its keys it could be known."""
    keys = keys_of(exchange, rule.by)
    set_id = next((one[0] for one in exchange.messages if rule.is_opened_by(one[0])), "")
    if not keys:
        return []
    opened = Expectation(rule, exchange, "document", keys[0][1], set_id, rule.due(exchange.at))
    for key in keys:
        documents.setdefault((exchange.partner, *key), []).append(opened)
    return [opened]


def _close(books: Books, candidates: Sequence[Expectation], exchange: Exchange, reference: Reference) -> None:
    """The newest of what fits: numbers come again after a roll-over, and the last time is meant."""
    fitting = [one for one in candidates if one.matches(exchange, reference)]
    still_open = [one for one in fitting if one.closed_by is None]
    if still_open:
        one = still_open[-1]
        one.closed_by, one.verdict, one.state = exchange, _verdict(one, exchange, reference), "closed"
        one.late = exchange.at > one.due
    elif fitting:
        fitting[-1].again.append(exchange)
    elif exchange.direction == "received" and reference.level != "message":
        books.unmatched.append((exchange, reference))


def _verdict(opened: Expectation, exchange: Exchange, reference: Reference) -> Verdict:
    """What is said of all that opened it. A CONTRL acknowledges an interchange and may reject messages in it, each by
    itself; those it does not name are accepted."""
    if opened.rule.what != "CONTRL" or reference.verdict != "accepted":
        return reference.verdict
    behind = exchange.acknowledges[exchange.acknowledges.index(reference) + 1 :]
    named = [*takewhile(lambda one: one.level == "message", behind)]
    refused = {(one.set, _plain(one.number)) for one in named if one.verdict == "rejected"}
    if not refused:
        return "accepted"
    sent = {(one[0], _plain(one[1])) for one in opened.opened_by.messages}
    return "rejected" if sent <= refused and all(one.verdict == "rejected" for one in named) else "partly"


def selected(books: Books, *, state: str = "", partner: str = "", flow: str = "", key: str = "") -> list[Expectation]:
    """The expectations meant. ``key`` is a control number or a business key's value."""
    return [
        one for one in books.expectations
        if (not state or one.state == state) and (not partner or one.opened_by.partner == partner)
        and (not flow or one.opened_by.flow == flow)
        and (not key or same_number(key, one.number) or same_number(key, one.opened_by.interchange)
             or any(key in values for values in one.opened_by.keys.values()))
    ]  # fmt: skip


def message_states(books: Books) -> dict[str, str]:
    """``acknowledged`` or ``rejected`` of each message that was sent and answered: rejected where anything was."""
    found: dict[str, str] = {}
    for one in books.expectations:
        if one.rule.direction == "sent" and one.verdict is not None and not one.rule.of_document:
            bad = one.verdict != "accepted"
            found[one.opened_by.message] = "rejected" if bad else found.get(one.opened_by.message, "acknowledged")
    return found
