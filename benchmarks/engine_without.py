"""``waypost run`` with parts taken out, to see what they cost: ``python -m benchmarks.engine_without PARTS run DIR …``.

``PARTS`` joins with commas: ``digests`` (the keyed hash of every outbound body is a constant), ``timings`` (the step
clock stands still), ``index`` (the search index keeps nothing).
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

from benchmarks.nothing import Nothing
from waypost.cli.main import main
from waypost.core.clock import SystemClock
from waypost.flow import compiled, worker
from waypost.store.layout import ShardFolder
from waypost.store.state import StateFold


def no_digests() -> None:
    constant = SimpleNamespace(digest=lambda: bytes(16))
    compiled.hashlib = SimpleNamespace(blake2b=lambda *a, **k: constant)  # type: ignore[attr-defined]


def no_timings() -> None:
    compiled.time = SimpleNamespace(perf_counter_ns=lambda: 0)  # type: ignore[attr-defined]


def no_index() -> None:
    def folds(folder: ShardFolder, secret: bytes) -> Any:
        return StateFold(worker.Path(folder.path) / "state.db", SystemClock().now), Nothing()

    worker.open_folds = folds
    worker.live_reader = lambda shards: None  # type: ignore[assignment,return-value]


PARTS = {"digests": no_digests, "timings": no_timings, "index": no_index}

if __name__ == "__main__":
    for part in filter(None, sys.argv[1].split(",")):
        PARTS[part]()
    sys.exit(main(sys.argv[2:]))
