"""Translators beside what they are built on: XSLT 1.0 beside bare lxml, JSONata beside jsonata-python.

All run in one process on the same documents, turn by turn. XSLT 3.0 and JavaScript run in a process of their own: their
figures are by the clock, with the way there and back.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.scenario.mapping import order
from waypost.core.grants import Grants
from waypost.core.message import Message, id_at
from waypost.core.registry import registry

LEAST_TO_LXML, LEAST_TO_JSONATA = 0.9, 10.0
_FIRST = 0x0190_0000_0000_7000_8000_0000_0000_0000
_XSL = """<xsl:stylesheet version="{version}" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="/order"><sale id="{{number}}" currency="{{currency}}"><xsl:for-each select="line">
<item sku="{{@sku}}" amount="{{quantity * price}}"><xsl:value-of select="text"/></item></xsl:for-each>
<total><xsl:value-of select="sum(line/price)"/></total></sale></xsl:template></xsl:stylesheet>"""
_JSONATA = """{"number": po.number, "currency": po.currency, "customer": {"id": buyer.id, "name": $trim(buyer.name)},
"lines": lines.{"sku": sku, "amount": quantity * price}, "total": $sum(lines.(quantity * price))}"""
_SCRIPT = """function process(o) { return {number: o.po.number, currency: o.po.currency,
customer: {id: o.buyer.id, name: o.buyer.name.trim()}, 
lines: o.lines.map(l => ({sku: l.sku, amount: l.quantity * l.price})),
total: o.lines.reduce((s, l) => s + l.quantity * l.price, 0)} }"""


def _xml(number: int) -> bytes:
    lines = "".join(
        f'<line sku="A-{at}"><quantity>{at + 1}</quantity><price>{12 + at}.34</price><text>A part</text></line>'
        for at in range(10)
    )
    return f"<order><number>45{number:08d}</number><currency>USD</currency>{lines}</order>".encode()


def run(bench: Bench) -> None:
    """Add the ratios to the report."""
    xslt = _step("xslt", {"a.xsl": _XSL.format(version="1.0")}, file="a.xsl")
    batch = _messages([_xml(number) for number in range(200)])
    bare = _bare_lxml(_XSL.format(version="1.0"))
    if [bare(message.body) for message in batch] != [made.body for made in xslt.process(batch)]:
        raise RuntimeError("the step and bare lxml do not give the same")
    ours, theirs = _turns(bench, lambda: xslt.process(batch), lambda: [bare(m.body) for m in batch])
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    bench.add("xslt step to bare lxml", {"step_us": min(ours), "lxml_us": min(theirs), "times": ratio},
              target=f"≥ {LEAST_TO_LXML}×", passed=ratio >= LEAST_TO_LXML)  # fmt: skip
    _jsonata(bench)
    _others(bench, batch)


def _jsonata(bench: Bench) -> None:
    step = _step("jsonata", {}, text=_JSONATA)
    documents = [_floats(order(number)) for number in range(50)]
    batch = _messages(documents)
    if importlib.util.find_spec("jsonata") is None:
        (ours,) = _turns(bench, lambda: step.process(batch))
        bench.add("jsonata step", {"us": min(ours)}, note="jsonata-python is not installed")
        return
    import jsonata

    oracle = jsonata.Jsonata(_JSONATA)
    ours, theirs = _turns(bench, lambda: step.process(batch), lambda: [oracle.evaluate(d) for d in documents])
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    bench.add("jsonata step to jsonata-python", {"step_us": min(ours), "python_us": min(theirs), "times": ratio},
              target=f"≥ {LEAST_TO_JSONATA:.0f}×", passed=ratio >= LEAST_TO_JSONATA)  # fmt: skip


def _others(bench: Bench, batch: list[Message]) -> None:
    if importlib.util.find_spec("saxonche") is not None:
        step = _step("xslt", {"a.xsl": _XSL.format(version="3.0")}, file="a.xsl", version="3.0")
        bench.add("xslt step, 3.0", {"us": _by_the_clock(bench, step, batch)})
    if importlib.util.find_spec("quickjs") is not None:
        step = _step("javascript", {}, text=_SCRIPT)
        orders = _messages([order(number) for number in range(100)])
        bench.add("javascript step", {"us": _by_the_clock(bench, step, orders)}, note="a realm of its own a message")


def _step(name: str, files: dict[str, str], **options: Any) -> Any:
    component = registry.find("step", name)
    assert component is not None
    read = {path: text.encode() for path, text in files.items()}.__getitem__
    return component.build(component.spec.options(**options), Grants(root=Path("."), read_file=read))


def _messages(bodies: list[Any]) -> list[Message]:
    return [Message(id_at(_FIRST, at), body, 0) for at, body in enumerate(bodies)]


def _bare_lxml(sheet: str) -> Callable[[bytes], bytes]:
    from lxml import etree

    transform = etree.XSLT(etree.fromstring(sheet.encode()))
    return lambda data: bytes(transform(etree.fromstring(data)))


def _floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _floats(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_floats(item) for item in value]
    return value if isinstance(value, str | int) else float(value)


def _turns(bench: Bench, *ways: Callable[[], Any]) -> list[list[float]]:
    """Processor microseconds a message of each way, turn by turn."""
    taken: list[list[float]] = [[] for _ in ways]
    for _ in range(bench.plan.repeats * 5):
        for samples, way in zip(taken, ways, strict=True):
            begun = time.process_time()
            count = len(way())
            samples.append((time.process_time() - begun) / count * 1e6)
    return taken


def _by_the_clock(bench: Bench, step: Any, batch: list[Message]) -> float:
    step.process(batch[:5])
    samples = []
    for _ in range(bench.plan.repeats * 2):
        begun = time.perf_counter()
        step.process(batch)
        samples.append((time.perf_counter() - begun) / len(batch) * 1e6)
    return min(samples)
