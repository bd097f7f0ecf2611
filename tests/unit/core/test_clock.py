"""The clock that tests move."""

from __future__ import annotations

import asyncio

from waypost.core.clock import ManualClock


async def test_a_sleeper_for_less_than_the_clock_can_tell_is_not_woken_at_the_same_time() -> None:
    clock = ManualClock()
    due = clock.monotonic() + 0.000_001
    sleeping = asyncio.ensure_future(clock.sleep(0.000_000_4))
    await asyncio.sleep(0)
    await clock.advance(0.000_001)
    assert sleeping.done()
    assert clock.monotonic() >= due
    later = asyncio.ensure_future(clock.sleep(0.000_000_4))
    await asyncio.sleep(0)
    await clock.advance(0.0)
    assert not later.done()
    later.cancel()
