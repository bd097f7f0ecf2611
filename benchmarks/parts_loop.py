"""What each part of a message's way costs when nothing else runs: the floor under ``file_to_file``.

``python -m benchmarks.parts_loop FOLDER`` prints JSON: microseconds of a message of 1 KB in batches of 200, the least
of many turns of each part, in one thread.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.project import make_project, order
from waypost.core.clock import SystemClock, SystemRandom
from waypost.core.event import Events
from waypost.core.proof import digester
from waypost.flow.batch.assemble import Surroundings
from waypost.flow.batch.compiled import CompiledFlow
from waypost.flow.batch.effects import LiveEffects
from waypost.flow.batch.load import Load, accepted_record, decode_load, outbounds_of, produced_record
from waypost.flow.batch.versions import Versions
from waypost.flow.declared.project import load_project
from waypost.store.codec import Codec
from waypost.store.derived import CommittedGroup
from waypost.store.frame import Packed
from waypost.store.index import SearchIndex
from waypost.store.protocol import Location
from waypost.store.record import Delivered, pack_refs

BATCH, TURNS = 200, 150
SECRET = bytes(32)


class _NoClaims:
    """What the effects of a flow that asks for nothing need to know."""

    secret = SECRET


def flow_of(folder: Path) -> CompiledFlow:
    """The measured flow, compiled."""
    root = make_project(folder / "project")
    project = load_project(root, "dev")
    around = Surroundings(root, SystemClock(), SystemRandom(), Events(), 0)
    versions = Versions(folder / "bundles", root, "dev", around)
    versions.keep(project)
    return versions.flow(project.version, "orders")


def least(part: Callable[[], Any]) -> float:
    """Microseconds a message."""
    took = []
    for _ in range(TURNS):
        begun = time.perf_counter()
        part()
        took.append(time.perf_counter() - begun)
    return min(took) / BATCH * 1e6


def whole(flow: CompiledFlow, load: Load) -> Any:
    """(decoded, processed)"""
    decoded = decode_load(flow, load, 1 << 64, 1, SECRET)
    made = flow.process(decoded.indices, decoded.messages, LiveEffects({}, _NoClaims()), SECRET)  # type: ignore[arg-type]
    return decoded, asyncio.run(made)


def parts(folder: Path) -> dict[str, float]:
    """Each part by its name."""
    flow = flow_of(folder)
    content = b"".join(order(number) for number in range(BATCH))
    raws = [piece.data for piece in flow.format.framer(1 << 20).feed(content)]
    load = Load("orders", raws, partition="p", position="1", ranges=bytes(16 * BATCH))
    decoded, processed = whole(flow, load)
    found = {
        "cut": least(lambda: flow.format.framer(1 << 20).feed(content)),
        "decode": least(lambda: flow.decode(raws, b"")),
        "messages and keys": least(lambda: decode_load(flow, load, 1 << 64, 1, SECRET)),
    }
    found["messages and keys"] -= found["decode"]
    messages = decoded.messages
    for step in flow.steps:
        found[step.kind] = least(lambda step=step, given=messages: step.step.process(given))  # type: ignore[misc]
        results = step.step.process(messages)
        messages = results if step.kind != "route" else messages
    documents = [message.body for message in messages]
    bodies = flow.targets[0].format.encode(documents)
    accepted = accepted_record(flow, load, decoded, 1)
    produced = produced_record(flow, decoded, processed, 1)
    found |= {
        "encode": least(lambda: flow.targets[0].format.encode(documents)),
        "digest": least(lambda: digester(SECRET)(bodies)),
        "outputs": least(lambda: outbounds_of(flow, decoded, processed, 1)),
        "records": least(
            lambda: (accepted_record(flow, load, decoded, 1), produced_record(flow, decoded, processed, 1))
        ),
        "pack": least(lambda: Packed([accepted, produced], Codec())),
    }
    return {**found, **indexed(folder, flow, load)}


def indexed(folder: Path, flow: CompiledFlow, load: Load) -> dict[str, float]:
    """Taken in and written by the search index, in batches of other numbers each time and flushes of two hundred."""
    index, seq, groups = SearchIndex(folder / "index.db", SECRET), 0, list[CommittedGroup]()
    decoded, processed = whole(flow, load)
    took: dict[str, list[float]] = {"index": [], "index, written": []}
    for _ in range(5):
        groups = []
        for _ in range(200):
            seq += 1
            records = [accepted_record(flow, load, decoded, seq), produced_record(flow, decoded, processed, seq)]
            lanes = outbounds_of(flow, decoded, processed, seq).values()
            records += [Delivered(pack_refs(refs), 1, 1, ("out",), ("",)) for refs, _, _ in lanes]
            located = [(Location(1, seq * 1000, number), record) for number, record in enumerate(records)]
            groups.append(CommittedGroup(located, (1, seq * 1000 + 999), 1000))
        begun = time.perf_counter()
        for group in groups:
            index.apply(group)
        middle = time.perf_counter()
        index.flush()
        took["index"].append(middle - begun)
        took["index, written"].append(time.perf_counter() - middle)
    index.close()
    return {name: min(each) / (200 * BATCH) * 1e6 for name, each in took.items()}


if __name__ == "__main__":
    gc.set_threshold(50_000, 20, 50)
    print(json.dumps(parts(Path(sys.argv[1]))))
