"""Measure this machine with the benchmarks of the source checkout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def bench(
    scenarios: Annotated[list[str] | None, typer.Argument(metavar="SCENARIO", help="By default all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print plain JSON and nothing else.")] = False,
) -> int:
    """Measure speed as ratios to the raw disk.

    Needs a source checkout.
    """
    import subprocess

    command = [sys.executable, "-m", "benchmarks", *(scenarios or ()), *(["--json"] if as_json else [])]
    return subprocess.run(command, cwd=checkout(), check=False).returncode


def checkout() -> Path:
    """The source checkout this Waypost runs from, or that it is called in. Raises ``UsageError`` outside of one."""
    from waypost.core.errors import UsageError

    for folder in (*Path(__file__).resolve().parents, Path.cwd()):
        if (folder / "benchmarks" / "__main__.py").is_file():
            return folder
    raise UsageError(
        "there are no benchmarks here", expected="a source checkout of Waypost",
        remedy="clone the repository and run: make bench",
    )  # fmt: skip
