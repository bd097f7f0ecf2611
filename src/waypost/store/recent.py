"""Records written a moment ago, kept in memory so that a fresh delivery reads nothing."""

from __future__ import annotations

from collections import OrderedDict

from waypost.store.derived import CommittedGroup
from waypost.store.protocol import Location
from waypost.store.record import Accepted, AnyRecord, Effects, OutboundBody, Produced

_KINDS = (Accepted, Effects, Produced, OutboundBody)


class Recent:
    """The last ``limit`` bytes of groups, oldest forgotten first."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._groups: OrderedDict[tuple[int, int], tuple[int, dict[int, AnyRecord]]] = OrderedDict()

    def add(self, group: CommittedGroup) -> None:
        kept: dict[int, AnyRecord] = {at.item: record for at, record in group.records if isinstance(record, _KINDS)}
        if not kept:
            return
        first = group.records[0][0]
        self._groups[first.segment, first.offset] = group.bytes, kept
        self._size += group.bytes
        while self._size > self._limit and len(self._groups) > 1:
            _, (size, _) = self._groups.popitem(last=False)
            self._size -= size

    def get(self, at: Location) -> AnyRecord | None:
        group = self._groups.get((at.segment, at.offset))
        return group[1].get(at.item) if group else None
