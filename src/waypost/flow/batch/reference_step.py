"""How a step comes to the reference data it looks into: the version is asked for, recorded, and looked into.

The question is a read effect of its own beside the step: it rides in the commit of the batch, all messages of a batch
are given the same versions, and recomputing looks into the versions that are recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from waypost.core.component import Request
from waypost.flow.declared.reference_data import ReferenceData
from waypost.mapping.reference_use import ReferenceTable

ENDING = "/reference"
"""What the name of the question has behind that of its step."""


class ReferenceLook:
    """The tables one step looks into. Also the requester of its question. Without ``data`` (in tests and trials) the
    tables hold what their initial files say."""

    def __init__(
        self, step: str, tables: Sequence[ReferenceTable], read: Callable[[str], bytes], data: ReferenceData | None
    ) -> None:
        self.name = f"{step}{ENDING}"
        self.tables, self._read, self._data = tuple(tables), read, data
        self.request = Request(parameters={"reference": [table.declaration.name for table in self.tables]})

    async def open(self) -> None:
        """There is nothing to make ready."""

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def ask(self, batch: Sequence[Request]) -> Sequence[Any]:
        """The versions that hold now, the same for all of a batch."""
        return [self.now()] * len(batch)

    def now(self, *, looking: bool = False) -> dict[str, list[Any]]:
        """Number and digest of the newest version of each table. ``looking``: nothing is written, so a table without a
        history stands at its initial file."""
        versions = {}
        for table in self.tables:
            name = table.declaration.name
            if self._data is None:
                versions[name] = [0, ""]
                continue
            found = self._data.table(name).newest if looking else self._data.newest(table.declaration, self._read)
            versions[name] = [found.number, found.digest]
        return versions

    def use(self, versions: Mapping[str, Sequence[Any]]) -> None:
        """Look into these versions from now on. ``BugError`` where the history has others."""
        for table in self.tables:
            number, digest = versions[table.declaration.name]
            if number and self._data is not None:
                table.version = self._data.version(table.declaration.name, number, digest)
            else:
                table.use_initial()


def step_of(name: str) -> str:
    """The step whose question has this name."""
    return name.removesuffix(ENDING)


def is_reference(name: str) -> bool:
    """Whether a question is about reference data."""
    return name.endswith(ENDING)
