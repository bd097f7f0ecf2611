"""What steps find wrong with their options before anything runs."""

from typing import Any

import pytest

from waypost.core.errors import Fault
from waypost.core.yamlfile import parse_yaml
from waypost.testing.step_kit import step_component


def faults_of(
    step: str, options: str, files: dict[str, str] | None = None, targets: tuple[str, ...] = ()
) -> list[Fault]:
    """The faults of ``options``, written from line 3 on under ``steps: [step: …]``."""
    found: list[Fault] = []
    text = f"flow: f\nsteps:\n- {step}: {options}\n"
    file = parse_yaml(text, "flows/f.yaml", found)
    path = ("steps", 0, step)
    component = step_component(step)
    parsed = component.spec.parse(file, file.data["steps"][0][step], path, found)
    if parsed is None:
        return found
    given = {name: data.encode() for name, data in (files or {}).items()}
    lint: Any = getattr(component.build, "lint", None)
    found += lint(parsed, file, path, given.__getitem__, targets) if lint else []
    return found


def test_a_route_to_a_target_the_flow_does_not_have_names_the_line_and_the_near_target() -> None:
    found = faults_of("route", "\n  - {when: a, to: erp}\n  - {to: [erp, adit]}", targets=("erp", "audit"))
    assert [(f.line, f.code, f.remedy) for f in found] == [(5, "unknown-target", "did you mean 'audit'?")]


def test_a_rule_after_one_without_condition_is_unreachable() -> None:
    found = faults_of("route", "\n  - {to: erp}\n  - {when: a, to: erp}", targets=("erp",))
    assert [(f.line, f.code) for f in found] == [(5, "unreachable")]


def test_rules_written_out_have_their_lines_too() -> None:
    found = faults_of("route", "\n    otherwise: drop\n    rules:\n    - {to: nowhere}", targets=("erp",))
    assert [(f.line, f.code) for f in found] == [(6, "unknown-target")]


def test_a_route_without_rules_is_refused() -> None:
    assert "there is no rule" in str(faults_of("route", "[]")[0])


def test_a_wire_tap_to_an_unknown_target_is_refused() -> None:
    assert [f.code for f in faults_of("wire_tap", "adit", targets=("audit",))] == ["unknown-target"]


def test_a_map_reports_the_faults_of_map_and_lookup_with_their_files() -> None:
    files = {"m.yaml": "map: m\nlookups: {u: u.csv, v: v.csv}\nfields:\n  a: b +", "u.csv": "k"}
    found = faults_of("map", "m.yaml", files)
    assert [(f.file, f.line) for f in found] == [("u.csv", 1), ("m.yaml", 2), ("m.yaml", 4)]


SCHEMAS = [
    ({"s.json": "{"}, "not JSON", "text that is no JSON"),
    ({"s.json": "3"}, "found a int", "a value that is no schema"),
    ({"s.json": '{"type": "strng"}'}, "type:", "a word that is no type"),
    ({"s.json": '{"$ref": "other.json"}'}, "other.json", "a schema that is not there"),
    ({"s.json": '{"$ref": "http://example.com/x.json"}'}, "outside the project", "a schema on the network"),
    ({"s.json": '{"$ref": "other.json"}', "other.json": "["}, "not JSON", "a broken schema that is referred to"),
    ({"s.json": '{"pattern": "("}'}, "pattern", "a broken pattern"),
    ({}, "no such file", "no schema"),
]


@pytest.mark.parametrize(("files", "says", "reason"), SCHEMAS, ids=[row[2] for row in SCHEMAS])
def test_a_schema_that_cannot_be_used_is_a_fault(files: dict[str, str], says: str, reason: str) -> None:
    found = faults_of("validate", "s.json", files)
    assert found and says in "\n".join(map(str, found)), reason


def test_a_yaml_schema_with_a_mistake_names_its_line() -> None:
    found = faults_of("validate", "s.yaml", {"s.yaml": "type: object\nproperties:\n  a: {type: [}\n"})
    assert (found[0].file, found[0].line, found[0].code) == ("s.yaml", 3, "yaml")


IMPURE = [
    ("import time", "import of time", "a clock"),
    ("from datetime import datetime\nx = datetime.now()", "use of .now", "a clock by another way"),
    ("import datetime\nd = datetime.date.today", "use of .today", "a clock that is not called yet"),
    ("import random", "import of random", "chance"),
    ("from uuid import uuid4", "import of uuid", "chance"),
    ("import os.path", "import of os.path", "the machine"),
    ("import urllib.request as u", "import of urllib.request", "the network"),
    ("from . import other", "another file", "other files of the project"),
    ("def f():\n    global n", "global n", "state between messages"),
    ("x = open('f')", "call of open()", "a file"),
    ("x = hash('a')", "call of hash()", "the hash seed"),
    ("x = eval('1')", "call of eval()", "hidden code"),
    ("x = __import__('os')", "call of __import__()", "hidden import"),
]


@pytest.mark.parametrize(("code", "says", "reason"), IMPURE, ids=[row[0][:30] for row in IMPURE])
def test_impure_python_is_refused_with_its_line(code: str, says: str, reason: str) -> None:
    found = faults_of("python", "s.py", {"s.py": f"{code}\ndef process(body):\n    return body\n"})
    assert [(f.file, f.code) for f in found] == [("s.py", "impure")], reason
    assert says in found[0].found and found[0].line >= 1 and found[0].expected


PURE = "import re, json, hashlib, decimal, math, itertools\nfrom datetime import date, datetime, timedelta\n"


def test_plain_computation_is_accepted() -> None:
    code = PURE + "def process(body, received_at, rate=2):\n    return {'y': received_at.year, 'r': rate}\n"
    assert faults_of("python", "s.py", {"s.py": code}) == []


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def process(body:", "not Python"),
        ("def proces(body): ...", "did you mean 'proces'"),
        ("def process(): ...", "takes 0 parameters"),
        ("def process(a, b, c): ...", "takes 3 parameters"),
        ("x = 1\x00", "not Python"),
        ("(" * 2000, "not Python"),
    ],
)
def test_a_file_without_the_function_is_refused(code: str, says: str) -> None:
    assert says in str(faults_of("python", "s.py", {"s.py": code})[0])


ODD = [
    ("route", "[{to: []}]", "there is no target", "a rule that would lose its messages"),
    ("route", "[{to: [erp, erp]}]", "'erp' is written twice", "a target that would get two"),
    ("wire_tap", "[]", "there is no target", "a copy for nobody"),
    ("wire_tap", "{to: [erp, erp]}", "'erp' is written twice", "two copies for one"),
    ("enrich", "{connection: c, parameters: {}, into: ''}", "found ''", "an answer without a place"),
    ("enrich", "{connection: c, parameters: {}, into: a..b}", "found 'a..b'", "a place that is none"),
    ("enrich", "{connection: c, parameters: {}, into: a, default: 5}", "`missing` is fail", "a default nobody takes"),
    ("enrich", "{connection: c, parameters: {}, into: a, ask: {connection: d}}", "under `ask`", "two connections"),
    ("idempotent_receiver", "{key: \"'order'\"}", "looks at nothing", "a key all messages share"),
    ("idempotent_receiver", "true", "looks at nothing", "likewise"),
    ("claim_check", "{content: a, keep: {b: b}}", "leave `keep` out", "fields that stay anyhow"),
    ("claim_check", "{content: .a}", "found '.a'", "a place that is none"),
    ("claim_redeem", "{ticket: t, into: a.}", "found 'a.'", "a place that is none"),
    ("split", "{items: a, into: b, sequence: b}", "the field of the item, too", "one field for two things"),
    ("envelope", "{header: {content: a}}", "the field of the content, too", "one field for two things"),
]


@pytest.mark.parametrize(("step", "options", "says", "reason"), ODD, ids=[f"{row[0]}: {row[3]}" for row in ODD])
def test_what_options_cannot_mean_is_refused(step: str, options: str, says: str, reason: str) -> None:
    assert says in "\n".join(map(str, faults_of(step, options, targets=("erp",)))), reason


def test_a_key_that_looks_at_the_whole_message_is_one() -> None:
    assert faults_of("idempotent_receiver", "this") == []
