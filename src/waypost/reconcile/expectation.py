"""Expectations: something that happened opens one, what should follow closes it, and a deadline makes it overdue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from waypost.reconcile.exchange import Exchange, Reference, Verdict
from waypost.store.exchange_db import named

State = Literal["open", "overdue", "closed"]
FUNCTIONAL = frozenset({"997", "999", "CONTRL"})
ACKNOWLEDGEMENTS = FUNCTIONAL | {"TA1", "824", "277CA", "APERAK"}
CLAIMS = frozenset({"837"})


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
    group: str = ""
    """Of a message that is known by its number."""
    verdict: Verdict | None = None
    late: bool = False
    also: list[Exchange] = field(default_factory=list)
    """Further messages of the same interchange or group, where they are taken one by one."""
    codes: Sequence[str] = ()
    """The reasons given by what closed it."""
    again: list[Exchange] = field(default_factory=list)
    """Further acknowledgements of the same: duplicates."""

    @property
    def place(self) -> str:
        """The number it is known by, of a message within its group."""
        return named(self.opened_by.standard, self.level, self.number, self.group)[1]

    @property
    def opening(self) -> list[Exchange]:
        """All that opened it."""
        return [self.opened_by, *self.also]

    def matches(self, exchange: Exchange, reference: Reference) -> bool:
        """Whether an acknowledgement says this."""
        return (
            exchange.kind == self.rule.what and exchange.standard == self.rule.standard
            and exchange.direction != self.rule.direction and exchange.at >= self.opened_by.since
            and (reference.level, self.place) == (self.level, place_of(exchange, reference))
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
            "flow": opened.flow, "message": opened.message, "messages": [one.message for one in self.opening],
            "level": self.level, "number": self.number, "set": self.set,
            "interchange": opened.interchange, "opened_at": opened.at, "due": self.due or None,
            "closed_at": closed.at if closed else None, "closed_by": closed.message if closed else None,
            "verdict": self.verdict, "codes": list(self.codes), "late": self.late,
            "duplicates": [one.message for one in self.again],
            "keys": {name: list(values) for name, values in opened.keys.items()}, "rule": self.rule.source,
        }  # fmt: skip


def place_of(exchange: Exchange, reference: Reference) -> str:
    """What an acknowledgement names, as ``Expectation.place``."""
    return named(exchange.standard, reference.level, reference.number, reference.group)[1]


def keys_of(exchange: Exchange, name: str) -> list[tuple[str, str]]:
    """The business keys of an exchange, (name, value); of one ``name``, or all."""
    return [(key, value) for key, values in exchange.keys.items() if name in ("", key) for value in values]


RANKS = ("acknowledged", "waiting", "overdue", "partly", "rejected")
"""The states of a message's acknowledgement, the later the worse."""


def state_of(verdict: str | None, state: str) -> str:
    """What an acknowledgement, with this verdict and state, says of the messages that wait for it."""
    if verdict is None:
        return "waiting" if state == "open" else state
    return "acknowledged" if verdict == "accepted" else verdict
