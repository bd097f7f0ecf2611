"""Documents that fit a JSON Schema, and documents that nearly do, as Hypothesis strategies.

Draft 2020-12 and the drafts before it, ``$ref`` within the project. What the keywords here do not say (``not``, ``if``,
``dependentSchemas`` …) the caller checks with a validator and throws away what does not fit.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Load = Callable[[str], Any]
"""The plain data of a schema file of the project."""

_DEEP = 6
"""From this depth on only what is required is made."""
_MORE_ITEMS = 4
_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
_IMPLIED = {
    "object": ("properties", "required", "additionalProperties", "minProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "contains"),
    "string": ("pattern", "format", "minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_TEXT = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn"))


def fitting(file: str, load: Load) -> st.SearchStrategy[Any]:
    """Documents made after the schema in ``file``."""

    @st.composite
    def document(draw: Draw) -> Any:
        return _Maker(draw, load).value({"$ref": f"/{file}"}, "", 0)

    return document()


def nearly(documents: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Documents with one thing changed: a field left out or added, a value of another type, an empty or a long one."""

    @st.composite
    def changed(draw: Draw) -> Any:
        document = draw(documents)
        place = draw(st.sampled_from(list(_places(document))))
        return _replaced(document, place, draw)

    return changed()


_OTHER = st.sampled_from([None, "", "x" * 300, -1, 10**12, Decimal("0.00001"), True, [], {}, ["x"], {"x": 1}])


def _places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(document, Mapping):
        for name, value in document.items():
            yield from _places(value, (*path, name))
    elif isinstance(document, list):
        for place, value in enumerate(document):
            yield from _places(value, (*path, place))


def _replaced(document: Any, path: tuple[Any, ...], draw: Draw) -> Any:
    if not path:
        if isinstance(document, Mapping) and draw(st.booleans()):
            return {**document, "not_of_the_schema": draw(_OTHER)}
        return draw(_OTHER)
    head, rest = path[0], path[1:]
    if isinstance(document, Mapping):
        if not rest and draw(st.booleans()):
            return {name: value for name, value in document.items() if name != head}
        return {**document, head: _replaced(document[head], rest, draw)}
    return [*document[:head], _replaced(document[head], rest, draw), *document[head + 1 :]]


class _Maker:
    """Draws one document."""

    def __init__(self, draw: Draw, load: Load) -> None:
        self.draw, self.load = draw, load

    def value(self, schema: Any, file: str, depth: int) -> Any:
        schema, file = self.flat(schema, file, depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.draw(st.sampled_from(schema["enum"]))
        kind = self.kind(schema, depth)
        if kind == "object":
            return self.object(schema, file, depth)
        if kind == "array":
            return self.array(schema, file, depth)
        if kind == "string":
            return self.draw(_texts(schema))
        if kind == "boolean":
            return self.draw(st.booleans())
        return None if kind == "null" else self.draw(_numbers(schema, whole=kind == "integer"))

    def flat(self, schema: Any, file: str, depth: int) -> tuple[dict[str, Any], str]:
        """A schema without ``$ref``, ``allOf``, ``anyOf`` and ``oneOf``: one way to fit it."""
        if not isinstance(schema, Mapping):
            return {}, file
        rest = {name: value for name, value in schema.items() if name not in ("$ref", "allOf", "anyOf", "oneOf")}
        parts: list[Any] = list(schema.get("allOf", ()))
        for choice in ("anyOf", "oneOf"):
            if schema.get(choice):
                ways = schema[choice]
                parts.append(ways[0] if depth > _DEEP else self.draw(st.sampled_from(ways)))
        if "$ref" in schema:
            found, where = self.referred(str(schema["$ref"]), file)
            rest, file = _joined(self.flat(found, where, depth)[0], rest), where
        for part in parts:
            rest = _joined(rest, self.flat(part, file, depth)[0])
        return rest, file

    def referred(self, reference: str, file: str) -> tuple[Any, str]:
        name, _, pointer = reference.partition("#")
        if name:
            file = posixpath.normpath(posixpath.join("/" + posixpath.dirname(file), name)).lstrip("/")
        at = self.load(file)
        for part in pointer.strip("/").split("/") if pointer.strip("/") else ():
            at = at[part.replace("~1", "/").replace("~0", "~")]
        return at, file

    def kind(self, schema: Mapping[str, Any], depth: int) -> str:
        said = schema.get("type")
        if isinstance(said, str):
            return said
        if isinstance(said, Sequence) and said:
            return str(said[0] if depth > _DEEP else self.draw(st.sampled_from(list(said))))
        for kind, words in _IMPLIED.items():
            if any(word in schema for word in words):
                return kind
        return str(self.draw(st.sampled_from(_TYPES[2:])))

    def object(self, schema: Mapping[str, Any], file: str, depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        made: dict[str, Any] = {}
        for name, inner in properties.items():
            if inner is not False and (name in required or (depth < _DEEP and self.draw(st.booleans()))):
                made[name] = self.value(inner, file, depth + 1)
        for name in required:
            if name not in made:
                made[name] = self.value(schema.get("additionalProperties", {}), file, depth + 1)
        others = schema.get("additionalProperties", {})
        while len(made) < schema.get("minProperties", 0):
            made[f"name{len(made)}"] = self.value(others, file, depth + 1)
        return made

    def array(self, schema: Mapping[str, Any], file: str, depth: int) -> list[Any]:
        first, rest = schema.get("prefixItems", ()), schema.get("items", {})
        least = max(schema.get("minItems", 0), 1 if "contains" in schema else 0)
        most = min(
            schema.get("maxItems", least + _MORE_ITEMS), least + _MORE_ITEMS, len(first) if rest is False else 9e9
        )
        count = least if depth > _DEEP else self.draw(st.integers(least, max(least, int(most))))
        made: list[Any] = []
        for place in range(count):
            inner = first[place] if place < len(first) else rest
            one = self.value(schema["contains"] if place == 0 and "contains" in schema else inner, file, depth + 1)
            if not schema.get("uniqueItems") or one not in made:
                made.append(one)
        return made


def _joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both schemas at once; where they say the same word otherwise, the second wins."""
    made = {**one, **other}
    if "properties" in one and "properties" in other:
        made["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        made["required"] = list(dict.fromkeys([*one["required"], *other["required"]]))
    return made


_DAYS = st.dates().filter(lambda day: day.year >= 1900)
_CLOCK = st.times().map(lambda time: time.replace(microsecond=0).isoformat() + "Z")
_FORMATS: Mapping[str, st.SearchStrategy[str]] = {
    "date": _DAYS.map(str),
    "time": _CLOCK,
    "date-time": st.tuples(_DAYS, _CLOCK).map(lambda pair: f"{pair[0]}T{pair[1]}"),
    "uuid": st.uuids().map(str),
    "email": st.from_regex(r"[a-z][a-z0-9]{0,9}@[a-z]{1,9}\.example", fullmatch=True),
    "hostname": st.from_regex(r"[a-z][a-z0-9]{0,9}\.example", fullmatch=True),
    "uri": st.from_regex(r"https://[a-z]{1,9}\.example/[a-z0-9]{0,9}", fullmatch=True),
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv6": st.ip_addresses(v=6).map(str),
}


def _texts(schema: Mapping[str, Any]) -> st.SearchStrategy[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    if "pattern" in schema:
        return _patterned(str(schema["pattern"])).filter(lambda text: least <= len(text) <= (most or len(text)))
    return st.text(_TEXT, min_size=least, max_size=most if most is not None else least + 20)


def _patterned(pattern: str) -> st.SearchStrategy[str]:
    """Texts that fit a pattern as JSON Schema reads it, where Python reads it alike; else any text."""
    try:
        found = re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), re.ASCII)
    except re.error:
        return st.text(_TEXT)
    return st.from_regex(found, alphabet=_TEXT)


def _numbers(schema: Mapping[str, Any], *, whole: bool) -> st.SearchStrategy[Any]:
    step = Decimal(str(schema.get("multipleOf", 1 if whole else Decimal("0.01"))))
    low, high = _bounds(schema, step)
    steps = st.integers(*(None if bound is None else int(bound) for bound in (low, high)))
    if low is None and high is None:
        steps = st.integers(-(10**9), 10**9)
    return steps.map(lambda count: int(count * step) if whole else count * step)


def _bounds(schema: Mapping[str, Any], step: Decimal) -> tuple[int | None, int | None]:
    """The least and the greatest number of steps."""
    low: list[int] = []
    high: list[int] = []
    for word, bounds, inside in (
        ("minimum", low, 0), ("exclusiveMinimum", low, 1), ("maximum", high, 0), ("exclusiveMaximum", high, -1),
    ):  # fmt: skip
        if word in schema and not isinstance(schema[word], bool):
            exact = Decimal(str(schema[word])) / step
            rounded = int(exact.to_integral_value("ROUND_CEILING" if bounds is low else "ROUND_FLOOR"))
            bounds.append(rounded + inside if rounded == exact else rounded)
    return max(low, default=None), min(high, default=None)
