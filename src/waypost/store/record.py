"""The records of the journal: everything the store knows is a fold of these, in order.

A *batch* is what one ``Accepted`` holds: its number ``seq`` is dense within a shard, its messages are numbered from 0.
Every message has at least one *output row* in the batch's ``Produced``: one for each delivery, or one that says it was
filtered or failed. An output is known by its *reference*, ``ref = seq << OUT_BITS | row``; its state is one byte.

Packed columns are little-endian and have no padding. Times are UTC microseconds. Adding a field at the end of a record
is compatible both ways; anything else is a new format version.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import msgspec

from waypost.store.output_state import ACTIVE as ACTIVE
from waypost.store.output_state import KEPT as KEPT
from waypost.store.output_state import State as State
from waypost.store.output_state import message_state as message_state

FORMAT_VERSION = 4  # 2 added LegalHold and Forgotten; 3 has digests of another kind; 4 added Released
OUT_BITS, OUT_MASK = 20, (1 << 20) - 1
"""A batch has at most a million output rows."""

NO_TARGET = 0xFF
"""The target number of an output row of a message that goes nowhere."""

OUT_ROW = struct.Struct("<HBHB16s")
"""message index, target number, ordinal, first ``State``, keyed digest of the outbound bytes (zeros for none)."""

ORDER_ROW = struct.Struct("<Q")
"""The hash of a message's ordering key; 0 = none."""


class Record(msgspec.Struct, array_like=True, frozen=True):
    """One journal record."""


class Bodies(msgspec.Struct, array_like=True, frozen=True):
    """Message bodies, each encoded alone (``codec``, ``key``: 0 = as they are), joined; ``ends`` packs the end of each
    within ``data`` as u32. ``chunks`` has, per message, the file and the length of a body too large for the journal, or
    ('', 0). Who writes gives all bodies in ``data``; who reads through a shard gets them so."""

    ends: bytes
    data: bytes
    codec: int = 0
    key: int = 0
    chunks: tuple[tuple[str, int], ...] = ()


class Accepted(Record, tag=1, frozen=True):
    """Messages are durable. ``position`` is where ``partition`` of the flow's source stands after them (''= none);
    ``ranges`` packs start and end (u64 each) of every message in its arrival's content; ``order`` packs ``ORDER_ROW``
    per message; ``keys`` has, per key name, the values of each message as they were written, ``key_rules`` per
    name how they are normalised (``core.key.rules_text``; none = by default); ``headers`` is MessagePack of one
    mapping per message, or empty. ``causes`` names the message each one came from (hop, replay, edit)."""

    seq: int
    flow: str
    version: str
    first_id: bytes
    count: int
    at: int
    bodies: Bodies
    context: bytes = b""
    content_type: str = ""
    partition: str = ""
    position: str = ""
    arrival: int = 0
    ranges: bytes = b""
    order: bytes = b""
    keys: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = ()
    headers: bytes = b""
    causes: tuple[bytes, ...] = ()
    origin: str = ""
    """'' from the source; ``replay``, ``edit``, ``channel``, ``send``, ``moved``."""
    key_rules: tuple[str, ...] = ()
    moved_from: int = -1
    """The shard they were accepted in, when they were moved here: not counted again, saying nothing of positions."""
    faults: tuple[tuple[int, str], ...] = ()
    """(message index, cause) of records that were broken before anything was read of them, as their framer said."""
    stage: str = ""
    """Where in the flow they begin: '' at the source; ``at S``: they wait at the boundary S, ``after S``: S released
    them. Their bodies are then written by the engine."""
    occurrence: bytes = b""
    """Which coming of an interchange, or another unit, they are part of; b'' where they are part of none."""


class Effects(Record, tag=2, frozen=True):
    """Answers from outside, in the order asked: (message index, step, ordinal, request digest, MessagePack answer)."""

    seq: int
    items: tuple[tuple[int, str, int, bytes, bytes], ...]


class Failure(msgspec.Struct, array_like=True, frozen=True):
    """Why an output row failed: ``place`` is a step or target name."""

    row: int
    place: str
    error_class: str
    code: str
    text: str


class Produced(Record, tag=3, frozen=True):
    """What the steps made of a batch, or of some of its messages: ``rows`` packs ``OUT_ROW``, the first of them being
    row ``first_row`` of the batch; ``targets`` are the names they number. Failures name rows of the batch.
    ``timings`` are microseconds per step for the whole batch; ``keys`` are business keys found in produced
    messages: (name, message index, value). ``paths``: per row, a child's place in each split, or nothing. ``notes``:
    what a step found in a message that went on: (message index, step, MessagePack of the findings)."""

    seq: int
    targets: tuple[str, ...]
    rows: bytes
    failures: tuple[Failure, ...] = ()
    timings: tuple[int, ...] = ()
    keys: tuple[tuple[str, int, str], ...] = ()
    at: int = 0
    first_row: int = 0
    paths: tuple[tuple[int, ...], ...] = ()
    notes: tuple[tuple[int, str, bytes], ...] = ()


class Intended(Record, tag=4, frozen=True):
    """These outputs are about to be sent to a target that cannot recognise a repetition."""

    refs: bytes


class Delivered(Record, tag=5, frozen=True):
    """A target took these outputs, in one send. ``addresses``, ``statuses`` and ``answers`` have one entry for all, or
    one per output. ``keys``: (name, position in refs, value) found in answers."""

    refs: bytes
    at: int
    duration_us: int
    addresses: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    answers: tuple[bytes, ...] = ()
    answer_headers: bytes = b""
    keys: tuple[tuple[str, int, str], ...] = ()
    possible_duplicate: bool = False
    offsets: bytes = b""
    """Packs, per output, where in the file at the one address it begins, as u64; empty where that says nothing."""


class DeliveryFailed(Record, tag=6, frozen=True):
    """A target did not take an output. ``state`` is what it is now; ``next_at`` when it is tried again."""

    ref: int
    at: int
    attempt: int
    state: int
    next_at: int
    error_class: str
    code: str
    text: str
    address: str = ""
    status: str = ""
    answer: bytes = b""
    in_doubt: bool = False


class OutboundBody(Record, tag=7, frozen=True):
    """The bytes of an output that failed once, was open at a graceful stop, or carries numbers that were given as it
    left: retries never recompute. ``numbers``: (sequence, number) of each it carries."""

    ref: int
    content_type: str
    bodies: Bodies
    numbers: tuple[tuple[str, int], ...] = ()


class Decided(Record, tag=8, frozen=True):
    """A person, or a rule on a person's behalf, changed the state of outputs (retry, hold, release, cancel, resend)."""

    refs: bytes
    state: int
    at: int
    who: str
    why: str
    verb: str


class ArrivalBegun(Record, tag=10, frozen=True):
    """A file, interchange or poll began to come in. ``number`` is dense within a shard."""

    number: int
    flow: str
    partition: str
    name: str
    identity: str
    size: int
    at: int


class ArrivalEnded(Record, tag=11, frozen=True):
    """Every record of an arrival is journaled, somewhere. ``records`` counts those of all shards."""

    number: int
    at: int
    records: int
    size: int
    sha256: str
    error: str = ""


class ArrivalDisposed(Record, tag=12, frozen=True):
    """The source moved, deleted or left the content, after it happened."""

    number: int
    at: int


ANEW = -2
"""For ``Positioned.slot``: slots were exchanged between shards, and one position no longer holds for all of them."""


class Positioned(Record, tag=13, frozen=True):
    """A partition stands at ``position`` though no message was accepted (a gap, or copied from another shard).
    ``slot`` limits it to one slot, -1 = all, ``ANEW`` = all, even where it stood further on."""

    flow: str
    partition: str
    position: str
    slot: int = -1


class Claimed(Record, tag=14, frozen=True):
    """Keys seen by an idempotent receiver: (scope, keyed hash, message id, expires at or 0)."""

    items: tuple[tuple[str, bytes, bytes, int], ...]


class Numbered(Record, tag=15, frozen=True):
    """A sequence stands at ``value``; ``void`` says the number was never sent."""

    name: str
    value: int
    void: bool = False


class TimerSet(Record, tag=16, frozen=True):
    """A timer is due at ``due``; setting a name again moves it."""

    name: str
    due: int
    payload: bytes = b""


class TimerDone(Record, tag=17, frozen=True):
    """A timer fired or was taken back; what it caused is in the same commit."""

    name: str


class StepState(Record, tag=18, frozen=True):
    """A boundary step's state under ``key`` is now ``value`` (b'' = gone)."""

    flow: str
    step: str
    key: str
    value: bytes


class Commanded(Record, tag=19, frozen=True):
    """A person told the running system something that lasts: ``subject`` (``flow:x``, ``target:x/y``,
    ``connection:z``, ``schedule:x``) is now ``state`` ('' = as usual)."""

    subject: str
    state: str
    at: int
    who: str
    why: str


class Activated(Record, tag=20, frozen=True):
    """A version of the project became the current one. ``details``: commit, author, flows and maps touched."""

    version: str
    at: int
    who: str
    details: dict[str, Any]


class MovedAway(Record, tag=21, frozen=True):
    """These outputs, or whole batches not yet produced (``seqs``), belong to another shard since ``at``."""

    refs: bytes
    seqs: tuple[int, ...]
    to_shard: int
    at: int


class Opened(Record, tag=22, frozen=True):
    """A process took the shard. ``unclean``: the one before did not say ``Closed``."""

    incarnation: int
    at: int
    unclean: bool
    fingerprint: str
    workers: int = 1


class Closed(Record, tag=23, frozen=True):
    """The process let the shard go with nothing in the air."""

    at: int


class Linked(Record, tag=24, frozen=True):
    """A message relates to another: ``relation`` is ``duplicate-of``, ``replay-of``, ``edit-of``, ``split-from``."""

    message: bytes
    relation: str
    other: bytes
    at: int


class Retold(Record, tag=25, frozen=True):
    """An encoded record about a batch, kept for its history when the batch is told again: when its ``Accepted``,
    ``Effects`` and ``Produced`` are journaled a second time. Changes no state."""

    seq: int
    record: bytes


class LegalHold(Record, tag=26, frozen=True):
    """A person keeps messages (by id) against retention, or, with ``held`` False, does so no longer."""

    messages: tuple[bytes, ...]
    held: bool
    at: int
    who: str
    why: str


class Released(Record, tag=28, frozen=True):
    """A boundary let ``members`` (by id, in order) of a group go, and made ``messages`` of them. ``who`` and ``why``:
    where a person did it."""

    flow: str
    step: str
    key: str
    members: tuple[bytes, ...]
    messages: tuple[bytes, ...]
    reason: str
    at: int
    who: str = ""
    why: str = ""
    origins: tuple[bytes, ...] = ()
    """The messages that came to the boundary as these members, in the same order."""


class Forgotten(Record, tag=27, frozen=True):
    """Rows nobody needs any more: arrivals by number, and positions (flow, partition, slot)."""

    arrivals: tuple[int, ...]
    positions: tuple[tuple[str, str, int], ...] = ()


AnyRecord = (
    Accepted | Effects | Produced | Intended | Delivered | DeliveryFailed | OutboundBody | Decided | ArrivalBegun
    | ArrivalEnded | ArrivalDisposed | Positioned | Claimed | Numbered | TimerSet | TimerDone | StepState | Commanded
    | Activated | MovedAway | Opened | Closed | Linked | Retold | LegalHold | Forgotten | Released
)  # fmt: skip

encode = msgspec.msgpack.Encoder().encode
decode: Callable[[bytes | memoryview], AnyRecord] = msgspec.msgpack.Decoder(AnyRecord).decode


def ref_of(seq: int, row: int) -> int:
    """The reference of output ``row`` of batch ``seq``."""
    return seq << OUT_BITS | row


def pack_refs(refs: list[int]) -> bytes:
    """References as records hold them."""
    return struct.pack(f"<{len(refs)}Q", *refs)


def unpack_refs(packed: bytes) -> tuple[int, ...]:
    """What ``pack_refs`` packed."""
    return struct.unpack(f"<{len(packed) // 8}Q", packed)
