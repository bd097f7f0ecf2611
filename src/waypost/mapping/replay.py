"""A map evaluated rule by rule, to find the rule that failed and say so in the words of its author."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from waypost.core.errors import DataError
from waypost.mapping import access
from waypost.mapping.document import Entry, Group, Loop, MapDocument, Rule
from waypost.mapping.fault import ExpressionError, Refused
from waypost.mapping.interpreter import Interpreter
from waypost.mapping.lookup import Table
from waypost.mapping.operation import MAX_MAP_WORK
from waypost.mapping.parsed import Parsed
from waypost.mapping.reader import INDEX


def apply_slowly(document: MapDocument, body: Any, now: int, tables: Mapping[str, Table]) -> dict[str, Any]:
    """The same as the compiled map; raises ``DataError`` naming file, line, target, expression and values."""
    return _Replay(document, body, now, tables).entries(document.entries, {}, "", looping=False)


class _Replay:
    def __init__(self, document: MapDocument, body: Any, now: int, tables: Mapping[str, Table]) -> None:
        self.document, self.body, self.now, self.tables = document, body, now, tables
        self.work = [MAX_MAP_WORK]

    def value(self, parsed: Parsed, entry: Entry, place: str, scope: Mapping[str, Any], looping: bool) -> Any:
        interpreter = Interpreter(parsed, self.body, self.now, self.tables, self.work)
        try:
            return interpreter.evaluate(scope, looping=looping)
        except ExpressionError as error:
            raise self.error(entry, place, error.found, error.expected, error.remedy, error.where) from None

    def error(
        self, entry: Entry, place: str, found: str, expected: str, remedy: str, expression: str
    ) -> DataError:  # fmt: skip
        where = f"{self.document.file}:{entry.line}: {place} ← {expression}"
        return DataError(found, where=where, expected=expected, remedy=remedy)

    def entries(
        self, entries: Sequence[Entry], scope: Mapping[str, Any], above: str, *, looping: bool
    ) -> dict[str, Any]:  # fmt: skip
        made: dict[str, Any] = {}
        for entry in entries:
            place = f"{above}{entry.name}"
            if entry.when is not None and not self.value(entry.when, entry, place, scope, looping):
                continue
            if isinstance(entry, Group):
                value: Any = self.entries(entry.entries, scope, f"{place}.", looping=looping) or None
            elif isinstance(entry, Loop):
                value = self.loop(entry, scope, place, looping)
            else:
                value = self.rule(entry, scope, place, looping)
            if value is not None or (isinstance(entry, Rule) and entry.null):
                made[entry.name] = value
        return made

    def rule(self, rule: Rule, scope: Mapping[str, Any], place: str, looping: bool) -> Any:
        if rule.source is None:
            return rule.value
        value = self.value(rule.source, rule, place, scope, looping)
        if value is None and rule.default is not None:
            value = self.value(rule.default, rule, place, scope, looping)
        return value

    def loop(self, loop: Loop, scope: Mapping[str, Any], place: str, looping: bool) -> list[Any] | None:
        listed = self.value(loop.each, loop, place, scope, looping)
        if listed is None:
            return None
        try:
            found = access.items(listed, self.work, loop.weight)
        except Refused as refused:
            raise self.error(
                loop, place, refused.found, refused.expected, refused.remedy, f"`{loop.each.text}`"
            ) from None
        made: list[Any] = []
        for index, item in enumerate(found):
            inner = {**scope, loop.variable: item, INDEX: index}
            here = f"{place}[{index}]"
            if loop.where is not None and not self.value(loop.where, loop, here, inner, True):
                continue
            if loop.item is None:
                made.append(self.entries(loop.entries, inner, f"{here}.", looping=True))
                continue
            value = self.rule(loop.item, inner, here, True)
            if value is not None or loop.item.null:
                made.append(value)
        return made
