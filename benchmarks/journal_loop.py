"""The journal alone, in a process of its own: accept, digest and outcome of batches of 100 messages of 1 KB.

``python -m benchmarks.journal_loop FOLDER SECONDS`` prints JSON. The codec and the limits are those of production; the
folds keep nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time

from benchmarks.nothing import nothing_kept
from waypost.store.chunk import pack
from waypost.store.embedded import EmbeddedStore
from waypost.store.record import OUT_ROW, Accepted, Delivered, Produced, pack_refs, ref_of

BATCH, BODY = 100, 1024
IN_THE_AIR = 4
"""Batches on their way to being durable at once, as an intake has them."""


async def loop(folder: str, seconds: float) -> dict[str, float]:
    """Messages a second, processor microseconds a message, and the segments that were begun."""
    store = EmbeddedStore(folder, folds=nothing_kept)
    store.create()
    shard = await store.open_shard(0, 1)
    bodies = [os.urandom(BODY) for _ in range(BATCH)]
    rows = b"".join(OUT_ROW.pack(i, 0, 0, 0, os.urandom(16)) for i in range(BATCH))
    done = 0
    start, cpu = time.perf_counter(), time.process_time()

    async def feed() -> None:
        nonlocal done
        while time.perf_counter() - start < seconds:
            seq = shard.next_seq()
            first = (seq << 64).to_bytes(16, "big")
            batch = Accepted(seq, "orders", "version", first, BATCH, 1, pack(bodies), partition="p", position=str(seq))
            await shard.append([batch, Produced(seq, ("erp",), rows)])
            refs = pack_refs([ref_of(seq, row) for row in range(BATCH)])
            shard.append_later([Delivered(refs, 1, 1, ("a",), ("201",))])
            done += BATCH

    await asyncio.gather(*(feed() for _ in range(IN_THE_AIR)))
    took, used = time.perf_counter() - start, time.process_time() - cpu
    await shard.close()
    segments = len(shard.journal.segments())
    return {
        "rate": done / took, "cpu_us": used / done * 1e6, "segments": segments,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(asyncio.run(loop(sys.argv[1], float(sys.argv[2])))))
