"""``waypost run`` with parts taken out, to see what they cost: ``python -m benchmarks.engine_without PARTS run DIR …``.

``PARTS`` joins with commas: ``digests`` (the keyed hash of every outbound body is a constant), ``timings`` (the step
clock stands still), ``index`` (the search index keeps nothing but how far it would be).
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

from waypost.cli.main import main
from waypost.flow.batch import compiled
from waypost.store.derived import CommittedGroup
from waypost.store.index import SearchIndex


def no_digests() -> None:
    compiled.digester = lambda secret: lambda bodies: [bytes(16)] * len(bodies)  # type: ignore[attr-defined]


def no_timings() -> None:
    compiled.time = SimpleNamespace(perf_counter_ns=lambda: 0)  # type: ignore[attr-defined]


def no_index() -> None:
    def apply(self: SearchIndex, group: CommittedGroup) -> None:
        self._applied = group.end

    SearchIndex.apply = apply  # type: ignore[method-assign]


PARTS = {"digests": no_digests, "timings": no_timings, "index": no_index}

if __name__ == "__main__":
    for part in filter(None, sys.argv[1].split(",")):
        PARTS[part]()
    sys.exit(main(sys.argv[2:]))
