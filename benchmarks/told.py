"""What the journal says of each message: when it was due, accepted, delivered.

``python -m benchmarks.told STORE`` prints JSON; orders must say in ``created`` when they were due.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

from benchmarks.bench import percentile
from benchmarks.nothing import nothing_kept
from waypost.store.chunk import unpack
from waypost.store.embedded import EmbeddedStore
from waypost.store.record import OUT_BITS, OUT_MASK, OUT_ROW, Accepted, Delivered, Produced, unpack_refs

_DUE = re.compile(rb'"created": "(\d+)"')


async def told(folder: str) -> dict[str, float]:
    """Milliseconds from due to delivered."""
    shard = await EmbeddedStore(folder, folds=nothing_kept).open_shard(0, 1)
    due: dict[int, list[int]] = {}
    index: dict[int, list[int]] = {}
    took: list[float] = []
    for group in shard.journal.groups((0, 0), shard.end):
        for _, record in group.records:
            if isinstance(record, Accepted):
                due[record.seq] = [int(match[1]) for body in unpack(record.bodies) if (match := _DUE.search(body))]
            elif isinstance(record, Produced):
                index[record.seq] = [row[0] for row in OUT_ROW.iter_unpack(record.rows)]
            elif isinstance(record, Delivered):
                for ref in unpack_refs(record.refs):
                    seq, row = ref >> OUT_BITS, ref & OUT_MASK
                    took.append((record.at - due[seq][index[seq][row]]) / 1000)
    segments = shard.end[0]
    await shard.close()
    return {
        "p50_ms": percentile(took, 50), "p99_ms": percentile(took, 99), "messages": len(took), "segments": segments
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(asyncio.run(told(sys.argv[1]))))
