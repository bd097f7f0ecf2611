"""277CA made of what checking an 837 found, claim by claim."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.formats.edi_orders import report_on
from tests.unit.formats.edi_samples import SAMPLES
from waypost.formats.edi.acknowledgement import Policy, acknowledge
from waypost.formats.edi.acknowledgement.document import acknowledged
from waypost.formats.edi.acknowledgement.write import written
from waypost.formats.edi.agreed.exchange import exchange_of
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.schema.load import library
from waypost.formats.edi.x12_dialect import X12
from waypost.testing.format_kit import build_format, decode_all, frame

AT = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
SCHEMAS = Schemas(library())
POLICY = Policy(functional="none", technical="never", application=("277CA",))
SAMPLE = next(one for one in SAMPLES if one.name == "837P")
FIRST, SECOND = "CLM*A77", "CLM*A78"


def content(*changes: tuple[str, str]) -> bytes:
    text = "\n".join(SAMPLE.segments)
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return SAMPLE.content(text.split("\n"))


def answer(data: bytes) -> list[str]:
    """The segments of the one acknowledgement, which is right by our own checker."""
    (made,) = acknowledge([data], SCHEMAS, POLICY, AT)
    text = written(made)
    report = report_on(text)
    assert report.accepted, report.errors
    assert made.kind == "277CA" and b"ST*277*0001*005010X214~" in text
    return text.decode().split("~")


def claims(rows: list[str]) -> dict[str, list[str]]:
    """By claim number, its statuses without the day."""
    found: dict[str, list[str]] = {}
    number = ""
    for row in (one.split("*") for one in rows):
        if row[:2] == ["TRN", "2"]:
            number = row[2]
        elif row[0] == "STC" and number.startswith("A7"):
            found.setdefault(number, []).append(f"{row[1]} {row[3]} {row[4]}")
    return found


def test_sound_claims_are_accepted_one_by_one() -> None:
    rows = answer(content())
    assert claims(rows) == {"A77": ["A2:20:PR WQ 200"], "A78": ["A2:20:PR WQ 75"]}
    assert "QTY*90*2" in rows and "AMT*YU*275" in rows and "QTY*QA*2" in rows
    assert not any(row.startswith(("QTY*AA", "QTY*QC", "AMT*YY")) for row in rows)


@pytest.mark.parametrize(
    ("before", "after", "first", "second"),
    [
        ("SV1*HC:99213:25*120*", "SV1*HC:99213:25*12x0*", "A7:21 U 200", "A2:20:PR WQ 75"),
        ("HI*ABK:J069", "", "A2:20:PR WQ 200", "A6:255 U 75"),
        ("DMG*D8*20120301*M", "DMG*D8*20120301*X", "A2:20:PR WQ 200", "A7:157 U 75"),
        ("DMG*D8*19700501*F", "DMG*D8*19700501*X", "A7:157 U 200", "A2:20:PR WQ 75"),
    ],
    ids=["in-a-line", "missing", "above-the-claim", "of-the-subscriber"],
)  # fmt: skip
def test_a_fault_rejects_the_claims_it_concerns(before: str, after: str, first: str, second: str) -> None:
    found = claims(answer(content((before + "\n" if not after else before, after))))
    assert found["A77"][0] == first and found["A78"][0] == second


def test_what_is_wrong_with_the_provider_rejects_all_its_claims() -> None:
    found = claims(answer(content(("REF*EI*591234567", "REF*EI"))))
    assert found["A77"][0].startswith("A6") and found["A78"][0].startswith("A6")


def test_totals_tell_accepted_from_rejected() -> None:
    rows = answer(content(("SV1*HC:99213:25*120*", "SV1*HC:99213:25*12x0*")))
    assert {"QTY*90*1", "QTY*AA*1", "AMT*YU*75", "AMT*YY*200", "QTY*QA*1", "QTY*QC*1"} <= set(rows)


def test_what_was_read_by_the_format_is_answered_alike() -> None:
    data = content(("DMG*D8*20120301*M", "DMG*D8*20120301*X"))
    format_ = build_format("x12", "{unit: interchange}")
    (document,) = decode_all(format_, frame(format_, [data])[0])
    (made,) = acknowledged(document, POLICY, round(AT.timestamp() * 1_000_000))
    assert written(made).decode().split("~") == answer(data)


@pytest.mark.parametrize("rows", [[], [["CLM"]], [["HL", "1"], ["CLM", "A71", "1e99999"]], [["CLM", "", "nan"]] * 3])
def test_damaged_claims_are_answered_too(rows: list[Any]) -> None:
    text = ["ST*837*0001*005010X222A1", *("*".join(row) for row in rows), f"SE*{len(rows) + 2}*0001"]
    found = acknowledge([SAMPLE.content(text)], SCHEMAS, POLICY, AT)
    assert len(found) == bool(rows)
    assert all(written(one) for one in found)


def test_of_a_claim_acknowledgement_only_the_syntax_is_acknowledged() -> None:
    (made,) = acknowledge([content()], SCHEMAS, POLICY, AT)
    assert [one.kind for one in acknowledge([written(made)], SCHEMAS, Policy(application=("824",)), AT)] == ["999"]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (("ISA", "ISA"), "accepted"),
        (("SV1*HC:99213:25*120*", "SV1*HC:99213:25*12x0*"), "partly"),
        (("REF*EI*591234567", "REF*EI"), "rejected"),
    ],
)
def test_a_received_one_is_matched_by_the_reference_of_the_claims(change: tuple[str, str], verdict: str) -> None:
    (made,) = acknowledge([content(change) if change[0] != "ISA" else content()], SCHEMAS, POLICY, AT)
    sent, got = exchange_of(content(), X12), exchange_of(written(made), X12)
    assert sent is not None and got is not None
    reference = sent["messages"][0][3]
    assert reference and got["kind"] == "277CA" and not sent["kind"]
    assert [(one["number"], one["verdict"]) for one in got["acknowledges"]] == [(reference, verdict)]
