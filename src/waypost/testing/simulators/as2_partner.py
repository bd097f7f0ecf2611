"""A simulator of a trading partner over AS2: a real HTTP server on loopback, with keys and certificates made when it
opens.

Messages are signed and encrypted both ways, receipts are signed and come in the answer. What it gets goes to its EDI
desk, whose acknowledgements it sends back over AS2 at once, or later where it is told to hold them back.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waypost.core.errors import ContractError
from waypost.testing.simulators.edi_desk import Desk, Document

if TYPE_CHECKING:
    from aiohttp import web

    from waypost.as2.certificate import Credential
    from waypost.as2.incoming import Terms

LIMIT_BYTES = 16 << 20
KEY_BITS = 2048
_TEN_YEARS = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Names:
    """The AS2 names of both sides."""

    ours: str
    theirs: str


class As2PartnerSimulator:
    """The partner ``names.ours``. ``folder`` gets its files in ``files/received`` and the keys of both sides in
    ``keys``; ``deliver_to`` is where it sends. ``late`` says of which documents the acknowledgement is held back."""

    def __init__(self, folder: Path, names: Names, deliver_to: str = "", port: int = 0) -> None:
        self.names, self.deliver_to, self.port = names, deliver_to, port
        self.received_folder, self._keys = folder / "files" / "received", folder / "keys"
        self.desk = Desk()
        self.late: Callable[[Document], bool] = lambda _document: False
        self.receipts: list[str] = []
        """What our side answered to each message it sent."""
        self.message_ids: list[str] = []
        """The Message-IDs of what it got, each once."""
        self._held: list[bytes] = []
        self._sent = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        """Where it takes messages, once open."""
        return f"http://127.0.0.1:{self.port}/as2"

    def certificate(self, side: str) -> Path:
        """The certificate of a side by its AS2 name in small letters."""
        return self._keys / f"{side.lower()}.pem"

    def key(self, side: str) -> Path:
        """The private key of a side."""
        return self._keys / f"{side.lower()}.key"

    async def open(self) -> None:
        """Serve. Makes folders, keys and certificates where they are not there yet."""
        from aiohttp import web

        if self._runner is not None:
            return
        for folder in (self.received_folder, self._keys):
            folder.mkdir(parents=True, exist_ok=True)
        await asyncio.gather(
            *(asyncio.to_thread(self._identity, name) for name in (self.names.ours, self.names.theirs))
        )
        app = web.Application(client_max_size=LIMIT_BYTES)
        app.router.add_post("/as2", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop serving; files stay."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def send(self, content: bytes) -> None:
        """Send a document, and book the receipt. Raises ``ContractError`` where the receipt proves nothing."""
        import aiohttp

        from waypost.as2.header import Head, ReceiptRequest, write_head
        from waypost.as2.outgoing import Payload, Protection, build
        from waypost.as2.receipt import judge, read_receipt

        self._sent += 1
        message_id = f"<{self._sent}.{os.urandom(4).hex()}@{self.names.ours.lower()}>"
        terms = self._terms()
        payload = Payload(content=content, content_type="application/edifact", filename=f"{self._sent}.edi")
        built = await asyncio.to_thread(
            build, payload, Protection(), ours=terms.ours, partner=terms.partner, now=terms.now
        )
        request = ReceiptRequest(signed=True, signed_required=True, micalgs=("sha-256",))
        head = Head(sender=self.names.ours, receiver=self.names.theirs, message_id=message_id, receipt=request)
        headers = {**write_head(head), **built.headers}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.deliver_to, data=built.body, headers=headers) as r,
        ):
            said = await r.read()
            if r.status != 200:
                raise ContractError(f"answered {r.status}", where=self.deliver_to, expected="200 and a receipt")
            receipt = await asyncio.to_thread(read_receipt, list(r.headers.items()), said, terms)
        refusal = judge(receipt, message_id=message_id, mic=built.mic)
        self.receipts.append(str(refusal or "processed"))
        if refusal is not None:
            raise refusal

    async def release(self) -> int:
        """Send the acknowledgements that were held back; how many they were."""
        held, self._held = self._held, []
        for content in held:
            await self.send(content)
        return len(held)

    async def _take(self, request: web.Request) -> web.Response:
        from aiohttp import web

        from waypost.as2.failure import As2Error, Disposition
        from waypost.as2.header import read_head
        from waypost.as2.incoming import open_message
        from waypost.as2.receipt import Answer, write_receipt

        body, terms = await request.read(), self._terms()
        head = read_head(request.headers.items())
        try:
            opened = await asyncio.to_thread(open_message, list(request.headers.items()), body, terms)
            repeated = head.message_id in self.message_ids
            if not repeated:
                self.message_ids.append(head.message_id)
                for part in opened.parts:
                    self._keep(part.content, part.filename)
            disposition = Disposition.DUPLICATE_DOCUMENT if repeated else Disposition.PROCESSED
            answer = Answer(disposition=disposition, mic=opened.mic(head.receipt.micalgs if head.receipt else ()))
        except As2Error as error:
            answer = Answer(disposition=error.disposition, text=str(error))
        number = f"<receipt.{os.urandom(8).hex()}@{self.names.ours.lower()}>"
        headers, said = await asyncio.to_thread(
            write_receipt, head, answer, ours=terms.ours, now=terms.now, message_id=number
        )
        return web.Response(body=said, headers=headers)

    def _keep(self, content: bytes, filename: str) -> None:
        """File a document, hand it to the desk, and answer as the desk says."""
        name = f"{len(self.message_ids):03}-{Path(filename or 'document.edi').name}"
        (self.received_folder / name).write_bytes(content)
        document, answer = self.desk.take(content)
        if not answer or document is None:
            return
        if self.late(document):
            self._held.append(answer)
            return
        task = asyncio.create_task(self.send(answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _terms(self) -> Terms:
        from waypost.as2.incoming import Terms

        return Terms(
            ours=(self._credential(self.names.ours, private=True),),
            partner=(self._credential(self.names.theirs, private=False),), now=datetime.now(UTC),
        )  # fmt: skip

    def _credential(self, name: str, *, private: bool) -> Credential:
        from waypost.as2.certificate import load_credential

        return load_credential(self.certificate(name).read_bytes(), self.key(name).read_bytes() if private else None)

    def _identity(self, name: str) -> None:
        """A key and a self-signed certificate, unless they are there."""
        if self.key(name).exists():
            return
        certificate, key = make_identity(name)
        handle = os.open(self.key(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(key)
        self.certificate(name).write_bytes(certificate)


def make_identity(name: str) -> tuple[bytes, bytes]:
    """A self-signed certificate and its private key, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    subject: Any = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} (simulated)")])
    start = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(start + _TEN_YEARS)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private
