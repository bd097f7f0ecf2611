"""What is generated is accepted by our own checker, of every schema; a planted fault is found and named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.unit.cli.commanding import Command, waypost
from waypost.formats.edi.examine.examination import examine
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.generate import FAULTS, Plan, Planted, generate
from waypost.formats.edi.generate.message import CannotMake
from waypost.formats.edi.schema.load import Library, library
from waypost.testing.edi_documents import almost_valid, interchanges

SCHEMAS = Schemas(library())
__all__ = ["waypost"]
SOME = ("x12/004010/850", "x12/005010X222A1/837", "x12/005010X221A1/835", "edifact/D96A/ORDERS", "edifact/D01B/INVOIC")


def made(name: str, plan: Plan) -> bytes:
    schema = library().schema(name)
    assert schema is not None
    return b"".join(generate(schema, plan))


@pytest.mark.parametrize("name", library().names())
def test_what_is_made_of_a_schema_is_accepted_by_it(name: str) -> None:
    schema = library().schema(name)
    assert schema is not None
    for density in (0.0, 0.25):
        content = made(name, Plan(seed=3, count=1 + (density > 0), density=density, lines=3))
        report = examine([content], SCHEMAS)
        assert report.accepted, (report.errors[:3], content[:2000])
        if schema.message != "TA1":
            assert [s.schema for s in report.sets.values()] == [name]


@pytest.mark.parametrize("name", SOME)
def test_a_planted_fault_is_found_once_and_by_its_code(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = said = right = all_ = 0
    for kind in FAULTS:
        plan = Plan(seed=9, count=6, faults=6, kind=kind)
        try:
            content = made(name, plan)
        except CannotMake:
            continue  # the schema has no place for it
        errors = [e for e in examine([content], SCHEMAS).errors if e["severity"] == "error"]
        for one in plan.planted:
            here = [e for e in errors if _of(e["control_number"], one)]
            all_, found, said = all_ + 1, found + bool(here), said + len(here)
            right += bool(here) and here[0]["code"] == one.code
    with capsys.disabled():
        print(f"{name:24} {found} of {all_} found, {said / found:.2f} errors a fault, {right} by code")  # noqa: T201
    assert found >= 0.99 * all_ and all_ > 50
    assert said <= 1.1 * found
    assert right >= 0.9 * all_


def _of(control_number: str, one: Planted) -> bool:
    return control_number.isdecimal() and int(control_number) == one.message


def test_the_same_seed_makes_the_same() -> None:
    assert made(SOME[0], Plan(seed=5, count=3)) == made(SOME[0], Plan(seed=5, count=3))
    assert made(SOME[0], Plan(seed=5, count=3)) != made(SOME[0], Plan(seed=6, count=3))


def test_a_size_is_filled() -> None:
    content = made(SOME[0], Plan(size=200_000))
    assert 200_000 <= len(content) < 300_000
    assert examine([content], SCHEMAS).accepted


RULES = """\
overlay: rules
use: x12/004010/850
rules:
  - {id: all, level: 3, expression: AMT/2 == sum(PO1/2)}
  - {id: need, level: 4, at: PO1, expression: "implies(present(PO1), present(PID))"}
  - {id: fill, level: 4, at: PO1, expression: "implies(present(PO1), present(PO1/9))"}
set: {AMT: {min: 1}, PO1: {notes: [P0809]}}
"""


def test_rules_are_made_to_hold(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    schema = Library().file(tmp_path / "rules.yaml")
    content = b"".join(generate(schema, Plan(count=4, seed=2)))
    report = examine([content], Schemas(library(), schema))
    assert report.accepted, report.errors
    assert content.count(b"PID*") >= content.count(b"PO1*")


def test_rules_that_nothing_can_meet_are_said(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("use: x12/004010/850\nrules: [{id: no, expression: 1 == 2}]\n")
    with pytest.raises(CannotMake, match="no message its rules accept"):
        b"".join(generate(Library().file(tmp_path / "rules.yaml"), Plan()))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(interchanges("edifact/D96A/ORDERS"))
def test_the_strategy_gives_valid_documents(content: bytes) -> None:
    assert examine([content], SCHEMAS).accepted


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(almost_valid("x12/004010/810"))
def test_the_strategy_gives_documents_with_one_fault(made: tuple[bytes, Planted]) -> None:
    content, planted = made
    errors: Sequence[dict[str, object]] = examine([content], SCHEMAS).errors
    assert errors and planted.code


def test_the_command_writes_a_file_and_tells_its_faults(waypost: Command, tmp_path: Path) -> None:
    to = tmp_path / "orders.edi"
    said = waypost("edi", "generate", "850", "--count", "5", "--faults", "2/element-code", "--to", str(to), "--json")
    assert said.code == 0 and len(said.json["faults"]) == 2 and said.json["schema"] == "x12/004010/850"
    assert {f["code"] for f in said.json["faults"]} == {"7"}
    assert waypost("edi", "check", str(to)).code == 1
    assert waypost("edi", "generate", "ORDERS", "--version", "D01B", "--to", str(to)).code == 0
    assert waypost("edi", "check", str(to)).code == 0


@pytest.mark.parametrize(
    "arguments", [("999X",), ("850", "--version", "1"), ("850", "--faults", "x"), ("850", "--size", "big"),
                  ("850", "--faults", "1/nothing"), ("850", "--partner", "nobody")]
)  # fmt: skip
def test_what_cannot_be_made_is_wrong_usage(waypost: Command, arguments: tuple[str, ...]) -> None:
    assert waypost("edi", "generate", *arguments).code == 2
