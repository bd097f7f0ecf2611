"""The business keys of a message as its targets see them: the first value of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from waypost.core.message import NO_HEADERS

Columns = Mapping[str, Sequence[tuple[str, ...]]]
"""Per name of a key, the values of each message of a batch."""


class FirstKeys(msgspec.Struct, gc=False, eq=False):
    """The first value of each business key of one message, as a mapping that looks only when it is asked: few targets
    ask, and a mapping of its own for each message takes ten times as long to make."""

    columns: Columns
    index: int

    def __getitem__(self, name: str) -> str:
        return self.columns[name][self.index][0]

    def __iter__(self) -> Iterator[str]:
        return (name for name, column in self.columns.items() if column[self.index])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in self.columns and bool(self.columns[name][self.index])  # type: ignore[index]

    def get(self, name: str, otherwise: Any = None) -> Any:
        found = self.columns.get(name, ())
        return found[self.index][0] if found and found[self.index] else otherwise

    keys, items, values, __eq__ = Mapping.keys, Mapping.items, Mapping.values, Mapping.__eq__


Mapping.register(FirstKeys)


class _NoKeys(Sequence[Mapping[str, str]]):
    """No keys, however many messages."""

    def __len__(self) -> int:
        return 0

    def __getitem__(self, index: Any) -> Any:
        return NO_HEADERS


_NO_KEYS = _NoKeys()


def first_keys(columns: Columns) -> Sequence[Any]:
    """The first value of each business key, per message: as many as there are, or without end."""
    count = max(map(len, columns.values()), default=0)
    return [FirstKeys(columns, index) for index in range(count)] if count else _NO_KEYS
