"""HL7 v2 over MLLP through the engine: what is durable is acknowledged, what the flow makes is the answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tests.flows.system import System
from tests.peers.server import free_port
from waypost.connectors.mllp_frame import read_block

FLOW = """
flow: patients
description: Patients are passed on.
owner: lab
source:
  mllp: {listen: '127.0.0.1:PORT', answer: ANSWER}
format: {hl7: {}}
keys: {patient: 'segments.PID[0][3][0][0]'}
steps: STEPS
targets:
  out: {memory: out, format: {hl7: {}}}
"""
MESSAGE = b"MSH|^~\\&|LAB|H|EHR|C|20260102||ADT^A01|77|P|2.5\rPID|1||7^^^H||Doe^John\r"


@contextlib.asynccontextmanager
async def serving(
    tmp_path: Path, answer: str, steps: str
) -> AsyncIterator[tuple[System, asyncio.StreamReader, asyncio.StreamWriter]]:
    port = free_port()
    flow = FLOW.replace("PORT", str(port)).replace("ANSWER", answer).replace("STEPS", steps)
    system = System(tmp_path, {"flows/patients.yaml": flow})
    await system.start()
    await system.settle()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield system, reader, writer
    finally:
        writer.close()
        await system.stop()


async def heard(system: System, reader: asyncio.StreamReader) -> bytes:
    answer = asyncio.ensure_future(read_block(reader, 1 << 20))
    await system.until(answer.done)
    return answer.result() or b""


async def test_a_message_is_acknowledged_once_it_is_durable(tmp_path: Path) -> None:
    async with serving(tmp_path, "accepted", "[]") as (system, reader, writer):
        writer.write(b"\x0b" + MESSAGE + b"\x1c\r")
        assert b"\rMSA|AA|77\r" in await heard(system, reader)
        (message,) = await system.messages()
        assert message["keys"] == {"patient": ["7"]}


async def test_the_flow_s_own_acknowledgement_is_the_answer(tmp_path: Path) -> None:
    async with serving(tmp_path, "result", "[{hl7_acknowledge: AA}]") as (system, reader, writer):
        writer.write(b"\x0b" + MESSAGE + b"\x1c\r")
        said = await heard(system, reader)
        assert said.startswith(b"MSH|^~\\&|EHR|C|LAB|H|") and said.endswith(b"|ACK^A01^ACK|77|P|2.5\rMSA|AA|77\r")


async def test_what_the_flow_refuses_is_answered_ae(tmp_path: Path) -> None:
    async with serving(tmp_path, "result", "[]") as (system, reader, writer):
        writer.write(b"\x0b" + MESSAGE.replace(b"PID", b"no segment") + b"\x1c\r")
        assert b"\rMSA|AE|77|" in await heard(system, reader)
