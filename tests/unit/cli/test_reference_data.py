"""The verbs `reference …`: what they ask, what they print, and the release they offer."""

from __future__ import annotations

import pytest

from tests.unit.cli.commanding import PROJECT, write

FILES = {**PROJECT, "reference/units.yaml": "reference: units\nowner: us\nkey: code\ncolumns: {name: text}\n"}
GROUP = {"table": "units", "column": "", "value": "XX", "count": 2, "flows": ["copy"], "there": True,
         "error": "unmapped:units=XX"}  # fmt: skip


@pytest.fixture
def place(tmp_path):
    return write(tmp_path, FILES)


def test_a_change_names_what_waited_for_it_and_how_to_let_it_go_on(waypost, system, place):
    system.answers |= {"reference": {"table": "units", "version": 3, "changed": 1},
                       "reference-waiting": {"groups": [GROUP, {**GROUP, "table": "other"}]}}  # fmt: skip
    said = waypost("reference", "set", "units", "XX", "name=ex", "--why", "new", "--project", place)
    assert said.code == 0 and said.out == "units: version 3\n"
    assert "waypost release --state parked --error 'unmapped:units=XX'" in said.err
    verb, asked = system.asked[0]
    assert verb == "reference" and asked["values"] == {"name": "ex"} and asked["why"] == "new" and asked["who"]
    assert all(verb != "release" for verb, _ in system.asked)


def test_release_lets_them_go_on_at_once(waypost, system, place):
    system.answers |= {"reference": {"table": "units", "version": 3, "changed": 1},
                       "reference-waiting": {"groups": [GROUP]}, "release": {"count": 2}}  # fmt: skip
    said = waypost("reference", "set", "units", "XX", "name=ex", "--release", "--project", place, "--json")
    assert said.json["released"] == 2
    assert system.asked[-1] == (
        "release",
        {"state": "parked", "error": "unmapped:units=XX", "why": "the value is there"},
    )


def test_a_proposal_says_who_must_act(waypost, system, place):
    system.answers |= {
        "reference": {"table": "units", "version": 1, "proposal": 4},
        "reference-waiting": {"groups": []},
    }
    said = waypost("reference", "set", "units", "XX", "name=ex", "--project", place)
    assert "waypost reference approve units 4" in said.out


def test_a_file_with_a_fault_is_taken_in_not_at_all(waypost, system, place):
    (place / "bad.csv").write_text("code,name\nA,\n,B\n")
    said = waypost("reference", "import", "units", place / "bad.csv", "--project", place)
    assert said.code == 1 and system.asked == []
    assert "row 2, column 2: name: empty" in said.err and "row 3, column 1: code: empty" in said.err


def test_rows_go_out_as_a_file_that_comes_in_again(waypost, system, place):
    row = {"key": "A", "values": {"name": "ä, b"}, "from": 0, "to": 1_800_000_000_000_000}
    system.answers["reference"] = [{"version": 2, "rows": [row]}, {"table": "units", "version": 2, "changed": 0}]
    system.answers["reference-waiting"] = {"groups": []}
    file = place / "units.csv"
    assert waypost("reference", "export", "units", file, "--project", place).code == 0
    assert file.read_text("utf-8").splitlines()[1] == 'A,"ä, b",,2027-01-15T08:00:00Z'
    said = waypost("reference", "import", "units", file, "--project", place)
    assert said.out == "units: nothing changed, version 2\n"
    assert system.asked[1][1]["rows"] == [row]


def test_a_table_there_is_not_is_named_with_its_near_name(waypost, system, place):
    said = waypost("reference", "where-used", "unit", "--project", place)
    assert said.code == 2 and "did you mean 'units'?" in said.err
