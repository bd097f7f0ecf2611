"""A packed file is cut as it is unpacked, and read on behind what is durable after a death."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from tests.flows.system import COPY, System
from tests.flows.test_engine import Counting

FLOW = COPY.replace("{memory: in}", "{directory: {path: 'in/*'}}").replace(
    "format: json", "format: {archive: {format: json, options: {lines: true}, unit: record, unpacked_bytes: 1GiB}}"
).replace("delivery: {", "delivery: {max_open: 600, ")  # fmt: skip
LINES = [f'{{"k":"{n}","n":{n},"t":"{"x" * (n % 700)}"}}' for n in range(3000)]


def zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for at in range(0, 3000, 300):
            archive.writestr(f"{at}.ndjson", "\n".join(LINES[at : at + 300]))
    return made.getvalue()


@pytest.mark.parametrize("content", [gzip.compress("\n".join(LINES).encode()), zipped()], ids=["gzip", "zip"])
async def test_after_a_death_a_packed_file_is_read_on(tmp_path, content):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(content)
    target = Counting()
    target.gate.clear()
    flow = FLOW.replace("out: {memory: out}", "out: {memory: out, format: json}")
    system = await System(tmp_path, {"flows/copy.yaml": flow}, out=target).start()
    await system.until(lambda: len(system.engine.lanes) and target.sends, step=1)
    await system.settle()
    taken = len(await system.messages(limit=5000))
    await system.kill()
    target.gate.set()
    await system.start()
    await system.until(lambda: len(target.arrived) >= 3000, step=1, turns=5000)
    await system.settle()
    assert 0 < taken < 3000
    assert len(target.arrived) == 3000 and set(target.arrived) == set(LINES)
    (row,) = (await system.ask("files"))["files"]
    assert row["records"] == 3000
    await system.stop()
