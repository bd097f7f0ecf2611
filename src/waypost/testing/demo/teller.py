"""Tells what happens, in plain lines, as it happens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from waypost.core.event import ArrivalCompleted, BatchAccepted, Event, Level

_STYLES = {Level.INFO: "", Level.WARNING: "yellow", Level.ERROR: "red"}
_TOLD_BY_OTHERS = (BatchAccepted, ArrivalCompleted)


class Teller:
    """Lines of who did what. Colours and a width of its own where it writes to a terminal; else plain text."""

    def __init__(self, file: Any = None) -> None:
        from rich.console import Console

        self.console = Console(file=file, highlight=False, soft_wrap=True)
        self.begun = datetime.now()

    @property
    def interactive(self) -> bool:
        return self.console.is_terminal

    def scene(self, title: str) -> None:
        self.console.print()
        self.console.print(title, style="bold", markup=False)

    def line(self, who: str, text: str, style: str = "") -> None:
        seconds = (datetime.now() - self.begun).total_seconds()
        self.console.print(f"{seconds:6.1f} s  {who:<22} {text}", style=style, markup=False)

    def event(self, event: Event) -> None:
        """Something the engine says happened."""
        if isinstance(event, _TOLD_BY_OTHERS) and not getattr(event, "name", ""):
            return
        who, colon, text = str(event).partition(": ")
        if not colon:
            who, text = "waypost", str(event)
        self.line(who, text if len(text) <= 160 else text[:159] + "…", _STYLES[event.level])

    def text(self, text: str = "") -> None:
        self.console.print(text, markup=False)

    def table(self, rows: Sequence[tuple[str, str, str, bool]]) -> None:
        """What was expected and what was found, row by row."""
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE if self.interactive else box.ASCII2)
        for column in ("what", "expected", "found", ""):
            table.add_column(column)
        for what, expected, found, good in rows:
            table.add_row(what, expected, found, "ok" if good else "WRONG", style="" if good else "red")
        self.console.print(table)
