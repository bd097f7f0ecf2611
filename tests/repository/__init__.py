"""The repository keeps its own promises: shape, direction of imports, locks, declarations."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "waypost"


@cache
def tracked() -> tuple[Path, ...]:
    """The files of the repository, with those about to be added; what is ignored is no part of it."""
    listed = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return tuple(ROOT / name for name in names if name and (ROOT / name).is_file())


def python_files() -> list[Path]:
    """The tracked Python files, source and tests alike."""
    return [path for path in tracked() if path.suffix == ".py"]


def place(path: Path) -> str:
    """How a file is named in what a test says."""
    return path.relative_to(ROOT).as_posix()


def assert_none(found: Iterable[str]) -> None:
    """Fails with every line of what was found, however long."""
    __tracebackhide__ = True
    lines = list(found)
    assert not lines, f"{len(lines)} found:\n" + "\n".join(lines)
