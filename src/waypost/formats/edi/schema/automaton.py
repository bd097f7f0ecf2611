"""The order of segments as a machine: states are made when first reached, and shared by both ways of looking.

A state is where the last segment stood: the loops it is in, outermost first, each with the index of the item last
matched in it and, in a block whose items come in any order, how often each of them was there. From a state, a tag leads
to one or more *moves*, the nearest place first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from waypost.formats.edi.schema.model import UNLIMITED, Loop, Use

Done = tuple[tuple[int, int], ...]
Path = tuple[tuple[Loop, int, Done], ...]
MOST_STATES = 50_000


@dataclass(frozen=True, slots=True, eq=False)
class Missing:
    """Something required that a move passes over, and the names of the loops it belongs in, as ``State.loop``."""

    item: Use | Loop
    loop: str


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """A place for a tag: the state behind it, the depth of the loop it was matched in, whether it repeats the item
    matched last there, and what required was passed over. ``over`` says that in its block it was there too often."""

    state: State
    depth: int
    item: Use | Loop
    repeats: bool
    missing: tuple[Missing, ...]
    over: bool = False

    @property
    def use(self) -> Use:
        return self.item.opener if isinstance(self.item, Loop) else self.item

    @property
    def most(self) -> int:
        return self.item.maximum


class State:
    """Where a segment stood, and what may follow; ``moves`` keeps what was asked."""

    __slots__ = ("_machine", "moves", "path", "unmet")

    def __init__(self, machine: Automaton, path: Path) -> None:
        self._machine, self.path = machine, path
        self.moves: dict[str, tuple[Move, ...]] = {}
        self.unmet = tuple(m for depth in range(len(path) - 1, -1, -1) for m in _unmet(path, depth))

    @property
    def loop(self) -> str:
        """The names of the loops it is in, ``/PO1/N1``; empty outside any."""
        return _named(self.path)

    def after(self, tag: str) -> tuple[Move, ...]:
        """The places for ``tag``, the nearest first."""
        found = self.moves.get(tag)
        if found is None:
            if tag not in self._machine.tags:  # not kept: it comes from outside
                return ()
            found = self.moves[tag] = self._find(tag)
        return found

    def ahead(self) -> Iterator[tuple[int, int, Use | Loop]]:
        """Depth, index and item of every place ahead, the nearest first."""
        for depth in range(len(self.path) - 1, -1, -1):
            loop, last, _ = self.path[depth]
            for index in range(loop.span(max(last, 0)).start, len(loop.body)):
                yield depth, index, loop.body[index]

    def _find(self, tag: str) -> tuple[Move, ...]:
        made: list[Move] = []
        missing: list[Missing] = []
        left = len(self.path)
        for depth, index, item in self.ahead():
            while left > depth + 1:  # the loops inside were left
                left -= 1
                missing.extend(_unmet(self.path, left))
            _, last, done = self.path[depth]
            if item.tag != tag or (index == last == 0 and depth > 0):
                continue  # the first segment of a loop opens the next occurrence, in the loop around
            count = dict(done).get(index, 0)
            repeats = index == last and not item.block
            passed = (*missing, *_unmet(self.path, depth, index))
            state = self._machine.state(self.led(depth, index))
            made.append(Move(state, depth, item, repeats, passed, count >= item.maximum))
        return tuple(made)

    def led(self, depth: int, index: int) -> Path:
        """The path into the first segment of the item at ``index`` of the loop at ``depth``."""
        loop, last, done = self.path[depth]
        item = loop.body[index]
        if item.block:
            counts = dict(done) if last >= 0 and index in loop.span(last) else {}
            counts[index] = min(counts.get(index, 0) + 1, 1 if item.maximum == UNLIMITED else item.maximum)
            done = tuple(sorted(counts.items()))
        else:
            done = ()
        path = (*self.path[:depth], (loop, index, done))
        while isinstance(item, Loop):
            path = (*path, (item, 0, ()))
            item = item.body[0]
        return path


class Automaton:
    """The machine of one message."""

    def __init__(self, root: Loop) -> None:
        self.root = root
        self.tags = frozenset(use.tag for use in root.uses())
        self._states: dict[Path, State] = {}
        self._inside: dict[Loop, frozenset[str]] = {}
        self.start = self.state(((root, -1, ()),))

    def inside(self, loop: Loop) -> frozenset[str]:
        """The tags of a loop and of its inner loops."""
        found = self._inside.get(loop)
        if found is None:
            found = self._inside[loop] = frozenset(use.tag for use in loop.uses())
        return found

    def state(self, path: Path) -> State:
        """The state at ``path``, made when first asked for."""
        found = self._states.get(path)
        if found is None:
            if len(self._states) > MOST_STATES:
                self._states.clear()
            found = self._states[path] = State(self, path)
        return found


def _named(path: Path) -> str:
    return "".join(f"/{place[0].name}" for place in path[1:])


def _unmet(path: Path, depth: int, before: int | None = None) -> Iterator[Missing]:
    """What is required in the loop at ``depth`` behind a place, up to the item at ``before``, and was not there."""
    loop, last, done = path[depth]
    here = loop.span(last)
    there = loop.span(before) if before is not None else range(len(loop.body), len(loop.body))
    counted, name = dict(done), _named(path[: depth + 1])
    for index in range(here.start if len(here) > 1 else last + 1, there.start):
        item = loop.body[index]
        if item.required and not (index in here and (index in counted or index == last)):
            yield Missing(item, f"{name}/{item.name}" if isinstance(item, Loop) else name)
