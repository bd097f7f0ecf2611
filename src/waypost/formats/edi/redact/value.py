"""Makes one value by its treatment, within the lengths of its element and free of separators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from waypost.formats.edi.dialect import Dialect, Header
from waypost.formats.edi.redact.household import Households
from waypost.formats.edi.redact.place import Stood
from waypost.formats.edi.redact.policy import Policy, Treatment, policy
from waypost.formats.edi.redact.pseudonym import Pseudonyms, calendar_day, shifted
from waypost.formats.edi.schema.model import UNLIMITED, Element

_TEXT = "TEXT REMOVED"
_OLDEST_AGE = 89
"""Older ages, and what tells of them, are put together as one (45 CFR 164.514(b)(2)(i)(C))."""


class Values:
    """Makes the values of one interchange. ``segment`` is the number of the one at hand in its message."""

    def __init__(self, pseudonyms: Pseudonyms, header: Header, dialect: Dialect, keep: frozenset[str]) -> None:
        self._pseudonyms, self._keep = pseudonyms, keep
        self._policy: Policy | None = policy(dialect.name)
        self._separators = "".join(
            mark.decode("utf-8", "replace")
            for mark in (header.delimiters.element, header.delimiters.component, header.delimiters.repetition,
                         header.delimiters.segment, header.delimiters.release)
        )  # fmt: skip
        self._year = _year_of(header, dialect, pseudonyms)
        self.households: Households | None = None
        self.segment = 0

    def made(
        self, treatment: Treatment, text: str, element: Element | None, stood: Stood, row: Sequence[str]
    ) -> str:  # fmt: skip
        """What stands in place of ``text``; itself where it is kept."""
        makes = treatment.makes
        if makes == "keep" or (treatment.group and treatment.group in self._keep) or self._party_kept(stood):
            return text
        if makes in ("date", "birth"):
            return self._date(text, makes == "birth", self._whose())
        if makes == "surname" and row[0] == "NM1" and len(row) > 2 and row[2] == "2":
            makes = "company"
        made = self._one(makes, text)
        return self._fitted(made, text, element) if makes not in _SHAPED else made

    def _one(self, makes: str, text: str) -> str:
        p = self._pseudonyms
        if makes == "text":
            return _TEXT
        if makes == "blank":
            return "X" * len(text)
        makers = {
            "surname": p.surname, "given": p.given, "person": p.person, "company": p.company, "street": p.street,
            "city": p.city, "email": p.email, "address": p.address, "diagnosis": p.diagnosis,
            "diagnosis-9": p.diagnosis_9, "control": p.control, "routing": p.routing,
        }  # fmt: skip
        return makers.get(makes, p.identifier)(text)

    def _fitted(self, made: str, text: str, element: Element | None) -> str:
        """Within the element's lengths, counted as the shorter of what it may be and what was there where there is
        no schema."""
        least, most = (element.minimum, element.maximum) if element else (1, len(text))
        plain = "".join(c for c in made if c not in self._separators)
        cut = plain[: most if most < UNLIMITED else None].rstrip()
        return cut.ljust(least, "X")

    def _whose(self) -> str:
        return self.households.of(self.segment) if self.households else ""

    def _date(self, text: str, birth: bool, household: str) -> str:
        made = shifted(text, self._pseudonyms.days(household))
        if made is None:
            return text if text.isdigit() and len(text) == 4 and text < "2400" else self._pseudonyms.identifier(text)
        day = calendar_day(made) if birth else None
        if day is not None and day.year < self._year - _OLDEST_AGE:
            return f"{self._year - _OLDEST_AGE - 1}0101"[8 - len(text) :] + made[8:]
        return made

    def _party_kept(self, stood: Stood) -> bool:
        if not stood.party or self._policy is None:
            return False
        return any(stood.party in values for name, values in self._policy.parties.items() if name in self._keep)


_SHAPED = frozenset({"identifier", "mask", "control", "routing", "blank"})
"""What is made has the length of what was there."""


def _year_of(header: Header, dialect: Dialect, pseudonyms: Pseudonyms) -> int:
    """The year the redacted interchange says it was written."""
    at = 9 if dialect.name == "x12" else 4
    text = header.row[at].decode("latin-1").strip()[:8] if len(header.row) > at else ""
    day = calendar_day(text.partition(":")[0]) or calendar_day(text[:6])
    return (day + timedelta(days=pseudonyms.days(""))).year if day else 2000
