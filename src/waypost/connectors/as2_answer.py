"""What a trading partner hears of its message, and what becomes of the receipts it sends."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from waypost.connectors.as2_archive import Facts, KeptReceipt
from waypost.connectors.as2_connection import As2Connection
from waypost.core.content import Content
from waypost.core.errors import DataError, EndpointError, EndpointUnavailable, WaypostError
from waypost.core.event import EndpointLost
from waypost.core.grants import Grants, HttpRequest, HttpResponse
from waypost.core.problem import problem

if TYPE_CHECKING:
    from waypost.as2.failure import As2Error
    from waypost.as2.header import Head
    from waypost.as2.incoming import OpenedContent

_TRIES, _FIRST_SECONDS = 6, 5.0
"""How often an asynchronous receipt is sent, and the pause after the first failure; it doubles."""
_RECEIPT_HEADERS = (
    "content-type", "content-transfer-encoding", "mime-version", "as2-from", "as2-to", "message-id", "date",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A request by its AS2 headers."""

    head: Head
    headers: Mapping[str, str]
    content: Content

    @staticmethod
    def of(request: HttpRequest) -> Asked:
        """``As2Error`` for one without AS2 headers."""
        from waypost.as2.header import read_head

        return Asked(read_head(request.headers.items()), dict(request.headers), request.content)

    @property
    def is_receipt(self) -> bool:
        """Whether it is a receipt: a report, as it is or signed."""
        from waypost.as2.mime import structured

        kind = structured(self.headers.get("content-type", ""))
        start = self.content.read(0, 8192).lower()
        signed = kind.value == "multipart/signed" and b"multipart/report" in start
        return kind.value == "multipart/report" or (signed and b"disposition-notification" in start)

    def opened(self, partner: As2Connection, limit_bytes: int) -> OpenedContent:
        """``As2Error`` for what cannot be opened, or is not as agreed. Blocks."""
        from waypost.as2.incoming import open_content

        return open_content(self.headers.items(), self.content, partner.terms(content_bytes=limit_bytes), partner.spool)


class As2Answers:
    """Makes, keeps and sends receipts."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants
        self._sending: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Give up receipts that were not sent yet; the partner asks again by sending again."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    def unknown(self, asked: Asked) -> HttpResponse:
        """Nobody here has these names. The receipt is not signed: there is nobody to sign for."""
        from dataclasses import replace
        from datetime import UTC, datetime

        from waypost.as2.failure import Disposition
        from waypost.as2.receipt import Answer, write_receipt

        text = f"nobody takes messages from {asked.head.sender!r} to {asked.head.receiver!r}"
        if asked.head.receipt is None or asked.head.receipt.address:
            return problem(403, text)
        plain = replace(asked.head, receipt=replace(asked.head.receipt, signed=False))
        answer = Answer(disposition=Disposition.UNKNOWN_TRADING_PARTNER, text=text)
        now = datetime.fromtimestamp(self._grants.clock.now() / 1_000_000, UTC)
        headers, body = write_receipt(plain, answer, ours=(), now=now, message_id=_new_id("waypost"))
        return HttpResponse(200, body, headers)

    def stranger(self, partner: As2Connection, cause: str) -> HttpResponse:
        """The caller is not the partner it says it is; nothing of what it sends is looked at."""
        self._grants.events.emit(EndpointLost(endpoint=partner.options.them, cause=f"a call was refused: {cause}"))
        return problem(403, cause)

    async def accepted(self, partner: As2Connection, asked: Asked, opened: OpenedContent) -> HttpResponse:
        """The message is durable."""
        from waypost.as2.failure import Disposition

        mic = await asyncio.to_thread(self._mic, partner, asked, opened)
        await asyncio.to_thread(self._keep, partner, asked, opened, str(mic or ""))
        refuses = mic is None and asked.head.receipt is not None
        disposition = Disposition.UNSUPPORTED_MIC_ALGORITHMS if refuses else Disposition.PROCESSED
        return await self._said(partner, asked, disposition, mic)

    async def repeated(self, partner: As2Connection, asked: Asked, opened: OpenedContent) -> HttpResponse:
        """The message was accepted before: the receipt it got then, or one that says so."""
        from waypost.as2.failure import Disposition

        kept = await asyncio.to_thread(partner.archive.receipt, "received", asked.head.message_id)
        if kept is not None and asked.head.receipt is not None:
            return await self._sent(partner, asked, dict(kept.headers), kept.body)
        mic = await asyncio.to_thread(self._mic, partner, asked, opened)
        if await asyncio.to_thread(partner.archive.facts, "received", asked.head.message_id) is None:
            await asyncio.to_thread(self._keep, partner, asked, opened, str(mic or ""))  # died before it was kept
        return await self._said(partner, asked, Disposition.DUPLICATE_DOCUMENT, mic)

    async def refused(self, partner: As2Connection, asked: Asked, error: As2Error) -> HttpResponse:
        """The message cannot be opened, or is not as agreed."""
        if asked.head.receipt is None:
            return problem(400, str(error))
        return await self._said(partner, asked, error.disposition, None, str(error))

    async def not_taken(self, partner: As2Connection, asked: Asked, cause: WaypostError) -> HttpResponse:
        """The flow did not take the message: for its content, or not now."""
        from waypost.as2.failure import Disposition

        if not isinstance(cause, DataError):
            return problem(503, "the message cannot be kept now; send it again", headers={"retry-after": "5"})
        return await self._said(partner, asked, Disposition.UNEXPECTED_PROCESSING_ERROR, None, str(cause))

    def no_room(self, partner: As2Connection, cause: EndpointUnavailable) -> HttpResponse:
        """The message cannot be opened or kept for lack of room; nothing of it is taken."""
        self._grants.events.emit(EndpointLost(endpoint=partner.options.them, cause=str(cause)))
        return problem(503, "there is no room for the message now; send it again", headers={"retry-after": "60"})

    async def receipt(self, partner: As2Connection, asked: Asked) -> HttpResponse:
        """A receipt of something we sent, kept where its delivery looks for it. One that is no receipt of ours is
        refused: nothing may settle a delivery but the partner's own word."""
        from waypost.as2.failure import As2Error
        from waypost.as2.receipt import read_receipt

        try:
            terms = partner.terms(receipt=True)
            body = asked.content.read(0, terms.limits.structure + 1)
            read = await asyncio.to_thread(read_receipt, list(asked.headers.items()), body, terms)
        except As2Error as error:
            return problem(400, str(error))
        message_id = read.original_message_id
        if await asyncio.to_thread(partner.archive.facts, "sent", message_id) is None:
            return problem(404, f"no message {message_id[:200]!r} was sent to {asked.head.sender}")
        kept = KeptReceipt(at=partner.now().isoformat(), headers=_shown(asked.headers), body=body)
        await asyncio.to_thread(partner.archive.keep_receipt, "sent", message_id, kept)
        return HttpResponse(200)

    # ── receipts we give ─────────────────────────────────────────────────────────────────────────────────────

    def _mic(self, partner: As2Connection, asked: Asked, opened: OpenedContent) -> Any:
        wanted = asked.head.receipt.micalgs if asked.head.receipt is not None else ()
        return opened.mic(wanted, legacy=partner.options.legacy)

    def _keep(self, partner: As2Connection, asked: Asked, opened: OpenedContent, mic: str) -> None:
        first = opened.documents[0]
        facts = Facts(
            message_id=asked.head.message_id, sender=asked.head.sender, receiver=asked.head.receiver,
            at=partner.now().isoformat(), mic=mic, subject=asked.head.subject, filename=first.filename,
            content_type=first.content_type, headers=_shown(asked.headers),
        )  # fmt: skip
        files = {f"content{number or ''}": document.content for number, document in enumerate(opened.documents)}
        files["message"] = asked.content
        if opened.verified is not None:
            der = opened.verified.credential.der
            files[f"signer-{hashlib.sha256(der).hexdigest()[:16]}.der"] = Content.of(der)
        partner.archive.keep("received", facts, files)

    async def _said(
        self, partner: As2Connection, asked: Asked, disposition: Any, mic: Any, text: str = ""
    ) -> HttpResponse:
        from waypost.as2.receipt import Answer, write_receipt

        if asked.head.receipt is None:
            return HttpResponse(200)
        answer = Answer(disposition=disposition, mic=mic, text=text)
        headers, body = await asyncio.to_thread(
            write_receipt, asked.head, answer, ours=partner.ours, now=partner.now(),
            message_id=_new_id(partner.options.us), legacy=partner.options.legacy,
        )  # fmt: skip
        if disposition.accepted:
            kept = KeptReceipt(at=partner.now().isoformat(), headers=headers, body=body)
            await asyncio.to_thread(partner.archive.keep_receipt, "received", asked.head.message_id, kept)
        return await self._sent(partner, asked, headers, body)

    async def _sent(self, partner: As2Connection, asked: Asked, headers: dict[str, str], body: bytes) -> HttpResponse:
        """In the answer, or later to the address the partner gave; one that the agreement does not know is refused."""
        address = asked.head.receipt.address if asked.head.receipt is not None else ""
        if not address:
            return HttpResponse(200, body, headers)
        if not self._allowed(partner, address):
            return problem(403, f"receipts of {asked.head.sender} are not sent to {address[:200]}")
        task = asyncio.create_task(self._deliver(partner, address, headers, body))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return HttpResponse(200)

    @staticmethod
    def _allowed(partner: As2Connection, address: str) -> bool:
        if partner.options.receipts_to:
            return address in partner.options.receipts_to
        given, known = urlsplit(address), urlsplit(partner.address)
        return given.scheme in ("http", "https") and (given.hostname or "") == (known.hostname or "-")

    async def _deliver(self, partner: As2Connection, address: str, headers: dict[str, str], body: bytes) -> None:
        pool, pause = partner.http_to(address), _FIRST_SECONDS
        try:
            for attempt in range(1, _TRIES + 1):
                try:
                    await pool.open()
                    answer = await pool.call("POST", "", headers=headers, body=body, limit_bytes=1 << 16)
                    if 200 <= answer.status < 300:
                        return
                    cause = f"answered {answer.status}"
                except EndpointError as error:
                    cause = str(error)
                if attempt < _TRIES:
                    await self._grants.clock.sleep(pause)
                    pause *= 2
            self._grants.events.emit(EndpointLost(endpoint=address, cause=f"a receipt could not be sent: {cause}"))
        finally:
            await pool.close()


def _shown(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in _RECEIPT_HEADERS}


def _new_id(us: str) -> str:
    host = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in us)
    return f"<{uuid.uuid4()}@{host}>"
