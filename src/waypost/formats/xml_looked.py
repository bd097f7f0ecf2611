"""Where records of an XML content were looked for, and what was there instead."""

from __future__ import annotations

from collections.abc import Sequence

from waypost.formats.xml_markup import local

_MOST_NAMED = 8


class Looked:
    """What stands where records were looked for, as long as none was found."""

    def __init__(self, path: tuple[bytes, ...]) -> None:
        self._path = path
        self._deepest = 0
        """How many names of the path were met, one within the other."""
        self._others: dict[bytes, None] = {}
        """The elements there that are not on the path."""

    def at(self, around: Sequence[bytes], name: bytes) -> Looked:
        """Take note of an element that is no record."""
        level, path = len(around), self._path
        on_path = level < len(path) and all(_fits(*pair) for pair in zip(path, around, strict=False))
        if len(path) > 1 and on_path and level < len(path) - 1 and _fits(path[level], name):
            if level >= self._deepest:
                self._deepest, self._others = level + 1, {}
        elif (len(path) == 1 or (on_path and level == self._deepest)) and len(self._others) < _MOST_NAMED:
            self._others.setdefault(local(name))
        return self

    @property
    def astray(self) -> bool:
        """Whether not even what should be around records is there."""
        return self._deepest < len(self._path) - 1

    @property
    def found(self) -> str:
        """What was there instead; '' where nothing was, so that there may be no records today."""
        if not self._others:
            return ""
        names = ", ".join(repr(name.decode("utf-8", "replace")[:40]) for name in self._others)
        around = b"/".join(self._path[: self._deepest]).decode()
        return f"no {self._path[-1].decode()!r}, but {names}" + (f" in {around!r}" if around else "")


def _fits(step: bytes, name: bytes) -> bool:
    return step in (b"*", local(name))
