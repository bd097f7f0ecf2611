"""Spread the records of a load over the workers that own their keys' slots, and take in what others hand over.

The reader extracts ordering keys and hands raw slices to owners over their sockets, in order. Every owner keeps the
highest position it has per partition, so a reader that starts again from the lowest position all hold is heard twice
and taken once.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from waypost.core.key import SLOTS, slot_of
from waypost.core.message import id_at
from waypost.flow.batch.compiled import CompiledFlow
from waypost.flow.batch.content_position import end_of
from waypost.flow.batch.effects import Recorded, effects_of, recorded_effects
from waypost.flow.batch.load import Load, Part, Placed, order_of
from waypost.flow.delivery.placement import FIRST, owner_of
from waypost.flow.sharing.claiming import Asked
from waypost.flow.sharing.host import Host
from waypost.store.record import AnyRecord, ArrivalBegun, Claimed, Effects, Positioned


class Handed(msgspec.Struct, array_like=True):
    """A load on its way to the worker that owns its records. Those of a content are told apart by where they end there
    (``Load.ranges``), all others by the position each has in ``positions``."""

    load: Load
    positions: list[str]
    slots: bytes
    version: str = ""
    """The one it is to run on; '' = the current one."""
    recorded: tuple[tuple[int, str, int, bytes, bytes], ...] = ()
    """Answers it may use, as ``Effects`` has them."""


class Hopped(msgspec.Struct, array_like=True):
    """A channel's load on its way to another worker, with what tells each hop apart."""

    load: Load
    identities: list[bytes]


HOP_SCOPE = "channel-hop"
HOP_MEMORY_US = 7 * 86_400 * 1_000_000
"""How long a hop is remembered; it is sent again only until the sender hears of it."""


def ids_of(parts: Sequence[Part]) -> list[bytes]:
    """The id of each record of a load, in order."""
    placed = {}
    for part in parts:
        first = int.from_bytes(part.first, "big")
        placed.update({index: id_at(first, at) for at, index in enumerate(part.indices)})
    return [placed[index] for index in sorted(placed)]


class Spread:
    """The worker's view of who owns what."""

    def __init__(self, engine: Host) -> None:
        self.engine = engine
        self.peers: Mapping[int, Asked] = {}
        self._low: dict[tuple[str, str], str] = {}
        self._hops: dict[bytes, asyncio.Future[Placed]] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._begun: dict[tuple[str, str, str], int] = {}
        self._uneven = frozenset(engine.shard.state.uneven())

    def apart(self, flow: str, partition: str) -> bool:
        """Whether a partition's records must be told apart: others own some, or slots stand at different places."""
        return self.engine.workers > 1 or (flow, partition) in self._uneven

    async def dispatch(self, flow: CompiledFlow, load: Load, positions: Sequence[str]) -> asyncio.Future[list[Part]]:
        """Send each record where it belongs; the future is done when all of them are durable."""
        engine = self.engine
        if flow.definition.source.traits.replies or not self.apart(load.flow, load.partition):
            placed = await engine.takers()[flow.name].take(load)
            return _then(placed, lambda p: [Part(engine.number, p.seq, p.first, range(len(load.raws)))])
        slots, workers = self._slots(flow, load, positions), engine.workers
        tickets: list[asyncio.Future[list[Part]]] = []
        for worker in range(workers):
            indices = [i for i, slot in enumerate(slots) if owner_of(slot, workers) == worker]
            if not indices:
                continue
            handed = Handed(
                part_of(load, indices), [positions[i] for i in indices] if positions else [],
                bytes([slots[i] for i in indices]),
            )  # fmt: skip
            if worker == engine.number:
                ticket: asyncio.Future[Any] = await self.receive(handed)
            else:
                ticket = self.peers[worker].ask("load", handed, Placed)
            tickets.append(_then(ticket, lambda p, w=worker, at=indices: [Part(w, p.seq, p.first, at)]))
        return _gathered(tickets)

    async def pass_on(self, flow: CompiledFlow, load: Load, recorded: Recorded) -> asyncio.Future[Placed]:
        """Have a load of one record, and the answers it may use, taken by the worker that owns its key."""
        engine = self.engine
        owner = engine.number
        if (engine.workers > 1 or owner > FIRST) and not flow.definition.source.traits.replies:
            owner = owner_of(self._slots(flow, load, ())[0], engine.workers)
        if owner == engine.number:
            return await engine.taker_of(flow.version, flow.name).take(load, recorded=recorded)
        handed = Handed(load, [], b"", flow.version, effects_of(recorded))
        return self.peers[owner].ask("load", handed, Placed)

    def _slots(self, flow: CompiledFlow, load: Load, positions: Sequence[str]) -> list[int]:
        """The slot of each record: of its ordering key, or, without one, of its position, which never changes."""
        if flow.definition.options.delivery.order_by:
            return [slot_of(key) for key in order_of(flow, load, self.engine.shard.secret)]
        places = _places(load, positions)
        if places:
            return [zlib.crc32(f"{load.partition}|{place}".encode()) % SLOTS for place in places]
        return [(zlib.crc32(raw) ^ i) % SLOTS for i, raw in enumerate(load.raws)]

    async def receive(self, handed: Handed) -> asyncio.Future[Placed]:
        """Take what is handed over, but for what is here already. The answer to that waits until it is durable."""
        load, engine = handed.load, self.engine
        async with self._turns.setdefault(load.flow, asyncio.Lock()):
            fresh = self._fresh(handed)
            if not fresh:
                return engine.readings.durable(load.flow, load.partition)
            if len(fresh) < len(load.raws):
                load = part_of(load, fresh)
            load, begun = self._known_here(load)
            taker = engine.taker_of(handed.version, load.flow) if handed.version else engine.takers()[load.flow]
            recorded = recorded_effects([Effects(0, handed.recorded)]) if handed.recorded else None
            ticket = await taker.take(load, begun, recorded)
            if begun:
                ticket.add_done_callback(lambda _: self._begun.pop((load.flow, *load.content[:2]), None))
            return ticket

    def _fresh(self, handed: Handed) -> Sequence[int]:
        """The records that are not here already."""
        load, state = handed.load, self.engine.shard.state
        places: Sequence[Any] = _places(load, handed.positions)
        if not places:
            return range(len(load.raws))
        at = (load.flow, load.partition)
        reached = end_of if load.ranges else str
        floor = reached(max(self.engine.readings.floor(*at), state.position(*at)))
        fresh: Sequence[int] = range(bisect_right(places, floor), len(places))
        if at in self._uneven:
            fresh = [i for i in fresh if places[i] > reached(state.position(*at, handed.slots[i]))]
        return fresh

    def _known_here(self, load: Load) -> tuple[Load, list[AnyRecord]]:
        """A load under the number its arrival has in this shard, and what makes the arrival known here."""
        name, identity, size, at = load.content
        if not name:
            return load, []
        key = (load.flow, name, identity)
        known = self.engine.shard.state.arrival(*key)
        number = known[0] if known else self._begun.get(key, 0)
        if number:
            return msgspec.structs.replace(load, arrival=number), []
        number = self._begun[key] = self.engine.shard.next_arrival()
        begun = ArrivalBegun(number, load.flow, load.partition, name, identity, size, at)
        return msgspec.structs.replace(load, arrival=number), [begun]

    # ── hops between flows ──

    async def hop(
        self, load: Load, identities: Sequence[bytes], extra: Sequence[AnyRecord], *, again: bool = False,
        slots: Sequence[int] = (),
    ) -> None:  # fmt: skip
        """Accept what a channel hands over. What others own goes there first; what is here comes last, with ``extra``
        in the same commit. What is not in one commit with ``extra`` is told apart by identity, should it be sent
        ``again``. ``slots`` of the records, where it is not their ordering keys that give them."""
        engine = self.engine
        runner = engine.takers()[load.flow]
        if engine.workers == 1 and extra and not again:
            await (await runner.take(load, extra))
            return
        slots = slots or self._slots(runner.flow, load, [identity.hex() for identity in identities])
        shares: dict[int, list[int]] = {}
        for index, slot in enumerate(slots):
            shares.setdefault(owner_of(slot, engine.workers), []).append(index)
        own = shares.pop(engine.number, [])
        asked = [
            self.peers[worker].ask("hop", Hopped(part_of(load, at), [identities[i] for i in at]), Placed)
            for worker, at in sorted(shares.items())
        ]
        await asyncio.gather(*asked)
        if own and not extra:
            await (await self.receive_hop(Hopped(part_of(load, own), [identities[i] for i in own])))
            return
        own = [i for i in own if not again or not self._hopped_before(identities[i])]
        if own:
            await (await runner.take(part_of(load, own), extra))
        elif extra:
            await engine.shard.append(extra)

    async def receive_hop(self, hopped: Hopped) -> asyncio.Future[Placed]:
        """Take what another worker's channel hands over, but for what came before."""
        engine = self.engine
        fresh = [i for i, identity in enumerate(hopped.identities) if not self._hopped_before(identity)]
        pending = [self._hops[identity] for identity in hopped.identities if identity in self._hops]
        if not fresh:
            return _then(asyncio.gather(*pending), lambda _: Placed(0, b""))
        until = engine.clock.now() + HOP_MEMORY_US
        record = Claimed(tuple((HOP_SCOPE, hopped.identities[i], b"", until) for i in fresh))
        durable: asyncio.Future[Placed] = asyncio.get_running_loop().create_future()
        self._hops.update(dict.fromkeys((hopped.identities[i] for i in fresh), durable))
        taken = await engine.takers()[hopped.load.flow].take(part_of(hopped.load, fresh), [record])
        taken.add_done_callback(lambda taken: self._hopped(hopped, taken, durable))
        return _then(asyncio.gather(durable, *pending), lambda placed: placed[0])

    def _hopped(self, hopped: Hopped, taken: asyncio.Future[Placed], durable: asyncio.Future[Placed]) -> None:
        for identity in hopped.identities:
            if self._hops.get(identity) is durable:
                del self._hops[identity]
        if taken.cancelled():
            durable.cancel()
        elif (error := taken.exception()) is not None:
            durable.set_exception(error)
        else:
            durable.set_result(taken.result())

    def _hopped_before(self, identity: bytes) -> bool:
        return identity in self._hops or self.engine.shard.state.claim(HOP_SCOPE, identity) is not None

    # ── positions ──

    async def learn(self, flow: str) -> None:
        """Ask every worker where it stands, before the flow's source opens."""
        own = dict(self.engine.shard.state.positions(flow))
        others = [await peer.ask("positions", flow, dict[str, str]) for peer in self.peers.values()]
        for partition in set(own).union(*others):
            low = min([own.get(partition, ""), *(other.get(partition, "") for other in others)])
            self._low[flow, partition] = low

    def low_position(self, flow: str, partition: str) -> str:
        """Up to where every worker has a partition, as far as asked; alone, where this one has it."""
        if self.engine.workers == 1:
            return self.engine.shard.state.position(flow, partition)
        return self._low.get((flow, partition), "")

    def level(self, flow: str, partition: str, position: str) -> None:
        """All of a partition up to ``position`` is durable somewhere: say so where no record of it went."""
        if self.engine.workers == 1 or not position:
            return
        self._low[flow, partition] = position
        self.positioned(Positioned(flow, partition, position))
        for peer in self.peers.values():
            peer.ask("position", Positioned(flow, partition, position), type(None))

    def forget(self, partitions: Iterable[tuple[str, str]]) -> None:
        """Nobody reads on from where these (flow, partition) stand."""
        for at in partitions:
            self._low.pop(at, None)

    def positioned(self, record: Positioned) -> None:
        if record.position > self.engine.shard.state.position(record.flow, record.partition):
            self.engine.shard.append_later([record])


def _places(load: Load, positions: Sequence[str]) -> Sequence[Any]:
    """Where each record stands in its partition, rising; empty where they cannot be told apart."""
    if load.ranges:
        return struct.unpack(f"<{len(load.ranges) // 8}Q", load.ranges)[1::2]
    return positions if positions and positions[0] else ()


def part_of(load: Load, indices: Sequence[int]) -> Load:
    """Some records of a load, its position unchanged: nothing of it is left for this worker."""
    ranges = load.ranges
    return msgspec.structs.replace(
        load, raws=[load.raws[i] for i in indices],
        ranges=b"".join([ranges[16 * i : 16 * i + 16] for i in indices]) if ranges else b"",
        headers=[load.headers[i] for i in indices] if load.headers else None,
        causes=[load.causes[i] for i in indices] if load.causes else [],
        faults={at: load.faults[i] for at, i in enumerate(indices) if i in load.faults},
    )  # fmt: skip


def _then(ticket: asyncio.Future[Any], make: Any) -> asyncio.Future[Any]:
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def landed(finished: asyncio.Future[Any]) -> None:
        if done.done():
            return
        if finished.cancelled():
            done.cancel()
        elif finished.exception() is not None:
            done.set_exception(finished.exception())  # type: ignore[arg-type]
            done.exception()
        else:
            done.set_result(make(finished.result()))

    ticket.add_done_callback(landed)
    return done


def _gathered(tickets: Sequence[asyncio.Future[list[Part]]]) -> asyncio.Future[list[Part]]:
    return _then(asyncio.gather(*tickets), lambda parts: [part for some in parts for part in some])
