"""What becomes of each element of a message when it is redacted, as the files beside this one declare it.

Closed by default: an element nothing is said of is masked, unless it can't name anybody: a code of up to three
characters, a value of a closed list, a number that measures, a count of up to six digits, a time of day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from waypost.formats.edi.schema.model import Element

CATEGORIES: Mapping[str, str] = {
    "A": "names", "B": "places smaller than a state", "C": "dates but the year", "D": "telephone numbers",
    "E": "fax numbers", "F": "electronic mail addresses", "G": "social security numbers",
    "H": "medical record numbers", "I": "health plan beneficiary numbers", "J": "account numbers",
    "K": "certificate and license numbers", "L": "vehicle identifiers", "M": "device identifiers", "N": "web addresses",
    "O": "network addresses", "P": "biometric identifiers", "Q": "photographs and other images",
    "R": "any other identifying number, characteristic or code",
}  # fmt: skip
"""The identifiers of 45 CFR 164.514(b)(2)(i), (A) to (R)."""
KEEPABLE = ("control-numbers", "dates", "diagnoses", "partners", "payers", "places", "providers")
_GROUPS = {"B": "places", "C": "dates"}
_SHORT = 3
_COUNTED = 6
"""Counts have no more digits."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is made of a value. ``like`` is the whole form of what may be kept, the rest is masked; ``group`` is the
    word of ``KEEPABLE`` by which a person leaves it as it is; ``by`` says it for single qualifiers."""

    makes: str
    category: str = "R"
    like: str = ""
    group: str = ""
    by: Mapping[str, Treatment] = field(default_factory=dict)


KEEP = Treatment("keep")
MASK = Treatment("mask")
_BY_KIND = {"TM": KEEP, "R": KEEP, "n": KEEP, "DT": Treatment("date", "C"), "B": Treatment("blank", "Q")}


@dataclass(frozen=True, slots=True)
class Marked:
    """A segment by what its element says: one of ``values``, or anything where there are none."""

    segment: str
    element: int = 0
    values: frozenset[str] = frozenset()
    id: int = 0
    within: frozenset[str] = frozenset()

    def fits(self, row: Sequence[str], message: str) -> bool:
        """Whether a row is such a segment of such a message."""
        return (
            row[0] == self.segment and (not self.within or message in self.within)
            and (not self.values or (len(row) > self.element and row[self.element] in self.values))
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Policy:
    """The declaration of one standard."""

    elements: Mapping[str, Treatment]
    segments: Mapping[str, Treatment]
    qualifiers: Mapping[str, str]
    parties: Mapping[str, frozenset[str]]
    households: tuple[Marked, ...]
    member: tuple[Marked, ...]
    provenance: str

    def of(self, place: str, element: Element | None, qualifier: str, value: str) -> Treatment:
        """What becomes of ``value``, which stands at ``place`` (``NM109``, ``HI01-2``), as ``element`` where known."""
        said = self.segments.get(place) or self.segments.get(place.partition("-")[0])
        if said is None and element is not None:
            if element.codes and value in element.codes:
                return KEEP
            said = self.elements.get(element.ref) or _unsaid(element, value)
        if said is None:
            return MASK
        said = said.by.get(qualifier, said)
        if said.makes == "keep" and said.like and not re.fullmatch(said.like, value):
            return replace(said, makes="identifier")
        return said

    def declared(self) -> Iterator[tuple[str, str, Treatment]]:
        """Every declaration: the element's number or place, a qualifier or '', and what is made of it."""
        for places in (self.segments, self.elements):
            for place, said in places.items():
                yield place, "", said
                for qualifier, special in said.by.items():
                    yield place, qualifier, special


def _unsaid(element: Element, value: str) -> Treatment:
    kind = element.kind
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    if kind.startswith("N") and kind[1:].isdigit():
        return KEEP if kind != "N0" or len(value) <= _COUNTED else MASK
    return KEEP if kind in ("ID", "an", "a") and len(value) <= _SHORT else MASK


@lru_cache(maxsize=4)
def policy(standard: str) -> Policy | None:
    """The declaration for ``x12`` or ``edifact``; None where there is none, and everything is masked."""
    place = files("waypost.formats.edi.redact") / f"{standard}.yaml"
    if not place.is_file():
        return None
    data = yaml.safe_load(place.read_text("utf-8"))
    return Policy(
        {str(ref): _treatment(said) for ref, said in data["elements"].items()},
        {place: _treatment(said) for place, said in data["segments"].items()},
        {str(ref): str(by) for ref, by in data["qualifiers"].items()},
        {name: frozenset(values) for name, values in data["parties"].items()},
        tuple(_marked({"segment": tag, **said}) for tag, said in data["households"].items()),
        tuple(map(_marked, data["member"])),
        data["provenance"],
    )


def _treatment(said: Mapping[str, Any]) -> Treatment:
    category = str(said.get("category", "R"))
    plain = {"makes": str(said["makes"]), "category": category, "like": str(said.get("like", ""))}
    group = str(said.get("group") or _GROUPS.get(category, ""))
    by = {str(code): _treatment({**plain, **special}) for code, special in said.get("by", {}).items()}
    return Treatment(**plain, group=group, by=by)


def _marked(said: Mapping[str, Any]) -> Marked:
    return Marked(
        said["segment"], said.get("element", 0), frozenset(map(str, said.get("values", ()))), said.get("id", 0),
        frozenset(said.get("within", ())),
    )  # fmt: skip
