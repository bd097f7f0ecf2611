"""Who is to be told that something with a partner is wrong, and since when: the steps of its file, by how long it has
been wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from waypost.agreements.declaration import PartnerOptions
from waypost.agreements.load import Partner

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """One step: whom to tell, how, what, and the moment (UTC µs) from which on."""

    at: int
    contact: str
    by: str
    say: str
    email: str
    phone: str

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {"at": self.at, "contact": self.contact, "by": self.by, "say": self.say, "email": self.email,
                "phone": self.phone}  # fmt: skip

    def __str__(self) -> str:
        return f"{self.contact} by {self.by}"


def wrong_since(row: Mapping[str, Any]) -> int | None:
    """The moment from which on something is wrong with what was expected: overdue, or rejected; None where nothing
    is."""
    if row["state"] == "overdue":
        return int(row["due"])
    if row["verdict"] in ("rejected", "partly") and row["closed_at"] is not None:
        return int(row["closed_at"])
    return None


def steps_of(options: PartnerOptions, since: int) -> list[Step]:
    """Every step of a partner's file for something wrong since a moment, in the order of time."""
    people = {one.name: one for one in options.contacts}
    made = [
        Step(since + round(one.after * _MICROSECONDS), one.contact, one.by, one.say, people[one.contact].email,
             people[one.contact].phone)
        for one in options.escalation
    ]  # fmt: skip
    return sorted(made, key=lambda step: step.at)


def escalated(row: Mapping[str, Any], partners: Mapping[str, Partner], now: int) -> dict[str, Any] | None:
    """Of an expectation, as it is told, the steps that are due by now and the one that comes next; None where nothing
    is wrong, or nobody is named."""
    since, partner = wrong_since(row), partners.get(row["partner"])
    steps = steps_of(partner.options, since) if partner is not None and since is not None else []
    if not steps:
        return None
    reached = [step for step in steps if step.at <= now]
    following = next((step for step in steps if step.at > now), None)
    return {"since": since, "tell": [step.data() for step in reached], "next": following and following.data()}
