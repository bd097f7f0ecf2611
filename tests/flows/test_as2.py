"""Two installations trade over AS2 in processes of their own: purchase orders one way, receipts the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.peers.as2 import ACME, WAYPOST, key_pem, pem
from tests.peers.server import free_port

SENDER = """\
flow: orders
description: Orders go to ACME.
owner: edi
source: {directory: {path: in/*.txt, after: delete}}
format: {csv: {header: false, columns: [po, text]}}
keys: {po: po}
targets:
  acme: {as2: {connection: acme, subject: Orders, filename: '{keys.po}.json'}, format: json}
delivery: {retry: {first: 200ms, limit: 1s, attempts: 50}}
"""
RECEIPTS = """\
flow: receipts
description: Receipts of ACME, and what it sends us.
owner: edi
source: {as2: {path: /as2, connections: [acme]}}
format: json
targets:
  keep: {directory: {path: kept}}
"""
RECEIVER = """\
flow: inbound
description: What our partner sends.
owner: edi
source: {as2: {path: /as2, connections: [waypost]}}
format: json
keys: {po: po}
targets:
  out: {directory: {path: out, append: true}}
"""


class Installation:
    """One project and its process."""

    def __init__(self, root: Path, port: int, own: str, other: str, files: dict[str, str]) -> None:
        self.root = root
        keys = {"us": (WAYPOST, ACME), "acme": (ACME, WAYPOST)}[own]
        self.environment = {**os.environ, "OUR_KEY": key_pem(keys[0])}
        written = {
            "waypost.yaml": f"name: {own}\nlisten: {{address: '127.0.0.1:{port}'}}\n",
            "environments/dev.yaml": "environment: dev\nsecrets: {our_key: {variable: OUR_KEY}}\n",
            "partners/ours.pem": pem(keys[0]).decode(), "partners/theirs.pem": pem(keys[1]).decode(),
            "connections.yaml": other, **files,
        }  # fmt: skip
        for name, text in written.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / "in").mkdir()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, workers: int = 1) -> None:
        command = [sys.executable, "-m", "waypost.cli.main", "run", str(self.root), "--workers", str(workers)]
        with open(self.root / "log", "ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def end(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)
            self.process.wait(30)

    def log(self) -> str:
        return (self.root / "log").read_text()[-3000:]


@contextmanager
def both(root: Path, receipt: str) -> Iterator[tuple[Installation, Installation]]:
    ours, theirs = free_port(), free_port()
    certificates = (
        "our_certificates: [{certificate: partners/ours.pem, key: '${our_key}'}], "
        "their_certificates: [{certificate: partners/theirs.pem}]"
    )
    waits = (
        f", receipt: async, receipt_seconds: 2s, receipt_address: 'http://127.0.0.1:{ours}/as2'"
        if receipt == "async"
        else ""
    )
    to_acme = (
        f"acme: {{kind: as2, address: 'http://127.0.0.1:{theirs}/as2', us: WAYPOST, them: ACME, {certificates}{waits}}}"
    )
    to_us = f"waypost: {{kind: as2, address: 'http://127.0.0.1:{ours}/as2', us: ACME, them: WAYPOST, {certificates}}}"
    flows = {"flows/orders.yaml": SENDER, "flows/receipts.yaml": RECEIPTS}
    sender = Installation(root / "us", ours, "us", to_acme, flows)
    receiver = Installation(root / "acme", theirs, "acme", to_us, {"flows/inbound.yaml": RECEIVER})
    try:
        yield sender, receiver
    finally:
        sender.end(signal.SIGKILL)
        receiver.end(signal.SIGKILL)


def received(receiver: Installation) -> list[str]:
    """The numbers of the orders that the receiver has."""
    found = []
    for path in (receiver.root / "out").glob("[!.]*"):
        found += [line.split('"po":"')[1].split('"')[0] for line in path.read_text().splitlines() if '"po"' in line]
    return sorted(found)


def patiently(true: Callable[[], bool], why: Callable[[], str], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, why()
        time.sleep(0.1)


def delivered(sender: Installation) -> int:
    said = subprocess.run(
        [sys.executable, "-m", "waypost.cli.main", "messages", "--project", str(sender.root), "--flow", "orders",
         "--state", "delivered", "--limit", "1000", "--json"],
        env=sender.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return said.stdout.count('"flow": "orders"')


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("receipt", "workers"), [("sync", 1), ("async", 2)])
def test_orders_arrive_once_and_each_has_its_receipt_though_both_sides_die(
    tmp_path: Path, receipt: str, workers: int
) -> None:
    with both(tmp_path, receipt) as (sender, receiver):
        receiver.start()
        sender.start(workers)
        numbers = [f"P{number:03d}" for number in range(30)]
        for start in range(0, 30, 10):
            lines = "".join(f"{number},order {number}\n" for number in numbers[start : start + 10])
            made = sender.root / "made.tmp"
            made.write_text(lines)
            made.rename(sender.root / "in" / f"{start}.txt")
            seen = len(received(receiver))
            patiently(lambda seen=seen: len(received(receiver)) > seen, lambda: sender.log() + receiver.log())
            if receipt == "async" and start != 10:
                continue
            dies = receiver if start == 10 else sender
            dies.end(signal.SIGKILL)
            dies.start(workers if dies is sender else 1)
        patiently(
            lambda: received(receiver) == numbers, lambda: f"{received(receiver)} {sender.log()} {receiver.log()}"
        )
        patiently(lambda: delivered(sender) == 30, lambda: f"{delivered(sender)} {sender.log()}")
        assert len(list((sender.root / "as2-archive/sent").glob("*/*/receipt.json"))) == 30
        assert len(list((receiver.root / "as2-archive/received").glob("*/*/facts.json"))) == 30
        sender.end(signal.SIGTERM)
        receiver.end(signal.SIGTERM)
        assert received(receiver) == numbers
