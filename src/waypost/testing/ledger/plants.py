"""Bugs put into the engine on purpose: a ledger that does not find them proves nothing.

``python -m waypost.testing.ledger --plant fresh-key`` must end with 1.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from waypost.connectors.http_target import HttpTarget
from waypost.core.component import Outbound, Outcome
from waypost.flow.lane import Lane

_tries = itertools.count()


def fresh_key() -> None:
    """A retry is no repetition: every try has an idempotency key of its own."""
    _change_tries(lambda out: {"idempotency_key": f"{out.idempotency_key}.{os.getpid()}.{next(_tries)}"})


def recomputed() -> None:
    """A retry is made anew, with other bytes under the same key."""
    _change_tries(lambda out: {"body": out.body.replace(b'"x', b'"%d.%d.' % (os.getpid(), next(_tries)), 1)})


def early_outcome() -> None:
    """A delivery counts as made two seconds before it is."""
    send, going = HttpTarget.send, set[asyncio.Task[None]]()

    async def late(target: HttpTarget, batch: Sequence[Outbound]) -> None:
        await asyncio.sleep(2)
        await send(target, batch)

    async def hasty(target: HttpTarget, batch: Sequence[Outbound]) -> Sequence[Outcome]:
        task = asyncio.ensure_future(late(target, batch))
        going.add(task)
        task.add_done_callback(going.discard)
        return [Outcome(delivered=True)] * len(batch)

    HttpTarget.send = hasty  # type: ignore[method-assign]


def _change_tries(changes: Callable[[Outbound], dict[str, Any]]) -> None:
    prepared = Lane._outbounds

    async def changed(lane: Lane, refs: Sequence[int], keys: Sequence[int]) -> list[tuple[int, int, Outbound]]:
        ready = await prepared(lane, refs, keys)
        return [(ref, key, msgspec.structs.replace(out, **changes(out))) for ref, key, out in ready]

    Lane._outbounds = changed  # type: ignore[method-assign]


PLANTS: Mapping[str, Callable[[], None]] = {
    "fresh-key": fresh_key, "recomputed": recomputed, "early-outcome": early_outcome,
}  # fmt: skip
