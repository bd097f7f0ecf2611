"""The hl7_acknowledge step keeps what every step must."""

from __future__ import annotations

from typing import ClassVar

from tests.conformance.test_hl7 import MSH
from waypost.core.component import Dropped, Failed
from waypost.core.errors import DataError
from waypost.core.message import Message
from waypost.testing.format_kit import build_format
from waypost.testing.step_kit import StepConformance, build_step

COVERS = {("step", "hl7_acknowledge")}


class TestHl7Acknowledge(StepConformance):
    step, options, outcomes = "hl7_acknowledge", "AA", (Message, Failed, Dropped)
    bodies: ClassVar = [
        *build_format("hl7").decode([MSH + b"PID|1\r", MSH.replace(b"|77|", b"||"), MSH + b"MSA|AA|1\r"], b""), {}, 7
    ]  # fmt: skip


def answer(options: str, data: bytes) -> bytes:
    format_ = build_format("hl7")
    (body,) = format_.decode([data], b"")
    (result,) = build_step("hl7_acknowledge", options, {}).process([Message(bytes(16), body, 1_767_312_000_000_000)])
    assert isinstance(result, Message), result
    (written,) = format_.encode([result.body])
    assert not isinstance(written, DataError)
    return bytes(written)


def test_sender_and_receiver_are_exchanged_and_the_control_id_is_repeated() -> None:
    assert answer("AA", MSH + b"PID|1\r") == (
        b"MSH|^~\\&|EHR|C|LAB|H|20260102000000+0000||ACK^R01^ACK|77|P|2.5.1\rMSA|AA|77\r"
    )


def test_a_refusal_says_what_is_wrong() -> None:
    said = answer("{code: AE, text: 'no patient | 7'}", MSH)
    assert b"\rMSA|AE|77|no patient \\F\\ 7\rERR|||207^Application internal error^HL70357|E||||no patient" in said
