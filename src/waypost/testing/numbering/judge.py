"""Looks at what was sent: every message once, numbers without gap and without repetition in each sequence."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from waypost.testing.numbering.project import PARTNERS

_NUMBERS = re.compile(
    r"ISA\*(?:[^*]*\*){7}(?P<to>[A-Z]+) *\*(?:[^*]*\*){4}(?P<isa>\d{9})\*.*?GS\*(?:[^*]*\*){5}(?P<gs>\d+)\*.*?"
    r"ST\*855\*(?P<st>\d+)~BAK\*00\*AC\*(?P<id>\d+)\*.*?SE\*3\*(?P<se>\d+)~GE\*1\*(?P<ge>\d+)~IEA\*1\*(?P<iea>\d{9})~",
    re.DOTALL,
)
FIRST = {"isa": 1, "gs": 1, "st": 1000}
"""The first number of each sequence."""


def faults(out: Path, messages: int) -> list[str]:
    """Everything that is wrong with what ``messages`` messages, numbered from 0, became; nothing is what is wanted."""
    found: list[str] = []
    given: dict[tuple[str, str], list[int]] = {}
    sent: Counter[int] = Counter()
    for path in sorted(out.glob("*.edi")):
        match = _NUMBERS.fullmatch(path.read_text())
        if match is None:
            found.append(f"{path.name}: not an interchange as it was to be written")
            continue
        if (match["isa"], match["gs"], match["st"]) != (match["iea"], match["ge"], match["se"]):
            found.append(f"{path.name}: header and trailer have other numbers")
        sent[int(match["id"])] += 1
        for name in FIRST:
            given.setdefault((match["to"].lower(), name), []).append(int(match[name]))
    found += [f"message {number}: sent {sent[number]} times" for number in range(messages) if sent[number] != 1]
    for partner in PARTNERS:
        for name, first in FIRST.items():
            found += _gaps(f"{partner} {name}", given.get((partner, name), []), first)
    return found


def _gaps(name: str, numbers: list[int], first: int) -> list[str]:
    counted = Counter(numbers)
    repeated = [number for number, count in counted.items() if count > 1]
    missing = [number for number in range(first, first + len(counted)) if number not in counted]
    found = [f"{name}: number {number} was given {counted[number]} times" for number in sorted(repeated)]
    return found + [f"{name}: number {number} is missing" for number in missing]
