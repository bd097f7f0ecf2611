"""Show what Waypost does, with everything it needs built in."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from waypost.cli.option import AsJson
from waypost.cli.output import print_json


def demo(
    exit_when_done: Annotated[bool, typer.Option("--exit", help="End by itself also in a terminal.")] = False,
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Where the project goes; by default a new one.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Watch orders travel end to end, with simulated systems.

    A partner, a shop and an ERP are simulated; the files, the store and every delivery are real. In a terminal it runs
    until Ctrl-C. The exit code is 0 only if everything came out as it should.
    """
    from waypost.testing.demo import main

    if not as_json:
        return main(exit_when_done=exit_when_done, folder=folder)
    with contextlib.redirect_stdout(sys.stderr):
        code = main(exit_when_done=True, folder=folder)
    print_json({"ok": code == 0})
    return code
