"""What a verb prints: plain JSON, or words and tables that read well with and without a terminal."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

Report = Callable[[float, float], None]
"""Told how much is done of how much there is."""


def say(text: str = "") -> None:
    """One line, or several, on standard output."""
    print(text)


def note(text: str) -> None:
    """A line for the person, on standard error."""
    sys.stdout.flush()
    print(text, file=sys.stderr)


def print_json(value: Any) -> None:
    """``value`` as one line of JSON."""
    print(json_text(value))


def json_text(value: Any, indent: int = 0) -> str:
    """``value`` as JSON, on one line unless indented. A Decimal is a number with the digits it has; what JSON has no
    form for is written as text."""
    import msgspec

    packed = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode(value)
    return msgspec.json.format(packed, indent=indent).decode()


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "nothing found") -> None:
    """Columns under their heads. On a terminal the last one is cut to the window; elsewhere nothing is cut."""
    body = [[_cell(cell) for cell in row] for row in rows]
    if not body:
        return say(empty)
    widths = [max(len(row[at]) for row in [list(head), *body]) for at in range(len(head))]
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for row in [list(head), *body]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        say(line if not limit or len(line) <= limit else line[: limit - 1] + "…")


def width() -> int:
    """How wide text may be: the terminal's width, or 100 elsewhere."""
    return min(shutil.get_terminal_size().columns, 120) if sys.stdout.isatty() else 100


@contextlib.contextmanager
def progress(title: str) -> Iterator[Report]:
    """Shows how far something long has come, on standard error and only on a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(title, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total or None)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else str(value)
    return " ".join(text.split())
