"""Schema files: read, refused with their line, changed by overlays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.formats.edi_orders import X12_ORDER, faults, report_on, x12
from waypost.formats.edi.schema.load import Library, library, lint
from waypost.formats.edi.schema.model import Schema

DICTIONARY = """\
elements: {1: AN 1..5, 2: ID 2}
codes: {2: [AA, BB]}
composites: {C001: [1!, 2]}
segments:
  AAA: [1!, 2]
  BBB: {elements: [1, 1, C001*2], notes: [P0102]}
"""


def _folder(tmp_path: Path, message: str, dictionary: str = DICTIONARY) -> Path:
    place = tmp_path / "x12" / "T"
    place.mkdir(parents=True)
    (place / "dictionary.yaml").write_text(dictionary)
    (place / "M.yaml").write_text(message)
    return tmp_path


def _overlay(tmp_path: Path, text: str) -> Schema:
    path = tmp_path / "acme.yaml"
    path.write_text(f"overlay: acme/850\nuse: x12/004010/850\n{text}")
    return library().file(path)


@pytest.mark.parametrize("name", library().names())
def test_every_schema_shipped_is_read_and_says_where_it_is_from(name: str) -> None:
    schema = library().schema(name)
    assert schema is not None
    assert schema.provenance


@pytest.mark.parametrize(
    "message, line, says",
    [
        ("body: [AAA!]\nbdy: 1\n", 2, "unknown key 'bdy'"),
        ("body:\n  - AAA!\n  - aaa\n", 3, "'aaa' is no use of a segment"),
        ("body: [AAA!]\nrules:\n  - {id: r, expression: import os}\n", 3, "is no expression"),
        ("body: [AAA!]\nrules:\n  - {id: r, expression: open(AAA)}\n", 3, "'open' is no function of rules"),
        ("body: [{loop: L, where: {x: 1}, body: [AAA!]}]\n", 1, "'x' is no element"),
        ("body: 3\n", 1, "found 3"),
        ("- 1\n", 1, "a schema: keys and values"),
    ],
)
def test_a_fault_of_a_schema_names_its_line(tmp_path: Path, message: str, line: int, says: str) -> None:
    folder = _folder(tmp_path, message)
    found = lint(folder / "x12/T/M.yaml")
    assert [fault.line for fault in found] == [line]
    assert says in str(found[0])


@pytest.mark.parametrize(
    "dictionary, says",
    [
        ("elements: {1: TEXT 5}\nsegments: {}\n", "no type and length"),
        ("segments: {AAA: [7!]}\n", "neither an element nor a composite"),
        ("elements: {1: AN 1}\nsegments: {AAA: {elements: [1], notes: [P0102]}}\n", "names element 2"),
        ("elements: {1: AN 1}\nsegments: {AAA: {elements: [1], notes: [Q0102]}}\n", "no condition between elements"),
    ],
)
def test_a_fault_of_a_dictionary_is_told(tmp_path: Path, dictionary: str, says: str) -> None:
    folder = _folder(tmp_path, "body: [AAA!]\n", dictionary)
    assert says in str(lint(folder / "x12/T/M.yaml")[0])


def test_a_folder_goes_before_the_packs(tmp_path: Path) -> None:
    schema = Library([_folder(tmp_path, "body: [AAA!]\n")]).schema("x12/T/M")
    assert schema is not None and [use.tag for use in schema.root.uses()] == ["AAA"]


def test_a_name_leads_nowhere_outside_the_folders() -> None:
    assert library().schema("x12/../x12/004010/850") is None


@pytest.mark.parametrize(
    "change, found",
    [
        ("set: {PO1/3: {codes: [EA]}}", ("element-code", "7", "PO1", 17, 3)),
        ("set: {REF: {max: 0}}", ("segment-not-in-set", "6", "REF", 4, None)),
        ("set: {CUR: {max: 0}}", ("segment-not-in-set", "6", "CUR", 3, None)),
        ("set: {FOB: {min: 1}}", ("segment-missing", "3", "FOB", 6, None)),
        ("set: {N3/2: {type: AN 1..3}}", ("element-too-long", "5", "N3", 10, 2)),
        ("set: {CUR/3: {required: true}}", ("element-missing", "1", "CUR", 3, 3)),
        ("set: {PO1: {notes: [P0508]}}", ("element-conditional", "2", "PO1", 12, 5)),
        ("set: {N1: {where: {1: BY}, require: [N3]}}", ("segment-missing", "3", "N3", 8, None)),
        ("rules: [{id: usd, expression: CUR/2 == 'EUR', level: 7}]", ("rule", "7", "CUR", 3, 2)),
    ],
)
def test_an_overlay_asks_for_more(tmp_path: Path, change: str, found: tuple[object, ...]) -> None:
    assert found in faults(x12(), _overlay(tmp_path, change))
    assert faults(x12()) == []


def test_an_overlay_can_make_a_fault_a_warning(tmp_path: Path) -> None:
    wrong = x12([*X12_ORDER[:1], X12_ORDER[1].replace("BEG*00", "BEG*99"), *X12_ORDER[2:]])
    assert [f[0] for f in faults(wrong)] == ["element-code"]
    report = report_on(wrong, _overlay(tmp_path, "severity: {element-code: warning}"))
    assert report.accepted and report.warnings == 1


def test_an_overlay_that_names_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text("overlay: acme/850\nuse: x12/004010/850\nset:\n  PO2: {max: 1}\n")
    assert "acme.yaml:4" in str(lint(path)[0]) and "did you mean 'PO" in str(lint(path)[0])


def test_a_level_that_is_none_is_told_with_its_line(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "body: [AAA!]\nrules:\n  - {id: a, expression: count(AAA) == 1, level: high}\n")
    [fault] = lint(folder / "x12/T/M.yaml")
    assert fault.line == 3 and "found level 'high'; expected a number from 1 to 7" in str(fault)
    (folder / "x12/T/M.yaml").write_text((folder / "x12/T/M.yaml").read_text().replace("high", "snip3"))
    assert lint(folder / "x12/T/M.yaml") == []
