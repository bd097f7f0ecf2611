"""A map of forty fields, with ten lines an order, beside the same translation written by hand and interpreted.

All run in one process on the same documents, turn by turn, and must give the same result. The one by hand is what a
programmer would write: dictionary reads, the standard library for dates, exact decimals. It makes no promise about
documents of another shape; a map says which rule failed and leaves out what is missing. Reading the two dates by a
pattern is about 40 % of its time; a row without a target stands beside it in which they are cut by position. The same
in JSONata by jsonata-python, the step xslt beside bare lxml, and validation follow.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.bench import Bench
from benchmarks.forty import JSONATA, MAP, order
from benchmarks.hand_map import UNITS, by_hand, cut_date
from benchmarks.translating import floats, run_xslt
from benchmarks.validating import run_validation
from waypost.mapping.bundle import Bundle
from waypost.mapping.compile import CompiledMap
from waypost.mapping.lookup import read_table
from waypost.mapping.reader import read_map
from waypost.mapping.replay import apply_slowly

MOST_TO_HAND = 1.3
LEAST_TO_INTERPRETED = 15.0
LEAST_TO_JSONATA = 100.0


def run(bench: Bench) -> None:
    """Add the ratios to the report; raises where the three do not agree."""
    faults: list[Any] = []
    document = read_map(MAP, "order40.map.yaml", faults, lambda *_: None)
    assert document is not None, faults
    table = "k,v\n" + "".join(f"{key},{value}\n" for key, value in UNITS.items())
    bundle = Bundle(document, {"units": read_table("units.csv", table.encode(), [])})
    compiled = CompiledMap(bundle)
    orders = [order(number) for number in range(200)]
    ways: dict[str, Callable[[Any], Any]] = {
        "hand": by_hand,
        "hand_cut": lambda each: by_hand(each, cut_date),
        "map": compiled.apply,
        "interpreted": lambda each: apply_slowly(bundle, each, 0),
    }
    for each in orders:
        wanted = by_hand(each)
        if any(way(each) != wanted for way in ways.values()):
            raise RuntimeError("the map, the interpreter and the function by hand do not give the same")
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(bench.plan.repeats * 8):
        for name, way in ways.items():
            part = orders[:20] if name == "interpreted" else orders
            taken[name].append(_each(way, part))
    cost = {name: min(samples) for name, samples in taken.items()}
    to_hand, to_cut = (
        statistics.median(a / b for a, b in zip(taken["map"], taken[name], strict=True))
        for name in ("hand", "hand_cut")
    )
    to_interpreted = cost["interpreted"] / cost["map"]
    figures = {f"{name}_us": seconds * 1e6 for name, seconds in cost.items()}
    bench.add(
        "map to hand-written",
        {**figures, "times": to_hand},
        target=f"≤ {MOST_TO_HAND}×",
        passed=to_hand <= MOST_TO_HAND,
    )
    bench.add(
        "map to hand-written, dates cut by position", {"times": to_cut},
        note="the map keeps dates it has read; by hand a line's amount is computed once, by the map twice",
    )  # fmt: skip
    bench.add(
        "interpreted to map", {"times": to_interpreted}, target=f"≥ {LEAST_TO_INTERPRETED:.0f}×",
        passed=to_interpreted >= LEAST_TO_INTERPRETED,
    )  # fmt: skip
    if importlib.util.find_spec("jsonata") is not None:
        _beside_jsonata(bench, compiled, orders[:10])
    run_xslt(bench)
    run_validation(bench)


def _beside_jsonata(bench: Bench, compiled: CompiledMap, orders: list[dict[str, Any]]) -> None:
    """The same translation in JSONata by jsonata-python, whose numbers are floats."""
    import jsonata

    oracle = jsonata.Jsonata(JSONATA.format(units=json.dumps(UNITS)))
    plain = [floats(each) for each in orders]
    for each, same in zip(orders, plain, strict=True):
        theirs = oracle.evaluate(same)
        theirs["total"] = round(theirs["total"], 2)
        if theirs != floats(compiled.apply(each)):
            raise RuntimeError("the map and the expression of JSONata do not give the same")
    ours, them = [], []
    for _ in range(bench.plan.repeats * 2):
        ours.append(_each(compiled.apply, orders * 20))
        them.append(_each(oracle.evaluate, plain))
    ratio = statistics.median(b / a for a, b in zip(ours, them, strict=True))
    figures = {"jsonata_python_us": min(them) * 1e6, "map_us": min(ours) * 1e6, "times": ratio}
    bench.add("jsonata-python to map", figures,
              target=f"≥ {LEAST_TO_JSONATA:.0f}×", passed=ratio >= LEAST_TO_JSONATA)  # fmt: skip


def _each(way: Callable[[Any], Any], orders: list[dict[str, Any]]) -> float:
    """Processor seconds for one order."""
    begun = time.process_time()
    for each in orders:
        way(each)
    return (time.process_time() - begun) / len(orders)
