"""The self-test of a system that runs: over HTTP, and over AS2 with a partner that has its own key."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

pytest.importorskip("asn1crypto")

from tests.flows.trading import ACME_X12, ORDERS
from tests.peers.as2 import ACME, OTHER, WAYPOST, key_pem, pem
from tests.peers.server import free_port
from waypost.as2.header import Head, ReceiptRequest, write_head
from waypost.as2.incoming import Terms
from waypost.as2.outgoing import Payload, Protection, build
from waypost.as2.receipt import Receipt, read_receipt
from waypost.partners.self_test.token import digest_of
from waypost.testing.as2_people import public

CONNECTIONS = """\
acme-as2:
  kind: as2
  address: http://127.0.0.1:9/as2
  us: WAYPOST
  them: ACME
  require_signed: false
  our_certificates: [{certificate: partners/us.pem, key: "${our_key}"}]
  their_certificates: [{certificate: partners/acme.pem}]
"""
FLOW = """\
flow: orders
description: Orders of partners.
owner: edi
source: {directory: {path: in/*.edi}}
format: {x12: {partner: any}}
targets:
  out: {directory: {path: out}}
"""
BEARER = {"authorization": "Bearer secret-of-acme"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root, port = tmp_path_factory.mktemp("trade"), free_port()
    written = {
        "waypost.yaml": f"name: trade\nlisten: {{address: '127.0.0.1:{port}'}}\nself_test: {{per_minute: 60}}\n",
        "connections.yaml": CONNECTIONS, "flows/orders.yaml": FLOW,
        "environments/dev.yaml": "environment: dev\nclass: test\nsecrets: {our_key: {variable: OUR_KEY}}\n",
        "partners/acme.yaml": f"{ACME_X12}endpoints: {{as2: {{connection: acme-as2}}}}\n"
                              f"self_test: {{token: {digest_of('secret-of-acme')}}}\n",
        "partners/us.pem": pem(WAYPOST).decode(), "partners/acme.pem": pem(ACME).decode(),
    }  # fmt: skip
    for name, text in written.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "in").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "waypost.cli.main", "run", str(root)], stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, env={**os.environ, "OUR_KEY": key_pem(WAYPOST)},
    )  # fmt: skip
    try:
        yield _ready(f"http://127.0.0.1:{port}", process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        assert process.stderr is not None
        process.stderr.close()
    assert not [*(root / "out").glob("*")] and not [*root.glob("as2-archive/**/*.der")]


def _ready(address: str, process: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            ask(f"{address}/self-test")
            return address
        time.sleep(0.1)
    raise AssertionError(f"it does not listen: {process.poll()}")


def ask(
    address: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    request = urllib.request.Request(address, body, headers or {}, method="GET" if body is None else "POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()


def send(address: str, signer: object = ACME, to: str = "WAYPOST", protection: Protection | None = None,
         receipt: str = "") -> tuple[int, Receipt | None, bytes]:  # fmt: skip
    """Send the golden order as ACME; the status, the receipt where there is one, the body."""
    now = datetime.now(UTC)
    payload = Payload(content=ORDERS.encode(), content_type="application/edi-x12", filename="order.edi")
    built = build(payload, protection or Protection(), ours=(signer,), partner=(public(WAYPOST),), now=now)
    wanted = ReceiptRequest(signed=True, signed_required=True, micalgs=("sha-256",), address=receipt)
    head = Head(sender="ACME", receiver=to, message_id=f"<{now.timestamp()}@acme>", subject="orders", receipt=wanted)
    status, headers, body = ask(f"{address}/self-test/acme/as2", built.body, {**write_head(head), **built.headers})
    if "multipart" not in headers.get("content-type", ""):
        return status, None, body
    terms = Terms(ours=(ACME,), partner=(public(WAYPOST),), now=now, require_encrypted=False, require_signed=False)
    return status, read_receipt(headers.items(), body, terms), body


def test_a_running_system_serves_the_form_and_looks_at_files(address: str) -> None:
    status, headers, page = ask(f"{address}/self-test/acme")
    assert status == 200 and b"<form" in page and "content-security-policy" in headers
    status, headers, text = ask(f"{address}/self-test/acme", ORDERS.encode(), BEARER)
    assert status == 200 and headers["waypost-accepted"] == "true" and b"AK5*A~" in text


def test_a_message_over_as2_is_answered_by_a_signed_receipt_and_its_report_can_be_fetched(address: str) -> None:
    assert ask(f"{address}/self-test/acme/as2/report", b"", BEARER)[0] in (200, 404)
    status, receipt, _ = send(address)
    assert status == 200 and receipt is not None and receipt.accepted and receipt.signer is not None
    assert re.search("test station: order.edi: accepted by the agreement with acme", receipt.text)
    status, _, text = ask(f"{address}/self-test/acme/as2/report", b"", BEARER)
    assert status == 200 and text.startswith(b"order.edi: accepted")
    assert ask(f"{address}/self-test/acme/as2/report", b"", {"authorization": "Bearer x"})[0] == 401


def test_over_as2_the_signature_is_what_stands_for_the_token(address: str) -> None:
    status, receipt, _ = send(address, OTHER)
    assert status == 200 and receipt is not None and not receipt.accepted
    status, receipt, _ = send(address, protection=Protection(sign=None))
    assert status == 200 and receipt is not None and not receipt.accepted and "not signed" in receipt.text


def test_the_station_knows_no_other_names_and_sends_nothing_elsewhere(address: str) -> None:
    _, receipt, _ = send(address, to="SOMEBODY")
    assert receipt is not None and not receipt.accepted and "nobody takes messages" in receipt.text
    status, receipt, body = send(address, receipt="http://127.0.0.1:9/elsewhere")
    assert status == 400 and receipt is None and b"synchronous" in body
    assert ask(f"{address}/self-test/acme/as2", b"x", {"content-type": "text/plain"})[0] == 400
