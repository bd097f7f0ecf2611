"""The books: every expectation, what closed it, and what answers nothing.

Pure: they are folded from what was exchanged, in the order of time, so that they are the same whenever made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from waypost.reconcile.exchange import Exchange, Reference, Verdict, same_number
from waypost.reconcile.expectation import FUNCTIONAL, Expectation, Rule, keys_of, place_of
from waypost.store.exchange_db import AT_ONCE_MICROSECONDS, message_items, named


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
             "set": reference.set, "at": exchange.at, "verdict": reference.verdict, "codes": list(reference.codes)}
            for exchange, reference in self.unmatched
        ]  # fmt: skip


def books_of(rules: Sequence[Rule], exchanges: Iterable[Exchange], now: int) -> Books:
    """The books at ``now`` of everything that was exchanged, in whatever order it is given."""
    books = Books()
    waiting: dict[tuple[str, str, str], _Waiting] = {}
    carrying: dict[tuple[str, str, str], list[Exchange]] = {}
    documents: dict[tuple[str, str, str], list[Expectation]] = {}
    for exchange in sorted(exchanges, key=_in_order):
        if not exchange.kind:
            for item in _named(exchange):
                carrying.setdefault((exchange.partner, *item), []).append(exchange)
        for rule in rules:
            if rule.opens(exchange):
                if rule.of_document:
                    books.expectations += _opened_for(rule, exchange, documents)
                    continue
                for opened in _opened(rule, exchange):
                    known = waiting.setdefault((exchange.partner, opened.level, opened.place), _Waiting())
                    same = known.same(opened)
                    if same is not None:
                        same.also.append(exchange)
                    else:
                        books.expectations.append(opened)
                        known.open.append(opened)
        for key in keys_of(exchange, ""):
            for waits in documents.get((exchange.partner, *key), ()):
                if waits.closed_by is None and waits.follows(exchange):
                    waits.closed_by, waits.verdict, waits.state = exchange, "accepted", "closed"
                    waits.late = exchange.at > waits.due
        for reference in exchange.acknowledges:
            at = (exchange.partner, reference.level, place_of(exchange, reference))
            if exchange.kind == "CONTRL" and reference.level != "interchange":
                continue  # part of what it says of the interchange
            known = waiting.setdefault(at, _Waiting())
            if not known.close(exchange, reference):
                _unasked(books, known, carrying.get(at, ()), exchange, reference)
    for one in books.expectations:
        if one.state == "open" and one.due < now:
            one.state = "overdue"
    return books


def _in_order(one: Exchange) -> tuple[int, bool, str]:
    """What opens comes where an answer could first have come, an acknowledgement when it did."""
    return (one.at if one.kind else one.since, one.direction == "received", one.message)


@dataclass(slots=True)
class _Waiting:
    """What waits, or waited, under one number, in the order opened."""

    open: list[Expectation] = field(default_factory=list)
    closed: list[Expectation] = field(default_factory=list)

    def same(self, opened: Expectation) -> Expectation | None:
        """What was opened a moment ago by another message of the same interchange."""
        newest = [*self.open[-1:], *self.closed[-1:]]
        return next((one for one in newest if _same(one, opened)), None)

    def close(self, exchange: Exchange, reference: Reference) -> bool:
        """Close the newest of what fits: numbers come again after a roll-over, and the last time is meant. Whether any
        fits."""
        for number in range(len(self.open) - 1, -1, -1):
            one = self.open[number]
            if one.matches(exchange, reference):
                one.closed_by, one.verdict, one.state = exchange, _verdict(one, exchange, reference), "closed"
                one.codes = _codes(exchange, reference)
                one.late = exchange.at > one.due
                del self.open[number]
                self.closed.append(one)
                return True
        repeated = next((one for one in reversed(self.closed) if one.matches(exchange, reference)), None)
        if repeated is not None:
            repeated.again.append(exchange)
        return repeated is not None


def _same(one: Expectation, other: Expectation) -> bool:
    """Whether two messages of one interchange open the same: what is owed for their group."""
    first, second = one.opened_by, other.opened_by
    return (
        one.rule is other.rule and first.interchange == second.interchange and one.set == other.set
        and first.message != second.message and second.at - first.at < AT_ONCE_MICROSECONDS
    )  # fmt: skip


def _named(exchange: Exchange) -> set[tuple[str, str]]:
    """By which numbers an acknowledgement may name an exchange."""
    found = {named(exchange.standard, "group", one) for one in exchange.groups}
    found.add(named(exchange.standard, "interchange", exchange.interchange))
    return found | {item for one in exchange.messages for item in message_items(exchange.standard, one)}


def _opened(rule: Rule, exchange: Exchange) -> list[Expectation]:
    """A technical acknowledgement answers the interchange, a functional one each group (in EDIFACT the interchange),
    one of content each message."""
    due = rule.due(exchange.at)
    if rule.what in ("TA1", "CONTRL"):
        return [Expectation(rule, exchange, "interchange", exchange.interchange, "", due)]
    if rule.what in FUNCTIONAL:
        return [Expectation(rule, exchange, "group", number, "", due) for number in exchange.groups]
    wanted = [(one[0], *_known_by(rule, one)) for one in exchange.messages if rule.is_opened_by(one[0])]
    return [Expectation(rule, exchange, "message", number, set_id, due, group=group)
            for set_id, number, group in wanted]  # fmt: skip


def _known_by(rule: Rule, message: Sequence[str]) -> tuple[str, str]:
    """The number and group by which what is expected names a message: claims go by their own reference alone."""
    if rule.what == "277CA" and len(message) > 3 and message[3]:
        return message[3], ""
    return message[1], message[2] if len(message) > 2 else ""


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


def _unasked(
    books: Books, waiting: _Waiting, carrying: Sequence[Exchange], exchange: Exchange, reference: Reference
) -> None:
    """What nobody waited for: it says something all the same of what was sent, or names nothing that was."""
    if exchange.direction != "received" or (reference.level == "message" and exchange.kind in FUNCTIONAL):
        return
    sent = next((one for one in reversed(carrying) if one.direction == "sent" and one.standard == exchange.standard
                 and one.since <= exchange.at), None)  # fmt: skip
    if sent is None:
        if reference.level != "message":
            books.unmatched.append((exchange, reference))
        return
    rule = Rule(exchange.kind, exchange.standard, exchange.partner, "sent", lambda moment: 0)
    one = Expectation(rule, sent, reference.level, reference.number, reference.set, 0, "closed", exchange)
    one.group, one.codes = reference.group if reference.level == "message" else "", _codes(exchange, reference)
    one.verdict = _verdict(one, exchange, reference)
    books.expectations.append(one)
    waiting.closed.append(one)


def _behind(exchange: Exchange, reference: Reference) -> list[Reference]:
    """What a CONTRL says of the groups and messages of an interchange."""
    behind = exchange.acknowledges[exchange.acknowledges.index(reference) + 1 :]
    return [*takewhile(lambda one: one.level != "interchange", behind)] if exchange.kind == "CONTRL" else []


def _codes(exchange: Exchange, reference: Reference) -> list[str]:
    """The reasons given, those of the parts with the whole's."""
    inside = [one for one in exchange.acknowledges if one.level == "message" and one.verdict != "accepted"
              and reference.level == "group" and one.group == reference.number]  # fmt: skip
    said = [reference, *inside, *_behind(exchange, reference)]
    return list(dict.fromkeys(code for one in said for code in one.codes))


def _verdict(opened: Expectation, exchange: Exchange, reference: Reference) -> Verdict:
    """What is said of all that opened it. A CONTRL acknowledges an interchange and may reject groups and messages in
    it, each by itself; those it does not name are accepted."""
    if opened.rule.what != "CONTRL" or reference.verdict != "accepted":
        return reference.verdict
    behind = _behind(exchange, reference)
    refused = [one for one in behind if one.verdict == "rejected"]
    if not refused:
        return "accepted"
    sent = [one for exchange in opened.opening for one in exchange.messages]
    everything = all(any(_refuses(said, one) for said in refused) for one in sent)
    told = [one for one in behind if one.level == "message"]
    return "rejected" if everything and all(one.verdict == "rejected" for one in told) else "partly"


def _refuses(said: Reference, message: Sequence[str]) -> bool:
    """Whether a rejection of a group, or of a message, is one of a message (set, number, group)."""
    group = message[2] if len(message) > 2 else ""
    if said.level == "group":
        return same_number(said.number, group)
    inside = not said.group or same_number(said.group, group)
    return said.set == message[0] and same_number(said.number, message[1]) and inside
