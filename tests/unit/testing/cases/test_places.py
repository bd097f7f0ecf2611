"""Cases stand in ``tests/`` and beside what they test; those of maps run too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.testing.cases.conftest import cases
from waypost.core.errors import ProjectError
from waypost.flow.declared.project import load_project
from waypost.testing.cases.runner import run_cases

MAP = """\
map: maps/order.map.yaml
cases:
  - name: it
    input: {{json: {given}}}
    expect: {expect}
"""


async def told(root: Path, given: str, expect: str) -> list[str]:
    (result,) = await run_cases(cases(root, MAP.format(given=given, expect=expect)), "dev")
    return list(result.differences)


async def test_a_case_of_a_map_compares_what_it_makes(shop: Path) -> None:
    assert await told(shop, "{number: A-1, total: 1}", "{output: {id: A-1, amount: 1, note: none}}") == []
    assert await told(shop, "{number: A-1, total: 1}", "{output: {id: A-2, amount: 1, note: none}}") == [
        'output id: expected "A-2", found "A-1"'
    ]


async def test_a_case_of_a_map_may_expect_an_error(shop: Path) -> None:
    (shop / "maps/order.map.yaml").write_text("map: order\nfields:\n  id: decimal(number)\n")
    assert await told(shop, "{number: x}", "{errors: [{text: number}]}") == []
    assert "which did not happen" in (await told(shop, "{number: '1'}", "{output: {id: 1}, errors: [{text: x}]}"))[0]


async def test_cases_beside_a_flow_run_and_belong_to_no_version(shop: Path) -> None:
    before = load_project(shop).version
    text = "flow: orders\ncases:\n  - {name: it, input: {json: {number: A-1, total: 0}}, expect: {filtered: 1}}\n"
    cases(shop, text, "flows/orders.test.yaml")
    (result,) = await run_cases(shop, "dev")
    assert (result.file, result.differences) == ("flows/orders.test.yaml", ())
    assert load_project(shop).version == before


async def test_cases_that_stand_in_a_map_run_too(shop: Path) -> None:
    path = shop / "maps/order.map.yaml"
    path.write_text(
        path.read_text().replace("  id: number\n", "  id: {from: number, tests: [{given: {number: A}, gives: B}]}\n")
    )
    (result,) = await run_cases(shop, "dev")
    assert (result.subject, result.name, bool(result.differences)) == ("maps/order.map.yaml", "id", True)


@pytest.mark.parametrize(
    "text, found",
    [
        ("flow: orders\nmap: maps/order.map.yaml\ncases: []", "both a flow and a map"),
        ("cases: []", "no flow and no map"),
        ("map: maps/ordr.map.yaml\ncases: []", "no file 'maps/ordr.map.yaml'"),
        ("map: maps/order.map.yaml\ncases: [{name: x, input: {text: a}, expect: {}}]", "a map reads a document"),
        (
            "map: maps/order.map.yaml\ncases: [{name: x, input: {json: 1}, expect: {filtered: 1}}]",
            "a map has no targets and filters nothing",
        ),
        ("flow: orders\ncases: [{name: x, input: {json: 1}, expect: {output: 1}}]", "a flow has no output"),
        (
            "flow: orders\ncases: [{name: x, input: {json: 1}, expect: {targets: {small: [{$regx: a}]}}}]",
            "no matcher '$regx'; did you mean '$regex'?",
        ),
        (
            "flow: orders\ncases: [{name: x, input: {json: 1}, expect: {snapshot: true, filtered: 1}}]",
            "a snapshot beside other expectations",
        ),
    ],
)
async def test_a_mistake_in_a_case_is_a_fault_with_its_place(shop: Path, text: str, found: str) -> None:
    with pytest.raises(ProjectError) as raised:
        await run_cases(cases(shop, text), "dev")
    assert found in str(raised.value) and "tests/orders.yaml:" in str(raised.value)
