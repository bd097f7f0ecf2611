"""What the stored stores hold: one record of every kind, so that a change of the format shows.

``python -m tests.golden.stores.written`` writes the folder of the current format anew; commit it only together with a
new format version, and keep the older ones.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import msgspec

from tests.unit.store.memory import limits, store
from waypost.store import record as r
from waypost.store.chunk import LARGE, pack

LARGE_BODY = b"L" * (LARGE + 1)
OUT = r.OUT_ROW.pack(0, 0, 0, r.State.OPEN, b"d" * 16) + r.OUT_ROW.pack(1, 0, 0, r.State.RETRYING, b"e" * 16)
REFS = r.pack_refs([r.ref_of(1, 0)])

FIRST = r.Accepted(
    1, "orders", "v1", bytes(15) + b"\1", 2, 1000, pack([b'{"po": 1}', b'{"po": 2}']), b"context", "application/json",
    "in/a.json", "17", 1, bytes(32), r.ORDER_ROW.pack(7) * 2, (("po", (("1",), ("2",))),), b"\x80", (b"c" * 16,),
    "replay",
)  # fmt: skip

RECORDS: list[list[r.AnyRecord]] = [
    [
        r.Activated("v1", 900, "ada", {"commit": "abc", "flows": ["orders"]}),
        r.Commanded("flow:x", "paused", 1, "ada", ""),
    ],
    [r.ArrivalBegun(1, "orders", "in/a.json", "a.json", "id-1", 20, 950)],
    [
        FIRST,
        r.Effects(1, ((0, "price", 0, b"q" * 16, b"\x01"),)),
        r.Produced(
            1, ("erp",), OUT, (r.Failure(1, "erp", "transient", "503", "busy"),), (12, 30), (("so", 0, "77"),), 1001
        ),
    ],
    [r.Intended(REFS)],
    [r.Delivered(REFS, 1002, 12, ("https://erp",), ("201",), (b"ok",), b"\x80", (("so", 0, "78"),), True)],
    [r.DeliveryFailed(r.ref_of(1, 1), 1003, 1, 1, 2000, "transient", "503", "busy", "https://erp", "503", b"no", True)],
    [r.OutboundBody(r.ref_of(1, 1), "application/json", pack([b"{}"]))],
    [r.Decided(REFS, r.State.PARKED, 1004, "ada", "month end", "hold")],
    [r.ArrivalEnded(1, 1005, 2, 20, "ab" * 32, ""), r.ArrivalDisposed(1, 1006)],
    [r.Positioned("orders", "in/a.json", "20", 3), r.Claimed((("dedupe", b"k" * 16, b"m" * 16, 0),))],
    [r.Numbered("control", 42, True), r.TimerSet("t", 5000, b"p"), r.TimerDone("t")],
    [r.StepState("orders", "aggregate", "key", b"value"), r.MovedAway(REFS, (2,), 1, 1007)],
    [r.Linked(b"m" * 16, "duplicate-of", b"n" * 16, 1008), r.Retold(1, r.encode(r.Intended(REFS)))],
    [
        r.LegalHold((b"m" * 16,), True, 1009, "ada", "case 12"),
        r.Forgotten((1,), (("orders", "in/a.json", 3),)),
    ],
    [r.Released("orders", "aggregate", "4711", (b"m" * 16,), (b"n" * 16,), "count", 1010, "ada", "end", (b"o" * 16,))],
    [msgspec.structs.replace(FIRST, seq=2, count=1, bodies=pack([LARGE_BODY]), origin="")],
]


SINCE = {r.LegalHold: 2, r.Forgotten: 2, r.Released: 4}
"""The format that knew a kind of record first; 1 for all others."""


def records_of(version: int) -> list[list[r.AnyRecord]]:
    """What the store of a format holds."""
    return [known for records in RECORDS if (known := [one for one in records if SINCE.get(type(one), 1) <= version])]


def write(folder: Path) -> None:
    """A store with ``RECORDS`` in several segments, closed."""
    asyncio.run(_append(folder))
    for path in folder.rglob("*"):
        if path.name in ("lock", "reserve"):
            path.unlink()


async def _append(folder: Path) -> None:
    shard = await store(folder, limits=limits(segment_bytes=700), fingerprint="py").open_shard(0, 1)
    for records in RECORDS:
        await shard.append(records)
    await shard.close()


if __name__ == "__main__":
    target = Path(__file__).parent / str(r.FORMAT_VERSION)
    shutil.rmtree(target, ignore_errors=True)
    write(target)
