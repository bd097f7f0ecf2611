"""Versions as deltas of one another, guides over standards, places marked by values, items in any order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.unit.formats.edi_orders import X12_ORDER, report_on, x12
from waypost.core.errors import ProjectError
from waypost.formats.edi.schema.load import Library, library, lint
from waypost.formats.edi.schema.model import Schema
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.schema.validator import Validator

MARKS = Marks("*", ":", "^")
FIRST = """\
types: {AN 1..5: [1], ID 2: [2]}
elements: {3: N0 1..3}
codes: {2: [AA, BB, CC, "20", "22"]}
composites: {C1: [1!]}
segments: {AAA: [1!, 2], BBB: [2, 1], HL: [1!, 1, 2!], END: [1]}
"""
SET = "message: '1'\ngroup: G\nprovenance: by a test\nbody: [AAA!, BBB*2, {loop: L, body: [END!]}]\n"


def _folder(tmp_path: Path, **files: str) -> Path:
    for name, text in {"x12/004010/dictionary": FIRST, "x12/004010/1": SET, **files}.items():
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def _faults(schema: Schema | None, segments: Sequence[str]) -> list[tuple[str, str, int]]:
    assert schema is not None
    validator = Validator(schema, MARKS)
    found = [(f.code, f.segment, f.position) for f in validator.findings(segments)[0]]
    assert validator.accepts(segments) == (not found) or validator.schema.rules
    return found


def test_a_version_is_a_delta_of_another(tmp_path: Path) -> None:
    more = {"x12/005010/dictionary": "like: x12/004010\ntypes: {AN 1..9: [1]}\nsegments: {BBB: [2, 1, 3]}\n",
            "x12/005010/1": "like: x12/004010/1\nprovenance: by a test\nbehind: {L: [AAA*], L/END: [BBB]}\n"
                            "set: {BBB: {max: 3}}\n"}  # fmt: skip
    library = Library([_folder(tmp_path, **more)])
    long = ["AAA*123456789", "BBB*AA*1*7", "BBB", "BBB", "END", "BBB", "AAA*1", "AAA*1"]
    assert _faults(library.schema("x12/005010/1"), long) == []
    assert {code for code, _, _ in _faults(library.schema("x12/004010/1"), long)} >= {
        "element-too-long", "too-many-elements", "segment-repeats",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text, says",
    [
        ("like: x12/003040/1\n", "no schema 'x12/003040/1'"),
        ("like: x12/004010/2\n", "itself like another"),
        ("like: x12/004010/1\nbody: []\n", "unknown key 'body'"),
        ("like: x12/004010/1\nbehind: {LL: [AAA]}\n", "'LL' is nowhere"),
    ],
)
def test_a_delta_that_cannot_be_is_refused(tmp_path: Path, text: str, says: str) -> None:
    folder = _folder(tmp_path, **{"x12/004010/2": "like: x12/004010/1\n", "x12/004010/3": text})
    with pytest.raises(ProjectError, match=says):
        Library([folder]).schema("x12/004010/3")


GUIDE = """\
overlay: guide
use: x12/004010/1
provenance: by a test
body:
  - {AAA!: {1: [X, Y], 2: [AA], need: [2]}}
  - any: [BBB(AA)*2, BBB(BB)!, {loop: M, max: 2, body: [BBB(CC)!, END*]}]
"""


@pytest.mark.parametrize(
    "segments, found",
    [
        (["AAA*X*AA", "BBB*BB"], []),
        (["AAA*X*AA", "BBB*AA", "BBB*CC", "END", "BBB*BB", "BBB*AA", "BBB*CC"], []),
        (["AAA*Z*AA", "BBB*BB"], [("element-code", "AAA", 2)]),
        (["AAA*X", "BBB*BB"], [("element-missing", "AAA", 2)]),
        (["AAA*X*AA", "BBB*AA"], [("segment-missing", "BBB", 4)]),
        (["AAA*X*AA", "BBB*AA", "BBB*BB", "BBB*AA", "BBB*CC", "BBB*AA"], [("segment-repeats", "BBB", 7)]),
        (["AAA*X*AA", "BBB*BB", *["BBB*CC", "END"] * 3], [("loop-repeats", "BBB", 8)]),
    ],
)
def test_a_guide_narrows_and_lets_items_come_in_any_order(
    tmp_path: Path, segments: list[str], found: list[tuple[str, str, int]]
) -> None:
    folder = _folder(tmp_path, **{"x12/004010X001/1": GUIDE})
    assert _faults(Library([folder]).schema("x12/004010X001/1"), segments) == found


def test_what_a_guide_leaves_out_is_not_sent(tmp_path: Path) -> None:
    text = GUIDE.replace("{AAA!: {1: [X, Y], 2: [AA], need: [2]}}", "{AAA!: {not: [2], 1: AN 2..3}}")
    schema = Library([_folder(tmp_path, **{"x12/004010X001/1": text})]).schema("x12/004010X001/1")
    assert _faults(schema, ["AAA*XYZ*AA", "BBB*BB"]) == [("element-unused", "AAA", 2)]
    assert _faults(schema, ["AAA*X", "BBB*BB"]) == [("element-too-short", "AAA", 2)]


@pytest.mark.parametrize(
    "change, says",
    [
        ("{9: [X]}", "no element 9"), ("{need: [1.1]}", "has no component 1"), ("{1.x: [X]}", "is no element"),
        ("{not: [0]}", "no element 0"),
    ],
)  # fmt: skip
def test_a_guide_that_names_what_is_not_there_is_refused(tmp_path: Path, change: str, says: str) -> None:
    text = GUIDE.replace("{1: [X, Y], 2: [AA], need: [2]}", change)
    folder = _folder(tmp_path, **{"x12/004010X001/1": text})
    assert says in str(lint(folder / "x12/004010X001/1.yaml", [folder])[0])


def test_a_guide_has_no_segments_of_its_own(tmp_path: Path) -> None:
    text = GUIDE + "  - HL\n"
    folder = _folder(tmp_path, **{"x12/004010X001/1": text})
    assert "HL is no segment of x12/004010/1" in str(lint(folder / "x12/004010X001/1.yaml", [folder])[0])


def test_an_addendum_that_is_not_there_is_read_by_the_guide_it_amends(tmp_path: Path) -> None:
    folder = _folder(tmp_path, **{"x12/004010X001A1/1": GUIDE})
    schema = Library([folder]).schema("x12/004010X001A2/1")
    assert schema is not None and schema.overlays == ("guide",)


LEVELS = """\
message: '1'
body:
  - loop: A
    body: [HL(3=20)!, {loop: B, body: [HL(3=22)!, END]}]
"""


@pytest.mark.parametrize(
    "rows, expected",
    [
        (["HL*1**20", "HL*2*1*22", "HL*3*1*22", "HL*4**20"], []),
        (["HL*1**20", "HL*2*1*22", "HL*3*2*22"], [("hierarchy", "HL", 4)]),
        (["HL*1**20", "HL*2**22"], [("hierarchy", "HL", 3)]),
        (["HL*1**20", "HL*2*1*20"], [("hierarchy", "HL", 3)]),
        (["HL*1**20", "HL*1*1*22"], [("hierarchy", "HL", 3)]),
    ],
)
def test_a_level_belongs_to_the_level_around(tmp_path: Path, rows: list[str], expected: list[object]) -> None:
    library = Library([_folder(tmp_path, **{"x12/004010/1": LEVELS})])
    assert _faults(library.schema("x12/004010/1"), rows) == expected


@pytest.mark.parametrize(
    "asked, found",
    [
        ("x12/004030/850", "x12/004010/850"), ("x12/003040/850", "x12/004010/850"),
        ("edifact/D95B/ORDERS", "edifact/D96A/ORDERS"), ("edifact/S93A/ORDERS", "edifact/D96A/ORDERS"),
        ("x12/004030/999999", ""), ("x12/nonsense/850", ""), ("edifact/D96A/NOSUCH", ""),
    ],
)  # fmt: skip
def test_the_nearest_version_is_found(asked: str, found: str) -> None:
    schema = library().nearest(asked)
    assert (schema.name if schema else "") == found


def test_another_version_is_checked_by_the_nearest_one_and_said_so() -> None:
    content = x12([s.replace("REF*DP*0099", f"REF*DP*{'9' * 40}") for s in X12_ORDER]).replace(b"004010~", b"004030~")
    report = report_on(content)
    assert report.accepted  # how long a reference may be is another matter in another version
    assert [e["fault"] for e in report.errors] == ["schema-nearest", "element-too-long"]
    assert "no schema x12/004030/850; checked by x12/004010/850" in report.errors[0]["found"]
    wrong = x12([s for s in X12_ORDER if not s.startswith("BEG")]).replace(b"004010~", b"004030~")
    assert not report_on(wrong).accepted


@pytest.mark.parametrize("standard", ["x12", "edifact"])
def test_every_message_that_comes_along_has_a_name_and_labels_name_what_there_is(standard: str) -> None:
    labels = library().labels(standard)
    names = [name for name in library().names() if name.startswith(f"{standard}/")]
    assert {name.rpartition("/")[2] for name in names} == set(labels.messages)
    assert labels.code("353" if standard == "x12" else "1225", "04" if standard == "x12" else "4") == "change"
    assert labels.code("353", "no such") == ""


def test_a_folder_gives_labels_of_its_own(tmp_path: Path) -> None:
    place = tmp_path / "x12" / "labels.yaml"
    place.parent.mkdir()
    place.write_text("codes: {353: {'04': amended, XX: ours}}\n")
    labels = Library([tmp_path]).labels("x12")
    assert [labels.code("353", c) for c in ("04", "XX", "00")] == ["amended", "ours", "original"]
    place.write_text("code: {}\n")
    with pytest.raises(ProjectError, match="unknown key 'code'"):
        Library([tmp_path]).labels("x12")
