"""What is noted while a document is evaluated: the places of its mappings and lists, and what was read of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from waypost.mapping.lineage import DECIDES, VALUE, Read
from waypost.mapping.lineage_path import Path

_MOST_READS = 10_000
Places = list[Path | None]


def unshared(value: Any) -> Any:
    """A copy in which no mapping or list stands at two places."""
    if isinstance(value, Mapping):
        return {name: unshared(each) for name, each in value.items()}
    return [unshared(each) for each in value] if isinstance(value, list | tuple) else value


class Notes:
    """The places of mappings and lists, and what was read since one asked."""

    def __init__(self, root: Any, at: Path = ()) -> None:
        self.places: dict[int, Path] = {}
        self.items: dict[int, Places] = {}
        self.kept: list[Any] = []
        self.locals: dict[str, Path | None] = {}
        """Places of local names whose value is no mapping or list."""
        self.keys: dict[int, tuple[Read, ...]] = {}
        """What the key of a group the language made was read from."""
        self.reads: dict[Read, None] = {}
        self.role = VALUE
        self.know(root, at)

    def know(self, value: Any, path: Path) -> None:
        """``value`` stands at ``path``; a plain value is read."""
        if isinstance(value, dict | list):
            if id(value) not in self.places:
                self.places[id(value)] = path
                self.kept.append(value)
                for at, each in enumerate(value) if isinstance(value, list) else ():
                    if isinstance(each, dict | list):
                        self.know(each, (*path, at))
        else:
            self.note(path)

    def note(self, path: Path, outside: str = "") -> None:
        self.take((Read(path, VALUE, outside),))

    def take(self, reads: Iterable[Read], *, deciding: bool = False) -> None:
        """Note what was read elsewhere."""
        for read in reads:
            if len(self.reads) < _MOST_READS:
                self.reads[read.deciding() if deciding or self.role == DECIDES else read] = None

    def place(self, value: Any) -> Path | None:
        return self.places.get(id(value)) if isinstance(value, dict | list) else None

    def items_of(self, listed: Sequence[Any]) -> Places:
        """The place of each item of a list."""
        if id(listed) in self.items:
            return self.items[id(listed)]
        path = self.place(listed)
        return [self.place(each) if path is None else (*path, at) for at, each in enumerate(listed)]

    def collect(self, made: list[Any], places: Places) -> None:
        """A list the language made, whose items stand there."""
        self.items[id(made)] = places
        self.kept.append(made)

    def consume(self, value: Any) -> None:
        """All of ``value`` is used."""
        if isinstance(value, list) and id(value) in self.items:
            for path in self.items[id(value)]:
                if path is not None:
                    self.note(path)
        elif (path := self.place(value)) is not None:
            self.note(path)
        elif isinstance(value, list | dict):
            for each in value.values() if isinstance(value, dict) else value:
                if isinstance(each, list | dict):
                    self.consume(each)

    @contextlib.contextmanager
    def deciding(self) -> Iterator[None]:
        """What is read inside only decides."""
        before, self.role = self.role, DECIDES
        try:
            yield
        finally:
            self.role = before

    @contextlib.contextmanager
    def apart(self) -> Iterator[dict[Read, None]]:
        """What is read inside, kept from what was read before."""
        before, self.reads = self.reads, {}
        try:
            yield self.reads
        finally:
            self.reads = before
