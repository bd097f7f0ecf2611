"""Messages of AS2 are opened one at a time: the ASN.1 library is not safe for threads at first use."""

from __future__ import annotations

import asyncio
import time

from waypost.connectors.as2_connection import in_turn


async def test_calls_made_at_once_never_overlap() -> None:
    inside: list[int] = []
    most = 0

    def call(number: int) -> int:
        nonlocal most
        inside.append(number)
        most = max(most, len(inside))
        time.sleep(0.005)  # long enough for another thread to come in, were it let
        inside.remove(number)
        return number

    assert await asyncio.gather(*(in_turn(call, number) for number in range(8))) == list(range(8))
    assert most == 1
