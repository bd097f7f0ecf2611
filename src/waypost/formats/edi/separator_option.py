"""What separators a flow may choose to write with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from waypost.core.spec import OptionFault


def separator_faults(options: Any, names: Sequence[str], optional: frozenset[str]) -> Iterable[OptionFault]:
    """What is wrong with the options of these names; those of ``optional`` may be empty."""
    marks: list[str] = []
    for name in names:
        value = getattr(options, name)
        if not value and name in optional:
            continue
        if len(value) != 1 or not value.isascii() or value.isalnum() or value == " ":
            yield OptionFault(name, f"found {value!r}", "one ASCII character, no letter, digit or space")
        elif value in marks:
            yield OptionFault(name, f"found {value!r}", "a character that separates nothing else")
        marks.append(value)
