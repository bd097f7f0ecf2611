"""The mllp connector keeps the promises of its traits, against senders and receivers on sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from tests.peers.server import free_port
from waypost.connectors.mllp_connection import MllpConnection, MllpConnectionOptions
from waypost.connectors.mllp_frame import Header, read_block
from waypost.core.component import Outbound
from waypost.core.grants import Connection, Grants
from waypost.core.spec import Duration
from waypost.testing.connector_kit import ConnectionSuite, SourceSuite, TargetSuite, outbound

COVERS = {("source", "mllp"), ("target", "mllp"), ("connection", "mllp")}


class TestMllpSource(SourceSuite):
    name = "mllp"

    @pytest.fixture
    def options(self) -> Any:
        self.port = free_port()
        return {"listen": f"127.0.0.1:{self.port}"}

    @pytest.fixture
    def absent(self) -> Any:
        return None

    async def put(self, bodies: Sequence[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for body in bodies:
                writer.write(b"\x0b" + body + b"\x1c\r")
                answer = await read_block(reader, 1 << 20)
                assert answer is not None and b"\rMSA|AA|" in answer, answer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


class Ehr:
    """A system that acknowledges what it is sent, and refuses what says so."""

    def __init__(self) -> None:
        self.port, self.bodies = free_port(), list[bytes]()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in set(self._writers):
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while (body := await read_block(reader, 1 << 26)) is not None:
                code = next((c for c in (b"AE", b"AR", b"CE") if b"say " + c in body), b"AA")
                code = b"CA" if b"say twice" in body else code
                if code in (b"AA", b"CA"):
                    self.bodies.append(body)
                control = b"other" if b"say other" in body else Header.of(body).control_id
                answer = b"MSH|^~\\&|EHR\rMSA|%b|%b|so it is\r" % (code, control)
                writer.write(b"\x0b" + (b"hello" if b"say hello" in body else answer) + b"\x1c\r")
                if b"say twice" in body:  # what its application answers comes later
                    writer.write(b"\x0b" + answer.replace(b"|CA|", b"|AA|") + b"\x1c\r")
        finally:
            self._writers.discard(writer)
            writer.close()


def message(number: int, text: str = "") -> bytes:
    return b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|%d|P|2.5\rNTE|1||%b" % (number, text.encode())


class WithEhr:
    restartable = True
    ehr: Ehr

    @pytest.fixture
    async def grants(self, tmp_path: Any) -> AsyncIterator[Grants]:
        self.ehr = Ehr()
        await self.ehr.start()
        ports, pools = {"ehr": self.ehr.port, "gone": free_port()}, {}
        for name, port in ports.items():
            options = MllpConnectionOptions(address=f"127.0.0.1:{port}", timeout_seconds=Duration(5))
            pool = MllpConnection(options, Grants(root=tmp_path, name=name))
            pools[name] = Connection(name=name, kind="mllp", options=options, pool=pool)
        yield Grants(root=tmp_path, flow="kit", name="side", connections=pools)
        for connection in pools.values():
            await connection.pool.close()
        await self.ehr.stop()

    async def stop_system(self) -> None:
        await self.ehr.stop()

    async def start_system(self) -> None:
        await self.ehr.start()


class TestMllpTarget(WithEhr, TargetSuite):
    name = "mllp"
    takes_any_body = False

    @pytest.fixture
    def options(self) -> Any:
        return {"connection": "ehr"}

    @pytest.fixture
    def absent(self) -> Any:
        return {"connection": "gone"}

    async def landed(self) -> Sequence[Any]:
        return self.ehr.bodies

    def outbounds(self, count: int) -> list[Outbound]:
        return [outbound(n, message(n)) for n in range(count)]

    def refused(self) -> Outbound:
        return outbound(99, message(99, "say AE"))

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (message(1, "say AE"), ("contract", "AE", False)),
            (message(1, "say CE"), ("contract", "CE", False)),
            (message(1, "say AR"), ("transient", "AR", False)),
            (message(1, "say other"), ("transient", "", True)),
            (message(1, "say hello"), ("transient", "", True)),
            (b"PID|1", ("data", "", False)),
            (message(1).replace(b"|2.5", b"|2.5|||NE|NE"), ("data", "", False)),
            (message(1).replace(b"|2.5", b"|2.5|||ER|"), ("data", "", False)),
            (message(1, "\x1c\rx"), ("data", "", False)),
        ],
    )
    async def test_what_is_not_acknowledged_is_not_delivered(
        self, options: Any, grants: Grants, body: bytes, said: Any
    ) -> None:
        async with self.opened(options, grants) as target:
            (outcome,) = await target.send([outbound(1, body)])
            assert not outcome.delivered and outcome.error
            assert (outcome.error_class, outcome.status, outcome.in_doubt) == said
            (after,) = await target.send([outbound(2, message(2))])
            assert after.delivered, "the connection goes on"

    async def test_what_the_application_answers_later_is_no_answer_to_the_next(
        self, options: Any, grants: Grants
    ) -> None:  # fmt: skip
        async with self.opened(options, grants) as target:
            sent = [outbound(n, message(n, "say twice")) for n in (1, 2, 3)]
            outcomes = await target.send([*sent, outbound(4, message(4))])
            assert [outcome.status for outcome in outcomes] == ["CA", "CA", "CA", "AA"]
            assert len(self.ehr.bodies) == 4

    async def test_codes_to_try_again_after_are_the_users_to_name(self, grants: Grants) -> None:
        async with self.opened({"connection": "ehr", "retry": ["AE"]}, grants) as target:
            outcomes = [(await target.send([outbound(1, message(1, f"say {code}"))]))[0] for code in ("AE", "AR")]
            assert [outcome.error_class for outcome in outcomes] == ["transient", "contract"]


class TestMllpConnection(WithEhr, ConnectionSuite):
    name = "mllp"

    @pytest.fixture
    def options(self, grants: Grants) -> Any:
        return {"address": f"127.0.0.1:{self.ehr.port}"}

    @pytest.fixture
    def absent(self) -> Any:
        return {"address": f"127.0.0.1:{free_port()}"}
