"""Writes the snapshots of a project's cases and says what that changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from waypost.core.errors import DataError
from waypost.flow.declared.project import load_project
from waypost.testing.cases.loading import load_cases
from waypost.testing.cases.runner import CaseRunner


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one snapshot: ``written``, ``same``, ``unused`` (of no case) or ``deleted``."""

    file: str
    what: str
    changes: tuple[str, ...] = ()


async def write_snapshots(root: Path, environment: str, only: str = "", *, prune: bool = False) -> list[Told]:
    """Run the cases that say ``snapshot: true`` and write down what comes out. Raises ``ProjectError`` for faults of
    the project or the cases, ``DataError`` where a step asks what the case does not answer."""
    project = load_project(root, environment)
    runner = CaseRunner(root, project)
    cases = {runner.snapshots.path(c): c for c in load_cases(root, project) if c.options.expect.snapshot}
    told: list[Told] = []
    for path, case in cases.items():
        if only not in case.options.name:
            continue
        came, unanswered = await runner.outcome(case)
        if unanswered:
            raise DataError(unanswered[0], where=f"{case.file}:{case.line}")
        changes = tuple(runner.snapshots.differences(case, came)) if path.is_file() else ()
        written = runner.snapshots.write(case, came)
        told.append(Told(path.relative_to(root).as_posix(), "written" if written else "same", changes))
    for path in runner.snapshots.unused(cases):
        if prune:
            path.unlink()
        told.append(Told(path.relative_to(root).as_posix(), "deleted" if prune else "unused"))
    return told
