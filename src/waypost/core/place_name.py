"""Formats that know where a value stands by a name people use, such as the cell of a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class NamingFormat(Protocol):
    """A format whose values stand in no bytes of a record by themselves, but in places that have names."""

    def place_names(
        self, data: bytes, context: bytes, paths: Sequence[tuple[str | int | None, ...]]
    ) -> Sequence[Any]:  # fmt: skip
        """For each place of the record's document the name of where it was read from, such as ``Prices!B7``; None for
        what was read from none. Reads the record anew, as ``LocatingFormat.locate``."""
        ...
