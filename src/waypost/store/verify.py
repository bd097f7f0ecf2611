"""Reads all of a store and says what is not as it was written.

Every frame, record and large body is compared with its checksum; the state with a fold of the journal from its first
segment on; the index with the batches and, for some of them, the keys the journal has. Works beside a running store.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from waypost.core.errors import StoreError
from waypost.core.key import DEFAULT_RULES, normalise, rules_from
from waypost.store import posting
from waypost.store.backup import good_end, snapshot
from waypost.store.check_room import CheckRoom
from waypost.store.chunk import ChunkFolder
from waypost.store.derived import CommittedGroup
from waypost.store.frame import BadFrame, record_of
from waypost.store.index import SearchIndex
from waypost.store.indexed import pack_place, unpack_places
from waypost.store.journal import Journal
from waypost.store.layout import ShardFolder, shard_numbers
from waypost.store.opening import Setting
from waypost.store.outputs import KeptBatch
from waypost.store.protocol import Location
from waypost.store.record import Accepted, AnyRecord, MovedAway, OutboundBody
from waypost.store.recovery import later_frame
from waypost.store.reference_log import check_log, log_names
from waypost.store.segment import START, Identity, Segment
from waypost.store.sqlite import needs_recovery
from waypost.store.state import StateFold

_FLUSH_BYTES = 64 << 20
_KEYS_OF_EVERY = 16

Finding = tuple[int, int, str]
"""(bytes done, bytes in all, what is wrong or '')"""


def verify(setting: Setting) -> Iterator[Finding]:
    """Verify all shards of a store; blocks between its steps. Yields progress and every fault."""
    for number in shard_numbers(setting.disk, setting.store):
        with tempfile.TemporaryDirectory(prefix="waypost-verify-") as scratch:
            yield from _Shard(setting, number, Path(scratch)).run()
    done = 0
    for name in log_names(setting.disk, setting.store):
        size, fault = check_log(setting.disk, setting.store, name)
        done += size
        yield done, done, fault
    for size, fault in CheckRoom(lambda: setting).verify():
        done += size
        yield done, done, fault


class _Shard:
    def __init__(self, setting: Setting, number: int, scratch: Path) -> None:
        self.setting, self.number, self.scratch = setting, number, scratch
        self.folder = ShardFolder(setting.store, number)
        identity = Identity(setting.store_id, number)
        self.journal = Journal(setting.disk, self.folder.journal, identity, setting.codec)
        self.chunks = ChunkFolder(setting.disk, self.folder.chunks, setting.store_id, setting.codec)
        self.done, self.faults = 0, 0
        self.first_new: int | None = None
        """The first batch whose whole story is in the journal."""
        self.not_indexed: dict[int, str] = {}

    def run(self) -> Iterator[Finding]:
        with ExitStack() as held:
            state = self._open_state(held)
            index = self._open_index(held)
            if isinstance(state, str):
                yield self._fault(state)
            if isinstance(index, str) and index:
                yield self._fault(index)
            numbers = self.journal.segments()
            self.total = sum(self._size(number) for number in numbers)
            told = StateFold(self.scratch / "told.db", self.setting.clock.now)
            held.callback(told.close)
            waiting = 0
            for group in self._groups(numbers):
                if isinstance(group, str):
                    yield self._fault(group)
                    continue
                yield from self._take(group, told, state, index)
                waiting += group.bytes
                if waiting > _FLUSH_BYTES:
                    told.flush()
                    waiting = 0
                self.done += group.bytes
                yield self.done, self.total, ""
            for fault in self.not_indexed.values():
                yield self._fault(fault)
            if self.faults == 0 and isinstance(state, StateFold):
                whole = numbers[:1] == [1]
                for fault in differences(state, told, 0 if whole else self.first_new or 0, whole=whole):
                    yield self._fault(f"{self.folder.path}/state.db: {fault}")

    def _fault(self, text: str) -> Finding:
        self.faults += 1
        return self.done, getattr(self, "total", 0), text

    def _size(self, number: int) -> int:
        try:
            with closing(self.journal.open(number)) as segment:
                return segment.size
        except StoreError:
            return 0

    def _open_state(self, held: ExitStack) -> StateFold | str:
        """The state as it is now, in a copy."""
        path, copy = f"{self.folder.path}/state.db", self.scratch / "state.db"
        if not self.setting.disk.exists(path):
            return f"{path}: missing; it is rebuilt at the next start as far as the journal reaches"
        try:
            snapshot(path, str(copy))
            state = StateFold(copy, self.setting.clock.now)
        except Exception as fault:  # noqa: BLE001 - whatever cannot be read is what verify is to tell
            return f"{path}: cannot be read: {fault}"
        held.callback(state.close)
        return state

    def _open_index(self, held: ExitStack) -> SearchIndex | str:
        """The index as it is now; '' when there is none, which is no fault: it is rebuilt at the next start."""
        path = f"{self.folder.path}/index.db"
        if not self.setting.disk.exists(path):
            return ""
        try:
            read = Path(path)
            if needs_recovery(read):
                read = self.scratch / "index.db"
                snapshot(path, str(read))
            index = SearchIndex(read, self.setting.secret, read_only=True)
        except Exception as fault:  # noqa: BLE001 - as above
            return f"{path}: cannot be read: {fault}"
        held.callback(index.database.close)
        return index

    def _groups(self, numbers: list[int]) -> Iterator[CommittedGroup | str]:
        for number in numbers:
            try:
                segment = self.journal.open(number)
            except StoreError as fault:
                yield str(fault)
                continue
            with closing(segment):
                yield from self._frames(segment)

    def _frames(self, segment: Segment) -> Iterator[CommittedGroup | str]:
        footer = segment.footer()
        offsets, end = footer or (list[int](), good_end(segment))
        later = later_frame(segment, end + 1, segment.size) if footer is None else None
        if later is not None and good_end(segment) == end:  # else it was written meanwhile
            yield f"{segment.path} offset {end}: bytes have changed, for a good frame follows at {later}"
        at = START
        while at < end:
            try:
                header, found = segment.frame(at)
                where = f"{segment.path} offset {at}"
                records = [
                    (Location(segment.number, at, part.item), record_of(part, self.setting.codec, where))
                    for part in found
                ]
            except (BadFrame, StoreError) as fault:
                yield f"{segment.path} offset {at}: {fault}"
                at = min((offset for offset in offsets if offset > at), default=end)
                continue
            at += header.size
            yield CommittedGroup(records, (segment.number, at), header.size)

    def _take(
        self, group: CommittedGroup, told: StateFold, state: StateFold | str, index: SearchIndex | str
    ) -> Iterator[Finding]:
        known = told.last_seq
        told.apply(group)
        if isinstance(state, StateFold) and group.end > state.watermark:
            state.apply(group)
        if isinstance(index, SearchIndex) and group.end > index.watermark:
            index.apply(group)
        for at, record in group.records:
            for name in _large(record):
                try:
                    self.chunks.load(name)
                except StoreError as fault:
                    yield self._fault(str(fault))
            if isinstance(record, MovedAway):
                for seq in record.seqs:
                    self.not_indexed.pop(seq, None)
            if isinstance(record, Accepted):
                if self.first_new is None and record.seq > known:
                    self.first_new = record.seq
                if isinstance(index, SearchIndex):
                    yield from self._indexed(index, at, record)

    def _indexed(self, index: SearchIndex, at: Location, record: Accepted) -> Iterator[Finding]:
        path = f"{self.folder.path}/index.db"
        batch = index.batches.get(record.seq)
        where = f"batch {record.seq} of segment {at.segment} offset {at.offset}"
        if batch is None or (batch.accepted != pack_place(at) and _before(unpack_places(batch.accepted)[0], at)):
            self.not_indexed[record.seq] = f"{path}: {where} is not indexed; remove index.db to have it rebuilt"
        elif record.seq % _KEYS_OF_EVERY == 1:
            for name in _unfindable(index, record):
                yield self._fault(f"{path}: key {name!r} of {where} leads nowhere; remove index.db to have it rebuilt")


def _before(one: Location, other: Location) -> bool:
    return (one.segment, one.offset, one.item) < (other.segment, other.offset, other.item)


def _large(record: AnyRecord) -> list[str]:
    """The chunk files a record names."""
    return [name for name, _ in record.bodies.chunks if name] if isinstance(record, Accepted | OutboundBody) else []


def _unfindable(index: SearchIndex, record: Accepted) -> Iterator[str]:
    for number, (name, values) in enumerate(record.keys):
        rules = rules_from(record.key_rules[number]) if record.key_rules else DEFAULT_RULES
        for message, of_message in enumerate(values):
            for value in of_message[:1]:
                wanted = [posting.bounds(index.hasher.hash(normalise(value, rules)), index.hasher.number(name))]
                refs = posting.scan(index.fresh(), wanted) or posting.find(index.database.asker, wanted)
                if record.seq << 20 | message not in refs:
                    yield name
                    return


def differences(state: StateFold, told: StateFold, since: int, *, whole: bool) -> Iterator[str]:
    """Where a state is not what the journal tells, for batches from ``since`` on; the rest only if the journal is
    ``whole``."""
    ours = {batch.seq: batch for batch in _unfinished(state) if batch.seq >= since}
    theirs = {batch.seq: batch for batch in _unfinished(told) if batch.seq >= since}
    for seq in sorted({*ours, *theirs}):
        if (one := _picture(ours.get(seq))) != (other := _picture(theirs.get(seq))):
            yield f"batch {seq} is {one}; the journal says {other}"
    checked = {"last_seq": told.last_seq, "last_arrival": told.last_arrival}
    checked |= {"incarnation": told.incarnation, "clean": told.incarnation}
    for name, is_told in checked.items():
        if (whole or is_told) and getattr(state, name) != getattr(told, name):
            yield f"{name} is {getattr(state, name)}; the journal says {getattr(told, name)}"
    if whole and state.counts() != told.counts():
        yield f"counts are {state.counts()}; the journal says {told.counts()}"
    if whole and state.legal_holds() != told.legal_holds():
        yield f"{len(state.legal_holds())} messages are on legal hold; the journal says {len(told.legal_holds())}"
    if whole and state.commands() != told.commands():
        yield f"commands are {state.commands()}; the journal says {told.commands()}"


def _unfinished(state: StateFold) -> list[KeptBatch]:
    return [*state.active_batches(), *state.kept_batches()]


def _picture(batch: KeptBatch | None) -> str:
    if batch is None:
        return "finished"
    counts = ", ".join(f"{batch.states.count(state)} in state {state}" for state in sorted(set(batch.states)))
    places = ", ".join(f"{at.segment}:{at.offset}" for at in (batch.accepted, *batch.produced))
    return f"{batch.count} messages of {batch.flow} at {places} with {counts or 'no outputs'}"
