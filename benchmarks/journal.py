"""Journal only: accept, digest and outcome of batches of 100 × 1 KB, beside the raw loop "write 100 KB + fdatasync".

Both run in turns on the same disk; the figure that counts is the median ratio. ``PYTHONPATH=src python benchmarks/journal.py --help``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable

from waypost.store.chunk import pack
from waypost.store.codec import Codec
from waypost.store.derived import CommittedGroup, Watermark
from waypost.store.embedded import EmbeddedStore
from waypost.store.record import OUT_ROW, Accepted, Delivered, Produced, pack_refs, ref_of

BATCH, BODY = 100, 1024


class Nothing:
    """A fold that keeps nothing: the journal alone is measured."""

    def __init__(self) -> None:
        self.watermark: Watermark = (0, 0)
        self.last_seq = self.last_arrival = self.incarnation = 0
        self.clean = True

    def apply(self, group: CommittedGroup) -> None:
        self.watermark = group.end

    def stage(self) -> Callable[[], None]:
        return self.close

    def flush(self) -> None: ...

    def close(self) -> None: ...


def raw(folder: str, seconds: float) -> float:
    """Messages a second of the raw loop."""
    data, at, batches = os.urandom(BATCH * BODY), 0, 0
    fd = os.open(f"{folder}/raw", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        at += os.pwrite(fd, data, at)
        os.fdatasync(fd)
        batches += 1
    took = time.perf_counter() - start
    os.close(fd)
    os.unlink(f"{folder}/raw")
    return batches * BATCH / took


async def journal(folder: str, seconds: float, tasks: int, compress: bool) -> tuple[float, float]:
    """(messages a second, CPU microseconds a message)."""
    store = EmbeddedStore(folder, folds=lambda folder, secret: (Nothing(), Nothing()), codec=Codec(compress=compress))
    store.create()
    shard = await store.open_shard(0, 1)
    bodies = [os.urandom(BODY) for _ in range(BATCH)]
    rows = b"".join(OUT_ROW.pack(i, 0, 0, 0, os.urandom(16)) for i in range(BATCH))
    done = 0
    start, cpu = time.perf_counter(), _cpu()

    async def feed() -> None:
        nonlocal done
        while time.perf_counter() - start < seconds:
            seq = shard.next_seq()
            first = (seq << 64).to_bytes(16, "big")
            batch = Accepted(seq, "orders", "version", first, BATCH, 1, pack(bodies), partition="p", position=str(seq))
            await shard.append([batch, Produced(seq, ("erp",), rows)])
            shard.append_later(
                [Delivered(pack_refs([ref_of(seq, row) for row in range(BATCH)]), 1, 1, ("a",), ("201",))]
            )
            done += 1

    await asyncio.gather(*(feed() for _ in range(tasks)))
    took, used = time.perf_counter() - start, _cpu() - cpu
    await shard.close()
    return done * BATCH / took, used / (done * BATCH) * 1e6


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one cell")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=4, help="batches in the air")
    parser.add_argument("--compress", action="store_true")
    parser.add_argument("--folder", default=".", help="a folder on the disk to measure")
    arguments = parser.parse_args()
    ratios = []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            before = raw(folder, arguments.seconds / 2)
            ours, cpu = asyncio.run(journal(f"{folder}/store", arguments.seconds, arguments.tasks, arguments.compress))
            after = raw(folder, arguments.seconds / 2)
        ratios.append(ours / ((before + after) / 2))
        print(f"raw {before:9.0f} {after:9.0f}  journal {ours:9.0f} msg/s  {cpu:5.2f} µs CPU  ratio {ratios[-1]:.2f}")
    print(f"median ratio {statistics.median(ratios):.2f} with {arguments.tasks} batches in the air")


if __name__ == "__main__":
    main()
