"""What a sender over MLLP hears, and who may send."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from waypost.connectors.mllp_frame import Header, acknowledgement, read_block, verdict_of
from waypost.connectors.mllp_source import MllpSource, MllpSourceOptions
from waypost.core.component import Answer
from waypost.core.errors import ConfigurationRefused, DataError, EndpointUnavailable, ErrorClass, StoreFull
from waypost.core.event import Event
from waypost.core.grants import Grants
from waypost.core.spec import Duration, Size

MESSAGE = b"MSH|^~\\&|LAB|H|EHR|C|2026||ADT^A01|77|P|2.5\rPID|1\r"


@contextlib.asynccontextmanager
async def listening(**options: Any) -> AsyncIterator[tuple[MllpSource, asyncio.StreamReader, asyncio.StreamWriter]]:
    source = MllpSource(MllpSourceOptions(listen="127.0.0.1:0", **options), Grants(root=Path(".")))
    await source.open()
    reader, writer = await asyncio.open_connection(*source.address.split(":"))
    try:
        yield source, reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        await source.close()


def block(body: bytes) -> bytes:
    return b"\x0b" + body + b"\x1c\r"


async def heard(reader: asyncio.StreamReader) -> tuple[str, str]:
    async with asyncio.timeout(5):
        answer = await read_block(reader, 1 << 20)
    assert answer is not None
    verdict = verdict_of(answer)
    assert verdict is not None and verdict.control_id == b"77"
    return verdict.code, verdict.text


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (DataError("no | PID", where="x"), ("AE", "no   PID")),
        (StoreFull("no room"), ("AR", "cannot be taken now")),
        (EndpointUnavailable("busy"), ("AR", "cannot be taken now")),
    ],
)
async def test_what_is_rejected_is_answered_by_its_class(cause: Any, expected: tuple[str, str]) -> None:
    async with listening() as (source, reader, writer):
        writer.write(block(MESSAGE))
        delivery = await source.receive()
        assert delivery is not None
        await delivery.reject(cause)
        assert await heard(reader) == expected


async def test_nothing_is_answered_before_it_is_durable() -> None:
    async with listening() as (source, reader, writer):
        writer.write(block(MESSAGE))
        delivery = await source.receive()
        assert delivery is not None and not source.waits_for_result
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.read(1)
        await delivery.accept()
        assert await heard(reader) == ("AA", "")


async def test_a_message_not_taken_in_time_is_refused_and_never_taken() -> None:
    async with listening(timeout_seconds=Duration(0.05)) as (source, reader, writer):
        writer.write(block(MESSAGE))
        assert await heard(reader) == ("AR", "not taken in time")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await source.receive()


async def test_where_it_is_not_known_whether_it_is_kept_the_connection_is_closed() -> None:
    async with listening(timeout_seconds=Duration(0.05)) as (source, reader, writer):
        writer.write(block(MESSAGE))
        assert await source.receive() is not None
        async with asyncio.timeout(5):
            assert await reader.read() == b""


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(ok=True, body=b"MSH|^~\\&|X\rMSA|AA|77|made by the flow\r"), ("AA", "made by the flow")),
        (Answer(ok=True), ("AA", "")),
        (Answer(ok=False, error="no such ward", error_class=ErrorClass.DATA), ("AE", "no such ward")),
        (Answer(ok=False, error="secret host", error_class=ErrorClass.TRANSIENT), ("AR", "kept, but its way ended")),
    ],
)
async def test_the_flow_s_result_is_the_answer(answer: Answer, expected: tuple[str, str]) -> None:
    async with listening(answer="result") as (source, reader, writer):
        writer.write(block(MESSAGE))
        delivery = await source.receive()
        assert delivery is not None
        await delivery.accept()
        await delivery.answer([answer])
        assert await heard(reader) == expected


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", b"\x0bx" * 200_000])
async def test_what_is_no_mllp_closes_the_connection(sent: bytes) -> None:
    async with listening(limit_bytes=Size(1000)) as (_, reader, writer):
        writer.write(sent)
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""


async def test_beyond_the_most_connections_one_is_closed_at_once() -> None:
    async with listening(connections=1) as (source, _, _):
        reader, writer = await asyncio.open_connection(*source.address.split(":"))
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_other_machines_may_connect_only_where_networks_are_named() -> None:
    grants = Grants(root=Path("."))
    with pytest.raises(ConfigurationRefused, match="reached from other machines"):
        await MllpSource(MllpSourceOptions(listen="0.0.0.0:0"), grants).open()
    named = MllpSource(MllpSourceOptions(listen="0.0.0.0:0", allow=("10.1.0.0/16",)), grants)
    await named.open()
    try:
        assert named._admits("10.1.2.3") and named._admits("127.0.0.1") and not named._admits("10.2.0.1")
    finally:
        await named.close()


def test_a_sender_in_enhanced_mode_hears_a_commit_code() -> None:
    asked = MESSAGE.replace(b"|2.5\r", b"|2.5|||AL|NE\r")
    made = acknowledgement(asked, "AE", "", datetime(2026, 1, 2, tzinfo=UTC))
    assert made == b"MSH|^~\\&|EHR|C|LAB|H|20260102000000+0000||ACK^A01^ACK|77|P|2.5\rMSA|CE|77\r"


def test_delimiters_of_the_sender_are_used_and_nothing_breaks_them() -> None:
    asked = b"MSH#*:%!#LAB#H#EHR#C#2026##ADT*A01#7%F%7#P#2.5\r"
    made = acknowledgement(asked, "AE", "a#b*c\rd", datetime(2026, 1, 2, tzinfo=UTC))
    assert made.endswith(b"\rMSA#AE#7%F%7#a b c d\r")
    assert Header.of(made).control_id == b"7%F%7"


def test_a_body_without_msh_is_answered_all_the_same() -> None:
    made = acknowledgement(b"hello", "AA", "", datetime(2026, 1, 2, tzinfo=UTC))
    assert made == b"MSH|^~\\&|||||20260102000000+0000||ACK||P|2.5\rMSA|AA|\r"


def asking(accept: str, application: str = "") -> bytes:
    return f"MSH|^~\\&|LAB|H|EHR|C|2026||ADT^A01|77|P|2.5|||{accept}|{application}\rPID|1\r".encode()


@pytest.mark.parametrize(
    ("accept", "application", "code", "heard_as"),
    [
        ("", "", "AA", "AA"),
        ("AL", "NE", "AA", "CA"),
        ("AL", "NE", "AE", "CE"),
        ("ER", "", "AA", ""),
        ("ER", "", "AR", "CR"),
        ("SU", "", "AA", "CA"),
        ("SU", "", "AE", ""),
        ("NE", "NE", "AE", ""),
        ("NE", "", "AA", ""),
        ("NE", "AL", "AA", "AA"),
        ("", "ER", "AA", ""),
        ("", "ER", "AE", "AE"),
    ],
)
async def test_a_sender_hears_what_it_asked_for(accept: str, application: str, code: str, heard_as: str) -> None:
    async with listening() as (source, reader, writer):
        writer.write(block(asking(accept, application)) + block(MESSAGE))
        delivery = await source.receive()
        assert delivery is not None
        await (delivery.accept() if code == "AA" else delivery.reject(
            DataError("no", where="x") if code == "AE" else EndpointUnavailable("busy")
        ))  # fmt: skip
        if heard_as:
            assert (await heard(reader))[0] == heard_as
        second = await source.receive()
        assert second is not None, "the next message is read, answered or not"
        await second.accept()
        assert (await heard(reader))[0] == "AA"


async def test_messages_in_one_packet_and_one_in_many_packets_are_each_answered() -> None:
    async with listening() as (source, reader, writer):
        writer.write(block(MESSAGE) + b"\r\n" + block(MESSAGE) + block(MESSAGE)[:20])
        for _ in range(2):
            delivery = await source.receive()
            assert delivery is not None and delivery.records is not None
            assert [record.body for record in delivery.records] == [MESSAGE]
            await delivery.accept()
            await heard(reader)
        for byte in block(MESSAGE)[20:]:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        delivery = await source.receive()
        assert delivery is not None and delivery.records is not None and delivery.records[0].body == MESSAGE
        await delivery.accept()
        assert await heard(reader) == ("AA", "")


async def test_separators_of_files_within_a_message_do_not_end_it() -> None:
    body = MESSAGE + b"NTE|1||a\x1cb\x1c\x1cc\x1c"
    async with listening() as (source, _, writer):
        writer.write(block(body))
        delivery = await source.receive()
        assert delivery is not None and delivery.records is not None and delivery.records[0].body == body


async def test_a_message_too_large_is_answered_ae_and_the_next_is_taken() -> None:
    told: list[Event] = []
    async with listening(limit_bytes=Size(1000)) as (source, reader, writer):
        source._grants.events.subscribe(told.append)
        writer.write(block(MESSAGE + b"x" * 9000) + block(MESSAGE))
        code, text = await heard(reader)
        assert code == "AE" and "1000 bytes" in text
        delivery = await source.receive()
        assert delivery is not None and delivery.records is not None and len(delivery.records) == 1
        assert "1000 bytes" in str(told[0])


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"hello", "0x68"),
        (b"\x0b" + MESSAGE + block(MESSAGE), "within another"),
        (b"\x0b" + MESSAGE, "did not end"),
        (b"\x0b" + b"x" * 90_000, "16000 bytes"),
    ],
)
async def test_what_is_no_block_closes_the_connection_and_is_told(sent: bytes, said: str) -> None:
    told: list[Event] = []
    async with listening(limit_bytes=Size(1000), timeout_seconds=Duration(0.05)) as (source, reader, writer):
        source._grants.events.subscribe(told.append)
        writer.write(sent)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        assert said in str(told[0])
        assert not source._queue


def test_an_acknowledgement_repeats_names_in_the_set_they_came_in() -> None:
    body = "MSH|^~\\&|LABÖ|H|EHR|C|2026||ADT^A01|Ä7|P|2.5||||||8859/1\rPID|1\r".encode("latin-1")
    made = acknowledgement(body, "AE", "no ß", datetime(2026, 1, 1, tzinfo=UTC))
    first, second = made.decode("latin-1").split("\r")[:2]
    assert first.split("|")[4] == "LABÖ" and first.split("|")[17] == "8859/1"
    assert second == "MSA|AE|Ä7|no ?"
