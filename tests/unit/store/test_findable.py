"""A question waits until the index has what was committed before it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import open_folds
from waypost.store.index import SearchIndex
from waypost.testing.store_records import accepted, produced


async def test_what_is_committed_is_findable_only_once_the_index_took_it_in(tmp_path: Path) -> None:
    store = EmbeddedStore(str(tmp_path / "store"), folds=open_folds)
    store.create()
    shard = await store.open_shard(0, 1)
    index, gate = shard.index, threading.Event()
    assert isinstance(index, SearchIndex)
    await shard.findable()
    take_in = index.apply
    index.apply = lambda group: (gate.wait(5), take_in(group))[1]  # type: ignore[method-assign]
    await shard.append([accepted(shard.next_seq()), produced(1)])
    waiting = asyncio.ensure_future(shard.findable())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    gate.set()
    await waiting
    assert index.applied >= shard.end
    await shard.close()
