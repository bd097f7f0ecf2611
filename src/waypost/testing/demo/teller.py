"""Tells what happens, in plain lines, as it happens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from waypost.core.event import BatchAccepted, DeliveryFailed, Event, Level, MessagesDelivered

_STYLES = {Level.INFO: "", Level.WARNING: "yellow", Level.ERROR: "red"}
CHANNELS = ("orders", "acknowledgements", "order-responses", "acme-documents", "globex-documents")
"""Targets inside the project: what goes there is told where it comes out."""


def _short(text: str, limit: int = 140) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


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
        """Something the engine says happened; what it only does inside is left out."""
        if isinstance(event, BatchAccepted) or (isinstance(event, MessagesDelivered) and event.target in CHANNELS):
            return
        if isinstance(event, DeliveryFailed):
            text = f"{event.target} did not take {event.message}: {_short(event.cause.partition(': ')[2])}"
            return self.line(event.flow, text, _STYLES[event.level])
        who, colon, text = str(event).partition(": ")
        self.line(who if colon else "waypost", _short(text if colon else str(event)), _STYLES[event.level])

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
