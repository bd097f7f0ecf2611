"""A case runs through the flow as a message would, and says every way in which it came out otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from waypost.core.errors import ProjectError
from waypost.core.spec import Spec
from waypost.core.yamlfile import parse_yaml
from waypost.testing.cases.declared import CASE_EXAMPLE, CaseFileOptions
from waypost.testing.cases.runner import run_cases

FLOW = """\
flow: orders
description: Orders get their price.
owner: ops
source: {memory: {channel: orders}}
format: {csv: {}}
keys: {number: number}
steps:
  - filter: number != 'skip'
  - enrich: {connection: prices, ask: {path: '/prices/{sku}'}, parameters: {sku: sku}, into: price}
  - idempotent_receiver: {key: number}
targets:
  small: {format: json, memory: {channel: small}}
  all: {format: json, memory: {channel: all}}
"""
ANSWERED = "effects: {enrich: [{when: {sku: a}, answer: {amount: 1.25}}, {answer: {amount: 9}}]}"


def project(root: Path, *cases: str, flow: str = FLOW) -> Path:
    (root / "waypost.yaml").write_text("name: orders\n")
    (root / "connections.yaml").write_text("prices: {kind: http, address: 'http://127.0.0.1:1'}\n")
    for folder, text in (("flows", flow), ("tests", "flow: orders\ncases:\n" + "\n".join(cases))):
        (root / folder).mkdir()
        (root / folder / "orders.yaml").write_text(text)
    return root


async def differences(root: Path, case: str) -> list[str]:
    """What a case with this input, effects and expectation differs in."""
    (result,) = await run_cases(project(root, f"  - name: it\n    {case}\n"), "dev")
    return list(result.differences)


def case(given: str, expect: str, effects: str = ANSWERED) -> str:
    return f"input: {given}\n    {effects}\n    expect: {expect}"


ONE = '{text: "number,sku\\n1,a\\n"}'
PRICED = "{number: '1', sku: a, price: {amount: 1.25}}"


async def test_what_comes_out_as_expected_is_no_difference(tmp_path: Path) -> None:
    expect = f"{{targets: {{small: [{PRICED}], all: [{PRICED}]}}}}"
    assert await differences(tmp_path, case("{json: {number: '1', sku: a}}", expect)) == []


@pytest.mark.parametrize(
    "expect, told",
    [
        ("{}", "small[0]: not expected"),
        (
            "{targets: {small: [{number: '2', sku: a, price: {amount: 1.25}}]}}",
            'small[0] number: expected "2", found "1"',
        ),
        ("{targets: {small: ['{\"other\":1}']}}", "small[0]: expected '{\"other\":1}'"),
        (f"{{targets: {{small: [{PRICED}, {PRICED}]}}}}", "small[1]: expected"),
        ("{filtered: 1}", "filtered: expected 1, found 0"),
        ("{errors: [{place: enrich}]}", "errors: expected an error with place 'enrich', which did not happen"),
    ],
)
async def test_each_way_to_come_out_otherwise_is_said(tmp_path: Path, expect: str, told: str) -> None:
    assert any(d.startswith(told) for d in await differences(tmp_path, case(ONE, expect)))


async def test_text_is_cut_and_read_by_the_format_and_its_bytes_compared(tmp_path: Path) -> None:
    flow = FLOW.replace("  all: {format: json, memory: {channel: all}}\n", "")
    text = '{text: "number,sku\\n1,a\\nskip,b\\n"}'
    sent = '\'{"number":"1","sku":"a","price":{"amount":1.25}}\''
    cases = f"  - name: it\n    {case(text, f'{{targets: {{small: [{sent}]}}, filtered: 1}}')}\n"
    (result,) = await run_cases(project(tmp_path, cases, flow=flow), "dev")
    assert result.differences == ()
    assert (result.file, result.line, result.subject, result.name) == ("tests/orders.yaml", 3, "orders", "it")


async def test_a_file_is_read_like_text(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"number,sku\nskip,a\n")
    assert await differences(tmp_path, case("{file: in.csv}", "{filtered: 1}")) == []


async def test_a_question_without_an_answer_says_what_to_add(tmp_path: Path) -> None:
    found = await differences(tmp_path, case(ONE, "{}", "effects: {enrich: [{when: {sku: b}, answer: 1}]}"))
    assert any("step enrich asks" in d and "add it under effects: enrich:" in d for d in found)


async def test_the_other_side_can_refuse(tmp_path: Path) -> None:
    expect = "{errors: [{place: enrich, code: contract, text: not today}]}"
    assert await differences(tmp_path, case(ONE, expect, "effects: {enrich: [{error: not today}]}")) == []


async def test_an_idempotent_receiver_meets_every_key_for_the_first_time_unless_the_case_says(tmp_path: Path) -> None:
    seen = ANSWERED[:-1] + ", idempotent_receiver: [{answer: {original: m0}}]}"
    assert await differences(tmp_path, case(ONE, "{filtered: 1}", seen)) == []


@pytest.mark.parametrize(
    "text, line, told",
    [
        ("  - {name: a, input: {json: 1}, expect: {}, effects: {enrch: []}}", 3, "did you mean 'enrich'?"),
        ("  - {name: a, input: {json: 1}, expect: {targets: {smal: []}}}", 3, "did you mean 'small'?"),
        ("  - {name: a, input: {json: 1, text: x}, expect: {}}", 3, "exactly one of json, text and file"),
        ("  - {name: a, input: {}, expect: {}}", 3, "exactly one of json, text and file"),
        ("  - {name: a, input: {json: 1}, expects: {}}", 3, "did you mean 'expect'?"),
    ],
)
async def test_a_mistake_in_a_case_is_a_fault_with_its_line(tmp_path: Path, text: str, line: int, told: str) -> None:
    with pytest.raises(ProjectError) as raised:
        await run_cases(project(tmp_path, text), "dev")
    assert any((f.file, f.line) == ("tests/orders.yaml", line) and told in str(f) for f in raised.value.faults)


async def test_an_unknown_flow_is_a_fault(tmp_path: Path) -> None:
    root = project(tmp_path, "  - {name: a, input: {json: 1}, expect: {}}")
    (root / "tests" / "orders.yaml").write_text("flow: order\ncases: []\n")
    with pytest.raises(ProjectError, match="did you mean 'orders'"):
        await run_cases(root, "dev")


def test_the_example_of_the_reference_has_no_fault() -> None:
    faults: list[Any] = []
    file = parse_yaml(CASE_EXAMPLE, "example", faults)
    assert Spec.of(CaseFileOptions).parse(file, file.data, (), faults) is not None
    assert faults == []
