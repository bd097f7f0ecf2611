"""Levels of an X12 message: each HL segment has a number of its own and names one before it as its parent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from waypost.formats.edi.finding import Finding, finding


def broken_levels(rows: Iterable[tuple[int, Sequence[str]]]) -> Iterator[Finding]:
    """What is wrong with HL segments, given with their index from 0 behind the header."""
    seen: set[str] = set()
    for index, row in rows:
        number, parent = (*row[1:3], "", "")[:2]
        if number in seen:
            yield _wrong(index, 1, number, "a number no HL before it has")
        elif parent and parent not in seen:
            yield _wrong(index, 2, parent, "the number of an HL before this one")
        seen.add(number)


def _wrong(index: int, element: int, found: str, expected: str) -> Finding:
    return finding("hierarchy", "HL", index + 2, element=element, level="element", found=repr(found[:40]),
                   expected=expected)  # fmt: skip
