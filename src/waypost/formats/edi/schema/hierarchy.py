"""Structure that X12 segments say of themselves: levels (HL) and bounds of loops (LS and LE)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from waypost.formats.edi.finding import Finding, finding

LEVEL = "HL"
BOUNDS = frozenset({"LS", "LE"})


def broken_levels(rows: Iterable[tuple[int, Sequence[str]]]) -> Iterator[Finding]:
    """What is wrong with HL segments, given with their index from 0 behind the header: each has a number of its own and
    names one before it as its parent, which therefore can be neither itself nor one of its children; one that says it
    has no children has none."""
    seen: dict[str, tuple[int, str]] = {}
    for index, row in rows:
        number, parent, childless = (*row[1:3], "", "")[0], (*row[2:3], "")[0], (*row[4:5], "")[0] == "0"
        if number in seen:
            yield _wrong(index, 1, number, "a number no HL before it has")
        elif parent and parent not in seen:
            yield _wrong(index, 2, parent, "the number of an HL before this one")
        elif parent and seen[parent][1] == "0":
            at, _ = seen[parent]
            yield _wrong(at, 4, "0", f"1, since HL {number} is below it")
            seen[parent] = (at, "")
        seen[number] = (index, "0" if childless else "")


def broken_bounds(rows: Iterable[tuple[int, Sequence[str]]]) -> Iterator[Finding]:
    """What is wrong with LS and LE segments: each LE ends the loop begun last and names it as LS does."""
    begun: list[tuple[int, str]] = []
    for index, row in rows:
        name = (*row[1:2], "")[0]
        if row[0] == "LS":
            begun.append((index, name))
        elif not begun:
            yield _unbound(index, "LE", name, "an LS before it")
        elif begun.pop()[1] != name:
            yield _unbound(index, "LE", name, "the loop that LS named")
    for index, name in begun:
        yield _unbound(index, "LS", name, "an LE behind it")


def _wrong(index: int, element: int, found: str, expected: str) -> Finding:
    return finding("hierarchy", LEVEL, index + 2, element=element, level="element", found=repr(found[:40]),
                   expected=expected)  # fmt: skip


def _unbound(index: int, tag: str, found: str, expected: str) -> Finding:
    return finding("loop-bounds", tag, index + 2, element=1, level="element", found=repr(found[:40]), expected=expected)
