"""Steps that combine messages in cases: what they release, what they end, and the time that passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from waypost.testing.cases.runner import run_cases

FLOW = """
flow: lines
description: Lines become orders, orders a day's list.
owner: ops
source: {memory: in}
format: {json: {lines: true}}
steps:
  - aggregator:
      {correlate: order, complete: {count: 2, after: 60s}, incomplete: INCOMPLETE, unique: id, into: lines}
  - filter: count(lines) > 0
  - aggregator: {correlate: "'all'", complete: {count: 2, idle: 30s}, into: orders}
targets:
  out: {memory: out}
"""
CASES = """
flow: lines
cases:
  - name: it
    input:
      text: |
        {"order": 1, "id": 1}
        {"order": 1, "id": 1}
        {"order": 1, "id": 2}
        {"order": 2, "id": 3}
        {"id": 4}
    expect: {errors: [{place: aggregator, text: the message has no key, state: dead}], filtered: 1}
    then:
      - wait: WAIT
        expect:
"""


async def differences(root: Path, wait: str, expect: str, incomplete: str = "release") -> tuple[str, ...]:
    for name, text in {
        "waypost.yaml": "name: p\n",
        "flows/lines.yaml": FLOW.replace("INCOMPLETE", incomplete),
        "tests/lines.yaml": CASES.replace("WAIT", wait)
        + "".join(f"          {line}\n" for line in expect.splitlines()),
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    (result,) = await run_cases(root, "dev")
    return result.differences


ORDERS = "targets: {out: [{orders: [{lines: [{order: 1, id: 1}, {order: 1, id: 2}]}]}MORE]}"


async def test_what_waits_does_not_come_out_before_its_time(tmp_path: Path) -> None:
    assert await differences(tmp_path, "29s", "waiting: {aggregator: 1, aggregator-2: 1}") == ()


async def test_timers_fire_in_their_order_and_one_step_feeds_the_next(tmp_path: Path) -> None:
    assert await differences(tmp_path, "30s", ORDERS.replace("MORE", "")) == ()
    assert (
        await differences(tmp_path, "90s", ORDERS.replace("MORE", ", {orders: [{lines: [{order: 2, id: 3}]}]}")) == ()
    )


async def test_a_group_that_fails_in_the_end_is_an_error_at_its_step(tmp_path: Path) -> None:
    expect = f"{ORDERS.replace('MORE', '')}\nerrors: [{{place: aggregator, code: group-incomplete, state: dead}}]"
    assert await differences(tmp_path, "60s", expect, "fail") == ()


@pytest.mark.parametrize("wait", ["0", "90s"])
async def test_what_comes_out_and_is_not_expected_is_told(tmp_path: Path, wait: str) -> None:
    found = await differences(tmp_path, wait, "{}")
    assert any("then[0] (line 14): out[0]: not expected" in difference for difference in found) is (wait == "90s")
