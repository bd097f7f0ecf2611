"""What the engine and the tools may ask of a Message Store, whatever holds it.

One *shard* is owned by one process: its journal is the only truth, ``state`` and ``index`` are folds of it. The
embedded store (``waypost.store.embedded``) and, later, PostgreSQL implement these; one conformance kit
(``waypost.testing.store_kit``) judges both.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from waypost.core.errors import StoreError
from waypost.store.record import Accepted, AnyRecord, Effects, Failure, Produced, State


class Location(msgspec.Struct, array_like=True, frozen=True):
    """Where a record lies: segment number and byte offset of its frame, and its place in the frame."""

    segment: int
    offset: int
    item: int


class OpenBatch(msgspec.Struct):
    """A batch with work left, as ``ShardState`` keeps it; small, because a million messages may be open.

    ``rows`` packs (message index u16, target u8, ordinal u16) per output row; ``states`` one ``State`` byte per row;
    ``order`` packs the ordering hash (u64) per *message*. A batch may be produced in parts: ``left`` is how many of its
    messages have no row yet.
    """

    seq: int
    flow: str
    version: str
    count: int
    at: int
    first_id: bytes
    accepted: Location
    effects: tuple[Location, ...] = ()
    produced: tuple[Location, ...] = ()
    left: int = 0
    targets: tuple[str, ...] = ()
    rows: bytes = b""
    states: bytearray = msgspec.field(default_factory=bytearray)
    order: bytes = b""
    arrival: int = 0


class Retry(msgspec.Struct, array_like=True, frozen=True):
    """What is known of an output that failed and is still active, parked or dead."""

    ref: int
    attempt: int
    next_at: int
    error_class: str
    code: str
    text: str
    at: int
    body: Location | None = None


class Held(msgspec.Struct, array_like=True, frozen=True):
    """Since when, by whom and why a message is kept against retention."""

    at: int
    who: str
    why: str


class StoredBatch(msgspec.Struct, frozen=True):
    """A batch read back whole from the journal."""

    accepted: Accepted
    effects: Sequence[Effects]
    produced: Sequence[Produced]


def stored_batch(seq: int, records: Sequence[AnyRecord | None], where: str) -> StoredBatch:
    """A batch from its records, the ``Accepted`` first. Raises ``StoreError`` when it is another batch."""
    accepted, *rest = records
    if not isinstance(accepted, Accepted) or accepted.seq != seq:
        raise StoreError(f"no batch {seq}", where=where)
    effects = [record for record in rest if isinstance(record, Effects)]
    return StoredBatch(accepted, effects, [record for record in rest if isinstance(record, Produced)])


class ShardState(Protocol):
    """The derived state of a shard: always what the committed journal says."""

    def open_batches(self) -> Iterator[OpenBatch]:
        """Batches with active rows or not yet wholly produced, by ``seq``."""
        ...

    def batch(self, seq: int) -> OpenBatch | None:
        """A batch with active, parked or dead rows, or None."""
        ...

    def retry(self, ref: int) -> Retry | None: ...

    def retries(self) -> Iterator[Retry]:
        """Every output in state RETRYING."""
        ...

    def position(self, flow: str, partition: str, slot: int = -1) -> str:
        """Where a partition stands in this shard; with a slot, at least what was copied for that slot."""
        ...

    def positions(self, flow: str) -> Mapping[str, str]:
        """Partition → position, for all of a flow's source."""
        ...

    def uneven(self) -> Collection[tuple[str, str]]:
        """(flow, partition) of which some slot stands further on than the others, after slots were exchanged."""
        ...

    def arrival(self, flow: str, name: str, identity: str) -> tuple[int, bool, bool] | None:
        """(number, ended, disposed) of an arrival begun here, or None."""
        ...

    def claim(self, scope: str, key: bytes) -> bytes | None:
        """The message id that claimed a key, unless expired."""
        ...

    def number(self, sequence: str) -> int: ...

    def timers(self) -> Iterator[tuple[str, int, bytes]]: ...

    def step_state(self, flow: str, step: str, key: str) -> bytes: ...

    def step_states(self, flow: str, step: str) -> Iterator[tuple[str, bytes]]:
        """(key, state) of everything a step has."""
        ...

    def legal_holds(self) -> Mapping[bytes, Held]:
        """Every message that is kept against retention, by id."""
        ...

    def commands(self) -> Mapping[str, str]:
        """Subject → lasting state, for those that are not as usual."""
        ...

    def activations(self) -> Sequence[tuple[str, int, str, Mapping[str, object]]]:
        """(version, at, who, details), oldest first."""
        ...

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Per flow: accepted, and rows per state name, since the store began."""
        ...


class Shard(Protocol):
    """One shard, open for writing in this process."""

    number: int
    secret: bytes
    """Keys the digests, ordering hashes and indexed key hashes of this store (32 bytes)."""

    @property
    def state(self) -> ShardState: ...

    def next_seq(self) -> int:
        """The number for the next batch; every number handed out must be appended, in order."""
        ...

    def next_arrival(self) -> int: ...

    unclean: bool
    """The process before this one did not close the shard."""

    async def append(self, records: Sequence[AnyRecord]) -> None:
        """Return once the records are durable, all or none of them, after everything appended before. Calls made
        while a sync runs share the next one (group commit). Raises ``StoreFull`` (nothing written; may be tried
        again) or ``CommitFailed`` (may be durable: the process must leave and reopen)."""
        ...

    def submit(self, records: Sequence[AnyRecord]) -> asyncio.Future[None]:
        """``append`` without waiting: in turn from this call on, the future says when and whether."""
        ...

    def append_later(self, records: Sequence[AnyRecord]) -> None:
        """Let the records ride in the next commit, or within 5 ms: for outcomes, which may be repeated when lost."""
        ...

    async def read_batch(self, batch: OpenBatch) -> StoredBatch:
        """A batch from the journal; recently written ones come from memory."""
        ...

    async def read_outbound(self, at: Location) -> tuple[bytes, str]:
        """Bytes and content type of an ``OutboundBody``."""
        ...

    async def findable(self) -> None:
        """Return once everything committed until now is found by a reader; after a second at the latest."""
        ...

    def wait_findable(self) -> None:
        """``findable``, for who asks in a thread of its own: blocks."""
        ...

    @property
    def room(self) -> bool:
        """False when the disk is so full that nothing more may be accepted; outcomes can still be written."""
        ...

    async def close(self, *, clean: bool = True) -> None:
        """Append ``Closed``, flush derived state, let go of the lock. ``clean=False``: without ``Closed``, so that
        whoever opens it next takes what is open for what a crash left."""
        ...


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages are meant. ``key`` is (name or '' for any name, value as a person typed it); empty fields do not
    limit. ``since`` and ``until`` are times of acceptance; ``before`` continues a listing after this message id."""

    flow: str = ""
    state: str = ""
    key: tuple[str, str] | None = None
    message: bytes = b""
    arrival: str = ""
    target: str = ""
    error: str = ""
    since: int = 0
    until: int = 0
    before: bytes = b""
    limit: int = 50


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a listing, newest first. ``targets``: (name, ordinal, state, attempts) per output row;
    ``failures`` why rows are retrying, parked or dead."""

    message: bytes
    shard: int
    seq: int
    index: int
    flow: str
    version: str
    received_at: int
    state: str
    keys: Mapping[str, Sequence[str]]
    targets: Sequence[tuple[str, int, State, int]]
    failures: Sequence[Failure]
    arrival: str = ""
    size: int = 0


class ArrivalRow(msgspec.Struct, frozen=True, kw_only=True):
    """One arrival with what became of its messages."""

    shard: int
    number: int
    flow: str
    name: str
    identity: str
    size: int
    sha256: str
    begun_at: int
    ended_at: int
    disposed_at: int
    records: int
    delivered: int
    dead: int
    parked: int
    filtered: int
    open: int
    error: str


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the journal has about one message: the batch it is in, and every later record that names it."""

    found: Found
    batch: StoredBatch
    records: Sequence[AnyRecord]
    story: Sequence[AnyRecord] = ()
    """Every later record that names any message of the batch, for telling the batch again."""
    states: bytes = b""
    """The state of every output of the batch, likewise."""


class Reader(Protocol):
    """Questions over all shards of a store; offline, or beside a running engine through its process."""

    def find(self, query: Query) -> Sequence[Found]: ...

    def history(self, message: bytes) -> History | None: ...

    def arrivals(self, flow: str = "", name: str = "", limit: int = 50) -> Sequence[ArrivalRow]: ...

    def groups(self, query: Query) -> Sequence[tuple[str, str, str, int, int, int]]:
        """Failure groups of parked, dead and retrying rows: (flow, place, code and text, count, first, last)."""
        ...


class Cipher(Protocol):
    """Encrypts and decrypts bytes under a numbered key; number 0 means none."""

    key: int

    def seal(self, data: bytes) -> bytes: ...

    def open(self, key: int, data: bytes) -> bytes: ...


class MessageStore(Protocol):
    """A store: some shards, their reader, and the work on the whole."""

    def shards(self) -> Sequence[int]: ...

    async def open_shard(self, number: int, workers: int) -> Shard: ...

    def reader(self) -> Reader: ...

    def backup(self, folder: str) -> AsyncIterator[tuple[int, int]]:
        """Copy a consistent store while it is written; yields (bytes done, bytes in all)."""
        ...

    def verify(self) -> AsyncIterator[tuple[int, int, str]]:
        """Read everything and compare with its checksums; yields (done, in all, fault or '')."""
        ...
