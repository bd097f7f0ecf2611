"""Places of a message as the quick path sees them: as many as the schema has, whatever a message holds.

Where items come in any order, the automaton of the slow path has a state for each choice of those that were there. Here
the whole block is one spot, and what was there is counted while a message is read: in a cell for each item of each open
loop. A place says which cells have to hold something before it may be taken, which begin anew, and which is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from waypost.formats.edi.schema.model import UNLIMITED, Loop, Use

Path = tuple[tuple[Loop, int], ...]
"""The loops a segment stands in, outermost first, each with the index of the item matched in it last: the first of its
block where there is one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a segment may stand. ``most`` is how often it may stand there in a row, or in its block; ``cell`` counts
    it. ``fresh`` says that counting begins. All cells in ``needs`` must hold something; those from ``clear`` up to
    ``until`` begin anew."""

    use: Use
    path: Path
    depth: int
    most: int
    cell: int
    fresh: bool
    needs: tuple[int, ...]
    clear: int = 0
    until: int = 0


class Spots:
    """The places of one message; ``cells`` is how many of them can be counted at once."""

    def __init__(self, root: Loop) -> None:
        self._wide = _widest(root) + 1
        self.cells = self._wide * _deepest(root)
        self.start: Path = ((root, -1),)

    def after(self, path: Path, tag: str) -> Iterator[Place]:
        """The places for ``tag`` behind ``path``, the nearest first; none that passes over what must stand before."""
        needs: list[int] = []
        for depth in range(len(path) - 1, -1, -1):
            loop, last = path[depth]
            span = loop.span(max(last, 0))
            for index in range(span.start, len(loop.body)):
                item = loop.body[index]
                if item.tag != tag or (index == last == 0 and depth > 0):
                    continue  # the first segment of a loop opens the next occurrence, in the loop around
                if item.maximum < 1 or (item.maximum == 1 and index == last and not item.block):
                    continue
                passed = self._passed(path, depth, loop.span(index).start if item.block else index)
                if passed is not None:
                    yield self._place(path, depth, index, (*needs, *passed))
            left = self._passed(path, depth, len(loop.body))
            if left is None:  # nothing further out can follow
                return
            needs += left

    def ends(self, path: Path) -> tuple[int, ...] | None:
        """The cells that must hold something for a message to end behind ``path``; None where it cannot."""
        needs: list[int] = []
        for depth in range(len(path) - 1, -1, -1):
            left = self._passed(path, depth, len(path[depth][0].body))
            if left is None:
                return None
            needs += left
        return tuple(needs)

    def _passed(self, path: Path, depth: int, to: int) -> list[int] | None:
        """The cells of what is required between the last item at a depth and the one at ``to``, where a block leaves
        that open; None where something is passed over for certain."""
        loop, last = path[depth]
        here = loop.span(last) if last >= 0 else range(0)
        if to in here or to == here.start:
            return []
        needs = []
        for index in range(here.start if len(here) > 1 else last + 1, to):
            if not loop.body[index].required:
                continue
            if len(here) < 2 or index not in here:
                return None
            needs.append(depth * self._wide + index)
        return needs

    def _place(self, path: Path, depth: int, index: int, needs: tuple[int, ...]) -> Place:
        loop, last = path[depth]
        item = loop.body[index]
        use = item.opener if isinstance(item, Loop) else item
        cell, span = depth * self._wide + index, loop.span(index)
        led: Path = (*path[:depth], (loop, span.start))
        while isinstance(item, Loop):
            led, item = (*led, (item, 0)), item.body[0]
        item, start = loop.body[index], depth * self._wide + span.start
        if item.block:
            counted = item.maximum < UNLIMITED or item.required
            if last >= 0 and last in span:
                return Place(use, led, depth, item.maximum if counted else 0, cell, False, needs)
            return Place(use, led, depth, item.maximum, cell, True, needs, start, start + len(span))
        counted = 1 < item.maximum < UNLIMITED
        return Place(use, led, depth, item.maximum if counted else 0, cell, index != last, needs)


def _widest(loop: Loop) -> int:
    return max([len(loop.body), *(_widest(item) for item in loop.body if isinstance(item, Loop))])


def _deepest(loop: Loop) -> int:
    return 1 + max([0, *(_deepest(item) for item in loop.body if isinstance(item, Loop))])
