"""HL7 v2 as text: delimiters, escapes, and the rows of a message (HL7 v2.5.1, chapter 2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from waypost.core.errors import DataError

_TAG = re.compile(r"[A-Z][A-Z0-9]{2}")
_KEPT = r"(?:\.[a-z]{2}[+-]?[0-9]*|[HN]|C[0-9A-F]{4}|M[0-9A-F]{4}(?:[0-9A-F]{2})?|Z[^\r\n]*?)"
"""Escapes of formatting, of other character sets and of the sender's own (section 2.7): they stay in texts as they are
written."""
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
MOST_VALUES = 500_000
Row = list[Any]
"""``["PID", field 1, field 2 …]``: a field is a list of repetitions, a repetition a list of components, a component a
text or a list of subcomponents. MSH holds its delimiters as texts at 1 and 2."""


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The marks of one message; those the standard recommends by default."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""
    """From version 2.7 on a message may name one."""

    @property
    def marks(self) -> str:
        """MSH-2."""
        return self.component + self.repetition + self.escape + self.subcomponent + self.truncation

    @property
    def codes(self) -> dict[str, str]:
        """What stands for each mark in an escape (section 2.7)."""
        named = {self.field: "F", self.component: "S", self.repetition: "R", self.subcomponent: "T", self.escape: "E"}
        return {**named, self.truncation: "P"} if self.truncation else named


def delimiters_of(first: str) -> Delimiters:
    """Those an MSH segment names. ``DataError`` where it does not."""
    separator = first[3:4]
    marks = first[4:].partition(separator)[0] if separator else ""
    used = separator + marks[:5]
    if len(used) < 3 or len(set(used)) != len(used) or any(c.isalnum() or c.isspace() or ord(c) < 33 for c in used):
        raise DataError(f"delimiters {used!r}", where="MSH-1 and MSH-2", expected="different marks such as |^~\\&",
                        remedy="have the sender correct it", code="hl7-delimiters")  # fmt: skip
    return Delimiters(separator, *marks[:5])


def read_rows(text: str) -> tuple[Delimiters, list[Row]]:
    """The rows of a message. ``DataError`` where a line is no segment or there is too much of it."""
    lines = [line for line in re.split(r"[\r\n]+", text) if line]
    if not lines or not lines[0].startswith("MSH"):
        raise DataError("no MSH segment", where="segment 1", expected="MSH", code="hl7-syntax")
    marks = delimiters_of(lines[0])
    if sum(map(text.count, marks.field + marks.component + marks.repetition + marks.subcomponent)) > MOST_VALUES:
        raise DataError(f"more than {MOST_VALUES} values", where="message", expected="fewer", code="hl7-size")
    return marks, [_row(line, number, marks) for number, line in enumerate(lines, 1)]


def _row(line: str, number: int, marks: Delimiters) -> Row:
    tag, *fields = line.split(marks.field)
    if not _TAG.fullmatch(tag):
        raise DataError(f"{tag[:20]!r}", where=f"segment {number}", expected="a segment of three letters or digits",
                        remedy="have the sender escape line ends within texts", code="hl7-syntax")  # fmt: skip
    if tag == "MSH":
        if number > 1:
            raise DataError("a second MSH", where=f"segment {number}", expected="one message", code="hl7-syntax")
        return [tag, marks.field, fields[0], *_fields(fields[1:], marks)]
    return [tag, *_fields(fields, marks)]


def _fields(texts: Sequence[str], marks: Delimiters) -> list[Any]:
    """The fields of a segment; most have components at most, and are quicker to read when that is known."""
    repetition, subcomponent, escape, component = marks.repetition, marks.subcomponent, marks.escape, marks.component
    made: list[Any] = []
    for text in texts:
        if not text:
            made.append([])
        elif repetition in text or subcomponent in text or (escape and escape in text):
            made.append(_field(text, marks))
        elif component in text:
            parts = _trimmed(text.split(component))
            made.append([parts] if parts else [])
        else:
            made.append([[text]])
    return _trimmed(made)


def _field(text: str, marks: Delimiters) -> list[Any]:
    return _trimmed([_repetition(part, marks) for part in text.split(marks.repetition)]) if text else []


def _repetition(text: str, marks: Delimiters) -> list[Any]:
    return _trimmed([_component(part, marks) for part in text.split(marks.component)]) if text else []


def _component(text: str, marks: Delimiters) -> Any:
    if marks.subcomponent in text:
        parts = _trimmed([unescaped(part, marks) for part in text.split(marks.subcomponent)])
        return parts if len(parts) > 1 else parts[0] if parts else ""
    return unescaped(text, marks)


def _trimmed(values: list[Any]) -> list[Any]:
    """Without what is empty at the end: it means nothing (section 2.10)."""
    while values and not values[-1]:
        values.pop()
    return values


def unescaped(text: str, marks: Delimiters) -> str:
    """``text`` with its escapes resolved, those of formatting apart; what is no escape stays as it is."""
    if marks.escape not in text:
        return text
    parts = text.split(marks.escape)
    made, at = [parts[0]], 1
    while at < len(parts):
        plain = _meaning(parts[at], marks) if at + 1 < len(parts) else None
        if plain is None:  # a mark that begins no escape stands for itself
            made.append(marks.escape + parts[at])
            at += 1
        else:
            made.append(plain + parts[at + 1])
            at += 2
    return "".join(made)


def _meaning(code: str, marks: Delimiters) -> str | None:
    for mark, named in marks.codes.items():
        if code == named:
            return mark
    if code[:1] == "X" and len(code) > 1 and len(code) % 2 and re.fullmatch("[0-9A-Fa-f]+", code[1:]):
        return bytes.fromhex(code[1:]).decode("latin-1")
    return f"{marks.escape}{code}{marks.escape}" if re.fullmatch(_KEPT, code) else None


def escaped(text: str, marks: Delimiters) -> str:
    """``text`` with its delimiters and control characters escaped; the escapes that were kept stay."""
    named = marks.codes
    special = re.compile("[" + re.escape("".join(named)) + _CONTROL.pattern[1:])
    if not special.search(text):
        return text
    made, at = [], 0
    for keep in re.finditer(f"{re.escape(marks.escape)}{_KEPT}{re.escape(marks.escape)}", text):
        made += [special.sub(lambda m: _escape(m[0], named, marks), text[at : keep.start()]), keep[0]]
        at = keep.end()
    return "".join(made) + special.sub(lambda m: _escape(m[0], named, marks), text[at:])


def _escape(character: str, named: dict[str, str], marks: Delimiters) -> str:
    return f"{marks.escape}{named.get(character) or f'X{ord(character):02X}'}{marks.escape}"


def write_row(row: Sequence[Any], marks: Delimiters, where: str) -> str:
    """A segment. ``DataError`` naming the field that cannot be written."""
    tag = row[0] if row else None
    if not isinstance(tag, str) or not _TAG.fullmatch(tag):
        raise DataError(f"a row that begins with {tag!r}", where=where, expected="a segment's name", code="hl7-row")
    first = 3 if tag == "MSH" else 1
    fields = [_write_field(value, marks, f"{where}, {tag}-{n}") for n, value in enumerate(row[first:], first)]
    start = [f"{tag}{marks.field}{marks.marks}"] if tag == "MSH" else [tag]
    return marks.field.join(start + _trimmed(fields))


def _write_field(value: Any, marks: Delimiters, where: str) -> str:
    if not isinstance(value, list | tuple):
        return _write_text(value, marks, where)
    return marks.repetition.join(_trimmed([_write_parts(item, marks, where, marks.component) for item in value]))


def _write_parts(value: Any, marks: Delimiters, where: str, separator: str) -> str:
    if not isinstance(value, list | tuple):
        return _write_text(value, marks, where)
    if separator == marks.component:
        return separator.join(_trimmed([_write_parts(item, marks, where, marks.subcomponent) for item in value]))
    return separator.join(_trimmed([_write_text(item, marks, where) for item in value]))


def _write_text(value: Any, marks: Delimiters, where: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        text = f"{value:f}" if isinstance(value, Decimal) and value.is_finite() else None
        if text is None or len(text) > 400:
            raise DataError(f"{str(value)[:40]!r}", where=where, expected="texts, numbers or nothing",
                            remedy="convert it in a map", code="hl7-value")  # fmt: skip
        return text
    return escaped(str(value), marks)
