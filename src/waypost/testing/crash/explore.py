"""Explores what a recorded workload could leave behind, and counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from random import Random

from waypost.store.segment import SUFFIX
from waypost.testing.crash.inspector import Inspector
from waypost.testing.crash.log import Acknowledged, Operation
from waypost.testing.crash.platter import Platter
from waypost.testing.crash.recording import Beginning, Recording
from waypost.testing.crash.reference import Reference
from waypost.testing.crash.workload import Across, nothing


@dataclass(frozen=True, slots=True)
class Violation:
    """An image that breaks a promise."""

    recording: str
    operation: int
    site: str
    how: str
    found: str

    def __str__(self) -> str:
        return f"{self.recording}, after operation {self.operation} ({self.site}), {self.how}: {self.found}"


@dataclass(slots=True)
class Findings:
    """What an exploration saw."""

    images: int = 0
    operations: int = 0
    opened: int = 0
    by_how: Counter[str] = field(default_factory=Counter)
    crossings: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Images per call site and phase."""
    violations: list[Violation] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Take in what another exploration saw."""
        self.images += other.images
        self.operations += other.operations
        self.opened += other.opened
        self.by_how += other.by_how
        self.crossings += other.crossings
        self.violations += other.violations


def explore(
    recording: Recording,
    *,
    torn: int = 3,
    seed: int = 0,
    every: int = 1,
    first: int = 0,
    stop_at: int = 20,
    across: Across = nothing,
) -> Findings:
    """Judge the images after every ``every``-th operation from ``first`` on: the sure ones, and ``torn`` random ones.
    Ends after ``stop_at`` violations."""
    references = {number: Reference(groups, recording.secret) for number, groups in recording.groups.items()}
    inspector = Inspector(recording.root, references, recording.bodies, partial(across, recording))
    platter, random, findings = Platter(recording.root), Random(seed), Findings()
    acknowledged = dict(recording.acknowledged)
    removed = set(recording.removed)
    begun = not recording.continued
    seen: set[int] = set()
    try:
        for entry in recording.log.entries:
            if isinstance(entry, Acknowledged):
                acknowledged[entry.shard] = max(entry.end, acknowledged.get(entry.shard, (0, 0)))
                continue
            platter.apply(entry)
            findings.operations += 1
            removed |= _removed_by(entry)
            begun = begun or entry.kind == "settle"
            if not begun or findings.operations % every != first % every:
                continue
            for how, image in platter.images(random, torn):
                key = hash(frozenset(image.items()))
                if key in seen:
                    continue
                seen.add(key)
                _count(findings, how, entry.site, entry.phases)
                fault = inspector.judge(image, acknowledged, removed)
                if fault:
                    findings.violations.append(Violation(recording.name, findings.operations, entry.site, how, fault))
                    if len(findings.violations) >= stop_at:
                        return findings
    finally:
        findings.opened = inspector.opened
        inspector.close()
    return findings


def left_by(recording: Recording, operations: int, seed: int) -> Beginning:
    """One of the disks that a stop after so many operations may leave."""
    platter, random, acknowledged = Platter(recording.root), Random(seed), dict(recording.acknowledged)
    removed = set(recording.removed)
    for entry in recording.log.entries:
        if isinstance(entry, Acknowledged):
            acknowledged[entry.shard] = max(entry.end, acknowledged.get(entry.shard, (0, 0)))
        elif operations:
            platter.apply(entry)
            removed |= _removed_by(entry)
            operations -= 1
        else:
            break
    image = random.choice([image for _, image in platter.images(random, 6)])
    return Beginning(recording, image, acknowledged, removed)


def _removed_by(operation: Operation) -> set[tuple[int, int]]:
    """The segment, by shard and number, that an operation takes away."""
    if operation.kind != "unlink" or not operation.path.endswith(SUFFIX):
        return set()
    return {(int(operation.path.split("/shard-")[1][:2]), int(operation.path[-12:-4]))}


def _count(findings: Findings, how: str, site: str, phases: tuple[str, ...]) -> None:
    findings.images += 1
    findings.by_how[how] += 1
    for phase in phases or ("alone",):
        findings.crossings[site, phase] += 1
