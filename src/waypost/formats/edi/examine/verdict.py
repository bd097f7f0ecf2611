"""What examining says of each part of a file as it ends, for acknowledgements made in the same pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from waypost.formats.edi.examine.message import Writing
from waypost.formats.edi.finding import Finding


@dataclass(slots=True)
class Level:
    """An interchange or group: its header's elements, where it stands, what it holds, and what is wrong with it."""

    tag: str
    row: list[str]
    offset: int
    excerpt: str
    control_number: str
    writing: Writing
    count: int = 0
    groups: int = 0
    trailer_count: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        """Whether nothing is wrong with the envelope itself."""
        return not any(f.severity == "error" for f in self.findings)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in one message: its header, and all findings with their places. ``group`` is the control number of
    the group it stands in."""

    message: str
    version: str
    schema: str
    control_number: str
    header: Sequence[str]
    findings: Sequence[Finding]
    segments: int
    group: str = ""
    units: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """By position, the business unit a finding stands in: such as the claim, ``CLM01`` and its number."""
    rows: Sequence[Sequence[str]] = ()
    """All segments, for sinks that want them."""

    @property
    def accepted(self) -> bool:
        """Whether nothing is wrong with it."""
        return not any(f.severity == "error" for f in self.findings)


class Sink(Protocol):
    """Takes what is said, in the order of the file. One with ``wants_rows`` is told the segments of those messages."""

    wants_rows: frozenset[str] = frozenset()

    def interchange(self, level: Level) -> None:
        """An interchange begins."""

    def group(self, level: Level) -> None:
        """A group begins."""

    def message(self, verdict: Verdict) -> None:
        """A message was looked at."""

    def group_end(self, level: Level) -> None:
        """A group ends; its findings are complete."""

    def interchange_end(self, level: Level) -> None:
        """An interchange ends; its findings are complete."""

    def outside(self, finding: Finding) -> None:
        """Something stands in no interchange."""
