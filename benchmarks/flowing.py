"""A project run over its input in a fresh process, less what an empty run of it takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.process import Usage, product
from benchmarks.project import delivered


def run_over(
    root: Path, input_file: Path, count: int, *, workers: int = 1, extra: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Rate and processor time of ``count`` messages. Raises ``RuntimeError`` unless all of them came out once."""
    options = ("--once", "--workers", str(workers))
    _usage(root, options, extra)  # makes the store
    empty = _usage(root, options, extra)
    (root / "in/orders.ndjson").hardlink_to(input_file)
    whole = _usage(root, options, extra)
    if (came := delivered(root)) != count:
        raise RuntimeError(f"{came} messages of {count} came out")
    # A run too short to stand out from its start counts whole rather than as next to nothing.
    wall = whole.wall - empty.wall if whole.wall > 1.2 * empty.wall else whole.wall
    cpu = max(whole.cpu - empty.cpu, 1e-6)
    return {"rate": count / wall, "cpu_us": cpu / count * 1e6}


def _usage(root: Path, options: tuple[str, ...], extra: Mapping[str, str] | None) -> Usage:
    with product(root, *options, extra=extra) as running:
        return running.wait()[0]
