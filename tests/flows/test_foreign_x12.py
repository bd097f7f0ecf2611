"""The flows of the example meet X12 that other people wrote: each file is answered or refused, nothing is a bug."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from waypost.flow.process.client import Client
from waypost.flow.process.supervisor import run
from waypost.flow.process.worker import RunOptions
from waypost.testing.demo.stage import example_folder
from waypost.testing.format_kit import build_format, decode_all, frame

CORPORA = Path(__file__).parents[3] / "shared/corpora/edi"
FILES = sorted(path for path in CORPORA.rglob("*") if path.is_file() and b"ISA" in path.read_bytes()[:60])

if not FILES:
    pytest.skip(f"no corpora at {CORPORA}: X12 of other people is not tested", allow_module_level=True)

SFTP_SOURCE = re.compile(r"sftp: \{connection: acme, path: /outbound/\*\.edi, poll_seconds: 0\.5\}")
SFTP_TARGET = re.compile(r"sftp: \{connection: acme, path: /inbound, ")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example with folders of this machine in place of the partner's server, and every file in them."""
    folder = Path(shutil.copytree(example_folder(), tmp_path / "project"))
    orders, answers = folder / "flows/acme-orders.yaml", folder / "flows/acme-acknowledgements.yaml"
    text, changed = SFTP_SOURCE.subn("directory: {path: from/*.edi}", orders.read_text())
    assert changed == 1
    orders.write_text(text)
    text, changed = SFTP_TARGET.subn("directory: {path: to, ", answers.read_text())
    assert changed == 1
    answers.write_text(text)
    (folder / "from").mkdir()
    for number, path in enumerate(FILES):
        shutil.copyfile(path, folder / "from" / f"{number:04d}-{path.name}.edi")
    return folder


async def received(project: Path) -> list[dict[str, Any]]:
    """The messages there are once every file was read."""
    flows = ("acme-orders", "acme-acknowledgements", "sales-orders")
    await run(project, "dev", RunOptions(once=True, flows=flows, timeout_seconds=90), lambda event: None)
    client = Client(project)
    files = (await client.ask("files", limit=1000))["files"]
    assert len(files) == len(FILES)
    messages: list[dict[str, Any]] = (await client.ask("messages", limit=5000))["messages"]
    return messages


def open_to_all(project: Path) -> None:
    """X12 of every sender and every kind is taken and acknowledged, not what is agreed with Acme alone."""
    for name, agreed, instead in (
        ("acme-orders", "{x12: {partner: acme, unit: group}}", "{x12: {unit: group}}"),
        ("acme-orders", "group.functional_id == 'PO'", "group.functional_id != 'FA'"),
        ("acme-acknowledgements", "{x12: {partner: acme}}", "x12"),
    ):
        flow = project / f"flows/{name}.yaml"
        text = flow.read_text()
        assert text.count(agreed) == 1
        flow.write_text(text.replace(agreed, instead))


@pytest.mark.slow
async def test_what_no_partner_sent_waits_for_an_agreement(project: Path) -> None:
    messages = await received(project)
    assert {m["flow"] for m in messages} == {"acme-orders"}
    parked = [m for m in messages if m["state"] == "parked"]
    assert len(parked) > len(FILES) // 2
    assert {f["code"] for m in parked for f in m["failures"]} == {"partner-unknown"}
    assert {m["state"] for m in messages} == {"parked", "dead"}, "an envelope that is broken waits for nothing"


@pytest.mark.slow
async def test_every_file_is_answered_or_refused_and_nothing_is_a_bug(project: Path) -> None:
    open_to_all(project)
    messages = await received(project)
    stuck = [m for m in messages if m["flow"].startswith("acme") and m["state"] in ("parked", "processing", "retrying")]
    assert [(m["arrival"], m["failures"]) for m in stuck] == []
    states = Counter((m["flow"], m["state"]) for m in messages)
    assert states["acme-acknowledgements", "delivered"] > len(FILES) // 2, states

    reader = build_format("x12", "{unit: group}")
    for place in sorted((project / "to").iterdir()):
        slices, refusal = frame(reader, [place.read_bytes()])
        assert not refusal
        (document,) = decode_all(reader, slices)
        assert [t["transaction"]["set"] for t in document["transactions"]] == ["997"], place.name
        assert all(t["accepted"] for t in document["transactions"]), (place.name, document["transactions"])
