"""The acknowledge step is pure: its answer depends on the message alone and leaves it as it was."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.formats.edi.acknowledge_step import Acknowledge, AcknowledgeOptions
from waypost.testing.format_kit import build_format, decode_all, frame

COVERS = {("step", "acknowledge")}
ORDERS = (Path(__file__).parents[1] / "golden/formats/purchase_order.edi").read_bytes()


def messages() -> list[Message]:
    format_ = build_format("x12", "{unit: group}")
    groups = [ORDERS, ORDERS.replace(b"*311", b"*312"), ORDERS.replace(b"20261341", b"20261130")]
    bodies = [document for content in groups for document in decode_all(format_, frame(format_, [content])[0])]
    return [Message(bytes([n]) * 16, body, 1_776_000_000_000_000 + n) for n, body in enumerate([*bodies, 7, None])]


def said(results: object) -> list[str]:
    return [str(r) for r in results]  # type: ignore[attr-defined]


def test_a_batch_is_its_messages_one_by_one_in_any_order() -> None:
    step, batch = Acknowledge(AcknowledgeOptions(), Grants(root=Path("."))), messages()
    alone = [said(step.process([message]))[0] for message in batch]
    assert said(step.process(batch)) == alone
    assert said(step.process(batch[::-1])) == alone[::-1]
    assert len(alone) == len(batch)


def test_the_message_is_left_as_it_was() -> None:
    step, batch = Acknowledge(AcknowledgeOptions(), Grants(root=Path("."))), messages()
    before = deepcopy([m.body for m in batch])
    assert step.process(batch)
    assert [m.body for m in batch] == before
