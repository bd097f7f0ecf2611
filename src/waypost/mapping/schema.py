"""JSON Schema read as a shape: what a map needs to know of its source and target.

A mapping whose ``properties`` are listed is taken to have no others, unless ``additionalProperties`` or
``patternProperties`` say so: a path that the schema does not name is a mistake far more often than not. What a shape
cannot say (``not``, ``if``, patterns) is left to the validate step.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from waypost.core.errors import Fault
from waypost.core.yamlfile import parse_yaml
from waypost.mapping.shape import ANY, BOOL, LIST, MAP, MISSING, NUMBER, TEXT, WHOLE, Shape, of_value, union

_KINDS = {
    "string": TEXT, "number": NUMBER, "integer": WHOLE, "boolean": BOOL, "array": LIST, "object": MAP, "null": MISSING,
}  # fmt: skip
_MAX_DEPTH = 32
Load = Callable[[str], str | None]
"""The text of a project file; None where there is none (the loader has said so)."""


def read_schema(file: str, load: Load, faults: list[Fault]) -> Shape:
    """The shape that the JSON Schema in ``file`` describes; anything, with the reasons in ``faults``, for none."""
    return _Schemas(load, faults).shape_of(file, "", ())


class _Schemas:
    def __init__(self, load: Load, faults: list[Fault]) -> None:
        self.load, self.faults = load, faults
        self.documents: dict[str, Any] = {}
        self.known: dict[tuple[str, str], Shape] = {}

    def document(self, file: str) -> Any:
        if file not in self.documents:
            text = self.load(file)
            self.documents[file] = True if text is None else parse_yaml(text, file, self.faults).data
            if not isinstance(self.documents[file], Mapping | bool):
                self.faults.append(Fault(file, 1, "schema", "found no JSON Schema", "a mapping, as JSON or YAML"))
                self.documents[file] = True
        return self.documents[file]

    def shape_of(self, file: str, pointer: str, above: tuple[tuple[str, str], ...]) -> Shape:
        """What ``file#pointer`` describes; anything for one that refers to itself."""
        if (file, pointer) in above or len(above) > _MAX_DEPTH:
            return ANY
        if (file, pointer) not in self.known:
            self.known[file, pointer] = self.found(file, pointer, above)
        return self.known[file, pointer]

    def found(self, file: str, pointer: str, above: tuple[tuple[str, str], ...]) -> Shape:
        at = self.document(file)
        for part in pointer.lstrip("/").split("/") if pointer else ():
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(at, Mapping) or key not in at:
                text = f"$ref to {pointer!r}, which {file} does not have"
                self.faults.append(Fault(file, 0, "schema", text, "a part that there is"))
                return ANY
            at = at[key]
        return self.shape(at, file, (*above, (file, pointer)))

    def shape(self, schema: Any, file: str, above: tuple[tuple[str, str], ...]) -> Shape:
        if not isinstance(schema, Mapping) or len(above) > _MAX_DEPTH:
            return ANY
        above = (*above, (file, f"@{id(schema)}"))
        parts = [self.own(schema, file, above)]
        if isinstance(schema.get("$ref"), str):
            other, _, pointer = schema["$ref"].partition("#")
            found = posixpath.normpath(posixpath.join(posixpath.dirname(file), other)) if other else file
            parts.append(self.shape_of(found, pointer, above))
        parts += [self.shape(each, file, above) for each in schema.get("allOf") or ()]
        for word in ("anyOf", "oneOf"):
            if schema.get(word):
                parts.append(union(self.shape(each, file, above) for each in schema[word]))
        made = parts[0]
        for part in parts[1:]:
            made = _narrowed(made, part)
        return made

    def own(self, schema: Mapping[str, Any], file: str, above: tuple[tuple[str, str], ...]) -> Shape:
        listed = schema.get("type", [])
        named = [_KINDS[t] for t in ([listed] if isinstance(listed, str) else listed) if t in _KINDS]
        codes = schema.get("enum") if isinstance(schema.get("enum"), list) else None
        if "const" in schema:
            codes = [schema["const"]]
        if codes is not None:
            kinds = union(of_value(code) for code in codes).kinds if not named else frozenset(named)
        else:
            kinds = frozenset(named)
        properties = schema.get("properties")
        if not kinds and isinstance(properties, Mapping):
            kinds = frozenset((MAP,))
        elif not kinds and "items" in schema:
            kinds = frozenset((LIST,))
        needed = frozenset(name for name in schema.get("required") or () if isinstance(name, str))
        fields: dict[str, Shape] | None = None
        if isinstance(properties, Mapping) and properties:
            fields = {
                name: self.shape(each, file, above).maybe(name not in needed) for name, each in properties.items()
            }
            for name in needed - fields.keys():
                fields[name] = ANY
        more = schema.get("additionalProperties", False) is not False or "patternProperties" in schema
        item = self.shape(schema["items"], file, above) if isinstance(schema.get("items"), Mapping) else None
        longest = schema.get("maxLength")
        known = tuple(code for code in codes if code is not None) if codes is not None else None
        return Shape(
            kinds, fields, fields is not None and not more, needed, item, known,
            longest if isinstance(longest, int) else None,
        )  # fmt: skip


def _narrowed(one: Shape, other: Shape) -> Shape:
    """What fits both."""
    kinds = one.kinds & other.kinds if one.kinds and other.kinds else one.kinds | other.kinds
    if one.fields is not None and other.fields is not None:
        fields: Mapping[str, Shape] | None = {**other.fields, **one.fields}
    else:
        fields = one.fields if one.fields is not None else other.fields
    lengths = [each.longest for each in (one, other) if each.longest is not None]
    needed = one.needed | other.needed
    if fields is not None:
        fields = {name: shape.surely() if name in needed else shape for name, shape in fields.items()}
    return replace(
        one, kinds=kinds, fields=fields, closed=one.closed or other.closed, needed=needed,
        item=one.item if one.item is not None else other.item,
        codes=one.codes if one.codes is not None else other.codes,
        longest=min(lengths) if lengths else None,
    )  # fmt: skip
