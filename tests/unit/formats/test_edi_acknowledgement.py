"""Acknowledgements made in the pass that checks: right, and right themselves, whatever was received."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.formats.edi_orders import EDIFACT_ORDER, GS, ISA, X12_ORDER, edifact, report_on, x12
from tests.unit.formats.test_edi_mutants import EDIFACT_TABLE, TABLE
from waypost.formats.edi.acknowledgement import Acknowledgement, Acknowledger, Policy, acknowledge
from waypost.formats.edi.acknowledgement.write import written
from waypost.formats.edi.examine.examination import examine
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.schema.load import library

AT = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
SCHEMAS = Schemas(library())
FULL = Policy(technical="always", application=("824", "APERAK"))


def made(content: bytes, **policy: Any) -> list[Acknowledgement]:
    """What answers a content; each of it is right by our own checker."""
    found = acknowledge([content], SCHEMAS, Policy(**policy), AT)
    for one in found:
        report = report_on(written(one))
        assert report.accepted, (one, report.errors)
        assert all(s.received == s.accepted for s in report.sets.values())
    return found


def segments(one: Acknowledgement) -> list[str]:
    """Its segments between header and trailer."""
    envelope = ("ISA", "IEA", "GS*", "GE*", "ST*", "SE*", "UNA", "UNB", "UNZ", "UNH", "UNT")
    parts = written(one).decode().split("~" if one.standard == "x12" else "'")
    return [part for part in parts if part and not part.startswith(envelope)]


def test_a_sound_order_is_accepted_by_997() -> None:
    (one,) = made(x12())
    assert one.kind == "997" and one.accepted
    assert segments(one) == ["AK1*PO*1", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1"]


WRONG = x12().replace(b"BEG*00", b"BEG*99").replace(b"PO1*1*12*EA", b"PO1*1*1x2*EA").replace(b"FOB", b"XXX")


def test_faults_are_named_by_997() -> None:
    (one,) = made(WRONG)
    assert segments(one) == [
        "AK1*PO*1", "AK2*850*0001", "AK3*BEG*2**8", "AK4*1**7*99", "AK3*PO1*12*PO1*8", "AK4*2**6*1x2", "AK5*R*5",
        "AK9*R*1*1*0",
    ]  # fmt: skip


def test_a_999_says_what_unit_it_speaks_of() -> None:
    (one,) = made(WRONG, functional="999")
    assert one.kind == "999"
    assert segments(one)[2:8] == [
        "IK3*BEG*2**8", "IK4*1**7*99", "IK3*PO1*12*PO1*8", "CTX*PO101:1", "IK4*2**6*1x2", "IK5*R*5",
    ]  # fmt: skip


def test_a_situational_rule_is_named_by_its_trigger(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(
        "use: x12/004010/850\nrules: [{id: s, level: 4, at: N1, expression: \"implies(N1/1 == 'BY', present(N3))\"}]\n"
    )
    schemas = Schemas(library(), library().file(tmp_path / "g.yaml"))
    (one,) = acknowledge([x12()], schemas, Policy(functional="999"), AT)
    assert segments(one)[2:4] == ["IK3*N3*8*N1*I6", "CTX*SITUATIONAL TRIGGER*N3*8*N1"]


@pytest.mark.parametrize(
    "policy, code", [({}, "P*2*2*1"), ({"reject": "group"}, "R*2*2*0"), ({"reject": "interchange"}, "R*2*2*0"),
                     ({"note": True}, "E*2*2*2")]
)  # fmt: skip
def test_one_fault_rejects_what_the_policy_says(policy: dict[str, Any], code: str) -> None:
    second = [s.replace("0001", "0002").replace("BEG*00", "BEG*99") for s in X12_ORDER]
    content = x12([*X12_ORDER, *second], tail="GE*2*1~IEA*1*000000001~")
    (one,) = made(content, **policy)
    assert segments(one)[-1] == f"AK9*{code}"
    assert ("AK5*E*5" in segments(one)) == bool(policy.get("note"))
    (short,) = made(content, accepted=False, **policy)
    assert [s for s in segments(short) if s.startswith("AK2")] == ["AK2*850*0002"]


@pytest.mark.parametrize(
    "content, ta1, kinds",
    [
        (x12(), None, ["997"]),
        (x12(head=ISA.replace("*0*P*", "*1*P*")), "TA1*000000001*240101*1200*A*000", ["TA1", "997"]),
        (x12(tail="GE*1*1~IEA*1*000000009~"), "TA1*000000001*240101*1200*R*001", ["TA1"]),
        (x12(tail="GE*1*1~IEA*2*000000001~"), "TA1*000000001*240101*1200*R*021", ["TA1"]),
        (x12(head=ISA.replace("240101", "241301")), "TA1*000000001*000101*1200*R*014", ["TA1"]),
        (x12(tail="GE*1*1~"), "TA1*000000001*240101*1200*R*023", ["TA1"]),
        (x12(tail="GE*2*1~IEA*1*000000001~"), None, ["997"]),
    ],
)
def test_ta1_answers_the_envelope(content: bytes, ta1: str | None, kinds: list[str]) -> None:
    found = made(content)
    assert [one.kind for one in found] == kinds
    if ta1:
        assert segments(found[0]) == [ta1]


def test_a_group_with_a_wrong_count_is_rejected() -> None:
    (one,) = made(x12(tail="GE*2*1~IEA*1*000000001~"))
    assert segments(one)[-1] == "AK9*R*2*1*0*5"


def test_a_test_is_answered_by_a_test() -> None:
    head = b"UNB+UNOC:3+A:14+B:14+260331:1200+7%b'UNH+1+ORDERS:D:96A:UN'BGM+220+1+9'UNT+3+1'UNZ+1+7'"
    for usage, marked in ((b"++++++1", True), (b"", False)):
        for one in made(head % usage, application=("APERAK",)):
            unb = written(one).decode().split("UNB+")[1].split("'")[0]
            assert unb.endswith("++++++1") is marked, (one.kind, unb)


def test_contrl_answers_each_syntax() -> None:
    (three,) = made(edifact().replace(b"QTY+21:7", b"QTY+21:7X"))
    assert segments(three) == [
        "UCI+REF1+5412345000013:14+4012345000094:14+7", "UCM+1+ORDERS:D:96A:UN+4", "UCS+15", "UCD+37+2:2",
    ]  # fmt: skip
    (four,) = made(edifact().replace(b"UNOC:3", b"UNOC:4").replace(b"240101", b"20240101"))
    assert b"CONTRL:4:1:UN" in written(four) and four.accepted
    (cut,) = made(edifact().replace(b"UNZ+1+REF1'", b""))
    assert segments(cut) == ["UCI+REF1+5412345000013:14+4012345000094:14+4+13+UNB"]


def test_groups_of_edifact_are_answered_in_groups() -> None:
    group = b"UNG+ORDERS+A+B+240101:1200+7+UN+D:96A'"
    content = edifact().replace(b"UNH+", group + b"UNH+").replace(b"UNZ", b"UNE+1+7'UNZ")
    (one,) = made(content)
    assert segments(one)[1:] == ["UCF+7+A+B+7", "UCM+1+ORDERS:D:96A:UN+7"]


def test_acknowledgements_are_not_acknowledged() -> None:
    (one,) = made(x12())
    assert made(written(one)) == []


@pytest.mark.parametrize("mutant, codes", TABLE, ids=lambda v: getattr(v, "__name__", ""))
def test_whatever_is_wrong_with_an_order_its_acknowledgements_are_right(
    mutant: Callable[[random.Random], list[str]], codes: set[str]
) -> None:
    chance = random.Random(11)
    for _ in range(12):
        content = x12(mutant(chance))
        for functional in ("997", "999"):
            kinds = [one.kind for one in made(content, functional=functional, technical="always",
                                              application=("824",))]  # fmt: skip
            assert kinds == ["TA1", functional, "824"]


@pytest.mark.parametrize("why, at, segment, expected", EDIFACT_TABLE, ids=[row[0] for row in EDIFACT_TABLE])
def test_whatever_is_wrong_with_a_message_its_acknowledgements_are_right(
    why: str, at: int, segment: str | None, expected: tuple[str, str]
) -> None:
    content = edifact([*EDIFACT_ORDER[:at], *([segment] if segment else []), *EDIFACT_ORDER[at + 1 :]])
    assert [one.kind for one in made(content, application=("APERAK",))] == ["CONTRL", "APERAK"]


def test_numbers_come_from_the_allocator() -> None:
    numbers = iter(range(100, 200))
    found = acknowledge([x12()], SCHEMAS, FULL, AT, lambda level: str(next(numbers)).rjust(9, "0"))
    assert b"ISA" in written(found[0]) and all(b"0000001" in written(one) for one in found)
    assert len({one.document["interchange"]["control_number"] for one in found}) >= 2


def test_what_other_people_write_is_answered() -> None:
    folders = [parent / "shared/corpora/edi" for parent in Path(__file__).parents]
    files = [p for folder in folders if folder.is_dir() for p in sorted(folder.rglob("*")) if p.is_file()]
    if not files:
        pytest.skip("no corpora: EDI of other people is not answered")
    for path in files:
        made(path.read_bytes(), technical="always", application=("824", "APERAK"))


def test_a_group_named_by_a_guide_gets_a_999() -> None:
    assert [one.kind for one in made(x12(group=GS.replace("004010", "005010X220A1")))] == ["999"]


def test_acknowledgements_are_given_as_interchanges_end_and_not_kept() -> None:
    given: list[str] = []
    acknowledger = Acknowledger(Policy(), AT, give=lambda made: given.append(made.kind))

    def pieces() -> Iterator[bytes]:
        yield x12()
        yield x12()[:60]  # the next one has begun
        assert given == ["997"]
        yield x12()[60:]

    examine(pieces(), SCHEMAS, [acknowledger])
    assert (given, acknowledger.made) == (["997", "997"], [])
