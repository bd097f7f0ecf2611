"""The as2 source and connection keep the promises of their traits, against a partner of the message layer."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from tests.peers.as2 import ACME, FILES, OTHER, connection, send, send_raw
from tests.peers.as2_kit import WithAcme, with_
from tests.peers.server import free_port
from tests.unit.as2.test_as2_bounds import HOSTILE
from waypost.as2.algorithm import Digest
from waypost.as2.failure import Disposition
from waypost.as2.header import ReceiptRequest
from waypost.as2.outgoing import Compression, Protection
from waypost.core.errors import DataError
from waypost.core.event import Event
from waypost.core.grants import Grants
from waypost.testing.connector_kit import (
    ConnectionSuite,
    SourceSuite,
    bodies_of,
    next_delivery,
)

COVERS = {("source", "as2"), ("connection", "as2")}


class TestAs2Source(WithAcme, SourceSuite):
    name = "as2"
    restartable = False

    @pytest.fixture
    def options(self) -> Any:
        return {"path": "/as2", "connections": ["acme"]}

    @pytest.fixture
    def absent(self) -> Any:
        return None

    @property
    def address(self) -> str:
        return f"{self.listener.address}/as2"

    @pytest.fixture(autouse=True)
    async def _sending(self) -> AsyncIterator[None]:
        self.sending: set[asyncio.Task[None]] = set()
        yield
        for task in self.sending:
            task.cancel()
        await asyncio.gather(*self.sending, return_exceptions=True)

    async def put(self, bodies: Sequence[bytes]) -> None:
        """ACME sends in its own time."""
        self.sending.add(asyncio.create_task(self._send(bodies)))

    async def _send(self, bodies: Sequence[bytes]) -> None:
        """Each body under an id of its own, in order, until it is taken."""
        for number, body in enumerate(bodies):
            for attempt in itertools.count():
                status, receipt, refusal = await send(self.address, body, f"<{number}@acme>")
                if receipt is not None:
                    assert refusal is None, refusal
                    break
                assert status == 503 and attempt < 20
                await asyncio.sleep(0.05)

    async def taken(self, source: Any, grants: Grants) -> Any:
        """The next delivery, durable and accepted."""
        delivery = await next_delivery(source)
        bodies = await bodies_of(delivery)
        await self.settle(delivery, grants)
        return delivery, bodies

    async def test_every_receipt_is_given_after_the_commit(self, options: Any, grants: Grants) -> None:
        async with self.opened(options, grants) as source:
            sending = asyncio.ensure_future(send(self.address, b"x", "<1@acme>"))
            delivery = await next_delivery(source)
            await asyncio.sleep(0.05)
            assert not sending.done()
            await self.settle(delivery, grants)
            status, receipt, refusal = await sending
            assert (status, refusal) == (200, None) and receipt is not None and receipt.signer is not None

    async def test_a_message_sent_again_is_answered_as_before_and_taken_once(
        self, options: Any, grants: Grants
    ) -> None:
        async with self.opened(options, grants) as source:
            sending = asyncio.ensure_future(send(self.address, b"x", "<1@acme>"))
            await self.taken(source, grants)
            _, first, _ = await sending
        async with self.opened(options, grants) as source:
            _, again, refusal = await send(self.address, b"x", "<1@acme>")
            assert again == first and refusal is None
            await self.assert_nothing_is_offered(source)

    async def test_a_message_sent_again_without_its_archive_is_a_duplicate(self, options: Any, grants: Grants) -> None:
        async with self.opened(options, grants) as source:
            sending = asyncio.ensure_future(send(self.address, b"x", "<1@acme>"))
            await self.taken(source, grants)
            await sending
            grants.connections["acme"].pool.archive.root = grants.root / "another"
            _, receipt, refusal = await send(self.address, b"x", "<1@acme>")
            assert receipt is not None and receipt.disposition is Disposition.DUPLICATE_DOCUMENT and refusal is None
            await self.assert_nothing_is_offered(source)

    @pytest.mark.parametrize(
        ("changes", "disposition"),
        [
            ({"protection": Protection(sign=None)}, Disposition.INSUFFICIENT_MESSAGE_SECURITY),
            ({"protection": Protection(encrypt=None)}, Disposition.INSUFFICIENT_MESSAGE_SECURITY),
            ({"signer": OTHER}, Disposition.AUTHENTICATION_FAILED),
            ({"protection": Protection(sign=Digest.SHA1, legacy=True)}, Disposition.INSUFFICIENT_MESSAGE_SECURITY),
            ({"head": {"sender": "NOBODY"}}, Disposition.UNKNOWN_TRADING_PARTNER),
            ({"head": {"receiver": "NOBODY"}}, Disposition.UNKNOWN_TRADING_PARTNER),
        ],
    )
    async def test_what_is_not_as_agreed_is_refused_with_its_disposition(
        self, options: Any, grants: Grants, changes: Any, disposition: Disposition
    ) -> None:
        async with self.opened(options, grants) as source:
            status, receipt, _ = await send(self.address, b"x", "<1@acme>", **changes)
            assert status == 200 and receipt is not None
            assert (receipt.disposition, receipt.accepted) == (disposition, False)
            await self.assert_nothing_is_offered(source)

    async def test_content_the_flow_refuses_is_said_and_what_cannot_be_kept_now_is_sent_again(
        self, options: Any, grants: Grants
    ) -> None:
        async with self.opened(options, grants) as source:
            sending = asyncio.ensure_future(send(self.address, b"x", "<1@acme>"))
            delivery = await next_delivery(source)
            await delivery.reject(DataError("it is too large", where="kit"))
            _, receipt, _ = await sending
            assert receipt is not None and receipt.disposition is Disposition.UNEXPECTED_PROCESSING_ERROR

    async def test_the_headers_tell_where_a_document_came_from(self, options: Any, grants: Grants) -> None:
        async with self.opened(options, grants) as source:
            sending = asyncio.ensure_future(send(self.address, b"x", "<1@acme>", head={"subject": "hello"}))
            delivery, bodies = await self.taken(source, grants)
            await sending
        assert bodies == [b"x"] and (delivery.arrival.name, delivery.arrival.size) == ("<1@acme>", 1)
        assert delivery.arrival.headers == {
            "as2.from": "ACME Corp", "as2.to": "WAYPOST", "as2.message_id": "<1@acme>", "as2.subject": "hello",
            "as2.filename": "it.bin",
        }  # fmt: skip

    async def test_an_asynchronous_receipt_goes_to_an_agreed_address_alone(self, grants: Grants) -> None:
        agreed, other = f"http://127.0.0.1:{self.acme.port}/receipts", f"http://127.0.0.1:{self.acme.port}/elsewhere"
        async with self.opened({"path": "/as2", "connections": ["later"]}, grants) as source:
            for number, address in enumerate((agreed, other)):
                wanted = ReceiptRequest(signed=True, micalgs=("sha-256",), address=address)
                sending = asyncio.ensure_future(send(self.address, b"x", f"<{number}@acme>", receipt=wanted))
                await self.taken(source, grants)
                status, receipt, _ = await sending
                assert (status, receipt) == (200 if address == agreed else 403, None)
            for _ in range(100):
                if self.acme.receipts:
                    break
                await asyncio.sleep(0.02)
        assert [(r.original_message_id, r.accepted) for r in self.acme.receipts] == [("<0@acme>", True)]

    @pytest.mark.parametrize("name", HOSTILE)
    async def test_hostile_input_is_answered_by_its_disposition_and_the_next_message_is_taken(
        self, options: Any, grants: Grants, name: str
    ) -> None:
        headers, make, disposition, _ = HOSTILE[name]
        async with self.opened({**options, "limit_bytes": 20 << 20}, grants) as source:
            status, receipt = await send_raw(self.address, headers, make(), "<hostile@acme>")
            if "pkcs7" not in headers["Content-Type"]:  # neither signed nor encrypted: refused before it is read
                disposition = Disposition.INSUFFICIENT_MESSAGE_SECURITY
            assert status == 200 and receipt.disposition is disposition
            sending = asyncio.ensure_future(send(self.address, b"sound", "<1@acme>"))
            assert (await self.taken(source, grants))[1] == [b"sound"]
            _, receipt, refusal = await sending
            assert receipt is not None and receipt.accepted and refusal is None

    async def test_a_message_larger_than_the_limit_is_not_read(self, options: Any, grants: Grants) -> None:
        async with self.opened({**options, "limit_bytes": 10_000}, grants) as source:
            assert (await send(self.address, bytes(20_000), "<1@acme>"))[0] == 413
            await self.assert_nothing_is_offered(source)

    async def test_a_message_that_finds_no_room_is_taken_when_it_is_sent_again(
        self, options: Any, grants: Grants, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(descriptor: int, data: bytes) -> int:
            raise OSError(28, os.strerror(28))

        body = bytes(range(256)) * 8000
        seen: list[Event] = []
        grants.events.subscribe(seen.append)
        async with self.opened(options, grants) as source:
            packed = Protection(compress=Compression.BEFORE_SIGN)  # small on its way, large once opened
            with monkeypatch.context() as patched:
                patched.setattr(os, "write", full)
                assert (await send(self.address, body, "<1@acme>", protection=packed))[:2] == (503, None)
            assert any("No space left on device" in str(event) for event in seen)
            await self.assert_nothing_is_offered(source)
            sending = asyncio.ensure_future(send(self.address, body, "<1@acme>", protection=packed))
            assert b"".join((await self.taken(source, grants))[1]) == body
            _, _, refusal = await sending
            assert refusal is None
        folder = grants.connections["acme"].pool.archive.folder("received", "<1@acme>")
        assert (folder / "content").read_bytes() == body

    async def test_a_receipt_of_nothing_we_sent_is_refused(self, options: Any, grants: Grants) -> None:
        from waypost.as2.header import Head
        from waypost.as2.receipt import Answer, write_receipt

        head = Head(
            sender="WAYPOST", receiver="ACME Corp", message_id="<never@us>", receipt=ReceiptRequest(signed=True)
        )
        answer = Answer(disposition=Disposition.PROCESSED)
        headers, body = write_receipt(head, answer, ours=(ACME,), now=self.acme.terms().now, message_id="<r@acme>")
        forged = write_receipt(head, answer, ours=(OTHER,), now=self.acme.terms().now, message_id="<r@acme>")
        import aiohttp

        async with self.opened(options, grants), aiohttp.ClientSession() as session:
            async with session.post(self.address, data=body, headers=headers) as response:
                assert response.status == 404
            async with session.post(self.address, data=forged[1], headers=forged[0]) as response:
                assert response.status == 400


class TestAs2Connection(WithAcme, ConnectionSuite):
    name = "as2"

    def build(self, options: Any, grants: Grants) -> Any:
        return super().build(options, with_(grants, read_file=FILES.__getitem__))

    @pytest.fixture
    def options(self, grants: Grants) -> Any:
        return connection(self.acme.address)

    @pytest.fixture
    def absent(self) -> Any:
        return connection(f"http://127.0.0.1:{free_port()}/as2")
