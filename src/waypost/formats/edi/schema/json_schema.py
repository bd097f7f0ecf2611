"""The JSON Schema of a message read by name, for maps to be checked against."""

from __future__ import annotations

from typing import Any

from waypost.formats.edi.schema.model import UNLIMITED, Composite, Element, Loop, Schema, Use
from waypost.formats.edi.schema.names import ORDER, Names, element_name, shape

_MOST_CODES = 60
Made = dict[str, Any]


def json_schema(schema: Schema) -> Made:
    """What a document with this message's ``body`` looks like."""
    body = _level(Names(schema), schema.root)
    title = f"{schema.name}, read by name"
    return {"title": title, "type": "object", "required": ["body"], "properties": {"body": body},
            "additionalProperties": True}  # fmt: skip


def _level(names: Names, loop: Loop) -> Made:
    properties: Made = {}
    required = []
    for name, item in zip(names.of(loop), loop.body, strict=True):
        one = _level(names, item) if isinstance(item, Loop) else _segment(item)
        properties[name.text] = {"type": "array", "items": one} if name.many else one
        if item.required:
            required.append(name.text)
    properties[ORDER] = {"type": "array", "items": {"type": "string"}}
    return _object(properties, required)


def _segment(use: Use) -> Made:
    if not use.segment.described:
        return {"type": "object", "additionalProperties": True}
    numbered = [(element_name(at), item) for at, item in enumerate(use.segment.elements, 1) if _kept(item)]
    return _object({name: _element(item) for name, item in numbered}, [n for n, item in numbered if item.required])


def _element(item: Element | Composite) -> Made:
    parts = item.parts if isinstance(item, Composite) else (item,)
    if not shape(item) and isinstance(item, Element):
        return _text(item)
    numbered = [(str(at), part) for at, part in enumerate(parts, 1) if _kept(part)]
    one = _object(
        {name: _text(part) for name, part in numbered},
        [name for name, part in numbered if part.required or isinstance(item, Element)],
    )
    return {"type": "array", "items": one} if shape(item) == 2 else one


def _kept(item: Element | Composite) -> bool:
    """Whether a guide leaves the element in."""
    return not (isinstance(item, Element) and item.kind == "-")


def _text(item: Element) -> Made:
    made: Made = {"type": "string"}
    if 0 < item.maximum < UNLIMITED and item.kind in ("AN", "ID", "an", "a"):
        made["maxLength"] = item.maximum
    if 0 < len(item.codes) <= _MOST_CODES:
        made["enum"] = sorted(item.codes)
    return made


def _object(properties: Made, required: list[str]) -> Made:
    made: Made = {"type": "object", "properties": properties}
    return {**made, "required": required} if required else made
