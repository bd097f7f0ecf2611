"""What a request leaves behind."""

from __future__ import annotations

import gc

from tests.unit.core.test_listener import answer, connect, hang_up, listening, post


async def test_a_request_leaves_nothing_that_only_the_garbage_collector_frees() -> None:
    """Its pauses, of some 50 ms at a time, were the tail of the latency."""
    async with listening() as listener:
        reader, writer = await connect(listener)
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                writer.write(post("/orders", b"body"))
                await answer(reader)
            left = gc.collect()
        finally:
            gc.enable()
        await hang_up(writer)
    assert left < 20
