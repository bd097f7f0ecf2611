"""A snapshot is written by its verb alone, and a case is held against it from then on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.testing.cases.conftest import cases
from waypost.core.errors import DataError
from waypost.testing.cases.runner import run_cases
from waypost.testing.cases.writing import write_snapshots

CASE = """\
flow: orders
cases:
  - name: A small one!
    input: {json: {number: A-1, total: 12.50}}
    expect: {snapshot: true}
"""
PATH = "tests/snapshots/orders/a-small-one.json"


async def differences(root: Path) -> tuple[str, ...]:
    (result,) = await run_cases(root, "dev")
    return result.differences


async def test_without_a_snapshot_the_case_fails_and_names_the_verb(shop: Path) -> None:
    assert "write it with: waypost snapshot" in (await differences(cases(shop, CASE)))[0]
    assert not (shop / PATH).exists()


async def test_a_written_snapshot_holds_until_something_else_comes_out(shop: Path) -> None:
    cases(shop, CASE)
    (told,) = await write_snapshots(shop, "dev")
    assert (told.file, told.what, told.changes) == (PATH, "written", ())
    assert '"amount": 12.5' in (shop / PATH).read_text()
    assert await differences(shop) == ()
    (shop / "tests/orders.yaml").write_text(CASE.replace("12.50", "13"))
    assert await differences(shop) == (f"{PATH}: targets.small[0].amount: expected 12.5, found 13",)
    (told,) = await write_snapshots(shop, "dev")
    assert (told.what, len(told.changes)) == ("written", 1)
    (told,) = await write_snapshots(shop, "dev")
    assert told.what == "same"


async def test_snapshots_of_no_case_are_named_and_deleted_on_request(shop: Path) -> None:
    cases(shop, CASE)
    await write_snapshots(shop, "dev")
    (shop / "tests/orders.yaml").write_text("flow: orders\ncases: []\n")
    assert [(t.file, t.what) for t in await write_snapshots(shop, "dev")] == [(PATH, "unused")]
    assert (shop / PATH).exists()
    assert [(t.file, t.what) for t in await write_snapshots(shop, "dev", prune=True)] == [(PATH, "deleted")]
    assert not (shop / PATH).exists()


async def test_a_damaged_snapshot_is_said_so(shop: Path) -> None:
    cases(shop, CASE)
    await write_snapshots(shop, "dev")
    (shop / PATH).write_text("{")
    assert "not JSON" in (await differences(shop))[0]


async def test_a_question_without_an_answer_writes_nothing(shop: Path) -> None:
    flow = shop / "flows/orders.yaml"
    step = "  - enrich: {connection: prices, ask: {path: /p}, parameters: {n: number}, into: price}\n  - map:"
    flow.write_text(flow.read_text().replace("  - map:", step))
    (shop / "connections.yaml").write_text("prices: {kind: http, address: 'http://127.0.0.1:1'}\n")
    with pytest.raises(DataError, match="has no answer"):
        await write_snapshots(cases(shop, CASE), "dev")
    assert not (shop / PATH).exists()
