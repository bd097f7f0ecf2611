"""``python -m waypost.testing.ledger``: run trials and print what came out; exit code 1 when anything was wrong."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from waypost.testing.ledger.judge import shortened
from waypost.testing.ledger.trial import Plan, Result, tried


def main() -> int:
    """As the arguments say."""
    given = _arguments()
    folder = Path(given.folder or tempfile.mkdtemp(prefix="waypost-ledger-"))
    worst = 0
    heading = "kills (supervisor, nursery, worker)"
    sys.stdout.write(f"{'seed':>5} {'workers':>8} {'messages':>9} {'seconds':>8} {heading:>36} faults\n")
    for seed in range(given.seed, given.seed + given.trials):
        plan = Plan(
            messages=given.messages, workers=tuple(given.workers), kill_every=given.kill_every, seed=seed,
            per_second=given.per_second, timeout_seconds=given.timeout,
        )  # fmt: skip
        result = tried(folder / f"seed-{seed}", plan)
        _print(plan, result)
        worst = max(worst, 1 if result.faults else 0)
    return worst


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m waypost.testing.ledger", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[2], help="numbers of workers, one per start, in turn"
    )
    parser.add_argument("--kill-every", type=float, default=1.0, help="seconds between two kills")
    parser.add_argument("--per-second", type=float, default=5000.0, help="messages written per second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trials", type=int, default=1, help="trials, each with the next seed")
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds until a trial has failed")
    parser.add_argument("--folder", default="", help="where trials run; those with faults stay there")
    return parser.parse_args()


def _print(plan: Plan, result: Result) -> None:
    kills = ", ".join(str(result.kills[name]) for name in ("supervisor", "nursery", "worker"))
    workers = ",".join(map(str, plan.workers))
    row = f"{plan.seed:>5} {workers:>8} {plan.messages:>9} {result.seconds:>8.1f} {kills:>36} {len(result.faults)}"
    sys.stdout.write(row + "\n")
    for fault in shortened(result.faults):
        sys.stdout.write(f"      {fault}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
