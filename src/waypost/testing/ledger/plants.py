"""Bugs put into the engine on purpose: a ledger that does not find them proves nothing.

``python -m waypost.testing.ledger --plant fresh-key`` must end with 1.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import msgspec

from waypost.connectors.http_target import HttpTarget
from waypost.core.component import Outbound, Outcome
from waypost.flow.boundary.entries import Entries
from waypost.store.record import AnyRecord

Send = Callable[[HttpTarget, Sequence[Outbound]], Coroutine[Any, Any, Sequence[Outcome]]]
_tries = itertools.count()


def fresh_key() -> None:
    """A retry is no repetition: every try has an idempotency key of its own."""
    _change_tries(lambda out: {"idempotency_key": f"{out.idempotency_key}.{os.getpid()}.{next(_tries)}"})


def recomputed() -> None:
    """A retry is made anew, with other bytes under the same key."""
    _change_tries(lambda out: {"body": out.body.replace(b'"x', b'"%d.%d.' % (os.getpid(), next(_tries)), 1)})


def early_outcome() -> None:
    """A delivery counts as made two seconds before it is."""
    going = set[asyncio.Task[None]]()

    def hasty(send: Send) -> Send:
        async def late(target: HttpTarget, batch: Sequence[Outbound]) -> None:
            await asyncio.sleep(2)
            await send(target, batch)

        async def at_once(target: HttpTarget, batch: Sequence[Outbound]) -> Sequence[Outcome]:
            task = asyncio.ensure_future(late(target, batch))
            going.add(task)
            task.add_done_callback(going.discard)
            return [Outcome(delivered=True)] * len(batch)

        return at_once

    _sent_by(hasty)


def apart() -> None:
    """That a group went is journaled a second after what it remembers, and after what was made of it."""
    real = Entries.released

    def released(self: Entries, *given: Any) -> list[AnyRecord]:
        records = real(self, *given)

        async def later() -> None:
            await self.host.clock.sleep(1.0)
            await self.host.shard.append(records)

        if records:
            self.host.spawn(later())
        return []

    setattr(Entries, "released", released)  # noqa: B010 - a method may not be assigned to


def _change_tries(changes: Callable[[Outbound], dict[str, Any]]) -> None:
    def changing(send: Send) -> Send:
        async def changed(target: HttpTarget, batch: Sequence[Outbound]) -> Sequence[Outcome]:
            return await send(target, [msgspec.structs.replace(out, **changes(out)) for out in batch])

        return changed

    _sent_by(changing)


def _sent_by(planted: Callable[[Send], Send]) -> None:
    """Have what goes to the HTTP system sent in another way."""
    setattr(HttpTarget, "send", planted(HttpTarget.send))  # noqa: B010 - a method may not be assigned to


PLANTS: Mapping[str, Callable[[], None]] = {
    "fresh-key": fresh_key, "recomputed": recomputed, "early-outcome": early_outcome, "apart": apart,
}  # fmt: skip
