"""Where each value of an Avro block stands in its unpacked bytes, by the schema it was written with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from waypost.formats.avro_block import varint

Part = str | int | None
Range = tuple[int, int]
_SIZES = {"null": 0, "boolean": 1, "float": 4, "double": 8}


class AvroPlaces:
    """The places of one block: ``body`` are its records, unpacked."""

    def __init__(self, body: bytes, schema: Any, count: int) -> None:
        self._body, self._schema, self._count = body, schema, count
        self._named: dict[str, Any] = {}
        _collect(schema, self._named)

    def range_of(self, path: Sequence[Part]) -> Range | None:
        """The bytes of a value of ``{"records": […]}``; None for what stands in none, and for a list of several."""
        if len(path) < 2 or path[0] != "records" or not isinstance(path[1], int) or not 0 <= path[1] < self._count:
            return None
        at = 0
        for _ in range(path[1]):
            at = self._over(self._schema, at)
        return self._find(self._schema, at, path[2:])

    def _kind(self, schema: Any) -> tuple[Any, Any]:
        """What a schema is at last, and its name."""
        while True:
            if isinstance(schema, str) and schema in self._named:
                schema = self._named[schema]
            elif isinstance(schema, Mapping) and not isinstance(schema["type"], str):
                schema = schema["type"]
            else:
                return schema, schema["type"] if isinstance(schema, Mapping) else schema

    def _find(self, schema: Any, at: int, path: Sequence[Part]) -> Range | None:
        schema, kind = self._kind(schema)
        if isinstance(schema, list):
            branch, at = varint(self._body, at)
            return self._find(schema[branch], at, path)
        if not path:
            return at, self._over(schema, at)
        first, rest = path[0], path[1:]
        if kind in ("record", "error"):
            for field in schema["fields"]:
                if field["name"] == first:
                    return self._find(field["type"], at, rest)
                at = self._over(field["type"], at)
        elif kind in ("array", "map"):
            return self._item(schema, kind, at, first, rest)
        return None

    def _item(self, schema: Any, kind: str, at: int, wanted: Part, rest: Sequence[Part]) -> Range | None:
        """An item of an array by its number, or of a map by its key; of a key written twice the last counts."""
        seen, found = 0, None
        while True:
            count, at = varint(self._body, at)
            if not count:
                return found
            if count < 0:
                count, (_, at) = -count, varint(self._body, at)
            for _ in range(count):
                name: Part = seen
                if kind == "map":
                    size, start = varint(self._body, at)
                    at, name = start + size, self._body[start : start + size].decode("utf-8", "replace")
                inner = schema["items" if kind == "array" else "values"]
                if name == wanted and type(name) is type(wanted):
                    found = self._find(inner, at, rest)
                at, seen = self._over(inner, at), seen + 1

    def _over(self, schema: Any, at: int) -> int:
        """Behind the value at ``at``."""
        schema, kind = self._kind(schema)
        if isinstance(schema, list):
            branch, at = varint(self._body, at)
            return self._over(schema[branch], at)
        if kind in ("record", "error"):
            for field in schema["fields"]:
                at = self._over(field["type"], at)
            return at
        if kind in ("array", "map"):
            return self._over_items(schema["items" if kind == "array" else "values"], at, keys=kind == "map")
        if kind in ("bytes", "string"):
            size, at = varint(self._body, at)
            return at + size
        if kind == "fixed":
            return at + int(schema["size"])
        return at + _SIZES[kind] if kind in _SIZES else varint(self._body, at)[1]

    def _over_items(self, inner: Any, at: int, *, keys: bool) -> int:
        while True:
            count, at = varint(self._body, at)
            if not count:
                return at
            if count < 0:
                size, at = varint(self._body, at)
                at += size
                continue
            for _ in range(count):
                at = self._over(inner, self._over("string", at) if keys else at)


def _collect(schema: Any, named: dict[str, Any]) -> None:
    if isinstance(schema, list):
        for branch in schema:
            _collect(branch, named)
    elif isinstance(schema, Mapping):
        if schema.get("type") in ("record", "error", "enum", "fixed"):
            named[str(schema["name"])] = schema
        for field in schema.get("fields", ()):
            _collect(field["type"], named)
        for key in ("type", "items", "values"):
            if isinstance(schema.get(key), Mapping | list):
                _collect(schema[key], named)
