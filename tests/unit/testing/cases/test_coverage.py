"""Coverage names what no case goes through, and nothing else."""

from __future__ import annotations

from pathlib import Path

from tests.unit.testing.cases.conftest import cases
from waypost.testing.cases.coverage import Coverage
from waypost.testing.cases.runner import run_cases

SMALL = """\
flow: orders
cases:
  - name: a small one
    input: {json: {number: A-1, total: 12}}
    expect: {targets: {small: [{id: A-1, amount: 12, note: none}]}}
"""
REST = """\
  - name: a large one in a hurry
    input: {json: {number: A-2, total: 1200, rush: true, note: hello}}
    expect: {targets: {large: [{id: A-2, amount: 1200, priority: HIGH, note: hello}]}}
  - name: one over nothing
    input: {json: {number: A-3, total: 0}}
    expect: {filtered: 1}
  - name: one without a number
    input: {json: {total: 1}}
    expect: {errors: [{place: validate}]}
"""


async def missed(root: Path) -> list[str]:
    coverage = Coverage()
    for result in await run_cases(root, "dev", "", coverage):
        assert result.differences == ()
    return [str(branch) for share in coverage.shares() for branch in share.missed]


async def test_each_branch_that_no_case_takes_is_named_with_its_line(shop: Path) -> None:
    assert await missed(cases(shop, SMALL)) == [
        "maps/order.map.yaml:7  priority: `when` holds",
        "flows/orders.yaml:6  step validate: a message is refused",
        "flows/orders.yaml:7  step filter: a message ends",
        "flows/orders.yaml:9  step route: rule 1, `amount > 1000`, is taken",
        "flows/orders.yaml:12  target large: a message reaches it",
    ]


async def test_cases_of_every_branch_miss_nothing(shop: Path) -> None:
    assert await missed(cases(shop, SMALL + REST)) == []


async def test_without_a_case_everything_is_missed(shop: Path) -> None:
    coverage = Coverage()
    await run_cases(shop, "dev", "", coverage)
    assert coverage.percent == 0
    assert {share.subject: share.branches for share in coverage.shares()} == {"maps/order.map.yaml": 6, "orders": 9}


async def test_a_case_of_the_map_alone_counts_for_the_map(shop: Path) -> None:
    own = "map: maps/order.map.yaml\ncases:\n  - name: it\n    input: {json: {number: A-1, total: 1, rush: true}}\n"
    own += "    expect: {output: {id: A-1, amount: 1, priority: HIGH, note: none}}\n"
    coverage = Coverage()
    (result,) = await run_cases(cases(shop, own, "maps/order.test.yaml"), "dev", "", coverage)
    assert result.differences == ()
    assert [len(share.missed) for share in coverage.shares()] == [1, 9]


async def test_a_map_that_a_normalizer_chooses_is_counted(shop: Path) -> None:
    flow = (shop / "flows/orders.yaml").read_text()
    assert "map: maps/order.map.yaml" in flow
    chosen = "normalizer: [{name: it, when: 'true', map: maps/order.map.yaml}]"
    (shop / "flows/orders.yaml").write_text(flow.replace("map: maps/order.map.yaml", chosen))
    assert [place for place in await missed(cases(shop, SMALL + REST)) if place.startswith("maps/")] == []
