"""Where a source stands, as the journal has it."""

from __future__ import annotations

from collections.abc import Collection

from waypost.core.grants import Positions
from waypost.flow.sharing.host import Host


class JournalPositions(Positions):
    """What a source may know of the journal."""

    def __init__(self, engine: Host, flow: str) -> None:
        self._engine, self._flow = engine, flow

    def get(self, partition: str) -> str:
        return self._engine.low_position(self._flow, partition)

    def arrival_done(self, name: str, identity: str) -> bool:
        known = self._engine.shard.state.arrival(self._flow, name, identity)
        return bool(known and known[1])

    def present(self, names: Collection[str]) -> None:
        self._engine.lying.saw(self._flow, names)
