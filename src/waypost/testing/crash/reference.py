"""What is derived from a journal, computed from scratch: the judge of every image."""

from __future__ import annotations

import os
import shutil
import tempfile
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from waypost.store import posting
from waypost.store.derived import CommittedGroup, Watermark
from waypost.store.index import SearchIndex
from waypost.store.indexed import unpack_places
from waypost.store.protocol import Location
from waypost.store.record import OUT_BITS
from waypost.store.segment import START
from waypost.store.sqlite import select
from waypost.store.state import StateFold

SHARED_MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
_STATE_TABLES = (
    "batch", "retry", "position", "arrival", "arrival_name", "claim", "sequence", "timer", "step_state", "activation",
)  # fmt: skip


def never() -> int:
    """The time of a clock that stands still, so that nothing expires."""
    return 0


class Reference:
    """The whole journal of one shard as it was written, and what a fold makes of each beginning of it."""

    def __init__(self, groups: Sequence[CommittedGroup], secret: bytes) -> None:
        self.groups, self.secret = groups, secret
        self.ends: list[Watermark] = [group.end for group in groups]
        self._states, self._indexes = _fold(groups, secret)

    def beginning(self, end: Watermark) -> int | None:
        """How many groups a journal that ends there holds; None when no commit ended there. The start of a segment is
        the end of the one before."""
        found = bisect_left(self.ends, end)
        if end[1] <= START:
            return found
        return found + 1 if found < len(self.ends) and self.ends[found] == end else None

    def state(self, count: int) -> bytes:
        """The dump of a state that took in the first ``count`` groups."""
        return self._states[count]

    def index(self, count: int) -> bytes:
        return self._indexes[count]


def _fold(groups: Sequence[CommittedGroup], secret: bytes) -> tuple[list[bytes], list[bytes]]:
    folder = tempfile.mkdtemp(prefix="waypost-reference-", dir=SHARED_MEMORY)
    state, index = StateFold(Path(folder) / "state.db", never), SearchIndex(Path(folder) / "index.db", secret)
    states, indexes = [dump_state(state)], [dump_index(index)]
    for group in groups:
        state.apply(group)
        index.apply(group)
        states.append(dump_state(state))
        indexes.append(dump_index(index))
    state.close()
    index.close()
    shutil.rmtree(folder)
    return states, indexes


def dump_state(state: StateFold) -> bytes:
    """All that a state says, in one order, without where it stands."""
    state.flush()
    connection = state._database.reader
    found: dict[str, Any] = {table: sorted(select(connection, f"SELECT * FROM {table}")) for table in _STATE_TABLES}
    totals = msgspec.to_builtins(state._database.totals())
    found["totals"] = [value for value in totals if value != list(state.watermark)]
    return msgspec.msgpack.encode(found)


def dump_index(index: SearchIndex) -> bytes:
    """All that an index says, in one order, without where it stands or how it is laid out."""
    index.flush()
    database = index.database
    found = {
        "batches": database.batches(database.fetcher, "ORDER BY seq"),
        "failures": sorted(select(database.fetcher, "SELECT * FROM failure")),
        "groups": sorted(select(database.fetcher, "SELECT * FROM failure_group")),
        "postings": sorted(set(posting.everything(database.fetcher))),
        "extents": sorted(select(database.fetcher, "SELECT * FROM extent")),
        "marks": len(select(database.fetcher, "SELECT * FROM mark")),
        "names": database.totals().names,
    }
    return msgspec.msgpack.encode(found)


def without_removed(dump: bytes, expected: bytes, present: Sequence[int]) -> bytes:
    """A dump of an index as far as it is about batches in segments that are there: of others it may know or not. Of a
    batch that was told again, what came before is told with it. One whose time is over may have lost a later segment,
    and the keys found there with it."""
    found, kept, whole = msgspec.msgpack.decode(dump), set(), set()
    for batch in msgspec.msgpack.decode(expected)["batches"]:
        if unpack_places(batch["accepted"])[0].segment in present:
            kept.add(batch["seq"])
            if all(at.segment in present for at in _since(batch["accepted"], batch["produced"] + batch["story"])):
                whole.add(batch["seq"])
    found["batches"] = [
        {**batch, "story": _since(batch["accepted"], batch["story"])}
        for batch in found["batches"]
        if batch["seq"] in kept
    ]
    found["failures"] = [failure for failure in found["failures"] if failure[0] >> OUT_BITS in kept]
    found["postings"] = [one for one in found["postings"] if posting.reference(one) >> OUT_BITS in whole]
    found["extents"] = [extent for extent in found["extents"] if extent[0] in present]
    found["groups"] = found["marks"] = None
    return msgspec.msgpack.encode(found)


def _since(accepted: bytes, story: bytes) -> list[Location]:
    first = unpack_places(accepted)[0]
    return [at for at in unpack_places(story) if (at.segment, at.offset) >= (first.segment, first.offset)]


def difference(found: bytes, expected: bytes) -> str:
    """Which parts of two dumps differ, and by an example."""
    one, other = msgspec.msgpack.decode(found), msgspec.msgpack.decode(expected)
    said = []
    for part in one:
        if one[part] != other[part]:
            left, right = one[part], other[part]
            if isinstance(left, list):
                left, right = [x for x in left if x not in right][:1], [x for x in right if x not in left][:1]
            said.append(f"{part}: {left!r:.200} instead of {right!r:.200}")
    return "; ".join(said)
