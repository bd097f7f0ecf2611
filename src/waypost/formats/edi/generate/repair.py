"""Makes the rules of a schema hold in a message that was made by chance."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from decimal import Decimal

from waypost.formats.edi.examine.release import hide
from waypost.formats.edi.generate.value import Row
from waypost.formats.edi.schema.condition import violations
from waypost.formats.edi.schema.model import Element, Schema, Segment
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.schema.rule import CompiledRule
from waypost.formats.edi.schema.validator import Validator

_ROUNDS = 6


class Repair:
    """Writes totals, fills what is needed, and remembers segments that rules ask for."""

    def __init__(self, schema: Schema, validator: Validator, marks: Marks) -> None:
        self._validator, self._marks = validator, marks
        used = {use.tag: use.segment for use in reversed(list(schema.root.uses()))}
        self._segments: Mapping[str, Segment] = {**schema.segments, **used}
        """Each segment as a guide narrows it where it is first used."""
        self._rules = {rule.rule.id: rule for rule in validator.rules}

    def mended(self, rows: list[Row], wanted: set[tuple[str, str]]) -> bool:
        """Whether all rules hold in the end. A segment that a rule asks for is added to ``wanted``, by its loop."""
        if not self._rules:
            return True
        for _ in range(_ROUNDS):
            broken = self._validator.broken([hide(self._marks.element.join(row), self._marks) for row in rows])
            if not broken:
                return True
            changed = False
            for rule, index, loop, expected in broken:
                changed = self._mend(rows, rule, index, loop, expected, wanted) or changed
            if not changed:
                return False
        return False

    def _mend(
        self, rows: list[Row], rule: CompiledRule, index: int, loop: str, expected: object, wanted: set[tuple[str, str]]
    ) -> bool:
        tag, element, component = rule.place
        if rule.needed and not element:
            wanted.add((loop, tag))
            return False
        row = rows[index] if index < len(rows) else []
        if not row or row[0] != tag or not element:
            return False
        if rule.needed:
            text: str | None = self._filled(tag, element)
        else:
            text = _written(expected, self._decimals(tag, element)) if _equates(rule) else None
        if text is None:
            return False
        row += [""] * (element + 1 - len(row))
        parts = row[element].split(self._marks.component) if component else [row[element]]
        parts += [""] * (max(component, 1) - len(parts))
        changed = parts[max(component, 1) - 1] != text
        parts[max(component, 1) - 1] = text
        row[element] = self._marks.component.join(parts)
        self._complete(row)
        return changed

    def _complete(self, row: Row) -> None:
        """Fill what the conditions of a segment ask for beside what was filled."""
        segment = self._segments.get(row[0])
        for note in segment.notes if segment else ():
            present = frozenset(n for n in range(1, len(row)) if row[n])
            for violation in violations(note):
                for number in violation.absent if violation.missing and violation.shown_by(present) else ():
                    row += [""] * (number + 1 - len(row))
                    row[number] = row[number] or self._filled(row[0], number) or ""

    def _decimals(self, tag: str, element: int) -> int:
        items = self._segments[tag].elements if tag in self._segments else ()
        item = items[element - 1] if element <= len(items) else None
        return int(item.kind[1]) if isinstance(item, Element) and item.kind[0] == "N" and item.kind[1:] else 0

    def _filled(self, tag: str, element: int) -> str | None:
        items = self._segments[tag].elements if tag in self._segments else ()
        item = items[element - 1] if element <= len(items) else None
        if not isinstance(item, Element) or item.kind == "-":
            return None
        if item.codes:
            return sorted(item.codes)[0]
        return {"DT": "20260331", "TM": "1230"}.get(item.kind, "1" * max(item.minimum, 1))


def _equates(rule: CompiledRule) -> bool:
    """Whether a rule asks one element to be what others make it."""
    tree = ast.parse(rule.rule.expression.strip(), mode="eval").body
    while isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "implies":
        tree = tree.args[1]
    return isinstance(tree, ast.Compare) and isinstance(tree.ops[0], ast.Eq) and isinstance(tree.left, ast.BinOp)


def _written(value: object, decimals: int) -> str | None:
    """A value as an element holds it."""
    if isinstance(value, int | Decimal):
        number = Decimal(value).scaleb(decimals) if decimals else Decimal(value)
        text = f"{number:f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
    return value if isinstance(value, str) else None
