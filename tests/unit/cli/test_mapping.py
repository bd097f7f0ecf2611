"""``map``: shown, tried, tested, compared, taken back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.commanding import Command, FakeSystem, write

MAP = """\
map: order
target: schemas/order.yaml
lookups: {units: lookups/units.csv}
fields:
  number: {from: upper(number), tests: [{given: {number: a}, gives: A}]}
  unit: lookup('units', unit)
"""
PROJECT = {
    "waypost.yaml": "name: p",
    "maps/order.map.yaml": MAP,
    "schemas/order.yaml": "type: object\nproperties: {number: {type: string}, unit: {type: string}}",
    "lookups/units.csv": "k,v\nEA,PCE\n",
}


@pytest.fixture
def order(tmp_path: Path) -> Path:
    return write(tmp_path, PROJECT) / "maps" / "order.map.yaml"


def test_a_map_is_shown_as_table_python_and_page(waypost: Command, order: Path) -> None:
    assert "number ← upper(number)" in waypost("map", "show", order).out
    assert waypost("map", "show", order, "--json").json["rules"][1] == {
        "target": "unit",
        "from": "lookup('units', unit)",
    }
    assert "def map_order(this, _now, _work=None):" in waypost("map", "show", order, "--python").out
    assert waypost("map", "show", order, "--html").out.startswith("<!doctype html>")


def test_a_sheet_goes_out_and_comes_back(waypost: Command, order: Path, tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    sheet, again = tmp_path / "order.xlsx", tmp_path / "maps" / "again.map.yaml"
    assert waypost("map", "show", order, "--xlsx", "--out", sheet).code == 0
    assert waypost("map", "import", sheet, "--out", again).code == 0
    assert waypost("map", "diff", order, again).out == "no change of meaning\n"


def test_two_versions_are_told_apart(waypost: Command, order: Path) -> None:
    new = order.with_name("new.map.yaml")
    new.write_text(MAP.replace("upper(number)", "trim(upper(number))"))
    assert waypost("map", "diff", order, new).out == "number: now trimmed\n1 target touched\n"
    assert waypost("map", "diff", order, new, "--json").json["targets_touched"] == 1


def test_the_cases_of_a_map_are_run(waypost: Command, order: Path) -> None:
    said = waypost("map", "test", order)
    assert said.code == 0 and said.out.endswith("1 passed, 0 failed; rules without a case: 1\n")
    order.write_text(MAP.replace("gives: A", "gives: B"))
    said = waypost("map", "test", order, "--json")
    assert said.code == 1 and "expected 'B'" in said.json["cases"][0]["difference"]


def test_a_map_is_tried_on_a_document(waypost: Command, order: Path, tmp_path: Path) -> None:
    given = tmp_path / "in.json"
    given.write_text('{"number": "a", "unit": "EA"}')
    assert waypost("map", "try", order, "--input", given, "--json").json == {"number": "A", "unit": "PCE"}
    given.write_text('{"number": 5}')
    said = waypost("map", "try", order, "--input", given)
    assert said.code == 1 and "maps/order.map.yaml:5: number ← `upper(number)`" in said.err


def test_a_map_is_tried_on_a_stored_message(waypost: Command, order: Path, system: FakeSystem) -> None:
    before = {"number": "x", "unit": "?"}
    system.answers["show"] = {
        "message": {"received_at": "2026-01-01T00:00:00+00:00"},
        "steps": [{"step": "one", "kind": "map", "before": before}, {"step": "two", "kind": "map", "before": {}}],
    }
    assert waypost("map", "try", order, "--message", "m1", "--json").json == {"number": "X"}
    assert waypost("map", "try", order, "--message", "m1", "--step", "two", "--json").json == {}
    assert "did you mean 'two'" in waypost("map", "try", order, "--message", "m1", "--step", "tow").err
    system.answers["show"] = None
    assert "no message 'm2'" in waypost("map", "try", order, "--message", "m2").err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("shw",), "did you mean 'show'"),
        (("diff",), "is given 1 file"),
        (("try",), "one of --message ID and --input FILE"),
        (("show", "--xlsx"), "--out FILE.xlsx"),
        (("show", "--html", "--python"), "one of them"),
    ],
)
def test_wrong_usage_says_what_is_expected(
    waypost: Command, order: Path, arguments: tuple[str, ...], says: str
) -> None:
    what, *options = arguments
    said = waypost("map", what, order, *options)
    assert said.code == 2 and says in said.err


def test_a_map_with_faults_lists_them_all(waypost: Command, order: Path) -> None:
    order.write_text(MAP.replace("upper(", "uper(").replace("unit:", "unti:"))
    said = waypost("map", "show", order, "--json")
    assert said.code == 1 and [fault["line"] for fault in json.loads(said.out)["faults"]] == [5, 6]


def test_a_file_outside_of_the_project_is_not_read(waypost: Command, order: Path, tmp_path: Path) -> None:
    order.write_text(MAP.replace("lookups/units.csv", "../../etc/passwd"))
    said = waypost("map", "show", order)
    assert said.code == 1 and "cannot be read: no such file" in said.err
