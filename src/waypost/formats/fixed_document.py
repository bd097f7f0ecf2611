"""The lines of a multi-record file as one nested document, and back; counts and totals are checked, or made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from waypost.formats.fixed_layout import Check, Layout, Use
from waypost.formats.fixed_line import Faults, LineCodec

_MOST_FAULTS = 100
Line = tuple[str, str, dict[str, Any]]
"""Where it stands, its record's name, its fields."""


class DocumentCodec:
    """Reads lines by the structure of a layout: one greedy pass, since each item begins with a record of its own."""

    def __init__(self, layout: Layout, codec: LineCodec) -> None:
        self._layout, self._codec = layout, codec

    def read(self, texts: Sequence[str], faults: Faults) -> dict[str, Any]:
        lines: list[Line] = []
        for number, text in enumerate(texts, 1):
            if text.strip() and (line := self._codec.read(text, f"line {number}", faults)):
                lines.append((f"line {number}", *line))
            if len(faults) > _MOST_FAULTS:
                return {}
        end, document = self._body(self._layout.structure, lines, 0, faults)
        if end < len(lines) and not faults:
            faults.append(f"{lines[end][0]}: a record {lines[end][1]!r} out of place; expected the end of the content")
        return document

    def _body(self, use: Use, lines: Sequence[Line], at: int, faults: Faults) -> tuple[int, dict[str, Any]]:
        start, made = at, dict[str, Any]()
        for item in use.body:
            found: list[dict[str, Any]] = []
            while at < len(lines) and lines[at][1] == item.first and (item.most == "many" or not found):
                if item.body:
                    at, inner = self._body(item, lines, at, faults)
                    found.append(inner)
                else:
                    found.append(lines[at][2])
                    at += 1
            if len(found) < item.least:
                where = lines[at][0] if at < len(lines) else "at the end"
                instead = f" but {lines[at][1]!r}" if at < len(lines) else ""
                faults.append(f"{where}: no {item.first!r}{instead}; expected at least one {item.name!r}")
            if found or item.most == "many":
                made[item.name] = found if item.most == "many" else found[0]
        self._check(use.checks, lines[start:at], faults)
        return at, made

    def _check(self, checks: Sequence[Check], lines: Sequence[Line], faults: Faults) -> None:
        for check in checks:
            made = _expected(check, [(name, values) for _, name, values in lines])
            for where, name, values in lines:
                if name == check.record and values[check.field] is not None and values[check.field] != made:
                    faults.append(f"{where}, field {check.field}: found {values[check.field]}; expected {made}")

    def write(self, document: Any, faults: Faults) -> list[str]:
        if not isinstance(document, Mapping):
            faults.append(f"document: a {type(document).__name__}; expected a mapping of records")
            return []
        records = list(self._flat(self._layout.structure, document, "", faults))
        if faults:
            return []
        return [self._codec.write(name, values, where or name, faults) for where, name, values in records]

    def _flat(self, use: Use, values: Mapping[Any, Any], where: str, faults: Faults) -> Iterator[Line]:
        """The records of a body in order, counts and totals filled in."""
        for key in values:
            if key not in {item.name for item in use.body}:
                faults.append(f"{where or 'document'}: {key!r} is no record here; drop it in a map")
        lines: list[Line] = []
        for item in use.body:
            value = values.get(item.name)
            items = value if isinstance(value, list | tuple) else [] if value is None else [value]
            if len(items) < item.least or (item.most == "one" and len(items) > 1):
                words = "one" if item.most == "one" else "at least one"
                faults.append(f"{where or 'document'}: {len(items)} of {item.name!r}; expected {words}")
            for number, one in enumerate(items):
                here = f"{where}.{item.name}[{number}]".lstrip(".")
                if not isinstance(one, Mapping):
                    faults.append(f"{here}: a {type(one).__name__}; expected a mapping")
                elif item.body:
                    lines.extend(self._flat(item, one, here, faults))
                else:
                    lines.append((here, item.name, dict(one)))
        for check in use.checks:
            self._fill(check, lines, faults)
        yield from lines

    @staticmethod
    def _fill(check: Check, lines: Sequence[Line], faults: Faults) -> None:
        try:
            made = _expected(check, [(name, values) for _, name, values in lines])
        except (TypeError, ArithmeticError):
            faults.append(f"{check.record}.{check.field}: {'.'.join(check.sums)} is no number everywhere")
            return
        for where, name, values in lines:
            if name == check.record:
                if values.get(check.field) not in (None, made):
                    faults.append(f"{where}, field {check.field}: found {values[check.field]}; expected {made}")
                values[check.field] = made


def _expected(check: Check, records: Sequence[tuple[str, Mapping[str, Any]]]) -> int | Decimal:
    if check.counts:
        return sum(name in check.counts for name, _ in records)
    record, field = check.sums
    total: int | Decimal = 0
    for name, values in records:
        if name == record:
            total += values.get(field) or 0
    return total
