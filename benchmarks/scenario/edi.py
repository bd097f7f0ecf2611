"""EDI files checked whole: envelopes, order, types, lengths, codes, composites, conditions, rules of loops; one core.

The files are generated: X12 850 in 004010, 837P in 005010X222A1, and EDIFACT ORDERS in D.96A, each of 64 different
messages under numbers of their own. Speed is bytes of file by seconds of processor, so that other work on the machine
counts little. Writing is of the documents a flow reads. Other libraries that ``tools/bench-peers`` put in place read
files of the same kind in the same run.
"""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench, medians
from benchmarks.edi_peers import Peer, peers
from waypost.formats.edi.examine.examination import examine_path
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.generate import Plan, generate
from waypost.formats.edi.schema.load import Library
from waypost.testing.format_kit import build_format

BYTES_A_MESSAGE = 200
MEGABYTE = 1_000_000
_WRITTEN = 300
"""How many documents are written; all of them are held in memory first."""
CASES = (
    ("850", "x12/004010/850", "x12", 10, 20), ("837P", "x12/005010X222A1/837", "x12", 10, 20),
    ("ORDERS", "edifact/D96A/ORDERS", "edifact", 8, 15),
)  # fmt: skip


def run(bench: Bench) -> None:
    """Sound files of both standards, one with faults, writing, and what others do with the same files."""
    size = bench.plan.messages * BYTES_A_MESSAGE
    with bench.fresh() as folder:
        for case, name, standard, least, aim in CASES:
            path = _made(folder, case, name, Plan(size=size, lines=12))
            found = medians([_sample(path) for _ in range(bench.plan.repeats)])
            bench.add(f"{case}, all sound", found, target=f"≥ {least} MB/s (aim {aim})", passed=found["mb_s"] >= least)
            written = medians([_written(path, standard) for _ in range(bench.plan.repeats)])
            bench.add(f"{case}, written", written, target="≥ 10 MB/s", passed=written["mb_s"] >= 10)
        path = _made(folder, "faulty", CASES[0][1], Plan(count=200, faults=200, lines=12))
        bench.add("850, each with a fault", medians([_sample(path) for _ in range(bench.plan.repeats)]))
        for peer in peers(folder):
            for case, name, _, _, _ in CASES:
                if case in peer.cases:
                    plan = Plan(size=min(size, peer.size), lines=12)
                    _beside(bench, peer, case, _made(folder, f"{case}-{plan.size}", name, plan))


def _made(folder: Path, case: str, name: str, plan: Plan) -> Path:
    schema = Library().schema(name)
    assert schema is not None, name
    path = folder / f"{case}.edi"
    with path.open("wb") as file:
        file.writelines(generate(schema, plan))
    return path


def _sample(path: Path) -> dict[str, float]:
    schemas = Schemas(Library())
    begun = time.process_time()
    report = examine_path(path, schemas)
    seconds = time.process_time() - begun
    messages = sum(counted.received for counted in report.sets.values())
    return {"mb_s": path.stat().st_size / MEGABYTE / seconds, "messages": messages, "faults": report.faults}


def _written(path: Path, standard: str) -> dict[str, float]:
    format_ = build_format(standard, "{check: false}")
    framer = format_.framer(1 << 30)
    slices = [*framer.feed(path.read_bytes()), *framer.finish()]
    documents: list[Any] = [d for s in islice(slices, _WRITTEN) for d in format_.decode([s.data], s.context)]
    whole = {**documents[0], "transactions": documents}
    begun = time.process_time()
    (content,) = format_.encode([whole])
    seconds = time.process_time() - begun
    return {"mb_s": len(content) / MEGABYTE / seconds, "messages": len(documents)}


def _beside(bench: Bench, peer: Peer, case: str, path: Path) -> None:
    """What another library does with a file, and how quickly it is checked whole here in the same minute."""
    own = _sample(path)["mb_s"]
    try:
        speed = path.stat().st_size / MEGABYTE / peer.seconds(path)
    except RuntimeError as failed:
        bench.add(f"{case}: {peer.name}", {}, note=str(failed))
        return
    bench.add(f"{case}: {peer.name}", {"mb_s": speed, "ours_mb_s": own, "times_theirs": own / speed})
