"""What templates become, shown: `check --expanded`, `describe template`, the schemas of editors."""

from __future__ import annotations

from pathlib import Path

import jsonschema_rs
import pytest

from waypost.cli.file_schema import file_schema
from waypost.core.registry import registry
from waypost.core.yamlfile import parse_yaml

EXAMPLE = Path(__file__).parents[3] / "examples/partner-orders"


def test_check_shows_an_expanded_flow(waypost):
    said = waypost("check", EXAMPLE, "--expanded", "orders-globex")
    assert said.code == 0
    assert "flow: orders-globex" in said.out and "when: total > 500" in said.out and "with." not in said.out
    assert "# from templates/partner-orders.yaml, in templates/partners.csv:3" in said.out
    wrong = waypost("check", EXAMPLE, "--expanded", "orders-globx")
    assert wrong.code == 2 and "did you mean 'orders-globex'?" in wrong.err


def test_describe_lists_templates_and_their_parameters(waypost, monkeypatch):
    monkeypatch.chdir(EXAMPLE)
    said = waypost("describe", "template")
    assert "partner-orders  templates/partner-orders.yaml" in said.out
    one = waypost("describe", "template", "partner-orders", "--json").json["templates"][0]
    assert [(p["name"], p["required"]) for p in one["parameters"]][:3] == [
        ("partner", True), ("number", True), ("format", False)
    ]  # fmt: skip
    assert "accept" in waypost("describe", "fragment").out
    assert "did you mean 'accept'?" in waypost("describe", "fragment", "acept").err


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("template", "templates/partner-orders.yaml"), ("template", "templates/accept.yaml"),
        ("flow", "flows/partners.yaml"), ("flow", "flows/web-orders.yaml"),
    ],
)  # fmt: skip
def test_the_schemas_of_editors_take_what_there_is_and_refuse_what_is_wrong(schema, file):
    validator = jsonschema_rs.validator_for(file_schema(schema, registry))
    data = parse_yaml((EXAMPLE / file).read_text("utf-8"), file, []).data
    assert validator.is_valid(data)
    assert not validator.is_valid({**data, "nonsense": 1})
