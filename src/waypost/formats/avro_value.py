"""Avro schemas that are safe to read by, and Avro values as documents and back."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from waypost.core.errors import DataError

_DEPTH = 64


def refuse_schema(schema: Any) -> None:
    """``DataError`` for a schema by which few bytes may become any amount of memory: records within themselves, values
    of no bytes in numbers."""
    _look(schema, {}, (), 0)
    if _is_empty(schema, {}):
        raise _refused("records of no bytes")


def _look(schema: Any, named: dict[str, Any], open_names: tuple[str, ...], depth: int) -> None:
    if depth > _DEPTH:
        raise _refused(f"more than {_DEPTH} levels")
    if isinstance(schema, str):
        if schema in open_names:
            raise _refused(f"the record {schema[:80]!r} within itself")
    elif isinstance(schema, list):
        for branch in schema:
            _look(branch, named, open_names, depth + 1)
    elif isinstance(schema, Mapping):
        kind = schema.get("type")
        if kind in ("record", "error"):
            name = str(schema.get("name"))
            named[name] = schema
            for field in schema.get("fields", ()):
                _look(field.get("type"), named, (*open_names, name), depth + 1)
        elif kind in ("array", "map"):
            inner = schema.get("items" if kind == "array" else "values")
            _look(inner, named, open_names, depth + 1)
            if kind == "array" and _is_empty(inner, named):
                raise _refused("a list of values of no bytes")
        elif kind == "fixed":
            named[str(schema.get("name"))] = schema
        elif not isinstance(kind, str):
            _look(kind, named, open_names, depth + 1)


def _is_empty(schema: Any, named: Mapping[str, Any]) -> bool:
    """Whether a value may take no byte at all."""
    if isinstance(schema, str):
        return schema == "null" or (schema in named and _is_empty(named[schema], named))
    if isinstance(schema, Mapping):
        kind = schema.get("type")
        if kind in ("record", "error"):
            return all(_is_empty(field.get("type"), named) for field in schema.get("fields", ()))
        return schema.get("size") == 0 if kind == "fixed" else kind == "null" or _is_nested(kind, named)
    return False


def _is_nested(kind: Any, named: Mapping[str, Any]) -> bool:
    return isinstance(kind, Mapping) and _is_empty(kind, named)


def _refused(found: str) -> DataError:
    return DataError(f"a schema with {found}", where="header", expected="values whose size their bytes bound",
                     code="avro-schema")  # fmt: skip


def as_document(value: Any) -> Any:
    """Plain values: bytes in Base64, dates and times in ISO form, ids as text, numbers exact."""
    if isinstance(value, dict):
        return {key: as_document(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_document(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float):
        return Decimal(repr(value)) if value == value and abs(value) != float("inf") else None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def as_value(document: Any, schema: Any, named: Mapping[str, Any], where: str) -> Any:
    """What fastavro writes by a parsed schema. ``DataError`` where text is not what its type says."""
    if isinstance(schema, str) and schema in named:
        schema = named[schema]
    if isinstance(schema, list):
        if document is None or len(schema) > 2:
            return document
        return as_value(document, next((s for s in schema if s != "null"), "null"), named, where)
    kind, logical = (schema.get("type"), schema.get("logicalType")) if isinstance(schema, Mapping) else (schema, None)
    if kind == "record" and isinstance(document, Mapping):
        fields = {field["name"]: field["type"] for field in schema["fields"]}
        unknown = [name for name in document if name not in fields]
        if unknown:
            raise DataError(f"the field {unknown[0]!r}", where=where, expected=", ".join(fields)[:200],
                            remedy="drop it in a map", code="avro-value")  # fmt: skip
        return {n: as_value(v, fields[n], named, f"{where}.{n}") for n, v in document.items()}
    if kind == "array" and isinstance(document, list | tuple):
        return [as_value(item, schema["items"], named, f"{where}[{n}]") for n, item in enumerate(document)]
    if kind == "map" and isinstance(document, Mapping):
        return {key: as_value(item, schema["values"], named, f"{where}.{key}") for key, item in document.items()}
    try:
        return _plain(document, kind, logical)
    except (ValueError, TypeError, binascii.Error):
        raise DataError(f"{str(document)[:40]!r}", where=where, expected=f"{logical or kind}",
                        remedy="convert it in a map", code="avro-value") from None  # fmt: skip


def _plain(document: Any, kind: Any, logical: Any) -> Any:
    if isinstance(document, str):
        if logical in ("timestamp-millis", "timestamp-micros", "local-timestamp-millis", "local-timestamp-micros"):
            return datetime.fromisoformat(document)
        if logical in ("date", "time-millis", "time-micros"):
            return (date if logical == "date" else time).fromisoformat(document)
        if kind in ("bytes", "fixed") and logical is None:
            return base64.b64decode(document, validate=True)
    if isinstance(document, int | Decimal) and not isinstance(document, bool):
        if logical == "decimal":
            return Decimal(document)
        if kind in ("float", "double"):
            return float(document)
    return document
