"""Give a project's store messages it never received, quickly: records through the store's own door.

``python -m benchmarks.fill PROJECT MESSAGES SHARDS`` adds delivered orders of some 60 bytes, half of them to each of
two shards or all to one, under the version that ran last. Order numbers count from 0 over all shards.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from benchmarks.project import ORDERS, order_id
from waypost.core.clock import SystemClock, SystemRandom
from waypost.core.key import ordering_hash
from waypost.core.message import Ids
from waypost.store.chunk import pack
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import open_folds
from waypost.store.record import OUT_ROW, Accepted, Delivered, Produced, pack_refs, ref_of

BATCH = 200
IN_THE_AIR = 32
TARGETS = ("large", "small")


async def fill(root: Path, count: int, shards: int) -> None:
    """Add ``count`` messages."""
    store = EmbeddedStore(str(root / ".waypost"), folds=open_folds)
    version = ""
    for number in range(shards):
        shard = await store.open_shard(number, shards)
        # Only the first worker's journal may say which version runs.
        activations = shard.state.activations()
        version = activations[-1][0] if activations else version
        clock, ids = SystemClock(), Ids(SystemClock(), SystemRandom())
        tickets = []
        for first in range(count * number // shards, count * (number + 1) // shards, BATCH):
            numbers = range(first, min(first + BATCH, count * (number + 1) // shards))
            seq, at = shard.next_seq(), clock.now()
            customers = [f"C{n % ORDERS:06d}" for n in numbers]
            order = b"".join(ordering_hash(c, shard.secret).to_bytes(8, "little") for c in customers)
            keys = (("order", tuple((order_id(n),) for n in numbers)), ("customer", tuple((c,) for c in customers)))
            bodies = [
                b'{"order_id":"%s","customer":"%s","total":1}\n' % (order_id(n).encode(), c.encode())
                for n, c in zip(numbers, customers, strict=True)
            ]
            batch = Accepted(
                seq, "orders", version, ids.block().to_bytes(16, "big"), len(bodies), at, pack(bodies), order=order,
                keys=keys,
            )  # fmt: skip
            rows = b"".join(OUT_ROW.pack(i, 1, 0, 0, bytes(16)) for i in range(len(bodies)))
            refs = pack_refs([ref_of(seq, row) for row in range(len(bodies))])
            records = [batch, Produced(seq, TARGETS, rows), Delivered(refs, at, 1, ("out/small.ndjson",), ("",))]
            tickets.append(shard.submit(records))
            if len(tickets) >= IN_THE_AIR:
                await tickets.pop(0)
        await asyncio.gather(*tickets)
        await shard.close()


if __name__ == "__main__":
    asyncio.run(fill(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
    print("{}")
