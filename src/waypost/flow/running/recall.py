"""Recompute what a stored batch made, from its input and recorded effects; nothing here calls out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from waypost.core.component import Outbound
from waypost.core.errors import BugError, ProjectError, WaypostError
from waypost.core.message import Message, id_at
from waypost.core.proof import proves
from waypost.flow.batch.compiled import CompiledFlow, Out, Processed, Watcher
from waypost.flow.batch.effects import RecordedEffects, recorded_effects, would_ask
from waypost.flow.batch.load import Decoded, decode_load, load_of, narrowed, origin_of, outbound_of
from waypost.flow.batch.ordinal import recorded_numbers
from waypost.store.protocol import OpenBatch, Shard, StoredBatch
from waypost.store.record import OUT_BITS, OUT_MASK, OUT_ROW, State

if TYPE_CHECKING:
    from waypost.flow.batch.versions import Versions

RowKey = tuple[int, str, int]
"""(message index, target name, ordinal): what an output is, whatever row it has."""


async def recompute(
    flow: CompiledFlow, stored: StoredBatch, indices: Sequence[int], secret: bytes, watch: Watcher | None = None,
    missing: Callable[..., object] = would_ask, without: Callable[[str], bool] | None = None,
) -> tuple[Decoded, Processed]:  # fmt: skip
    """Run ``flow`` over some messages of a stored batch with the effects it recorded, but for those of steps of which
    ``without`` says so."""
    part = stored_messages(flow, stored, indices, secret)
    recorded_answers = recorded_effects(stored.effects)
    if without is not None:
        recorded_answers = {key: answer for key, answer in recorded_answers.items() if not without(key[1])}
    effects = RecordedEffects(recorded_answers, missing)
    recorded = partial(recorded_numbers, stored.produced)
    return part, await flow.process(part.indices, part.messages, effects, secret, watch, recorded, begin=part.begin)


def stored_messages(flow: CompiledFlow, stored: StoredBatch, indices: Sequence[int], secret: bytes) -> Decoded:
    """Some messages of a stored batch, before the steps."""
    accepted = stored.accepted
    decoded = decode_load(flow, load_of(accepted), int.from_bytes(accepted.first_id, "big"), accepted.at, secret)
    return narrowed(decoded, indices)


def recorded_digests(stored: StoredBatch) -> dict[RowKey, bytes]:
    """The digest that was journaled for each output."""
    digests: dict[RowKey, bytes] = {}
    for produced in stored.produced:
        for index, target, ordinal, _, digest in OUT_ROW.iter_unpack(produced.rows):
            if target < len(produced.targets):
                digests[index, produced.targets[target], ordinal] = digest
    return digests


class Recall:
    """Gives lanes back the bodies of outputs they no longer hold."""

    def __init__(self, shard: Shard, versions: Versions) -> None:
        self._shard, self._versions = shard, versions

    async def rebuild(self, flow_name: str, refs: Sequence[int]) -> Mapping[int, Outbound | WaypostError]:
        """The outbound message of each reference: its journaled bytes where it failed before, else recomputed and
        compared with the digest. An error in the place of one whose bytes are not what was produced."""
        made: dict[int, Outbound | WaypostError] = {}
        for seq in dict.fromkeys(ref >> OUT_BITS for ref in refs):
            wanted = [ref for ref in refs if ref >> OUT_BITS == seq]
            batch = self._shard.state.batch(seq)
            if batch is not None:
                made.update(await self._rebuild_batch(flow_name, batch, wanted))
        return made

    async def _rebuild_batch(
        self, flow_name: str, batch: OpenBatch, refs: Sequence[int]
    ) -> dict[int, Outbound | WaypostError]:
        rows = {ref: row_of(batch, ref & OUT_MASK) for ref in refs}
        stored = await self._shard.read_batch(batch)
        try:
            flow = self._versions.flow(batch.version, flow_name)
        except ProjectError as error:
            return dict.fromkeys(refs, BugError(f"version {batch.version} no longer fits: {error}", where=flow_name))
        decoded, processed = await recompute(flow, stored, sorted({r[0] for r in rows.values()}), self._shard.secret)
        by_key = {(o.index, flow.target_names[o.target], o.ordinal): o for o in processed.outs if o.state is State.OPEN}
        digests = recorded_digests(stored)
        made: dict[int, Outbound | WaypostError] = {}
        nameless: dict[int, Outbound] = {}
        for ref, key in rows.items():
            out = by_key.get(key)
            if out is None or out.message is None or not self._proves(out, digests.get(key)):
                text = "recomputing does not give the bytes that were produced"
                remedy = "find what is not deterministic in the flow, then replay the message"
                made[ref] = BugError(text, where=f"flow {flow_name}, target {key[1]}", remedy=remedy)
                nameless[ref] = _nameless(flow, decoded, key)
                continue
            keys = {name: values[out.index][0] for name, values in decoded.keys.items() if values[out.index]}
            made[ref] = outbound_of(flow, out.message, origin_of(decoded, out.index), key[1], out, keys)
        return await self._with_journaled_bodies(made, nameless)

    def _proves(self, out: Out, recorded: bytes | None) -> bool:
        return proves(self._shard.secret, out.body, out.digest, recorded)

    async def _with_journaled_bodies(
        self, made: dict[int, Outbound | WaypostError], nameless: Mapping[int, Outbound]
    ) -> dict[int, Outbound | WaypostError]:
        """Bytes that may already have left never change: where they were journaled, they are used, also where the flow
        no longer gives them."""
        for ref, found in made.items():
            retry = self._shard.state.retry(ref)
            out = found if isinstance(found, Outbound) else nameless.get(ref)
            if retry is None or retry.body is None or out is None:
                continue
            body, content_type = await self._shard.read_outbound(retry.body)
            fields = {name: getattr(out, name) for name in out.__struct_fields__}
            made[ref] = Outbound(**{**fields, "body": body, "content_type": content_type})
        return made


def _nameless(flow: CompiledFlow, decoded: Decoded, key: RowKey) -> Outbound:
    """All but the bytes of an output that recomputing does not give."""
    index, target, ordinal = key
    given = dict(zip(decoded.indices, decoded.messages, strict=True))
    message = given.get(index) or Message(id_at(decoded.first, index), None, decoded.at)
    keys = {name: values[index][0] for name, values in decoded.keys.items() if values[index]}
    number = flow.target_names.index(target) if target in flow.target_names else 0
    out = Out(index, number, ordinal, State.OPEN, message)
    return outbound_of(flow, message, origin_of(decoded, index), target, out, keys)


def row_of(batch: OpenBatch, row: int) -> RowKey:
    """What output ``row`` of a batch is."""
    at = row * 5
    index = int.from_bytes(batch.rows[at : at + 2], "little")
    target = batch.rows[at + 2]
    name = batch.targets[target] if target < len(batch.targets) else ""
    return index, name, int.from_bytes(batch.rows[at + 3 : at + 5], "little")
