"""A trading partner over AS2 for tests: ACME, whose side is built on the message layer alone, with an HTTP server."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.peers.server import free_port
from waypost.as2.certificate import Credential
from waypost.as2.failure import As2Error, Disposition
from waypost.as2.header import Head, ReceiptRequest, read_head, write_head
from waypost.as2.incoming import Terms, open_message
from waypost.as2.outgoing import Payload, Protection, build
from waypost.as2.receipt import Answer, Receipt, judge, read_receipt, write_receipt
from waypost.core.spec import Secret
from waypost.testing.as2_people import make_credential, public

ACME = make_credential("acme over http", serial=31, days=36_500)
WAYPOST = make_credential("waypost over http", serial=32, days=36_500)
OTHER = make_credential("somebody else", serial=33, days=36_500)


def pem(credential: Credential) -> bytes:
    """The certificate as a file holds it."""
    return credential.certificate.public_bytes(Encoding.PEM)


def key_pem(credential: Credential) -> str:
    """Its private key as a secret holds it."""
    assert credential.key is not None
    return credential.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


FILES = {"partners/us.pem": pem(WAYPOST), "partners/acme.pem": pem(ACME), "partners/other.pem": pem(OTHER)}


def connection(address: str, **changes: Any) -> dict[str, Any]:
    """The options of the connection to ACME."""
    return {
        "address": address, "us": "WAYPOST", "them": "ACME Corp",
        "our_certificates": [{"certificate": "partners/us.pem", "key": Secret(key_pem(WAYPOST))}],
        "their_certificates": [{"certificate": "partners/acme.pem"}], **changes,
    }  # fmt: skip


def write_files(root: Path) -> None:
    """The certificates as files of a project."""
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


class Acme:
    """ACME's server: takes messages once, answers each with a receipt as ``behave`` says, keeps receipts it gets."""

    def __init__(self) -> None:
        self.port = free_port()
        self.bodies: list[bytes] = []
        self.heads: list[Head] = []
        self.receipts: list[Receipt] = []
        self.behave: list[str] = []
        """What happens to the next requests: ``error``, ``busy``, ``silent``, ``other mic``, ``unsigned``, ``lost``."""
        self._seen: dict[str, Any] = {}
        self._runner: web.AppRunner | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/as2"

    async def start(self) -> None:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_post("/as2", self._take)
        app.router.add_post("/receipts", self._receipt)
        app.router.add_route("HEAD", "/as2", self._ok)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        if self._tasks:
            await asyncio.gather(*self._tasks)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _ok(self, request: web.Request) -> web.Response:
        return web.Response()

    async def _take(self, request: web.Request) -> web.Response:
        behaviour = self.behave.pop(0) if self.behave else ""
        body = await request.read()
        if behaviour == "busy":
            return web.Response(status=503)
        head = read_head(request.headers.items())
        try:
            opened = open_message(request.headers.items(), body, self.terms())
        except As2Error as error:
            return await self._answered(head, Answer(disposition=error.disposition, text=str(error)))
        repeated = head.message_id in self._seen
        if not repeated and behaviour != "error":
            self._seen[head.message_id] = opened
            self.bodies += [part.content for part in opened.parts]
            self.heads.append(head)
        if behaviour in ("silent", "lost"):
            return web.Response(status=200 if behaviour == "silent" else 504)
        mic = opened.mic(head.receipt.micalgs if head.receipt else ())
        if behaviour == "other mic" and mic is not None:
            mic = replace(mic, value=bytes(len(mic.value)))
        if behaviour == "error":
            return await self._answered(head, Answer(disposition=Disposition.UNEXPECTED_PROCESSING_ERROR, text="no"))
        if behaviour == "unsigned" and head.receipt is not None:
            head = replace(head, receipt=replace(head.receipt, signed=False))
        disposition = Disposition.DUPLICATE_DOCUMENT if repeated else Disposition.PROCESSED
        return await self._answered(head, Answer(disposition=disposition, mic=mic))

    async def _answered(self, head: Head, answer: Answer) -> web.Response:
        if head.receipt is None:
            return web.Response()
        headers, body = write_receipt(head, answer, ours=(ACME,), now=now(), message_id=f"<r{len(self._seen)}@acme>")
        if not head.receipt.address:
            return web.Response(body=body, headers=headers)
        task = asyncio.create_task(self._post(head.receipt.address, headers, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return web.Response()

    async def _post(self, address: str, headers: Mapping[str, str], body: bytes) -> None:
        async with aiohttp.ClientSession() as session, session.post(address, data=body, headers=headers) as response:
            assert response.status == 200, await response.text()

    async def _receipt(self, request: web.Request) -> web.Response:
        self.receipts.append(read_receipt(request.headers.items(), await request.read(), self.terms()))
        return web.Response()

    @staticmethod
    def terms() -> Terms:
        """What ACME asks of receipts and messages."""
        return Terms(
            ours=(ACME,),
            partner=(public(WAYPOST),),
            now=now(),
            require_signed=False,
            require_encrypted=False,
            legacy=True,
        )


def now() -> datetime:
    """The time as ACME has it."""
    return datetime.now(UTC)


PROTECTED = Protection()


async def send(
    address: str, body: bytes, message_id: str, *, protection: Protection = PROTECTED, signer: Credential = ACME,
    head: Mapping[str, Any] | None = None, receipt: ReceiptRequest | None = None, parts: Sequence[bytes] = (),
) -> tuple[int, Receipt | None, Any]:  # fmt: skip
    """ACME sends ``body``: the status, the receipt in the answer, and why it is no proof (None where it is one)."""
    wanted = receipt or ReceiptRequest(signed=True, micalgs=("sha-256",))
    built = build(
        Payload(content=body, content_type="application/octet-stream", filename="it.bin"), protection,
        ours=(signer,), partner=(public(WAYPOST),), now=now(),
    )  # fmt: skip
    names = {"sender": "ACME Corp", "receiver": "WAYPOST", "message_id": message_id, "receipt": wanted, **(head or {})}
    headers = {**write_head(Head(**names)), **built.headers}
    async with aiohttp.ClientSession() as session, session.post(address, data=built.body, headers=headers) as response:
        said = await response.read()
        if response.status != 200 or not said:
            return response.status, None, None
        read = read_receipt(response.headers.items(), said, Acme.terms())
        return response.status, read, judge(read, message_id=message_id, mic=built.mic)


async def send_raw(address: str, headers: Mapping[str, str], body: bytes, message_id: str) -> tuple[int, Receipt]:
    """ACME sends a body as it is: the status, and the receipt in the answer."""
    wanted = ReceiptRequest(signed=True, micalgs=("sha-256",))
    head = Head(sender="ACME Corp", receiver="WAYPOST", message_id=message_id, receipt=wanted)
    given = {**write_head(head), **headers}
    data = io.BytesIO(body)
    async with aiohttp.ClientSession() as session, session.post(address, data=data, headers=given) as response:
        return response.status, read_receipt(response.headers.items(), await response.read(), Acme.terms())
