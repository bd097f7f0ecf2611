"""The 997 made of what was received."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from waypost.core.component import Dropped, Failed
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.formats.edi.acknowledge import acknowledgement_for
from waypost.testing.format_kit import build_format, decode_all, frame

GOLDEN = Path(__file__).parents[2] / "golden/formats"
ORDERS = (GOLDEN / "purchase_order.edi").read_bytes()
AT = 1_776_000_000_000_000


def read(content: bytes, options: str = "{}") -> list[Any]:
    format_ = build_format("x12", options)
    return decode_all(format_, frame(format_, [content])[0])


def step() -> Any:
    component = registry.find("step", "acknowledge")
    assert component is not None
    return component.build(component.spec.options(), Grants(root=Path(".")))


def test_a_group_is_answered_by_one_acknowledgement_that_says_what_is_wrong() -> None:
    (group,) = read(ORDERS, "{unit: group}")
    (written,) = build_format("x12", "{new_lines: true}").encode([acknowledgement_for(group, received_at=AT)])
    assert written == (GOLDEN / "acknowledgement.edi").read_bytes()


def test_an_acknowledgement_reads_as_what_it_says() -> None:
    (document,) = read((GOLDEN / "acknowledgement.edi").read_bytes())
    said = document["acknowledgement"]
    assert (said["group_control_number"], said["code"], said["received"], said["accepted"]) == ("311", "P", 2, 1)
    assert [t["code"] for t in said["transactions"]] == ["A", "R"]
    assert said["transactions"][1]["errors"][1]["elements"] == [{"position": "2", "code": "6", "found": "many"}]


def test_a_transaction_set_alone_is_answered_as_a_group_of_one() -> None:
    answer = acknowledgement_for(read(ORDERS)[0], received_at=AT)
    assert answer["rows"] == [["AK1", "PO", "311"], ["AK2", "850", "0001"], ["AK5", "A"], ["AK9", "A", "1", "1", "1"]]


@pytest.mark.parametrize(
    ("found", "instead", "row"),
    [
        (b"SE*21*0001", b"SE*20*0001", ["AK5", "R", "4"]),
        (b"SE*21*0001", b"SE*21*0003", ["AK5", "R", "3"]),
        (b"CUR*BY*EUR~\n", b"QQ*1~\n", ["AK3", "QQ", "3", "", "1"]),
        (b"BEG*00*SA", b"BEG*00*S\x01", ["AK4", "2", "", "6", "S?x01"]),  # nothing unsafe is copied back
    ],
)
def test_each_kind_of_fault_has_its_place_in_the_acknowledgement(found: bytes, instead: bytes, row: list[Any]) -> None:
    (group,) = read(ORDERS.replace(found, instead), "{unit: group}")
    assert row in acknowledgement_for(group, received_at=AT)["rows"]


def test_many_faults_stay_within_what_a_997_may_hold() -> None:
    errors = [
        {"code": "c", "x12": "5", "segment": "PO1", "position": 2, "loop": "", "element": n, "component": 0,
         "level": "element", "found": "x*~" * 80, "expected": ""}
        for n in range(300)
    ]  # fmt: skip
    (group,) = read(ORDERS, "{unit: group}")
    group["transactions"][1]["errors"] = errors
    (written,) = build_format("x12").encode([acknowledgement_for(group, received_at=AT)])
    (document,) = read(written)
    assert isinstance(document, dict), document


def test_the_step_translates_groups_and_drops_acknowledgements() -> None:
    (group,) = read(ORDERS, "{unit: group}")
    (ack,) = read((GOLDEN / "acknowledgement.edi").read_bytes(), "{unit: group}")
    messages = [Message(bytes([n]) * 16, body, AT) for n, body in enumerate([group, ack, {"order": 1}])]
    made, dropped, failed = step().process(messages)
    assert made.body == acknowledgement_for(group, received_at=AT)
    assert made.id == messages[0].id
    assert isinstance(dropped, Dropped)
    assert isinstance(failed, Failed) and isinstance(failed.error, DataError)


def test_an_acknowledgement_is_never_acknowledged() -> None:
    (ack,) = read((GOLDEN / "acknowledgement.edi").read_bytes())
    with pytest.raises(DataError, match="expected anything but an acknowledgement"):
        acknowledgement_for(ack, received_at=AT)
