"""What comes into a flow in one go, and the records that make it durable."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from itertools import accumulate, repeat
from typing import Any

import msgspec

from waypost.core.component import Outbound
from waypost.core.errors import BugError, DataError
from waypost.core.key import normalise_all, ordering_hash, rules_from, rules_text
from waypost.core.message import NO_HEADERS, Message, id_at, id_text
from waypost.flow.batch.compiled import CompiledFlow, Out, Processed, Trouble, failure_state
from waypost.flow.batch.first_key import first_keys
from waypost.flow.batch.ordinal import MOST_ROWS
from waypost.flow.declared.key_reader import KeyReader
from waypost.flow.member import envelope
from waypost.flow.member.begin import Begin
from waypost.store.record import NO_TARGET, OUT_ROW, Accepted, Bodies, Failure, Produced, State, ref_of

BATCH = 200
"""Messages processed together; larger batches fall out of the processor's cache."""

_pack = msgspec.msgpack.Encoder().encode
SAME_KEY = "replay-same-key"
"""The origin of a replay whose outputs keep the idempotency keys of the messages they replay."""

REPLAYED = ("replay", SAME_KEY)

_unpack = msgspec.msgpack.Decoder().decode


class Load(msgspec.Struct):
    """Raw records for one flow, in order. ``position`` is where ``partition`` stands after them; ``faults`` names
    those their framer found broken; ``ranges`` packs start and end of each (u64) in its arrival. Also what one worker
    hands another, so plain data only."""

    flow: str
    raws: list[bytes]
    context: bytes = b""
    content_type: str = ""
    partition: str = ""
    position: str = ""
    arrival: int = 0
    ranges: bytes = b""
    headers: list[dict[str, str]] | None = None
    causes: list[bytes] = []
    origin: str = ""
    faults: dict[int, str] = {}
    reading: int = 0
    """One pass over a partition: when part of it is refused, so is all that follows of the same pass."""
    content: tuple[str, str, int, int] = ("", "", 0, 0)
    """Name, identity, size and beginning of the arrival, for a worker that has not heard of it."""
    shared_headers: dict[str, str] = {}
    """Headers of all the records, such as what their file's name says."""
    stage: str = ""
    """Where in the flow these messages begin, as ``boundary.envelope`` writes it; '' = at the source."""
    occurrence: bytes = b""
    """Which coming of an interchange, or another unit, the records are part of; b'' where they are part of none."""

    def headers_of(self, index: int) -> Mapping[str, str]:
        if not self.headers:
            return self.shared_headers or NO_HEADERS
        return {**self.shared_headers, **self.headers[index]} if self.shared_headers else self.headers[index]


class Placed(msgspec.Struct, frozen=True):
    """Where a load is in its shard: its batch and the id of its first message."""

    seq: int
    first: bytes


class Part(msgspec.Struct, frozen=True):
    """Some records of a load (``indices``) as batch ``seq`` of a worker, ids from ``first`` on."""

    worker: int
    seq: int
    first: bytes
    indices: Sequence[int]


class Decoded(msgspec.Struct):
    """A load's messages, before the steps. ``order`` and ``keys`` are as in ``Accepted``."""

    first: int
    at: int
    indices: Sequence[int]
    messages: Sequence[Message]
    """Each with its number in the batch, which ``indices`` has."""
    refused: list[tuple[int, str, Any]]
    """(message index, place, error) of those that have no document or no ordering key."""
    order: list[int]
    keys: dict[str, list[tuple[str, ...]]]
    origins: list[bytes] = []
    """The messages whose idempotency keys these keep, where a replay asked for that."""
    begin: Begin | None = None
    """Where the messages begin, unless at the source."""
    occurrence: bytes = b""
    """As ``Load.occurrence``."""

    @property
    def first_id(self) -> bytes:
        """The id of the first message."""
        return id_at(self.first, 0)


def decode_load(flow: CompiledFlow, load: Load, first: int, at: int, secret: bytes) -> Decoded:
    """Documents, business keys and ordering keys of a load. Depends on its arguments alone."""
    if load.stage:
        return _from_boundary(load, first, at, secret)
    documents = list(flow.decode(load.raws, load.context))
    for index, fault in load.faults.items():
        documents[index] = DataError(fault, where=f"flow {flow.name}")
    broken = _broken(documents)
    refused: list[tuple[int, str, Any]] = [(index, "format", documents[index]) for index in sorted(broken)]
    keys = {name: _read_keys(read, documents, broken) for name, read in flow.keys.items()}
    for name, options in flow.definition.keys.items():
        if options.header:
            found = (load.headers_of(index).get(options.header, "") for index in range(len(documents)))
            keys[name] = [(value,) if value else () for value in found]
    ordering = _ordering(flow, keys, broken, refused)
    order = [ordering_hash(text, secret) if text else 0 for text in ordering] if ordering else []
    indices: Sequence[int] = range(len(documents))
    if refused:
        left_out = {index for index, _, _ in refused}
        indices = [index for index in indices if index not in left_out]
    messages = _messages(flow, load, documents, indices, first, at, ordering)
    origins = load.causes if load.origin == SAME_KEY else []
    return Decoded(first, at, indices, messages, refused, order, keys, origins, occurrence=load.occurrence)


def _from_boundary(load: Load, first: int, at: int, secret: bytes) -> Decoded:
    found = envelope.unpacked(load, first, at, secret)
    routed = {index: one.to for index, one in enumerate(found.envelopes) if one.to}
    within, step = load.stage.startswith(envelope.AT), load.stage.partition(" ")[2]
    return Decoded(
        first, at, found.indices, found.messages, [], found.order, found.keys,
        load.causes if load.origin == SAME_KEY else [], Begin(step, within, routed),
    )  # fmt: skip


def _broken(documents: Sequence[Any]) -> set[int]:
    """Those that are an error in the place of a document."""
    if not any(issubclass(kind, DataError) for kind in set(map(type, documents))):
        return set()
    return {index for index, document in enumerate(documents) if isinstance(document, DataError)}


def _read_keys(read: KeyReader, documents: Sequence[Any], broken: set[int]) -> list[tuple[str, ...]]:
    if not broken:
        return read(documents)
    found = iter(read([document for index, document in enumerate(documents) if index not in broken]))
    return [() if index in broken else next(found) for index in range(len(documents))]


def _messages(
    flow: CompiledFlow, load: Load, documents: Sequence[Any], indices: Sequence[int], first: int, at: int,
    ordering: Sequence[str],
) -> list[Message]:  # fmt: skip
    content_type = load.content_type or flow.format.content_type
    shared: Mapping[str, str] = load.shared_headers or NO_HEADERS
    headers, causes = load.headers, load.causes
    if headers or causes or len(indices) < len(documents):
        return [
            Message(
                (first + index).to_bytes(16, "big"), documents[index], at, content_type,
                load.headers_of(index) if headers else shared, ordering[index] if ordering else "",
                causes[index] if causes else b"", causes[index] if causes else b"",
            )
            for index in indices
        ]  # fmt: skip
    numbers = range(first, first + len(documents))
    return [
        Message(number.to_bytes(16, "big"), document, at, content_type, shared, key)
        for number, document, key in zip(numbers, documents, ordering or repeat(""))  # noqa: B905 - may be endless
    ]


def order_of(flow: CompiledFlow, load: Load, secret: bytes) -> list[int]:
    """What ``decode_load`` gives as ``order``, where possible by reading no more of a record than its key."""
    if flow.narrow is None or load.faults:
        return decode_load(flow, load, 0, 0, secret).order
    name = flow.definition.options.delivery.order_by
    try:
        documents = list(map(flow.narrow, load.raws))
    except ValueError:
        return decode_load(flow, load, 0, 0, secret).order
    ordering = _ordering(flow, {name: flow.keys[name](documents)}, set(), [])
    return [ordering_hash(text, secret) if text else 0 for text in ordering]


def _ordering(
    flow: CompiledFlow, keys: Mapping[str, Sequence[tuple[str, ...]]], broken: set[int],
    refused: list[tuple[int, str, Any]],
) -> list[str]:  # fmt: skip
    """The ordering key of each message; one that has none is refused, for nobody could keep its order."""
    order_by = flow.definition.options.delivery.order_by
    if not order_by:
        return []
    rules = rules_from(rules_text(frozenset(flow.definition.keys[order_by].ignore)))
    ordering = normalise_all([found[0] if found else "" for found in keys[order_by]], rules)
    if not all(ordering):
        text = f"key {order_by!r} has no value"
        remedy = "mend the input, or order by a key every message has"
        error = DataError(text, where=f"flow {flow.name}", remedy=remedy)
        refused += [(i, "ordering key", error) for i, key in enumerate(ordering) if not key and i not in broken]
    return ordering


def accepted_record(flow: CompiledFlow, load: Load, decoded: Decoded, seq: int) -> Accepted:
    """The record that makes a load durable."""
    ends = [*accumulate(map(len, load.raws))]
    return Accepted(
        seq, flow.name, flow.version, decoded.first_id, len(load.raws), decoded.at,
        Bodies(struct.pack(f"<{len(ends)}I", *ends), b"".join(load.raws)), load.context, load.content_type,
        load.partition, load.position, load.arrival, load.ranges,
        struct.pack(f"<{len(decoded.order)}Q", *decoded.order),
        tuple((name, tuple(values)) for name, values in decoded.keys.items()),
        _packed_headers(load), tuple(load.causes), load.origin, _rules_of(flow, decoded),
        faults=tuple(load.faults.items()), stage=load.stage, occurrence=load.occurrence,
    )  # fmt: skip


def _packed_headers(load: Load) -> bytes:
    """One mapping per record; a single one when all share it; nothing when there are none."""
    if load.headers:
        return _pack([load.headers_of(index) for index in range(len(load.raws))])
    return _pack([load.shared_headers]) if load.shared_headers else b""


def _rules_of(flow: CompiledFlow, decoded: Decoded) -> tuple[str, ...]:
    known = flow.definition.keys
    rules = tuple(rules_text(frozenset(known[name].ignore)) if name in known else "" for name in decoded.keys)
    return rules if any(rules) else ()


def produced_record(
    flow: CompiledFlow, decoded: Decoded, processed: Processed, seq: int, first_row: int = 0
) -> Produced:
    """Also gives every refused message its row."""
    for index, place, error in decoded.refused:
        processed.outs.append(Out(index, NO_TARGET, 0, failure_state(error.error_class)))
        processed.troubles.append(Trouble(len(processed.outs) - 1, place, error))
    if first_row + len(processed.outs) > MOST_ROWS:
        remedy = "replay the message: it comes into a batch of its own"
        raise BugError(f"batch {seq} has no room for more outputs", where=f"flow {flow.name}", remedy=remedy)
    pack = OUT_ROW.pack
    rows = b"".join([pack(o.index, o.target, o.ordinal, o.state, o.digest) for o in processed.outs])
    failures = tuple(
        Failure(first_row + t.row, t.place, str(t.error.error_class), t.error.code, str(t.error))
        for t in processed.troubles
    )
    return Produced(
        seq,
        flow.target_names,
        rows,
        failures,
        tuple(processed.timings),
        tuple(_produced_keys(flow, processed)),
        decoded.at,
        first_row,
        tuple([out.path for out in processed.outs]) if processed.parted else (),
        tuple([(n.index, n.step, _pack([one.data() for one in n.findings])) for n in processed.notes]),
    )


def _produced_keys(flow: CompiledFlow, processed: Processed) -> list[tuple[str, int, str]]:
    if not any(target.produced_keys for target in flow.targets):
        return []
    found = []
    for out in processed.outs:
        if out.message is not None and out.target != NO_TARGET:
            for name, read in flow.targets[out.target].produced_keys.items():
                found += [(name, out.index, value) for value in read([out.message.body])[0]]
    return found


_HEXADECIMAL = [f"{number:04x}" for number in range(256)]
"""The ends of the ids of most batches."""


def outbounds_of(
    flow: CompiledFlow, decoded: Decoded, processed: Processed, seq: int, first_row: int = 0
) -> dict[int, tuple[list[int], list[int], list[Outbound]]]:
    """Per target number: references, ordering hashes and outbound messages of the open rows, in order."""
    lanes: dict[int, tuple[list[int], list[int], list[Outbound]]] = {}
    order, base, low = decoded.order, ref_of(seq, first_row), decoded.first & 0xFFFF
    made_for = [(f".0.{t.name}.", t.format.content_type, t.reads_document) for t in flow.targets]
    keys, few = first_keys(decoded.keys), _HEXADECIMAL
    origin = id_text(decoded.first_id)[:-4] if not decoded.origins else ""
    for row, out in enumerate(processed.outs):
        message, index, target = out.message, out.index, out.target
        if out.state is not State.OPEN or message is None:
            continue
        lane = lanes.get(target)
        if lane is None:
            lane = lanes[target] = ([], [], [])
        lane[0].append(base + row)
        lane[1].append(order[index] if order else 0)
        number = low + index
        last = few[number] if number < 256 else f"{number:04x}"
        source = origin + last if origin else id_text(decoded.origins[index])
        name, content_type, reads_document = made_for[target]
        lane[2].append(
            Outbound(
                message_id=message.id,
                body=out.body,
                idempotency_key=f"{source}{name}{out.ordinal}",
                received_at=message.received_at,
                content_type=content_type,
                ordering_key=message.ordering_key,
                headers=message.headers,
                keys=keys[index],
                document=message.body if reads_document else None,
            )
        )
    return lanes


def origin_of(decoded: Decoded, index: int) -> bytes:
    """The message that makes the idempotency keys of message ``index``: itself, or the one it replays."""
    return decoded.origins[index] if decoded.origins else id_at(decoded.first, index)


def outbound_of(
    flow: CompiledFlow, message: Message, origin: bytes, target: str, out: Any, keys: Mapping[str, str]
) -> Outbound:
    """The message as it leaves; ``origin``, target and ordinal make the idempotency key."""
    document = message.body if flow.targets[out.target].reads_document else None
    return Outbound(
        message_id=message.id, body=out.body, idempotency_key=f"{id_text(origin)}.0.{target}.{out.ordinal}",
        received_at=message.received_at, content_type=flow.targets[out.target].format.content_type,
        ordering_key=message.ordering_key, headers=message.headers, keys=keys, document=document,
    )  # fmt: skip


def bodies_of(bodies: Bodies, count: int) -> list[bytes]:
    """The single bodies of a block whose codec has been undone."""
    made, start = [], 0
    for end in struct.unpack(f"<{count}I", bodies.ends):
        made.append(bodies.data[start:end])
        start = end
    return made


def load_of(record: Accepted) -> Load:
    """The load an accepted record came from, for recomputing."""
    headers = _unpack(record.headers) if record.headers else None
    shared = headers[0] if headers and len(headers) == 1 else {}
    return Load(
        record.flow, bodies_of(record.bodies, record.count), record.context, record.content_type, record.partition,
        record.position, record.arrival, record.ranges, None if shared else headers,
        list(record.causes), record.origin, dict(record.faults), shared_headers=shared, stage=record.stage,
        occurrence=record.occurrence,
    )  # fmt: skip


def input_of(accepted: Accepted, index: int, cause: bytes, origin: str) -> Load:
    """What a stored message was made from, as a load of its own that ``cause`` leads to: its bytes, what its framer
    said of them, and its headers, which steps may have read."""
    load = load_of(accepted)
    given = load.headers[index] if load.headers else load.shared_headers
    return Load(
        accepted.flow, [load.raws[index]], accepted.context, accepted.content_type, causes=[cause], origin=origin,
        headers=[dict(given)] if given else None,
        faults={0: load.faults[index]} if index in load.faults else {}, stage=load.stage, occurrence=load.occurrence,
    )  # fmt: skip


def narrowed(decoded: Decoded, indices: Sequence[int]) -> Decoded:
    """Only some of a load's messages; order and keys stay addressed by index."""
    wanted = set(indices)
    kept = [(i, m) for i, m in zip(decoded.indices, decoded.messages, strict=True) if i in wanted]
    return Decoded(
        decoded.first, decoded.at, [i for i, _ in kept], [m for _, m in kept],
        [r for r in decoded.refused if r[0] in wanted], decoded.order, decoded.keys, decoded.origins, decoded.begin,
        decoded.occurrence,
    )  # fmt: skip
