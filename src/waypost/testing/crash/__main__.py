"""Explores crash states for long, on all cores, and prints what was covered.

``python -m waypost.testing.crash --images 200000`` ends with 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import count, islice
from random import Random

from waypost.testing.crash.explore import Findings, explore, left_by
from waypost.testing.crash.recording import Recording, record
from waypost.testing.crash.workload import SCENES, recovering


def explore_scene(name: str, seed: int, torn: int) -> Findings:
    """Explore one run of a scene, and of an opening on one of the disks it leaves."""
    scene, random = SCENES[name], Random(seed)
    recording = record(name, scene.workload, seed=seed, fails=scene.fails())
    found = explore(recording, torn=torn, seed=seed, across=scene.across)
    if len(recording.groups) == 1:
        beginning = left_by(recording, random.randrange(_operations(recording)), seed)
        again = record(f"{name}, left in the middle", recovering, seed=seed, beginning=beginning)
        found.add(explore(again, torn=torn, seed=seed))
    return found


def _operations(recording: Recording) -> int:
    return len(recording.log.entries)


def _jobs(torn: int) -> Iterator[tuple[str, int, int]]:
    for seed in count(1):
        for name in SCENES:
            yield name, seed, torn


def parser() -> argparse.ArgumentParser:
    """The options, with what they mean."""
    options = argparse.ArgumentParser(prog="python -m waypost.testing.crash", description=__doc__)
    options.add_argument("--images", type=int, default=200_000, help="distinct disk images to judge")
    options.add_argument("--torn", type=int, default=12, help="random images after each operation")
    options.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return options


def main() -> int:
    """Explore until enough images were judged or a promise was broken; the exit code."""
    arguments = parser().parse_args()
    started, total, jobs = time.monotonic(), Findings(), _jobs(arguments.torn)
    with ProcessPoolExecutor(arguments.processes) as pool:
        while total.images < arguments.images and not total.violations:
            round_of_jobs = list(islice(jobs, 2 * arguments.processes))
            for found in pool.map(explore_scene, *zip(*round_of_jobs, strict=True)):
                total.add(found)
            seconds = time.monotonic() - started
            sys.stderr.write(f"\r{total.images:,} images, {total.images / seconds:,.0f} a second ")
    sys.stdout.write("\n" + report(total))
    return 1 if total.violations else 0


def report(found: Findings) -> str:
    """A table of call sites and phases, in images, and every broken promise."""
    phases = sorted({phase for _, phase in found.crossings})
    sites = sorted({site for site, _ in found.crossings})
    width = max(map(len, sites))
    lines = [f"{'call site':{width}} " + " ".join(f"{phase[:12]:>12}" for phase in phases)]
    for site in sites:
        counts = [found.crossings[site, phase] for phase in phases]
        lines.append(f"{site:{width}} " + " ".join(f"{count or '':>12}" for count in counts))
    lines.append("")
    lines.append(", ".join(f"{how}: {count:,}" for how, count in sorted(found.by_how.items())))
    lines.append(
        f"{found.images:,} distinct images after {found.operations:,} operations, {len(sites)} call sites, "
        f"{len(found.crossings)} crossings with phases, parts opened {found.opened:,} times, "
        f"{len(found.violations)} promises broken"
    )
    return "\n".join([*lines, *map(str, found.violations), ""])


if __name__ == "__main__":
    sys.exit(main())
