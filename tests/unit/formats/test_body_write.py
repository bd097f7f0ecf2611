"""Segments and elements by name: what maps make becomes the rows that are written."""

from __future__ import annotations

from typing import Any

import pytest

from waypost.core.errors import DataError
from waypost.formats.edi.body_write import rows_of_body
from waypost.testing.format_kit import build_format


def rows(body: Any) -> list[list[Any]]:
    return rows_of_body(body, "body", "x12-document")


@pytest.mark.parametrize(
    ("body", "made", "why"),
    [
        ({"BAK": {"01": "00", "03": "AC-1"}}, [["BAK", "00", "", "AC-1"]], "what lies between is empty"),
        ({"BAK": {"03": "AC-1", "01": "00"}}, [["BAK", "00", "", "AC-1"]], "elements stand at their places"),
        ({"N1_buyer": {"01": "BY"}, "N1_ship": {"01": "ST"}}, [["N1", "BY"], ["N1", "ST"]], "a name tells them apart"),
        ({"PO1": [{"01": 1}, {"01": 2}]}, [["PO1", 1], ["PO1", 2]], "a list repeats a segment"),
        (
            {"lines": [{"PO1": {"01": 1}, "ACK": {"01": "IA"}}, {"PO1": {"01": 2}}], "CTT": {"01": 2}},
            [["PO1", 1], ["ACK", "IA"], ["PO1", 2], ["CTT", 2]],
            "a loop's segments belong together",
        ),
        ({"PO1": [{"PO1": {"01": 1}, "PID": {"05": "a"}}]}, [["PO1", 1], ["PID", "", "", "", "", "a"]],
         "a loop may have the name of its first segment"),
        ({"DTM": {"01": {"1": "137", "2": "20260412", "3": "102"}}}, [["DTM", ["137", "20260412", "102"]]],
         "components by number"),
        ({"DTM": {"01": {"3": "102"}}}, [["DTM", ["", "", "102"]]], "a component that lacks others before it"),
        ({"DTM": {"01": ["137", "20260412"]}}, [["DTM", ["137", "20260412"]]], "components as a list"),
        ({"header": {"BIG": {"01": "a"}}, "gone": None}, [["BIG", "a"]], "what is missing is left out"),
    ],
)  # fmt: skip
def test_a_body_becomes_rows(body: Any, made: list[list[Any]], why: str) -> None:
    assert rows(body) == made, why


@pytest.mark.parametrize(
    ("body", "where", "why"),
    [
        ("BAK", "body", "a text is no body"),
        ({"lines": ["x"]}, "body.lines[1]", "a text is no loop"),
        ({"BAK": {"01": "00", "b": "1"}}, "body.BAK.01", "elements and segments do not mix"),
        ({"BAK": {"00": "1"}}, "body.BAK", "elements begin with 01"),
        ({"DTM": {"01": {"x": "1"}}}, "body.DTM.01", "components have numbers"),
        ({"DTM": {"01": {"1": {"1": "x"}}}}, "body.DTM.01.1", "a component has no parts"),
    ],
)
def test_what_is_no_body_is_said_with_its_place(body: Any, where: str, why: str) -> None:
    with pytest.raises(DataError) as error:
        rows(body)
    assert error.value.where == where, why


def test_a_body_nested_without_end_is_refused() -> None:
    body: dict[str, Any] = {}
    for _ in range(200):
        body = {"part": body}
    with pytest.raises(DataError):
        rows(body)


def test_both_standards_write_it() -> None:
    envelope = {"sender": "US", "receiver": "THEM", "date": "2026-04-12", "time": "07:15", "control_number": "7"}
    message = {"set": "ORDRSP", "version": "D", "release": "96A", "agency": "UN", "control_number": "1"}
    body = {"BGM": {"01": "231", "02": "AC-1"}, "DTM": {"01": {"1": "137", "2": "20260412", "3": "102"}}}
    made = build_format("edifact").encode([{"interchange": envelope, "transaction": message, "body": body}])[0]
    assert b"UNH+1+ORDRSP:D:96A:UN'BGM+231+AC-1'DTM+137:20260412:102'UNT+4+1'" in made
    group = {**envelope, "functional_id": "PR"}
    body = {"BAK": {"01": "00", "02": "AD"}}
    set_855 = {"set": "855", "control_number": "0001"}
    made = build_format("x12").encode(
        [{"interchange": envelope, "group": group, "transaction": set_855, "body": body}]
    )[0]
    assert b"ST*855*0001~BAK*00*AD~SE*3*0001~" in made
