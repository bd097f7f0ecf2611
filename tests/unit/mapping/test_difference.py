"""What changed between two versions of a map, in words."""

import pytest

from tests.unit.mapping.test_map import faults_of, files
from waypost.core.errors import Fault
from waypost.mapping.compile import load_map
from waypost.mapping.difference import compare, touched
from waypost.mapping.trial import run_cases, without_cases

OLD = "map: m\nfields:\n  PID-5: patient.name\n  a: {from: b, default: '0'}\n  c: {each: d as e, fields: {f: e.f}}\n"


def changes(new: str, old: str = OLD) -> list[str]:
    maps = []
    for text in (old, new):
        faults: list[Fault] = []
        maps.append(load_map("m.yaml", files({"m.yaml": text, "u.csv": "k,v\n"}), faults))
        assert not faults, faults
    found = compare(maps[0].document, maps[1].document)
    return [*map(str, found), str(touched(found))]


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("patient.name", "upper(patient.name)", "PID-5: now upper-cased"),
        ("patient.name", "left(patient.name, 20)", "PID-5: now cut (20)"),
        ("patient.name", "patient['name']", "PID-5: patient.name → patient['name']"),
        ("patient.name", "  patient . name ", ""),
        ("default: '0'", "default: '1'", "a: default: 0 → 1"),
        (", default: '0'", "", "a: no longer with default 0"),
        ("from: b", "from: b, when: x > 1", "a: now with condition x > 1"),
        ("from: b", "from: b, on_error: skip", "a: on error: fail → skip"),
        ("each: d as e", "each: d as e, where: e.g", "c: now with filter e.g"),
        ("f: e.f", "f: trim(e.f)", "c[].f: now trimmed"),
        ("f: e.f", "f: e.f, g: e.g", "c[].g: new, from e.g"),
        ("  PID-5: patient.name\n", "", "PID-5: no longer filled (was patient.name)"),
        ("from: b", "value: 5", None),
        ("map: m", "map: m\nconstants: {k: 1}", "constants of the map: none → k=1"),
    ],
)  # fmt: skip
def test_a_change_is_said_in_words(was: str, now: str, said: str | None) -> None:
    assert was in OLD
    found = changes(OLD.replace(was, now))
    if said is None:
        assert "a: b → constant 5" in found
    else:
        assert found[:-1] == ([said] if said else [])


def test_a_function_taken_off_is_said() -> None:
    assert changes(OLD, OLD.replace("patient.name", "upper(patient.name)")) == ["PID-5: no longer upper-cased", "1"]


def test_a_note_touches_no_target() -> None:
    assert changes(OLD.replace("from: b", "from: b, note: agreed")) == ["a: note changed", "0"]


def test_a_loop_that_became_a_rule_is_said() -> None:
    found = changes(OLD.replace("{each: d as e, fields: {f: e.f}}", "d"))
    assert "c: a loop over d → d" in found


CASES = """\
map: m
tests:
  - {given: {b: x, l: [{q: 2}]}, gives: {a: X, l: [{q: 4}]}}
  - {given: {b: 5}, error: a text}
fields:
  a:
    from: upper(b)
    when: b != 'no'
    tests:
      - {given: {b: x}, gives: X}
      - {given: {b: no}, gives: null}
      - {given: {b: y}, gives: y}
      - {given: {b: y}, error: nothing}
  l: {each: l as i, fields: {q: {from: i.q * 2, tests: [{given: {i: {q: 1}}, gives: 2}]}}}
"""


def test_cases_of_rules_and_of_the_map_are_run() -> None:
    faults: list[Fault] = []
    made = load_map("m.yaml", files({"m.yaml": CASES}), faults)
    assert made is not None, faults
    outcomes = {(each.line, each.target): each.difference for each in run_cases(made)}
    assert [key for key, difference in outcomes.items() if difference] == [(12, "a"), (13, "a")]
    assert outcomes[12, "a"] == "gives 'Y'; expected 'y'"
    assert len(outcomes) == 7 and without_cases(made) == []


def test_a_case_with_both_answers_is_a_fault() -> None:
    text = "map: m\nfields:\n  a: {from: b, tests: [{given: 1, gives: 1, error: x}]}"
    assert "found no case" in str(faults_of(text)[0])
