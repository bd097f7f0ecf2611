"""Stands in for the engine around a single connector: remembers positions, reads deliveries, makes outbounds."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from waypost.core.component import Delivery, Outbound, Source
from waypost.core.errors import Fault
from waypost.core.registry import Component
from waypost.core.yamlfile import YamlFile


class CommittedPositions:
    """Answers ``Grants.positions`` from what ``commit`` was told, as the journal would after the commit."""

    def __init__(self) -> None:
        self._positions: dict[str, str] = {}
        self._arrivals: set[tuple[str, str]] = set()
        self.named: frozenset[str] = frozenset()
        """What the source said that lies there."""

    def get(self, partition: str) -> str:
        return self._positions.get(partition, "")

    def arrival_done(self, name: str, identity: str) -> bool:
        return (name, identity) in self._arrivals

    def present(self, names: Collection[str]) -> None:
        self.named = frozenset(names)

    def commit(self, delivery: Delivery) -> None:
        """Everything ``delivery`` brought is durable; it may be accepted now."""
        if delivery.arrival is not None:
            self._arrivals.add((delivery.arrival.name, delivery.arrival.identity))
        for record in delivery.records or ():
            if record.position:
                before = self._positions.get(delivery.partition, "")
                assert record.position > before, f"position {record.position!r} does not rise above {before!r}"
                self._positions[delivery.partition] = record.position


async def bodies_of(delivery: Delivery) -> list[bytes]:
    """The record bodies of ``delivery``, or its one content."""
    if delivery.records is not None:
        return [record.body for record in delivery.records]
    return [b"".join([piece async for piece in delivery.read(0)])]


async def next_delivery(source: Source, limit_seconds: float = 10.0) -> Delivery:
    """The next delivery, looking as often as it takes; ``TimeoutError`` after ``limit_seconds``."""
    async with asyncio.timeout(limit_seconds):
        while True:
            delivery = await source.receive()
            if delivery is not None:
                return delivery
            await asyncio.sleep(0)


def parse_options(component: Component, options: Any) -> Any:
    """The typed options, or an ``AssertionError`` listing every fault."""
    faults: list[Fault] = []
    parsed = component.spec.parse(YamlFile("options", options), options, (), faults)
    assert not faults, "\n".join(map(str, faults))
    return parsed


def outbound(number: int, body: bytes, **changes: Any) -> Outbound:
    """Delivery ``number`` of a made-up flow; the same number is the same delivery."""
    fields: dict[str, Any] = {
        "message_id": (0x0190_0000_0000_7000_8000_0000_0000_0000 + number).to_bytes(16, "big"),
        "body": body,
        "idempotency_key": f"kit-{number}.0.target.0",
        "received_at": 1_700_000_000_000_000 + number,
        "content_type": "application/octet-stream",
        "sequence": number + 1,
    }
    return Outbound(**{**fields, **changes})


def again(message: Outbound) -> Outbound:
    """The same delivery, sent again after a crash that left its outcome unknown."""
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    return Outbound(**{**fields, "attempt": message.attempt + 1, "possible_duplicate": True})


def numbered_bodies(count: int) -> Sequence[bytes]:
    """Distinct small bodies in an order that shows: ``body 0``, ``body 1`` …"""
    return [b"body %d" % n for n in range(count)]
