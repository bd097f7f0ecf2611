"""What the memory connector does beyond the conformance suite."""

from __future__ import annotations

from pathlib import Path

from waypost.connectors.memory import MemorySource, MemorySourceOptions, channel, channels
from waypost.core.grants import Grants
from waypost.testing.connector_kit import CommittedPositions, bodies_of, next_delivery


async def received(source: MemorySource, positions: CommittedPositions) -> list[bytes]:
    delivery = await next_delivery(source)
    positions.commit(delivery)
    await delivery.accept()
    return await bodies_of(delivery)


async def test_items_come_first_and_only_once_even_in_the_next_process(tmp_path: Path) -> None:
    positions = CommittedPositions()
    for expected in ([[b"a", b"b"], [b"later"]], [[b"later"]]):
        channels.clear()
        channel("c").put(b"later")
        source = MemorySource(
            MemorySourceOptions(channel="c", items=("a", "b")), Grants(root=tmp_path, positions=positions)
        )
        await source.open()
        assert [await received(source, positions) for _ in expected] == expected
        assert await source.receive() is None
        await source.close()
