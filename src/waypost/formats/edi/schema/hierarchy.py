"""Structure that X12 segments say of themselves: levels (HL) and bounds of loops (LS and LE).

Each HL has a number of its own and names one before it as its parent, so it can be neither its own nor in a circle.
Where a guide nests its levels, the parent's level code must be that of the loop around; elsewhere any HL before it
will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from waypost.formats.edi.finding import Finding, finding
from waypost.formats.edi.schema.model import Loop

LEVEL = "HL"
BOUNDS = frozenset({"LS", "LE"})
Levels = Mapping[str, frozenset[str]]
"""Level codes (HL03) with those of the levels they may belong to; the outermost belong to none."""


def levels(root: Loop) -> Levels:
    """The levels a schema tells apart by their codes; empty where it does not."""
    found: dict[str, frozenset[str]] = {}
    _nested(root, frozenset(), found)
    return found


def _nested(loop: Loop, outer: frozenset[str], found: dict[str, frozenset[str]]) -> None:
    for item in loop.body:
        if isinstance(item, Loop):
            marked = item.opener.where if item.tag == LEVEL else ()
            codes = frozenset(code for element, _, values in marked if element == 3 for code in values)
            for code in codes:
                found[code] = found.get(code, frozenset()) | outer
            _nested(item, codes or outer, found)


def broken_levels(rows: Iterable[tuple[int, Sequence[str]]], known: Levels | None = None) -> Iterator[Finding]:
    """What is wrong with HL segments, given with their index from 0 behind the header."""
    seen: dict[str, str] = {}
    childless: dict[str, int] = {}
    for index, row in rows:
        number, parent, level = (*row[1:4], "", "", "")[:3]
        allowed = known.get(level) if known else None
        if number in seen:
            yield _wrong(index, 1, number, "a number no HL before it has")
        elif parent and parent not in seen:
            yield _wrong(index, 2, parent, "the number of an HL before this one")
        elif allowed is not None and parent and not allowed:
            yield _wrong(index, 2, parent, f"nothing: level {level} is the outermost")
        elif allowed and (seen.get(parent) not in allowed):
            yield _wrong(index, 2, parent, f"the number of an HL of level {' or '.join(sorted(allowed))}")
        elif parent in childless:
            yield _wrong(childless.pop(parent), 4, "0", f"1, since HL {number} is below it")
        seen.setdefault(number, level)
        if row[4:5] == ["0"]:
            childless[number] = index


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
