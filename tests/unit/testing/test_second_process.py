"""A Python step that leans on its process is found by `waypost test`, which runs the cases in another one too."""

from __future__ import annotations

from pathlib import Path

import pytest

from waypost.testing.cases.runner import run_cases

FLOW = """
flow: orders
description: A step of the project.
owner: ops
source: {memory: in}
steps: [{python: steps/s.py}]
targets: {out: {memory: out}}
"""
CASES = """
flow: orders
cases:
  - {name: any, input: {json: {a: [x, y, z, u, v, w]}}, expect: {targets: {out: [{$any: true}]}}}
"""


def project(root: Path, step: str, expected: str) -> Path:
    (root / "waypost.yaml").write_text("name: t\n")
    cases = CASES.replace("{$any: true}", expected)
    for name, text in (("flows/orders.yaml", FLOW), ("steps/s.py", step), ("tests/orders.yaml", cases)):
        (root / name).parent.mkdir()
        (root / name).write_text(text)
    return root


async def test_a_pure_step_comes_out_the_same(tmp_path: Path) -> None:
    root = project(tmp_path, "def process(body):\n    return {'n': len(body['a'])}\n", "{n: 6}")
    (result,) = await run_cases(root, "dev")
    assert result.differences == ()


@pytest.mark.parametrize(
    "expression",
    ["list(set(body['a']))", "str(frozenset(body['a']))", "repr(object.__hash__)[:0] + str({*body['a']})"],
)
async def test_the_order_of_a_set_is_found_by_the_second_process(tmp_path: Path, expression: str) -> None:
    step = f"def process(body):\n    return {{'n': str({expression})}}\n"
    (result,) = await run_cases(project(tmp_path, step, "{n: '?'}"), "dev")
    assert any(text.startswith("purity: ") and "step python" in text for text in result.differences), result


async def test_a_zone_of_the_machine_is_found_too(tmp_path: Path) -> None:
    step = "from datetime import datetime\n\n\ndef process(body):\n    return {'n': str(datetime.fromtimestamp(0))}\n"
    (result,) = await run_cases(project(tmp_path, step, "{n: '?'}"), "dev")
    assert any(text.startswith("purity: ") for text in result.differences), result
