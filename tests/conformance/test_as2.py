"""The as2 connector keeps the promises of its traits, against a partner that knows the message layer alone."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.peers.as2 import ACME, FILES, OTHER, Acme, connection, key_pem, send
from tests.peers.server import free_port
from waypost.as2.algorithm import Digest
from waypost.as2.failure import Disposition
from waypost.as2.header import ReceiptRequest
from waypost.as2.outgoing import Protection
from waypost.connectors.as2_connection import As2Connection
from waypost.core.component import Outbound
from waypost.core.errors import DataError
from waypost.core.grants import Connection, Grants
from waypost.core.listener import Listener
from waypost.core.registry import load_components
from waypost.testing.connector_kit import (
    CommittedPositions,
    ConnectionSuite,
    SourceSuite,
    TargetSuite,
    bodies_of,
    next_delivery,
    outbound,
    parse_options,
)

COVERS = {("source", "as2"), ("target", "as2"), ("connection", "as2")}


def made(root: Path, name: str, address: str, **changes: Any) -> Connection:
    """A connection to ACME."""
    component = load_components().find("connection", "as2")
    assert component is not None
    options = parse_options(component, connection(address, **changes))
    pool = As2Connection(options, Grants(root=root, name=name, read_file=FILES.__getitem__))
    return Connection(name=name, kind="as2", options=options, pool=pool)


class WithAcme:
    restartable = True
    secrets = (key_pem(ACME)[100:140],)
    acme: Acme

    @pytest.fixture
    async def grants(self, tmp_path: Path) -> AsyncIterator[Grants]:
        self.acme, self.listener = Acme(), Listener()
        await self.acme.start()
        await self.listener.open()
        made_ = [
            made(tmp_path, "acme", self.acme.address, timeout_seconds="5s"),
            made(tmp_path, "gone", f"http://127.0.0.1:{free_port()}/as2", timeout_seconds="5s", archive="gone"),
            made(
                tmp_path, "later", self.acme.address, timeout_seconds="5s", receipt="async", receipt_seconds="3s",
                receipt_address=f"{self.listener.address}/as2", receipts_to=[f"http://127.0.0.1:{self.acme.port}/receipts"],
            ),
        ]  # fmt: skip
        connections = {each.name: each for each in made_}
        yield Grants(
            root=tmp_path, flow="kit", name="side", positions=CommittedPositions(), connections=connections,
            listener=self.listener,
        )  # fmt: skip
        await self.acme.stop()
        await self.listener.close()
        for each in made_:
            await each.pool.close()

    async def stop_system(self) -> None:
        await self.acme.stop()

    async def start_system(self) -> None:
        await self.acme.start()


class TestAs2Target(WithAcme, TargetSuite):
    name = "as2"

    @pytest.fixture
    def options(self) -> Any:
        return {"connection": "acme", "subject": "orders", "filename": "{message_id}.bin"}

    @pytest.fixture
    def absent(self) -> Any:
        return {"connection": "gone"}

    async def landed(self) -> Sequence[Any]:
        return self.acme.bodies

    @pytest.mark.parametrize(
        ("behaviour", "error_class", "in_doubt", "said"),
        [
            ("error", "contract", False, "the partner answered"),
            ("other mic", "contract", False, "the partner received other bytes"),
            ("unsigned", "contract", False, "its receipt is none"),
            ("silent", "transient", True, "no whole receipt"),
            ("lost", "transient", True, "answered 504"),
            ("busy", "transient", False, "answered 503"),
        ],
    )
    async def test_what_no_receipt_proves_is_not_delivered(
        self, options: Any, grants: Grants, behaviour: str, error_class: str, in_doubt: bool, said: str
    ) -> None:
        self.acme.behave = [behaviour]
        async with self.opened(options, grants) as target:
            (outcome,) = await target.send([outbound(1, b"x")])
            assert not outcome.delivered and said in outcome.error
            assert (outcome.error_class, outcome.in_doubt) == (error_class, in_doubt)

    async def test_a_message_without_receipt_is_sent_again_under_its_id_and_taken_once(
        self, options: Any, grants: Grants
    ) -> None:
        self.acme.behave = ["silent"]
        async with self.opened(options, grants) as target:
            message = outbound(1, b"x")
            assert not (await target.send([message]))[0].delivered
            (outcome,) = await target.send([Outbound(**{**_fields(message), "attempt": 2})])
            assert outcome.delivered and "duplicate-document" in outcome.status
        assert self.acme.bodies == [b"x"]

    async def test_what_was_sent_is_kept_with_its_receipt(self, options: Any, grants: Grants) -> None:
        async with self.opened(options, grants) as target:
            (outcome,) = await target.send([outbound(1, b"x")])
        (head,) = self.acme.heads
        archive = grants.connections["acme"].pool.archive
        facts, receipt = archive.facts("sent", head.message_id), archive.receipt("sent", head.message_id)
        folder = archive.folder("sent", head.message_id)
        assert (folder / "content").read_bytes() == b"x" and receipt.body == outcome.answer
        assert facts.mic and facts.headers["AS2-To"] == '"ACME Corp"' and archive.damaged(folder, facts) == []
        (folder / "content").write_bytes(b"y")
        assert archive.damaged(folder, facts) == ["content"]

    async def test_an_asynchronous_receipt_settles_the_delivery_in_another_process(self, grants: Grants) -> None:
        async with self.opened({"connection": "later"}, grants) as target:
            other = {**grants.connections}
            other["later"] = made(
                grants.root, "later", self.acme.address, receipt="async", receipt_address="http://x/y"
            )
            source = TestAs2Source().build({"path": "/as2", "connections": ["later"]}, _with(grants, connections=other))
            await source.open()
            try:
                (outcome,) = await target.send([outbound(1, b"x")])
                assert outcome.delivered and outcome.status == "processed"
            finally:
                await source.close()
                await other["later"].pool.close()

    async def test_an_asynchronous_receipt_that_does_not_come_is_a_doubt(self, grants: Grants) -> None:
        self.acme.behave = ["silent"]
        async with self.opened({"connection": "later"}, grants) as target:
            (outcome,) = await target.send([outbound(1, b"x")])
            assert outcome.in_doubt and "no receipt came within 3 s" in outcome.error

    async def test_a_receipt_that_came_late_settles_the_delivery_without_sending(self, grants: Grants) -> None:
        options = {"connection": "acme"}
        async with self.opened(options, grants) as target:
            message = outbound(1, b"x")
            assert (await target.send([message]))[0].delivered
            (outcome,) = await target.send([Outbound(**{**_fields(message), "possible_duplicate": True})])
            assert outcome.delivered and len(self.acme.heads) == 1


def _fields(message: Outbound) -> dict[str, Any]:
    return {name: getattr(message, name) for name in message.__struct_fields__}


def _with(grants: Grants, **changes: Any) -> Grants:
    import dataclasses

    return dataclasses.replace(grants, **changes)


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
        return super().build(options, _with(grants, read_file=FILES.__getitem__))

    @pytest.fixture
    def options(self, grants: Grants) -> Any:
        return connection(self.acme.address)

    @pytest.fixture
    def absent(self) -> Any:
        return connection(f"http://127.0.0.1:{free_port()}/as2")
