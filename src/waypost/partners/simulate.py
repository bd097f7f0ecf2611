"""Replays stored traffic of a partner against a changed agreement or overlay: what would newly fail or pass.

Nothing is sent and nothing is stored: each message received is read twice, as the version that runs reads it and as the
files given would.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.formats.edi.edifact import EdifactFormat, EdifactOptions
from waypost.formats.edi.x12 import X12Format, X12Options


@dataclass(frozen=True, slots=True)
class Traffic:
    """One message as it was received: the header of its interchange and group, and its own bytes."""

    message: str
    standard: str
    context: bytes
    raw: bytes


@dataclass(slots=True)
class Simulation:
    """What came out, by message id. ``newly_failing`` and ``newly_passing`` by rule; ``differing`` fail either way, for
    other reasons."""

    looked_at: int = 0
    passing: int = 0
    failing: int = 0
    newly_failing: dict[str, list[str]] = field(default_factory=dict)
    newly_passing: dict[str, list[str]] = field(default_factory=dict)
    differing: list[str] = field(default_factory=list)

    @property
    def broken(self) -> list[str]:
        """The messages that would newly fail."""
        return sorted({message for messages in self.newly_failing.values() for message in messages})

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "looked_at": self.looked_at, "passing": self.passing, "failing": self.failing,
            "newly_failing": self.newly_failing, "newly_passing": self.newly_passing, "differing": self.differing,
            "broken": self.broken,
        }  # fmt: skip


def simulate(
    traffic: Iterable[Traffic], before: Mapping[str, bytes], after: Mapping[str, bytes], root: Path
) -> Simulation:
    """Each message under the files of one version of the project and under those of another."""
    made, old, new = Simulation(), _Reading(before, root), _Reading(after, root)
    for one in traffic:
        made.looked_at += 1
        was, would = old.faults(one), new.faults(one)
        made.failing += bool(would)
        made.passing += not would
        if would and not was:
            for rule in would:
                made.newly_failing.setdefault(rule, []).append(one.message)
        elif was and not would:
            for rule in was:
                made.newly_passing.setdefault(rule, []).append(one.message)
        elif was != would:
            made.differing.append(one.message)
    return made


class _Reading:
    """How the files of one version read what is received."""

    def __init__(self, files: Mapping[str, bytes], root: Path) -> None:
        grants = Grants(
            root=root, read_file=files.__getitem__,
            list_files=lambda folder: sorted(name for name in files if name.startswith(folder)),
        )  # fmt: skip
        from waypost.core.spec import PartnerRef

        every = (PartnerRef("any"),)
        self._formats: dict[str, Any] = {
            "x12": X12Format(X12Options(partner=every), grants),
            "x12 group": X12Format(X12Options(partner=every, unit="group"), grants),
            "edifact": EdifactFormat(EdifactOptions(partner=every), grants),
            "edifact group": EdifactFormat(EdifactOptions(partner=every, unit="interchange"), grants),
        }

    def faults(self, one: Traffic) -> list[str]:
        """The rules a message breaks, in the order found; none for one that passes."""
        start = one.raw.lstrip()[:3]
        whole = " group" if start in (b"GS*", b"UNB", b"UNA") or start[:2] == b"GS" else ""
        document = self._formats[f"{one.standard}{whole}"].decode([one.raw], one.context)[0]
        if isinstance(document, DataError):
            return list(dict.fromkeys(map(_rule, document.details))) or [document.code]
        errors = [error for part in document.get("transactions") or () for error in part.get("errors") or ()]
        return list(dict.fromkeys(map(_rule, errors)))


def _rule(detail: Mapping[str, Any]) -> str:
    """What tells one rule from another: its own name, or the fault and its place."""
    element = f"{detail['element']:02}" if detail.get("element") else ""
    place = f"{detail.get('segment', '')}{element}"
    return f"{detail['code']} {place}" + (f" {detail['rule']}" if detail.get("rule") else "")
