"""Waits until a file of a project changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from waypost.flow.declared.project import FOLDERS
from waypost.testing.cases.loading import FOLDER

PAUSE_SECONDS = 0.3
"""Between two looks."""


def changes(root: Path, sleep: Callable[[float], None]) -> Iterator[list[str]]:
    """The files that changed since the last time, for ever; the first time none. Waits until there is one."""
    before = _look(root)
    yield []
    while True:
        sleep(PAUSE_SECONDS)
        now = _look(root)
        if now != before:
            changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
            before = now
            yield changed


def _look(root: Path) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    paths = [path for folder in (*FOLDERS, FOLDER) for path in (root / folder).rglob("*")]
    for path in [*root.glob("*.yaml"), *paths]:
        if "__pycache__" in path.parts:
            continue
        try:
            status = path.stat()
        except OSError:  # gone between listing and looking: the next look says so
            continue
        found[path.relative_to(root).as_posix()] = (status.st_mtime_ns, status.st_size)
    return found
