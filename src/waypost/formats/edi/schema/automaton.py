"""The order of segments as a machine: states are made when first reached, and shared by both ways of looking.

A state is where the last segment stood: the loops it is in, outermost first, each with the index of the item last
matched in it. From a state, a tag leads to one or more *moves*, the nearest place first.
"""

from __future__ import annotations

from dataclasses import dataclass

from waypost.formats.edi.schema.model import Loop, Use

Path = tuple[tuple[Loop, int], ...]
MOST_STATES = 50_000


@dataclass(frozen=True, slots=True, eq=False)
class Missing:
    """Something required that a move passes over."""

    item: Use | Loop
    loop: str


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """A place for a tag: the state behind it, the depth of the loop it was matched in, whether it repeats the item
    matched last there, and what required was passed over."""

    state: State
    depth: int
    item: Use | Loop
    repeats: bool
    missing: tuple[Missing, ...]

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
        self.unmet = tuple(
            Missing(i, loop.name) for loop, last in reversed(path) for i in loop.body[last + 1 :] if i.required
        )

    @property
    def loop(self) -> str:
        """The names of the loops it is in, ``/PO1/N1``; empty outside any."""
        return "".join(f"/{loop.name}" for loop, _ in self.path[1:])

    def after(self, tag: str) -> tuple[Move, ...]:
        """The places for ``tag``, the nearest first."""
        found = self.moves.get(tag)
        if found is None:
            found = self._find(tag)
            if tag in self._machine.tags:  # what the message does not know is not kept: it comes from outside
                self.moves[tag] = found
        return found

    def _find(self, tag: str) -> tuple[Move, ...]:
        made: list[Move] = []
        missing: list[Missing] = []
        for depth in range(len(self.path) - 1, -1, -1):
            loop, last = self.path[depth]
            for index in range(max(last, 0), len(loop.body)):
                item = loop.body[index]
                if item.tag != tag or (index == last == 0 and depth > 0):
                    continue  # the first segment of a loop opens the next occurrence, in the loop around
                skipped = [Missing(i, loop.name) for i in loop.body[last + 1 : index] if i.required]
                path = _entered((*self.path[:depth], (loop, index)), item)
                passed = (*missing, *skipped)
                made.append(Move(self._machine.state(path), depth, item, index == last, passed))
            missing.extend(Missing(i, loop.name) for i in loop.body[last + 1 :] if i.required)
        return tuple(made)


class Automaton:
    """The machine of one message."""

    def __init__(self, root: Loop) -> None:
        self.root = root
        self.tags = frozenset(use.tag for use in root.uses())
        self._states: dict[Path, State] = {}
        self.start = self.state(((root, -1),))

    def state(self, path: Path) -> State:
        """The state at ``path``, made when first asked for."""
        found = self._states.get(path)
        if found is None:
            if len(self._states) > MOST_STATES:
                self._states.clear()
            found = self._states[path] = State(self, path)
        return found


def _entered(path: Path, item: Use | Loop) -> Path:
    """``path`` led into the first segment of ``item``."""
    while isinstance(item, Loop):
        path = (*path, (item, 0))
        item = item.body[0]
    return path
