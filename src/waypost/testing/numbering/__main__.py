"""``python -m waypost.testing.numbering``: kill processes while interchanges are numbered; exit code 1 for faults."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from waypost.testing.numbering.trial import Plan, Trial

_SHOWN = 20


def main() -> int:
    """As the arguments say."""
    options = argparse.ArgumentParser(prog="python -m waypost.testing.numbering", description=__doc__)
    options.add_argument("--kills", type=int, default=1000, help="processes that are killed with SIGKILL")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--kill-every", type=float, default=0.2, help="seconds between two kills, on average")
    options.add_argument("--messages-per-kill", type=int, default=10, help="messages that come with each kill")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--timeout", type=float, default=3600.0, help="seconds until the trial has failed")
    given = options.parse_args()
    root = Path(tempfile.mkdtemp(prefix="waypost-numbering-")) / "project"
    plan = Plan(
        kills=given.kills, workers=given.workers, kill_every=given.kill_every, seed=given.seed,
        messages_per_kill=given.messages_per_kill, timeout_seconds=given.timeout,
    )  # fmt: skip
    result = Trial(root, plan).run()
    kills = ", ".join(f"{count} {name}" for name, count in sorted(result.kills.items()))
    sys.stdout.write(
        f"{result.kills.total()} kills ({kills}) in {result.seconds:.0f} s, {plan.workers} workers, seed {plan.seed}: "
        f"{result.messages} interchanges, {len(result.faults)} gaps, repetitions or other faults\n"
    )
    for fault in result.faults[:_SHOWN]:
        sys.stdout.write(f"  {fault}\n")
    if result.faults:
        sys.stdout.write(f"  kept: {root}\n")
        return 1
    shutil.rmtree(root.parent)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
