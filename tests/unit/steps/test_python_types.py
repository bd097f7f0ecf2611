"""What a Python function states of its types agrees with the schemas it is used between."""

from __future__ import annotations

from typing import Any

import pytest

from waypost.core.yamlfile import YamlFile
from waypost.testing.step_kit import build_step, step_component

ORDER = """
type: object
required: [number, lines]
additionalProperties: false
properties:
  number: {type: string}
  total: {type: number}
  state: {enum: [new, paid]}
  lines: {type: array, items: {type: object, required: [sku], properties: {sku: {type: string}, q: {type: integer}}}}
"""
SALES = """
type: object
required: [id, amount]
additionalProperties: false
properties: {id: {type: string}, amount: {type: [number, "null"]}, kind: {enum: [A, B]}}
"""
HEAD = """
from decimal import Decimal
from typing import Any, Literal, NotRequired, TypedDict


class Line(TypedDict):
    sku: str
    q: NotRequired[int]


class Order(TypedDict):
    number: str
    total: NotRequired[Decimal]
    state: NotRequired[Literal["new", "paid"]]
    lines: list[Line]


class Sales(TypedDict):
    id: str
    amount: Decimal | None
    kind: NotRequired[Literal["A"]]


"""


def faults(text: str, options: str = "given: order.yaml, made: sales.yaml") -> list[str]:
    files = {"s.py": text.encode(), "order.yaml": ORDER.encode(), "sales.yaml": SALES.encode()}
    component, found = step_component("python"), list[Any]()
    from waypost.core.yamlfile import parse_yaml

    file = parse_yaml(f"{{file: s.py, {options}}}", "o", found)
    parsed = component.spec.parse(file, file.data, (), found)
    return [str(f) for f in component.build.lint(parsed, YamlFile("flow", None), (), files.__getitem__, ())]  # type: ignore[attr-defined]


GOOD = HEAD + "def process(body: Order) -> Sales:\n    return {'id': body['number'], 'amount': None}\n"


def test_types_that_agree_have_no_fault_and_the_step_runs() -> None:
    assert faults(GOOD) == []
    files = {"s.py": GOOD.encode(), "order.yaml": ORDER.encode(), "sales.yaml": SALES.encode()}
    assert build_step("python", "{file: s.py, given: order.yaml, made: sales.yaml}", files)


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("number: str", "number: int", "number may be a text by order.yaml; expected a whole number"),
        ("number: str", "numbr: str", "numbr is not in order.yaml; did you mean 'number'?"),
        ("total: NotRequired[Decimal]", "total: Decimal", "total may be nothing by order.yaml"),
        ("total: NotRequired[Decimal]", "total: NotRequired[float]", "float; expected Decimal"),
        ("lines: list[Line]", "lines: Line", "lines may be a list by order.yaml"),
        ("q: NotRequired[int]", "q: NotRequired[str]", "lines[].q may be a whole number by order.yaml"),
        ('Literal["new", "paid"]', 'Literal["new"]', "state may be 'paid'; expected one of 'new'"),
        ("id: str", "id: int", "the result.id may be a whole number by the function; expected a text"),
        ("    id: str\n", "", "the result has no 'id'"),
        (
            "amount: Decimal | None",
            "amont: Decimal | None",
            "the result.amont is not in sales.yaml; did you mean 'amount'",
        ),
        ('Literal["A"]', 'Literal["A", "Z"]', "the result.kind may be 'Z'"),
        ("-> Sales", "", "process() states no type of its result"),
        ("body: Order", "body", "process() states no type of its first parameter"),
        ("body: Order", "body: Unknown", "type Unknown"),
    ],
)
def test_what_does_not_agree_is_told_with_its_line(was: str, becomes: str, said: str) -> None:
    assert was in GOOD
    found = faults(GOOD.replace(was, becomes, 1))
    assert any(said in fault and fault.startswith("s.py:") for fault in found), found


def test_dict_and_any_take_every_mapping() -> None:
    assert faults("def process(body: dict) -> dict:\n    return body\n") == []
    assert faults("from typing import Any\ndef process(body: Any) -> 'dict[str, Any]':\n    return body\n") == []


def test_a_schema_that_is_not_there_is_a_fault() -> None:
    assert any("none.yaml" in fault for fault in faults(GOOD, "given: none.yaml"))
