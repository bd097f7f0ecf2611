"""What was found in one file, as data: one JSON object of ``waypost edi check``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from waypost.formats.edi.finding import KINDS, Finding

MOST_ERRORS = 10_000


@dataclass(slots=True)
class SetCount:
    """How many messages of one kind there were, and how many of them are as their schema says."""

    set: str
    version: str
    schema: str
    received: int = 0
    accepted: int = 0


@dataclass(slots=True)
class Report:
    """All that is known of one file. ``errors`` stops at ``MOST_ERRORS``; ``faults`` counts them all."""

    standard: str = ""
    version: str = ""
    interchanges: int = 0
    groups: int = 0
    sets: dict[tuple[str, str], SetCount] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)
    faults: int = 0
    warnings: int = 0

    @property
    def accepted(self) -> bool:
        return not self.faults and self.interchanges > 0

    def add(self, finding: Finding, message: str = "", control_number: str = "") -> None:
        """Takes a finding whose offset is known."""
        if finding.severity == "warning":
            self.warnings += 1
        else:
            self.faults += 1
        if len(self.errors) >= MOST_ERRORS:
            return
        edifact = self.standard == "edifact"
        code = KINDS[finding.code].edifact if edifact and finding.code in KINDS else finding.x12
        self.errors.append({
            "code": code, "fault": finding.code, "severity": finding.severity, "about": finding.level,
            "snip": finding.snip, "set": message, "control_number": control_number, "segment": finding.segment,
            "position": finding.position, "element": finding.element or None, "component": finding.component or None,
            "offset": finding.offset, "loop": finding.loop, "rule": finding.rule, "found": finding.found,
            "expected": finding.expected, "hint": finding.hint, "excerpt": finding.excerpt,
        })  # fmt: skip

    def data(self, file: str) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "file": file, "accepted": self.accepted, "standard": self.standard, "version": self.version,
            "interchanges": self.interchanges, "groups": self.groups,
            "sets": [
                {"set": s.set, "version": s.version, "schema": s.schema, "received": s.received, "accepted": s.accepted}
                for s in self.sets.values()
            ],
            "faults": self.faults, "warnings": self.warnings, "errors": self.errors,
        }  # fmt: skip
