"""What comes into a flow in one go, and the records that make it durable."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from waypost.core.component import Outbound
from waypost.core.errors import DataError
from waypost.core.key import DEFAULT_RULES, normalise, ordering_hash, rules_text
from waypost.core.message import NO_HEADERS, Message, id_at, id_text
from waypost.flow.compiled import CompiledFlow, Out, Processed, Trouble, failure_state
from waypost.store.record import NO_TARGET, OUT_ROW, Accepted, Bodies, Failure, Produced, State, ref_of

BATCH = 200
"""Messages processed together; larger batches fall out of the processor's cache."""

_pack = msgspec.msgpack.Encoder().encode
SAME_KEY = "replay-same-key"
"""The origin of a replay whose outputs keep the idempotency keys of the messages they replay."""

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


class Placed(msgspec.Struct, frozen=True):
    """Where a load is in its shard: its batch and the id of its first message."""

    seq: int
    first: bytes


class Decoded(msgspec.Struct):
    """A load's messages, before the steps. ``order`` and ``keys`` are as in ``Accepted``."""

    first: int
    at: int
    messages: list[tuple[int, Message]]
    refused: list[tuple[int, str, Any]]
    """(message index, place, error) of those that have no document or no ordering key."""
    order: list[int]
    keys: dict[str, list[list[str]]]
    origins: list[bytes] = []
    """The messages whose idempotency keys these keep, where a replay asked for that."""

    @property
    def first_id(self) -> bytes:
        """The id of the first message."""
        return id_at(self.first, 0)


def decode_load(flow: CompiledFlow, load: Load, first: int, at: int, secret: bytes) -> Decoded:
    """Documents, business keys and ordering keys of a load. Depends on its arguments alone."""
    raws, count = load.raws, len(load.raws)
    documents = flow.decode(raws, load.context)
    refused: list[tuple[int, str, Any]] = []
    for index, fault in load.faults.items():
        documents = list(documents)
        documents[index] = DataError(fault, where=f"flow {flow.name}")
    readers = flow.keys
    keys: dict[str, list[list[str]]] = {name: [] for name in readers}
    order_by = flow.definition.options.delivery.order_by
    rules = frozenset(flow.definition.keys[order_by].ignore) if order_by else DEFAULT_RULES
    content_type = load.content_type or flow.format.content_type
    messages: list[tuple[int, Message]] = []
    order: list[int] = [0] * count if order_by else []
    for index, document in enumerate(documents):
        if isinstance(document, DataError):
            refused.append((index, "format", document))
            for values in keys.values():
                values.append([])
            continue
        for name, read in readers.items():
            keys[name].append(read(document))
        ordering = ""
        if order_by:
            found = keys[order_by][-1]
            if not found:
                text = f"key {order_by!r} has no value"
                remedy = "mend the input, or order by a key every message has"
                refused.append((index, "ordering key", DataError(text, where=f"flow {flow.name}", remedy=remedy)))
                continue
            ordering = normalise(found[0], rules)
            order[index] = ordering_hash(ordering, secret)
        headers = load.headers[index] if load.headers else NO_HEADERS
        cause = load.causes[index] if load.causes else b""
        messages.append(
            (index, Message(id_at(first, index), document, at, content_type, headers, ordering, cause, cause))
        )
    return Decoded(first, at, messages, refused, order, keys, load.causes if load.origin == SAME_KEY else [])


def accepted_record(flow: CompiledFlow, load: Load, decoded: Decoded, seq: int) -> Accepted:
    ends, total = [], 0
    for raw in load.raws:
        total += len(raw)
        ends.append(total)
    return Accepted(
        seq, flow.name, flow.version, decoded.first_id, len(load.raws), decoded.at,
        Bodies(struct.pack(f"<{len(ends)}I", *ends), b"".join(load.raws)), load.context, load.content_type,
        load.partition, load.position, load.arrival, load.ranges,
        struct.pack(f"<{len(decoded.order)}Q", *decoded.order),
        tuple((name, tuple(map(tuple, values))) for name, values in decoded.keys.items()),
        _pack(load.headers) if load.headers else b"", tuple(load.causes), load.origin, _rules(flow),
    )  # fmt: skip


def _rules(flow: CompiledFlow) -> tuple[str, ...]:
    rules = tuple(rules_text(frozenset(options.ignore)) for options in flow.definition.keys.values())
    return rules if any(rules) else ()


def produced_record(
    flow: CompiledFlow, decoded: Decoded, processed: Processed, seq: int, first_row: int = 0
) -> Produced:
    """Also gives every refused message its row."""
    for index, place, error in decoded.refused:
        processed.outs.append(Out(index, NO_TARGET, 0, failure_state(error.error_class)))
        processed.troubles.append(Trouble(len(processed.outs) - 1, place, error))
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
    )


def _produced_keys(flow: CompiledFlow, processed: Processed) -> list[tuple[str, int, str]]:
    if not any(target.produced_keys for target in flow.targets):
        return []
    found = []
    for out in processed.outs:
        if out.message is not None and out.target != NO_TARGET:
            for name, read in flow.targets[out.target].produced_keys.items():
                found += [(name, out.index, value) for value in read(out.message.body)]
    return found


def outbounds_of(
    flow: CompiledFlow, decoded: Decoded, processed: Processed, seq: int, first_row: int = 0
) -> dict[int, tuple[list[int], list[int], list[Outbound]]]:
    """Per target number: references, ordering hashes and outbound messages of the open rows, in order."""
    lanes: dict[int, tuple[list[int], list[int], list[Outbound]]] = {}
    order, names = decoded.order, flow.target_names
    base = ref_of(seq, first_row)
    for row, out in enumerate(processed.outs):
        if out.state is not State.OPEN or out.message is None:
            continue
        lane = lanes.get(out.target)
        if lane is None:
            lane = lanes[out.target] = ([], [], [])
        lane[0].append(base + row)
        lane[1].append(order[out.index] if order else 0)
        keys = {name: values[out.index][0] for name, values in decoded.keys.items() if values[out.index]}
        lane[2].append(outbound_of(flow, out.message, origin_of(decoded, out.index), names[out.target], out, keys))
    return lanes


def origin_of(decoded: Decoded, index: int) -> bytes:
    """The message that makes the idempotency keys of message ``index``: itself, or the one it replays."""
    return decoded.origins[index] if decoded.origins else id_at(decoded.first, index)


def outbound_of(
    flow: CompiledFlow, message: Message, origin: bytes, target: str, out: Any, keys: Mapping[str, str]
) -> Outbound:
    """The message as it leaves; ``origin``, target and ordinal make the idempotency key."""
    return Outbound(
        message_id=message.id, body=out.body, idempotency_key=f"{id_text(origin)}.0.{target}.{out.ordinal}",
        received_at=message.received_at, content_type=flow.targets[out.target].format.content_type,
        ordering_key=message.ordering_key, headers=message.headers, keys=keys, document=message.body,
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
    return Load(
        record.flow, bodies_of(record.bodies, record.count), record.context, record.content_type, record.partition,
        record.position, record.arrival, record.ranges, _unpack(record.headers) if record.headers else None,
        list(record.causes), record.origin,
    )  # fmt: skip


def narrowed(decoded: Decoded, indices: Sequence[int]) -> Decoded:
    """Only some of a load's messages; order and keys stay addressed by index."""
    wanted = set(indices)
    return Decoded(
        decoded.first, decoded.at, [m for m in decoded.messages if m[0] in wanted],
        [r for r in decoded.refused if r[0] in wanted], decoded.order, decoded.keys, decoded.origins,
    )  # fmt: skip
