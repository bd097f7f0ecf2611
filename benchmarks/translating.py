"""Steps beside what they are built on: in one process, on the same documents, turn by turn. XSLT 1.0 is one of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from waypost.core.grants import Grants
from waypost.core.message import Message, id_at
from waypost.core.registry import registry

LEAST_TO_LXML = 0.9
_FIRST = 0x0190_0000_0000_7000_8000_0000_0000_0000
XSL = """<xsl:stylesheet version="{version}" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="/order"><sale id="{{number}}" currency="{{currency}}"><xsl:for-each select="line">
<item sku="{{@sku}}" amount="{{quantity * price}}"><xsl:value-of select="text"/></item></xsl:for-each>
<total><xsl:value-of select="sum(line/price)"/></total></sale></xsl:template></xsl:stylesheet>"""


def xml(number: int) -> bytes:
    lines = "".join(
        f'<line sku="A-{at}"><quantity>{at + 1}</quantity><price>{12 + at}.34</price><text>A part</text></line>'
        for at in range(10)
    )
    return f"<order><number>45{number:08d}</number><currency>USD</currency>{lines}</order>".encode()


def run_xslt(bench: Bench) -> None:
    """Add the step xslt beside bare lxml to the report; raises where they do not give the same."""
    xslt = step("xslt", {"a.xsl": XSL.format(version="1.0")}, file="a.xsl")
    batch = messages([xml(number) for number in range(200)])
    bare = bare_lxml(XSL.format(version="1.0"))
    if [bare(message.body) for message in batch] != [made.body for made in xslt.process(batch)]:
        raise RuntimeError("the step and bare lxml do not give the same")
    ours, theirs = turns(bench, lambda: xslt.process(batch), lambda: [bare(m.body) for m in batch])
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    bench.add("xslt step to bare lxml", {"step_us": min(ours), "lxml_us": min(theirs), "times": ratio},
              target=f"≥ {LEAST_TO_LXML}×", passed=ratio >= LEAST_TO_LXML)  # fmt: skip


def step(name: str, files: dict[str, str], **options: Any) -> Any:
    component = registry.find("step", name)
    assert component is not None
    read = {path: text.encode() for path, text in files.items()}.__getitem__
    return component.build(component.spec.options(**options), Grants(root=Path("."), read_file=read))


def messages(bodies: list[Any]) -> list[Message]:
    return [Message(id_at(_FIRST, at), body, 0) for at, body in enumerate(bodies)]


def bare_lxml(sheet: str) -> Callable[[bytes], bytes]:
    from lxml import etree

    transform = etree.XSLT(etree.fromstring(sheet.encode()))
    return lambda data: bytes(transform(etree.fromstring(data)))


def floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: floats(item) for name, item in value.items()}
    if isinstance(value, list):
        return [floats(item) for item in value]
    return value if isinstance(value, str | int) else float(value)


def turns(bench: Bench, *ways: Callable[[], Any]) -> list[list[float]]:
    """Processor microseconds a message of each way, turn by turn."""
    taken: list[list[float]] = [[] for _ in ways]
    for _ in range(bench.plan.repeats * 5):
        for samples, way in zip(taken, ways, strict=True):
            begun = time.process_time()
            count = len(way())
            samples.append((time.process_time() - begun) / count * 1e6)
    return taken
