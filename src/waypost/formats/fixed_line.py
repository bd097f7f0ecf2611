"""One line of a fixed-width file: which record it is, and its fields as values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from waypost.core.errors import DataError, near
from waypost.formats.fixed_layout import Field, Layout, RecordType

_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")
Faults = list[str]


class LineCodec:
    """Reads and writes the lines of a layout. What is wrong is added to ``faults``, each with its place."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def type_of(self, line: str) -> RecordType | None:
        """The record type whose constants stand in ``line``."""
        for record in self._layout.records.values():
            if all(_cut(line, field) == field.value for field in record.constants):
                return record
        return None

    def read(self, line: str, where: str, faults: Faults) -> tuple[str, dict[str, Any]] | None:
        """The record's name and its fields; a line may end early where only blanks are missing."""
        record = self.type_of(line)
        if record is None:
            faults.append(f"{where}: {line[:20]!r} begins no record; expected one of {', '.join(self._layout.records)}")
            return None
        if line[record.length :].strip():
            faults.append(f"{where}, column {record.length + 1}: {len(line)} characters; expected {record.length}")
        if self._layout.length and len(line) < self._layout.length and not self._layout.separated:
            faults.append(f"{where}: {len(line)} characters; expected {self._layout.length}")
        made: dict[str, Any] = {}
        for field in record.fields:
            made[field.name] = _value(_cut(line, field), field, where, faults)
        return record.name, made

    def write(self, name: str, values: Mapping[Any, Any], where: str, faults: Faults) -> str:
        record = self._layout.records[name]
        fields = {field.name for field in record.fields}
        for key in values:
            if key not in fields and key != "record":
                faults.append(f"{where}: {key!r} is no field of {name}; {near(str(key), fields) or 'drop it in a map'}")
        line = ""
        for field in record.fields:
            line = line.ljust(field.start) + _text(
                values.get(field.name), field, f"{where}, field {field.name}", faults
            )
        return line.ljust(record.length)


def _cut(line: str, field: Field) -> str:
    text = line[field.start : field.end]
    return text.strip(" ") if field.value is None else text.rstrip(" ")


def _value(text: str, field: Field, where: str, faults: Faults) -> Any:
    place = f"{where}, column {field.start + 1}, field {field.name}"
    if not text:
        if field.required:
            faults.append(f"{place}: empty; expected a value")
        return "" if field.kind == "text" else None
    if field.value is not None or field.kind == "text":
        return text
    try:
        return _date(text, field) if field.kind == "date" else _number(text, field)
    except ValueError:
        faults.append(f"{place}: found {text[:40]!r}; expected {_words(field)}")
        return None


def _date(text: str, field: Field) -> str | None:
    if not text.strip("0"):
        return None  # zeros stand for no date
    moment = datetime.strptime(text, field.format)
    time = any(part in field.format for part in ("%H", "%M", "%S"))
    return moment.isoformat() if time else moment.date().isoformat()


def _number(text: str, field: Field) -> int | Decimal:
    match = _NUMBER.fullmatch(text)
    if match is None or (match[1] and (field.kind == "integer" or field.places is not None)):
        raise ValueError(text)
    if field.kind == "integer":
        return int(text)
    return Decimal(text).scaleb(-field.places) if field.places else Decimal(text)


def _words(field: Field) -> str:
    if field.kind == "date":
        return f"a date by {field.format}"
    if field.kind == "integer":
        return "a whole number"
    return f"digits, the last {field.places} of them decimals" if field.places is not None else "a decimal"


def _text(value: Any, field: Field, where: str, faults: Faults) -> str:
    width = field.end - field.start
    if field.value is not None:
        if value not in (None, "", field.value):
            faults.append(f"{where}: found {str(value)[:40]!r}; expected {field.value!r}, or nothing")
        return field.value.ljust(width)
    text = "" if value is None else _written(value, field)
    if text is None:
        faults.append(
            f"{where}: found {str(value)[:40]!r}; expected {_words(field) if field.kind != 'text' else 'text'}"
        )
        text = ""
    if not text and field.required:
        faults.append(f"{where}: nothing; expected a value")
    if len(text) > width:
        faults.append(f"{where}: {len(text)} characters, {text[:40]!r}; expected at most {width}")
        text = ""
    if not text:
        return " " * width
    if field.right and field.pad == "0" and text[0] in "-+":
        return text[0] + text[1:].rjust(width - 1, "0")
    return text.rjust(width, field.pad) if field.right else text.ljust(width, field.pad)


def _written(value: Any, field: Field) -> str | None:
    if field.kind == "date":
        try:
            text = datetime.fromisoformat(value).strftime(field.format)
            return text if len(text) == field.end - field.start else None
        except (TypeError, ValueError):
            return None
    if field.kind == "text":
        if isinstance(value, str):
            return value if value.isprintable() else None
        return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return _digits(Decimal(value), field)


def _digits(value: Decimal, field: Field) -> str | None:
    """``value`` in the field's digits; None where that would round it."""
    if not value.is_finite() or abs(value.adjusted()) > field.end - field.start + 20:
        return None
    scaled = value.scaleb(field.places or 0)
    if (field.kind == "integer" or field.places is not None) and scaled != scaled.to_integral_value():
        return None
    return f"{int(scaled)}" if field.kind == "integer" or field.places is not None else f"{value:f}"


def refuse(faults: Sequence[str], code: str) -> DataError:
    """All faults of a document as one error."""
    more = f"; and {len(faults) - 20} more" if len(faults) > 20 else ""
    where, _, found = faults[0].partition(": ")
    return DataError("; ".join([found, *faults[1:20]]) + more, where=where, code=code,
                     details=[{"fault": fault, **_finding(fault)} for fault in faults[:20]])  # fmt: skip


def _finding(fault: str) -> dict[str, str]:
    """The parts every finding has (``waypost.core.finding``)."""
    where, _, rest = fault.partition(": ")
    found, _, expected = rest.partition("; expected ")
    return {"path": where, "rule": "layout", "found": found, "expected": expected}
