"""What the Python made of a JSON Schema accepts by itself, and what it must leave to the judge."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.properties.test_validate_accept import MANY, Fields, Text, Whole, accepts, judge
from waypost.steps.validate_accept import accepting
from waypost.steps.validate_json import json_checker

NAN, INFINITE = float("nan"), float("inf")
NUMBER, TEXT, WHOLE = {"type": "number"}, {"type": "string"}, {"type": "integer"}
SOME = {"type": "object", "properties": {"a": WHOLE, "b": TEXT}, "required": ["a"]}
CLOSED = {**SOME, "additionalProperties": False}
WIDE = {"type": "object", "properties": dict.fromkeys(MANY, TEXT)}
ROWS: list[tuple[Any, list[Any], list[Any]]] = [
    (NUMBER, [1, -1, Decimal("1.5"), 1.5, Decimal("1E+400"), (1 << 63) - 1],
     [True, "1", None, NAN, INFINITE, -INFINITE, Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Whole(1),
      10**5000]),
    ({**NUMBER, "minimum": 1, "maximum": 2}, [1, 2, Decimal("1.5"), 1.0, 2.0],
     [0, 3, Decimal("0.999"), Decimal("2.001"), 0.5, 2.5, NAN, Decimal("NaN"), Decimal("sNaN")]),
    ({**NUMBER, "exclusiveMinimum": 1, "exclusiveMaximum": 2}, [1.5, Decimal("1.0001")], [1, 2, Decimal(1), 2.0]),
    (WHOLE, [0, -5, 1 << 70], [True, False, 1.5, 1.0, Decimal(1), Whole(1), "1"]),
    ({**WHOLE, "minimum": 0}, [0, 7], [-1, True]),
    ({"type": "boolean"}, [True, False], [0, 1, None]),
    ({"type": "null"}, [None], [0, "", False]),
    (TEXT, ["", "a", "é", "😀"], ["\ud800", "a\udc00", Text("a"), b"a", 1, None]),
    ({**TEXT, "minLength": 2, "maxLength": 3}, ["ab", "äöü", "😀😀"], ["a", "abcd", "😀"]),
    ({"enum": ["a", 1, None, True]}, ["a", 1, None, True], ["b", 2, False, 1.0, Decimal(1), [], Text("a")]),
    ({**TEXT, "enum": ["a", 1]}, ["a"], [1, "b"]),
    ({"const": 0}, [0], [False, 0.0, ""]),
    ({"type": ["string", "null"]}, ["a", None], [1, False]),
    ({"type": ["integer", "number", "string"]}, [1, 1.5, "a"], [True, None]),
    ({"minLength": 2}, ["ab"], ["a"]),
    ({"type": "array", "items": WHOLE, "minItems": 1, "maxItems": 2}, [[1], [1, 2]], [[], [1, 2, 3], [True], (1,)]),
    ({"type": "array"}, [[], [object()]], [(), {}, "a", None]),
    (SOME, [{"a": 1}, {"a": 1, "b": "x"}, {"a": 1, "c": object()}],
     [{}, {"b": "x"}, {"a": True}, {"a": 1, "b": 2}, {"a": 1, 2: 3}, {"a": 1, "\ud800": 1}, Fields(a=1), [], None]),
    (CLOSED, [{"a": 1}, {"a": 1, "b": "x"}], [{"a": 1, "c": 1}, {"a": 1, 2: 3}]),
    ({"type": "object", "minProperties": 1, "maxProperties": 2}, [{"a": 1}, {"a": 1, "b": 2}],
     [{}, {1: 1}, dict.fromkeys("abc")]),
    ({"required": ["z"], "properties": {"a": TEXT}}, [{"z": 1}, {"z": 1, "a": "x"}], [{"a": "x"}, {"z": 1, "a": 1}]),
    ({"items": WIDE}, [[{"f1": "x"}], [{}]], [[{1: 2}], [{"\ud800": 1}], [{"f1": 1}]]),
    ({"properties": {"a": {"$ref": "#/$defs/n"}, "b": {"$ref": "#/$defs/n"}}, "$defs": {"n": NUMBER}},
     [{"a": 1, "b": 1.5}], [{"a": "x"}, {"a": 1, "b": None}]),
    ({"properties": {"d": {"type": "string", "format": "date"}, "p": {"pattern": "^a"}}},
     [{"d": "2026-03-01", "p": "ab"}], [{"d": "2026-02-30"}, {"p": "b"}, {"p": "\ud800"}]),
    ({"properties": {"o": {"oneOf": [WHOLE, TEXT]}}}, [{"o": 1}, {"o": "x"}], [{"o": 1.5}, {"o": {}}]),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "taken", "left"), ROWS)
def test_what_fits_is_accepted_and_everything_else_is_left_to_the_judge(
    schema: Any, taken: list[Any], left: list[Any]
) -> None:
    made = accepts(schema)
    assert made is not None
    for one in taken:
        assert made(one) and judge(schema, True)(one)
    assert [one for one in left if made(one)] == []


@pytest.mark.parametrize(
    "schema",
    [
        True, {}, {"title": "t"}, {"$schema": "http://json-schema.org/draft-04/schema#", "type": "string"},
        {"$schema": "https://example.com/own", "type": "string"}, {"allOf": [TEXT]}, {"not": TEXT},
        {"type": "string", "pattern": "a"},
        {"properties": {"a": {"$ref": "other.yaml"}}}, {"properties": {"a": {"$ref": "#/properties/b"}, "b": TEXT}},
        {"properties": {"a": {"$ref": "#"}}},
        {"$defs": {"a": {"properties": {"a": {"$ref": "#/$defs/a"}}}}, "$ref": "#/$defs/a"},
        {"properties": {"a": {"$anchor": "x", "type": "string"}}}, {"type": "number", "minimum": 0.5},
        {"type": "number", "maximum": 1 << 60}, {"type": "object", "additionalProperties": TEXT},
        {"type": "array", "prefixItems": [TEXT]},
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "array", "items": [TEXT]},
        {"properties": {"a": False}, "$dynamicAnchor": "x"},
    ],
)  # fmt: skip
def test_a_schema_with_words_of_another_kind_has_no_python(schema: Any) -> None:
    assert accepts(schema) is None


def test_python_that_would_be_too_long_is_not_made() -> None:
    wide: dict[str, Any] = {"properties": {f"f{at}": NUMBER for at in range(3000)}}
    assert accepts(wide) is None
    definitions: dict[str, Any] = {"d0": NUMBER}
    for at in range(1, 30):
        definitions[f"d{at}"] = {"properties": {name: {"$ref": f"#/$defs/d{at - 1}"} for name in "ab"}}
    assert accepts({"$defs": definitions, "properties": {"a": {"$ref": "#/$defs/d29"}}}) is None


def test_names_of_fields_cannot_leave_their_quotes() -> None:
    name = "a'] or exit() or body['"
    made = accepts({"properties": {name: TEXT}, "required": [name]})
    assert made is not None and made({name: "x"}) and not made({})


def test_only_schemas_with_numbers_are_worth_it() -> None:
    def made(schema: Any) -> Any:
        return accepting(schema, bool, lambda one: bool, formats=True)

    assert made({"properties": {"a": NUMBER}}) and made({"items": {"properties": {"a": NUMBER, "b": TEXT}}})
    assert made({"properties": dict.fromkeys(MANY, TEXT)}) is None


def test_the_step_asks_the_judge_only_where_it_must() -> None:
    schema = {"properties": {"a": {"type": "number", "maximum": 5}}}
    checker = json_checker("s.json", {"s.json": json.dumps(schema).encode()}.__getitem__, [])
    assert checker is not None
    asked: list[Any] = []
    real = checker._validator

    class Asked:
        def is_valid(self, body: Any) -> bool:
            asked.append(body)
            return bool(real.is_valid(body))

    checker._validator = Asked()
    assert checker.fits({"a": 1}) and asked == []
    assert not checker.fits({"a": 6}) and checker.fits({"a": "no", "b": 1}) is False and len(asked) == 2


def test_a_name_of_a_class_of_text_counts_as_its_text() -> None:
    """The one thing that is accepted where jsonschema-rs alone finds no document; it is written as any other name."""
    made = accepts(SOME)
    assert made is not None and made({Text("a"): 1})
    assert msgspec.json.encode({Text("a"): 1}) == b'{"a":1}'


PLACES = [Path(os.environ.get("JSON_SCHEMA_SUITE", "/nowhere"))]
PLACES += [parent / "shared/corpora/json-schema" for parent in Path(__file__).parents]
SUITE = next((place / "tests" for place in PLACES if (place / "tests").is_dir()), None)


@pytest.mark.skipif(SUITE is None, reason="no official suite of JSON Schema: name one with JSON_SCHEMA_SUITE")
@pytest.mark.parametrize("draft", ["draft2020-12", "draft2019-09", "draft7", "draft6"])
def test_nothing_is_accepted_that_the_official_suite_refuses(draft: str) -> None:
    assert SUITE is not None
    dialect = {"draft7": "http://json-schema.org/draft-07/schema", "draft6": "http://json-schema.org/draft-06/schema"}
    said = {"$schema": dialect.get(draft, f"https://json-schema.org/{draft.replace('draft', 'draft/')}/schema")}
    accepted = 0
    for path in sorted((SUITE / draft).rglob("*.json")):
        formats = "format" in path.parts
        for group in json.loads(path.read_bytes()):
            schema = group["schema"]
            made = accepts({**said, **schema} if isinstance(schema, dict) else schema, formats)
            for case in group["tests"] if made else ():
                if made(case["data"]):  # type: ignore[misc]
                    accepted += 1
                    assert case["valid"], f"{path.name}: {group['description']}: {case['description']}"
    assert accepted > 50
