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

from waypost.core.component import Outbound
from waypost.flow.lane import Lane
from waypost.store.record import AnyRecord
from waypost.store.shard import EmbeddedShard

_tries = itertools.count()


def fresh_key() -> None:
    """A retry is no repetition: every try has an idempotency key of its own."""
    _change_tries(lambda out: {"idempotency_key": f"{out.idempotency_key}.{os.getpid()}.{next(_tries)}"})


def recomputed() -> None:
    """A retry is made anew, with other bytes under the same key."""
    _change_tries(lambda out: {"body": out.body.replace(b'"x', b'"%d.%d.' % (os.getpid(), next(_tries)), 1)})


def early_answer() -> None:
    """A commit is answered before it is durable."""
    submit = EmbeddedShard.submit

    def hasty(shard: EmbeddedShard, records: Sequence[AnyRecord]) -> asyncio.Future[None]:
        future = submit(shard, records)
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        answered.set_result(None)
        return answered

    EmbeddedShard.submit = hasty  # type: ignore[method-assign]


def _change_tries(changes: Callable[[Outbound], dict[str, Any]]) -> None:
    prepared = Lane._outbounds

    async def changed(lane: Lane, refs: Sequence[int], keys: Sequence[int]) -> list[tuple[int, int, Outbound]]:
        ready = await prepared(lane, refs, keys)
        return [(ref, key, msgspec.structs.replace(out, **changes(out))) for ref, key, out in ready]

    Lane._outbounds = changed  # type: ignore[method-assign]


PLANTS: Mapping[str, Callable[[], None]] = {
    "fresh-key": fresh_key, "recomputed": recomputed, "early-answer": early_answer,
}  # fmt: skip
