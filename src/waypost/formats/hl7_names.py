"""Fields and components of HL7 v2 segments by name, both ways; the names are data (``hl7_names.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from waypost.core.errors import DataError, Fault, ProjectError, near
from waypost.core.yamlfile import parse_yaml
from waypost.formats.hl7_syntax import Row


@dataclass(frozen=True, slots=True)
class NamedField:
    """Field ``number`` of a segment, the names of its components, and whether it may repeat."""

    number: int
    name: str
    parts: tuple[str, ...]
    many: bool


@cache
def named_fields() -> Mapping[str, tuple[NamedField, ...]]:
    """The named fields of each segment."""
    faults: list[Fault] = []
    data = parse_yaml((files("waypost.formats") / "hl7_names.yaml").read_text("utf-8"), "hl7_names.yaml", faults).data
    if faults:
        raise ProjectError(faults)
    return {
        tag: tuple(_field(text, n, data["types"]) for n, text in enumerate(fields, 1) if text != "_")
        for tag, fields in data["segments"].items()
    }


def _field(text: str, number: int, types: Mapping[str, Sequence[str]]) -> NamedField:
    name, _, kind = text.partition(" ")
    return NamedField(number, name, tuple(types.get(kind.rstrip("*"), ())), kind.endswith("*"))


def by_name(row: Row) -> dict[str, Any]:
    """The fields of a segment that have a name and a value: lists where they may repeat, mappings where they have
    components. A segment that is not known has none."""
    made: dict[str, Any] = {}
    length = len(row)
    for field in named_fields().get(row[0], ()):
        if field.number >= length:
            break  # they stand in order
        if repetitions := row[field.number]:
            if field.many:
                made[field.name] = [_named(repetition, field.parts) for repetition in repetitions]
            else:
                made[field.name] = _named(repetitions[0], field.parts)
    return made


def _named(repetition: Sequence[Any], parts: Sequence[str]) -> Any:
    if not parts:
        return _first(repetition[0]) if repetition else ""
    texts = map(_first, repetition)
    return {name: text for name, text in zip(parts, texts, strict=False) if text}


def _first(component: Any) -> Any:
    """A component without its further subcomponents."""
    return component if isinstance(component, str) else component[0]


def row_of(segment: Mapping[Any, Any], where: str) -> Row:
    """The row of ``{segment: PID, name: [{family: …}], …}``. ``DataError`` naming what is not known."""
    tag = segment.get("segment")
    fields = named_fields().get(str(tag))
    if fields is None:
        raise DataError(f"the segment {tag!r}", where=where, expected="one whose fields have names",
                        remedy=near(str(tag), named_fields()) or "write it as a list of fields", code="hl7-row",
                        )  # fmt: skip
    known = {field.name: field for field in fields}
    row: Row = [str(tag)]
    for name, value in segment.items():
        if name == "segment" or value is None:
            continue
        field = known.get(name)
        if field is None:
            raise DataError(f"the field {name!r}", where=f"{where}, {tag}", expected="a field of that segment",
                            remedy=near(str(name), known), code="hl7-row")  # fmt: skip
        row.extend([] for _ in range(field.number + 1 - len(row)))
        items = value if isinstance(value, list | tuple) else [value]
        row[field.number] = [_parts(item, field, f"{where}, {tag}.{name}") for item in items]
    return row


def _parts(item: Any, field: NamedField, where: str) -> list[Any]:
    if not isinstance(item, Mapping):
        return [item]
    unknown = [name for name in item if name not in field.parts]
    if unknown:
        raise DataError(f"the component {unknown[0]!r}", where=where,
                        expected=", ".join(field.parts) or "a plain value", remedy=near(str(unknown[0]), field.parts),
                        code="hl7-row")  # fmt: skip
    return [item.get(name) for name in field.parts]
