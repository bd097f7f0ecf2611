"""``python -m waypost.testing.ledger``: run trials and print what came out; exit code 1 when anything was wrong."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from waypost.testing.ledger.judge import shortened
from waypost.testing.ledger.plants import PLANTS
from waypost.testing.ledger.trial import SCENES, Plan, Result, tried

_COLUMNS = ("seed", "workers", "messages", "seconds", "supervisor", "nursery", "worker", "at the disk", "faults")


def main() -> int:
    """As the arguments say."""
    given = parser().parse_args()
    folder = Path(given.folder or tempfile.mkdtemp(prefix="waypost-ledger-"))
    worst = 0
    _row(_COLUMNS)
    for seed in range(given.seed, given.seed + given.trials):
        plan = Plan(
            scene=given.scene, messages=given.messages, workers=tuple(given.workers), kill_every=given.kill_every,
            seed=seed,
            per_second=given.per_second, timeout_seconds=given.timeout, die_at=_numbers(given.die_at),
            plant=given.plant,
        )  # fmt: skip
        result = tried(folder / f"seed-{seed}", plan)
        _print(plan, result)
        worst = max(worst, 1 if result.faults else 0)
    return worst


def parser() -> argparse.ArgumentParser:
    """The options, with what they mean."""
    options = argparse.ArgumentParser(
        prog="python -m waypost.testing.ledger", description=__doc__,
        epilog="Supervisor, nursery and worker count kills from outside; 'at the disk' counts processes that died at a "
        "change of the disk (--die-at). No faults: every promise held.",
    )  # fmt: skip
    options.add_argument(
        "--scene", choices=sorted(SCENES), default="fan-out",
        help="what is tortured: one flow with three targets, or flows with every step that combines messages",
    )  # fmt: skip
    options.add_argument("--messages", type=int, default=100_000, help="messages that are written at least")
    options.add_argument(
        "--workers", type=int, nargs="+", default=[2], help="numbers of workers, one per start, in turn"
    )
    options.add_argument("--kill-every", type=float, default=1.0, help="seconds between two kills; 0: none")
    options.add_argument("--per-second", type=float, default=5000.0, help="messages written per second")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--trials", type=int, default=1, help="trials, each with the next seed")
    options.add_argument("--timeout", type=float, default=900.0, help="seconds until a trial has failed")
    options.add_argument(
        "--die-at", type=int, nargs=3, metavar=("FIRST", "LAST", "STEP"), default=(1, 0, 1),
        help="one process after the other dies at its own change of the disk with this number",
    )  # fmt: skip
    options.add_argument("--plant", choices=sorted(PLANTS), default="", help="put a bug in: the trial must fail")
    options.add_argument("--folder", default="", help="where trials run; those with faults stay there")
    return options


def _numbers(given: Sequence[int]) -> Sequence[int]:
    first, last, step = given
    return range(first, last + 1, step)


def _row(cells: Sequence[object]) -> None:
    sys.stdout.write(" ".join(f"{cell!s:>11}" for cell in cells) + "\n")
    sys.stdout.flush()


def _print(plan: Plan, result: Result) -> None:
    kills = [result.kills[name] for name in ("supervisor", "nursery", "worker")]
    workers = ",".join(map(str, plan.workers))
    died = result.deaths.total()
    _row((plan.seed, workers, result.messages, f"{result.seconds:.1f}", *kills, died, len(result.faults)))
    for site, count in sorted(result.deaths.items()):
        sys.stdout.write(f"{count:>11} died at {site}\n")
    for fault in shortened(result.faults):
        sys.stdout.write(f"      {fault}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
