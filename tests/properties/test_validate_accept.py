"""The Python made of a JSON Schema accepts nothing that jsonschema-rs refuses, whatever the schema and the document."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import jsonschema_rs
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from waypost.steps.validate_accept import Fits, accepting

NAMES = ["a", "b", "c", "é", "d e", "f'\"\\"]
MANY = [f"f{at}" for at in range(18)]
EDGES = [0, 1, -1, 2, 3, 1 << 53, -(1 << 53)]
NUMBERS = st.one_of(
    st.sampled_from([
        0, 1, 2, 3, -1, True, False, 1.0, 1.5, -0.0, 2.0000000000000004, 1e300, float("nan"), float("inf"),
        Decimal(1), Decimal("1.0"), Decimal("1.5"), Decimal("0.99999999999999999999999"), Decimal("-0"), Decimal("NaN"),
        Decimal("1.00000000000000000000000001"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1E+400"),
        (1 << 53) + 1, -(1 << 53) - 1, Decimal((1 << 53) + 1), Decimal("9007199254740992.5"), Decimal("1E-400"),
        (1 << 63) - 1, 1 << 63, 1 << 64, -float("inf"),
        -(1 << 63), -(1 << 63) - 1, 10**400, 10**4290,
    ]),
    st.integers(), st.floats(), st.decimals(),
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(["", "a", "ab", "abc", "é", "\ud800", "a\udc00", "\x00", "😀", "2026-03-01", "2026-02-30", "a1"]),
    st.text(st.characters(), max_size=4),
)


class Text(str):
    """A text that is none for jsonschema-rs."""


class Whole(int):
    pass


class Fields(dict[Any, Any]):
    pass


STRANGE = st.sampled_from(
    [
        None,
        b"a",
        (),
        (1, "a"),
        Text("a"),
        Whole(1),
        Fields(a=1),
        {1},
        object(),
        {1: 2},
        {"\ud800": 1},
        {"a": 1, 2: 3},
        [],
        {},
    ]
)
LIMITS = st.sampled_from(EDGES)
SIZES = st.integers(0, 3)
WORDS = {
    "minimum": LIMITS, "maximum": LIMITS, "exclusiveMinimum": LIMITS, "exclusiveMaximum": LIMITS, "minLength": SIZES,
    "maxLength": SIZES, "minItems": SIZES, "maxItems": SIZES, "minProperties": SIZES, "maxProperties": SIZES,
    "additionalProperties": st.booleans(), "title": st.just("t"), "x-own": st.just({"minimum": 5}),
    "format": st.sampled_from(["date", "uuid", "own"]), "pattern": st.sampled_from(["^a", "[0-9]$"]),
    "multipleOf": st.sampled_from([2, 0.5]), "uniqueItems": st.booleans(), "propertyNames": st.just({"maxLength": 1}),
    "enum": st.lists(st.sampled_from(["a", "ab", 1, 2, True, None, 1.5, [1], {"a": 1}]), min_size=1, max_size=4,
                     unique_by=repr),
    "const": st.sampled_from(["a", 1, True, None, 0, False, []]),
    "not": st.just({"type": "null"}), "$ref": st.sampled_from(["#/$defs/one", "#/$defs/two", "#/$defs/own"]),
    "type": st.one_of(
        st.sampled_from(["object", "array", "string", "number", "integer", "boolean", "null"]),
        st.lists(st.sampled_from(["object", "array", "string", "number", "integer", "null"]), min_size=1, max_size=3,
                 unique=True),
    ),
}  # fmt: skip


def schema_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.one_of(
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
        inner.map(lambda one: dict.fromkeys(MANY, one)),
    )
    some = st.lists(st.sampled_from(sorted(WORDS)), max_size=3, unique=True).flatmap(
        lambda words: st.fixed_dictionaries({word: WORDS[word] for word in words})
    )
    required = st.lists(st.sampled_from(NAMES), max_size=3, unique=True)
    parts = {"required": required, "type": st.just("object"), "additionalProperties": st.booleans()}
    mapping = st.fixed_dictionaries({"properties": fields}, optional=parts)
    listing = st.fixed_dictionaries({"type": st.just("array"), "items": inner}, optional={"minItems": SIZES})
    plain = st.sampled_from(["string", "number", "integer"]).map(lambda kind: {"type": kind})
    return st.one_of(plain, mapping, listing, some, st.tuples(some, mapping).map(lambda two: two[0] | two[1]))


SCHEMAS = st.recursive(st.one_of(st.booleans(), schema_of(st.just(True))), schema_of, max_leaves=5)
WHOLE = st.tuples(SCHEMAS, SCHEMAS, st.sampled_from(["", "2020-12", "2019-09", "07", "06"])).map(
    lambda three: with_definitions(*three)
)


def with_definitions(schema: Any, one: Any, draft: str) -> Any:
    if isinstance(schema, bool):
        return schema
    head = {"": "", "07": "http://json-schema.org/draft-07/schema#", "06": "http://json-schema.org/draft-06/schema#"}
    said = head.get(draft, f"https://json-schema.org/draft/{draft}/schema")
    own = {"properties": {"a": {"$ref": "#/$defs/own"}}}
    definitions = {"one": one, "two": {"type": "object", "properties": {"a": {"type": "number"}}}, "own": own}
    return {**({"$schema": said} if said else {}), **schema, "$defs": definitions}


VALUES = st.recursive(
    st.one_of(NUMBERS, TEXTS, STRANGE),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*NAMES, "z"]), inner, max_size=4)
    ),
    max_leaves=6,
)


def documents(schema: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Documents that often fit."""
    strange = VALUES if depth else st.one_of(VALUES, st.just({}))
    if not isinstance(schema, dict) or depth > 4:
        return strange
    kinds = schema.get("type", "object" if "properties" in schema else "array" if "items" in schema else "")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if "enum" in schema:
        return st.one_of(st.sampled_from(schema["enum"]), strange)
    if kind == "object":
        fields = {name: documents(one, depth + 1) for name, one in schema.get("properties", {}).items()}
        needed = {name: fields.get(name, strange) for name in schema.get("required", ())}
        more = st.dictionaries(st.one_of(st.sampled_from(["z", "\ud800", "é"]), st.integers(0, 1)), strange, max_size=2)
        some = st.lists(st.sampled_from(sorted(fields)), unique=True) if fields else st.just([])
        fitting = st.one_of(st.just(list(fields)), some).flatmap(
            lambda names: st.fixed_dictionaries({name: fields[name] for name in names} | needed)
        )
        return st.one_of(fitting, fitting, st.tuples(fitting, more).map(lambda two: two[0] | two[1]), strange)
    if kind == "array":
        return st.one_of(st.lists(documents(schema.get("items", True), depth + 1), max_size=3), strange)
    fitting = {"string": TEXTS, "number": NUMBERS, "integer": st.one_of(st.integers(-3, 3), NUMBERS)}.get(kind, strange)
    return st.one_of(fitting, fitting, strange)


def judge(schema: Any, formats: bool) -> Fits:
    made: Fits = jsonschema_rs.validator_for(schema, validate_formats=formats).is_valid
    return made


def accepts(schema: Any, formats: bool = True) -> Fits | None:
    """The Python alone: whatever it leaves to the judge is refused."""
    return accepting(schema, lambda body: False, lambda one: judge(one, formats), formats=formats, always=True)


PAIRS = WHOLE.flatmap(lambda schema: st.tuples(st.just(schema), documents(schema), st.booleans()))


@given(PAIRS)
@settings(max_examples=150, deadline=None)
@example(({"type": "object", "properties": {"a": {"type": "number", "exclusiveMinimum": 1}}},
          {"a": Decimal("1.00000000000000000000000001")}, True))  # fmt: skip
@example(({"items": {"type": "object", "properties": {name: {"type": "string"} for name in MANY}}}, [{1: 2}], True))
def test_nothing_is_accepted_that_the_judge_refuses(pair: tuple[Any, Any, bool]) -> None:
    schema, document, formats = pair
    made = accepts(schema, formats)
    taken = made is not None and made(document)
    event("accepted" if taken else "left to the judge" if made else "no Python")
    if taken:
        assert judge(schema, formats)(document)
