"""Made-up documents find a map that cannot take what its schema allows, and a flow that lets pass what it forbids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from waypost.core.errors import UsageError
from waypost.testing.cases.documents import fitting, nearly
from waypost.testing.cases.generated import run_generated


def told(root: Path, count: int = 40) -> dict[str, tuple[str, ...]]:
    return {result.name.partition(": ")[2]: result.differences for result in run_generated(root, "dev", count, 0)}


FITS, NOT = "what fits schemas/order.yaml goes through", "what does not fit schemas/order.yaml is refused"


def test_a_sound_flow_passes(shop: Path) -> None:
    assert told(shop) == {FITS: (), NOT: ()}


def changed(root: Path, file: str, old: str, new: str) -> None:
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))


def test_a_map_that_cannot_take_what_the_schema_allows_is_found(shop: Path) -> None:
    changed(shop, "maps/order.map.yaml", "  amount: total\n", "  amount: 100 / total\n")
    changed(shop, "flows/orders.yaml", "  - filter: total > 0\n", "")
    found = told(shop)
    assert "maps/order.map.yaml" in found[FITS][0] and '"total": 0' in found[FITS][1]
    assert found[NOT] == ()


def test_a_map_that_breaks_the_promise_of_its_target_schema_is_found(shop: Path) -> None:
    changed(shop, "schemas/sales_order.yaml", "note: {type: string}", "note: {type: string, pattern: '^[a-z ]*$'}")
    assert "does not fit schemas/sales_order.yaml" in told(shop)[FITS][0]


def test_a_step_that_is_not_pure_is_found(shop: Path) -> None:
    (shop / "steps").mkdir()
    (shop / "steps/count.py").write_text(
        "def process(document, of=[0]):\n    of[0] += 1\n    return {**document, 'n': of[0]}\n"
    )
    changed(shop, "flows/orders.yaml", "  - map:", "  - python: {file: steps/count.py, function: process}\n  - map:")
    changed(shop, "maps/order.map.yaml", "  id: number\n", "  id: number\n  n: n\n")
    changed(shop, "maps/order.map.yaml", "source: schemas/order.yaml\ntarget: schemas/sales_order.yaml\n", "")
    assert any("other bytes when processed" in text for text in told(shop)[FITS])


def test_without_a_schema_the_command_says_what_to_do(shop: Path) -> None:
    changed(shop, "flows/orders.yaml", "  - validate: schemas/order.yaml\n", "")
    changed(shop, "maps/order.map.yaml", "source: schemas/order.yaml\n", "")
    with pytest.raises(UsageError, match="no flow begins with a JSON Schema"):
        told(shop)


SCHEMAS: dict[str, Any] = {
    "a.yaml": {
        "type": "object",
        "required": ["lines", "kind", "id"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "kind": {"oneOf": [{"const": "X"}, {"type": "integer", "minimum": 3, "exclusiveMaximum": 5}]},
            "lines": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"$ref": "parts.yaml#/$defs/line"}},
            "pair": {"prefixItems": [{"type": "string"}, {"type": "boolean"}], "items": False, "minItems": 2},
            "tree": {"$ref": "#/$defs/tree"},
            "on": {"type": ["string", "null"], "format": "date"},
            "price": {"type": "number", "multipleOf": 0.05, "minimum": 0.1, "maximum": 1},
        },
        "$defs": {"tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}}},
    },
    "parts.yaml": {
        "$defs": {"line": {"allOf": [{"required": ["sku"]}, {"properties": {"sku": {"enum": ["A", "B"]}}}]}}
    },
}


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(fitting("a.yaml", SCHEMAS.__getitem__))
def test_what_is_made_after_a_schema_fits_it(document: Any) -> None:
    assert is_valid(document)


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(nearly(fitting("a.yaml", SCHEMAS.__getitem__)).filter(lambda document: not is_valid(document)))
def test_what_nearly_fits_can_be_made_not_to(document: Any) -> None:
    assert not is_valid(document)


def is_valid(document: Any) -> bool:
    import jsonschema_rs

    found = jsonschema_rs.validator_for(
        {**SCHEMAS["a.yaml"], "$schema": "https://json-schema.org/draft/2020-12/schema"},
        retriever=lambda uri: SCHEMAS[uri.rpartition("/")[2]], base_uri="project:///a.yaml", validate_formats=True,
    )  # fmt: skip
    return bool(found.is_valid(document))
