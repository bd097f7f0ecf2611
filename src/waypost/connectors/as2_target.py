"""Send messages to a trading partner over AS2: each is delivered when its receipt proves that the same bytes arrived.

=================================  ================================================================================
what happened                      what becomes of the delivery
=================================  ================================================================================
the receipt accepts, same check    delivered; the receipt is the answer
the receipt refuses, other check   failed as the partner said: a dead letter
no receipt in time, HTTP 5xx       in doubt: sent again under the same Message-ID, by which the partner knows it
HTTP 4xx                           as for HTTP
=================================  ================================================================================

An asynchronous receipt comes to an ``as2`` source, in whatever process; both meet in the archive. One that comes late
settles the delivery at its next try, without sending anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated

from waypost.connectors.as2_archive import Facts, KeptReceipt
from waypost.connectors.as2_connection import As2Connection, as2_connection
from waypost.connectors.as2_file import file_content, named_file
from waypost.connectors.http_path import PathTemplate
from waypost.connectors.http_status import refusal_of
from waypost.core.component import Outbound, Outcome
from waypost.core.content import Content
from waypost.core.errors import ContractError, EndpointTimeout, WaypostError
from waypost.core.grants import Grants
from waypost.core.message import id_text
from waypost.core.registry import registry
from waypost.core.spec import ConnectionRef, Option, OptionFault
from waypost.core.traits import Repetition, TargetTraits

if TYPE_CHECKING:
    from waypost.as2.outgoing import BuiltContent, Document
    from waypost.as2.receipt import Receipt

LOOK_SECONDS = 0.2
"""Between two looks for an asynchronous receipt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class As2TargetOptions:
    connection: Annotated[ConnectionRef, Option("The partner, as named in connections.yaml.", kinds=("as2",))]
    subject: Annotated[str, Option("Subject of the messages.", example="Purchase orders")] = ""
    filename: Annotated[
        str,
        Option("File name offered; {keys.NAME} puts in a business key, {message_id} the id.", example="{keys.po}.edi"),
    ] = ""
    content_type: Annotated[str, Option("Media type, in place of the format's.", example="application/edi-x12")] = ""
    file: Annotated[
        str,
        Option(
            "Field of the message, dots go into mappings, that names a file in the project: its content, of any "
            "size, is sent in place of the message. The file must stay until it is delivered.",
            example="file",
        ),
    ] = ""
    partner_knows_repetitions: Annotated[
        bool, Option("Whether the partner takes a Message-ID once, as EDIINT reliability asks.")
    ] = True
    concurrency: Annotated[int, Option("Most messages on their way at once.", minimum=1, maximum=1000)] = 8

    def faults(self) -> Iterator[OptionFault]:
        if "/" in self.filename or self.filename.startswith("."):
            yield OptionFault("filename", f"found {self.filename!r}", "the name of a file, without folders")
        elif self.filename:
            yield from PathTemplate(f"/{self.filename}").faults("filename", _may_name)


def _may_name(name: str) -> bool:
    return name == "message_id" or name.startswith("keys.")


def target_traits(options: As2TargetOptions) -> TargetTraits:
    """The Message-ID is the same at every try."""
    repetition = Repetition.RECOGNISED if options.partner_knows_repetitions else Repetition.DUPLICATES
    return TargetTraits(
        repetition=repetition, batch=1, concurrency=options.concurrency, answers=True, reads_document=bool(options.file)
    )


@registry.register(
    "target",
    "as2",
    options=As2TargetOptions,
    traits=TargetTraits(repetition=Repetition.RECOGNISED, batch=1, concurrency=8, answers=True),
    traits_for=target_traits,
    example="{connection: acme-as2, subject: Purchase orders, filename: '{keys.po}.edi'}",
)
class As2Target:
    """Send each message to a trading partner, and have its receipt as proof."""

    def __init__(self, options: As2TargetOptions, grants: Grants) -> None:
        self._options, self._grants = options, grants
        self._filename = PathTemplate(f"/{options.filename}")
        self._partner: As2Connection | None = None

    async def open(self) -> None:
        self._partner = as2_connection(self._options.connection, self._grants)
        await self._partner.open()

    async def close(self) -> None:
        """The pool belongs to the connection."""

    async def send(self, batch: Sequence[Outbound]) -> Sequence[Outcome]:
        return [await self._send(message) for message in batch]

    async def _send(self, message: Outbound) -> Outcome:
        partner = self._partner or as2_connection(self._options.connection, self._grants)
        message_id = message_id_of(message, partner.options.us)
        try:
            kept = await asyncio.to_thread(partner.archive.receipt, "sent", message_id)
            if kept is not None:  # it came after its time, or before a death
                outcome = await self._judged(partner, message, message_id, kept)
                if outcome.delivered or message.attempt == 1:
                    return outcome
                await asyncio.to_thread(partner.archive.forget_receipt, "sent", message_id)
            return await self._sent(partner, message, message_id)
        except WaypostError as error:
            return Outcome.failed(error, address=partner.address)

    async def _sent(self, partner: As2Connection, message: Outbound, message_id: str) -> Outcome:
        from waypost.as2.header import Head, write_head
        from waypost.as2.outgoing import Document

        options = self._options
        kind = options.content_type or message.content_type or "application/octet-stream"
        content, base = await asyncio.to_thread(self._content, partner, message, message_id)
        document = Document(
            content=content, content_type=kind,
            filename=self._filename.fill(lambda name: _value(message, name)).removeprefix("/") or base,
        )  # fmt: skip
        built = await asyncio.to_thread(partner.build, document)
        request = partner.receipt_request()
        head = Head(
            sender=partner.options.us, receiver=partner.options.them, message_id=message_id, subject=options.subject,
            receipt=request,
        )  # fmt: skip
        headers = {**write_head(head), **built.headers}
        await asyncio.to_thread(self._keep, partner, head.message_id, document, built, headers)
        answer = await partner.post(headers, built.body)
        if not 200 <= answer.status < 300:
            where = f"POST {partner.address}"
            error = refusal_of(answer.status, where=where, path_names_thing=False)
            return Outcome.failed(error, address=partner.address, status=str(answer.status), answer=answer.body)
        if request is None:
            return Outcome(delivered=True, address=partner.address, status=str(answer.status))
        if request.address:
            return await self._awaited(partner, message, message_id)
        if not answer.body or answer.cut:
            raise EndpointTimeout(
                "the answer holds no whole receipt", where=partner.address, expected="a receipt",
                remedy="it is sent again under the same Message-ID",
            )  # fmt: skip
        kept = KeptReceipt(at=partner.now().isoformat(), headers=dict(answer.headers), body=answer.body)
        return await self._judged(partner, message, message_id, kept, keep=True)

    def _content(self, partner: As2Connection, message: Outbound, message_id: str) -> tuple[Content, str]:
        """What is sent, and the name it has. The same at every try, as the Message-ID is."""
        if not self._options.file:
            return Content.of(message.body), ""
        name = named_file(message.document, self._options.file)
        content, digest = file_content(self._grants.root, name, partner.spool)
        before = partner.archive.facts("sent", message_id)
        if before is not None and before.files.get("content", digest) != digest:
            raise ContractError(
                f"file {name!r:.200} is not what was sent before as {message_id}", where=partner.address,
                expected="the same content", remedy="put the file back, or replay the message under a new key",
            )  # fmt: skip
        return content, PurePosixPath(name).name

    def _keep(
        self, partner: As2Connection, message_id: str, document: Document, built: BuiltContent,
        headers: Mapping[str, str],
    ) -> None:  # fmt: skip
        facts = Facts(
            message_id=message_id, sender=partner.options.us, receiver=partner.options.them,
            at=partner.now().isoformat(), mic=str(built.mic), subject=self._options.subject, filename=document.filename,
            content_type=document.content_type, headers=dict(headers),
        )  # fmt: skip
        partner.archive.keep("sent", facts, {"content": document.content, "message": built.body})

    async def _awaited(self, partner: As2Connection, message: Outbound, message_id: str) -> Outcome:
        clock, limit = self._grants.clock, partner.options.receipt_seconds
        due = clock.monotonic() + limit
        while clock.monotonic() < due:
            kept = await asyncio.to_thread(partner.archive.receipt, "sent", message_id)
            if kept is not None:
                return await self._judged(partner, message, message_id, kept)
            await clock.sleep(LOOK_SECONDS)
        raise EndpointTimeout(
            f"no receipt came within {limit:g} s", where=partner.address, expected="a receipt",
            remedy="it is sent again under the same Message-ID",
        )  # fmt: skip

    async def _judged(
        self, partner: As2Connection, message: Outbound, message_id: str, kept: KeptReceipt, *, keep: bool = False
    ) -> Outcome:
        from waypost.as2.failure import As2Error
        from waypost.as2.mic import read_mic
        from waypost.as2.receipt import judge, read_receipt

        def failed(error: WaypostError, status: str) -> Outcome:
            return Outcome.failed(error, address=partner.address, status=status, answer=kept.body)

        facts = await asyncio.to_thread(partner.archive.facts, "sent", message_id)
        if facts is None:
            return failed(ContractError(f"nothing is kept of {message_id}", where=partner.address), "unknown receipt")
        terms = partner.terms(receipt=True)
        try:
            receipt = await asyncio.to_thread(read_receipt, list(kept.headers.items()), kept.body, terms)
        except As2Error as error:
            return failed(ContractError(f"its receipt is none: {error}", where=partner.address), "receipt refused")
        refusal = judge(receipt, message_id=message_id, mic=read_mic(facts.mic))
        if keep:
            await asyncio.to_thread(partner.archive.keep_receipt, "sent", message_id, kept)
        status = receipt.disposition.value if receipt.disposition is not None else receipt.said
        again = message.attempt > 1 or message.possible_duplicate
        if refusal is not None and not (again and receipt.mic is None and _is_duplicate(receipt)):
            return failed(refusal, status)
        shown = {name: value for name, value in kept.headers.items() if name.lower() in ("message-id", "date")}
        return Outcome(delivered=True, address=partner.address, status=status, answer=kept.body, answer_headers=shown)


def _is_duplicate(receipt: Receipt) -> bool:
    """Whether the partner says it had the message before; many say nothing more then."""
    from waypost.as2.failure import Disposition

    return receipt.disposition is Disposition.DUPLICATE_DOCUMENT


def message_id_of(message: Outbound, us: str) -> str:
    """The Message-ID of a delivery: the same for every try and resend of the same bytes (RFC 5322 section 3.6.4)."""
    left = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in message.idempotency_key)
    right = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in us)
    return f"<{left}@{right or 'waypost'}>"


def _value(message: Outbound, name: str) -> str | None:
    return id_text(message.message_id) if name == "message_id" else message.keys.get(name.removeprefix("keys."))
