"""Translators beside what they are built on: JSONata beside jsonata-python.

Both run in one process on the same documents, turn by turn. XSLT 1.0 beside bare lxml is in the scenario ``mapping``.
XSLT 3.0 and JavaScript run in a process of their own: their figures are by the clock, with the way there and back.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from typing import Any

from benchmarks.bench import Bench
from benchmarks.forty import order
from benchmarks.translating import XSL, floats, messages, step, turns, xml
from waypost.core.message import Message

LEAST_TO_JSONATA = 10.0
_JSONATA = """{"number": po.number, "currency": po.currency, "customer": {"id": buyer.id, "name": $trim(buyer.name)},
"lines": lines.{"sku": sku, "amount": quantity * price}, "total": $sum(lines.(quantity * price))}"""
_SCRIPT = """function process(o) { return {number: o.po.number, currency: o.po.currency,
customer: {id: o.buyer.id, name: o.buyer.name.trim()}, 
lines: o.lines.map(l => ({sku: l.sku, amount: l.quantity * l.price})),
total: o.lines.reduce((s, l) => s + l.quantity * l.price, 0)} }"""


def run(bench: Bench) -> None:
    """Add the ratios to the report."""
    _jsonata(bench)
    _others(bench)


def _jsonata(bench: Bench) -> None:
    made = step("jsonata", {}, text=_JSONATA)
    documents = [floats(order(number)) for number in range(50)]
    batch = messages(documents)
    if importlib.util.find_spec("jsonata") is None:
        (ours,) = turns(bench, lambda: made.process(batch))
        bench.add("jsonata step", {"us": min(ours)}, note="jsonata-python is not installed")
        return
    import jsonata

    oracle = jsonata.Jsonata(_JSONATA)
    ours, theirs = turns(bench, lambda: made.process(batch), lambda: [oracle.evaluate(d) for d in documents])
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    bench.add("jsonata step to jsonata-python", {"step_us": min(ours), "python_us": min(theirs), "times": ratio},
              target=f"≥ {LEAST_TO_JSONATA:.0f}×", passed=ratio >= LEAST_TO_JSONATA)  # fmt: skip


def _others(bench: Bench) -> None:
    if importlib.util.find_spec("saxonche") is not None:
        made = step("xslt", {"a.xsl": XSL.format(version="3.0")}, file="a.xsl", version="3.0")
        bench.add(
            "xslt step, 3.0", {"us": _by_the_clock(bench, made, messages([xml(number) for number in range(200)]))}
        )
    if importlib.util.find_spec("quickjs") is not None:
        made = step("javascript", {}, text=_SCRIPT)
        orders = messages([order(number) for number in range(100)])
        bench.add("javascript step", {"us": _by_the_clock(bench, made, orders)}, note="a realm of its own a message")


def _by_the_clock(bench: Bench, made: Any, batch: list[Message]) -> float:
    made.process(batch[:5])
    samples = []
    for _ in range(bench.plan.repeats * 2):
        begun = time.perf_counter()
        made.process(batch)
        samples.append((time.perf_counter() - begun) / len(batch) * 1e6)
    return min(samples)
