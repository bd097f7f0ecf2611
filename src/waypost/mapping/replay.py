"""A map evaluated rule by rule: to find the rule that failed and say so in the words of its author, and to follow what
its rules say about errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from waypost.core.errors import DataError
from waypost.mapping import access
from waypost.mapping.bundle import Bundle
from waypost.mapping.document import Entry, Group, Loop, Rule, Source, Use
from waypost.mapping.fault import ExpressionError, Refused, UnmappedValue
from waypost.mapping.interpreter import Interpreter
from waypost.mapping.operation import MAX_MAP_WORK, anew
from waypost.mapping.parsed import Parsed
from waypost.mapping.reading import GROUP, INDEX

_MOST_ERRORS = 100
Scope = Mapping[str, Any]
Saw = Callable[[str, Entry, str], None]
"""Told of each branch that is taken: the map's file, the entry, and ``made``, ``default``, ``error``, ``when true``,
``when false``, ``where true``, ``where false`` or ``item``."""


def unseen(file: str, entry: Entry, branch: str) -> None:
    """Nobody watches."""


def apply_slowly(bundle: Bundle, body: Any, now: int, saw: Saw = unseen) -> dict[str, Any]:
    """The same as the compiled map; raises ``DataError`` naming file, line, target, expression and values."""
    collected: list[DataError] = []
    replay = Replay(bundle, body, now, [MAX_MAP_WORK], collected, saw)
    made = replay.entries(bundle.document.entries, {}, "", looping=False)
    if not collected:
        return made
    if bundle.document.errors:
        return {**made, bundle.document.errors: [_told(error) for error in collected[:_MOST_ERRORS]]}
    raise _together(collected)


def evaluate_rule(bundle: Bundle, rule: Rule, body: Any, scope: Scope, saw: Saw = unseen) -> Any:
    """The value of one rule alone, as its test cases ask for it; None where its target is left out."""
    replay = Replay(bundle, body, 0, [MAX_MAP_WORK], [], saw)
    if not replay.wanted(rule, rule.path, scope, False):
        return None
    return replay.rule(rule, scope, rule.path, False)


def _told(error: DataError) -> dict[str, Any]:
    return {"where": error.where, "error": error.found, "expected": error.expected}


def _together(errors: list[DataError]) -> DataError:
    first = next((error for error in errors if isinstance(error, UnmappedValue)), errors[0])
    if len(errors) == 1 or isinstance(first, UnmappedValue):
        return first  # what waits for a row is judged again when it is there
    details = [_told(error) for error in errors[:_MOST_ERRORS]]
    text = "; ".join(str(error) for error in errors[:20])
    return DataError(f"{len(errors)} rules failed: {text}", where=first.where.partition(":")[0], details=details)


class Replay:
    """One document on its way through a map, entry by entry; ``collected`` takes the errors of tolerant rules."""

    def __init__(
        self,
        bundle: Bundle,
        body: Any,
        now: int,
        work: list[int],
        collected: list[DataError],
        saw: Saw = unseen,
    ) -> None:
        self.bundle, self.body, self.now, self.work, self.collected = bundle, body, now, work, collected
        self._saw = saw

    def saw(self, entry: Entry, branch: str) -> None:
        self._saw(self.bundle.document.file, entry, branch)

    def wanted(self, entry: Entry, place: str, scope: Scope, looping: bool) -> bool:
        """Whether the condition of an entry holds; one without a condition is always wanted."""
        if entry.when is None:
            return True
        holds = bool(self.value(entry.when, entry, place, scope, looping))
        self.saw(entry, "when true" if holds else "when false")
        return holds

    def fits(self, loop: Loop, place: str, scope: Scope) -> bool:
        """Whether an item of a loop fits its ``where``."""
        if loop.where is None:
            return True
        holds = bool(self.value(loop.where, loop, place, scope, True))
        self.saw(loop, "where true" if holds else "where false")
        return holds

    def value(self, parsed: Parsed, entry: Entry, place: str, scope: Scope, looping: bool) -> Any:
        interpreter = Interpreter(parsed, self.body, self.now, self.bundle.tables, self.work)
        try:
            return interpreter.evaluate(scope, looping=looping)
        except UnmappedValue as error:
            raise error.at(f"{self.bundle.document.file}:{entry.line}: {place} ← {error.where}") from None
        except ExpressionError as error:
            raise self.error(entry, place, error.found, error.expected, error.remedy, error.where) from None

    def run(self, parsed: Parsed, entry: Entry, place: str, call: Any, *arguments: Any) -> Any:
        """What ``call`` gives; its refusal is one of ``parsed``."""
        try:
            return call(*arguments)
        except Refused as refused:
            where = f"`{parsed.text}`"
            raise self.error(entry, place, refused.found, refused.expected, refused.remedy, where) from None

    def error(self, entry: Entry, place: str, found: str, expected: str, remedy: str, expression: str) -> DataError:
        where = f"{self.bundle.document.file}:{entry.line}: {place} ← {expression}"
        return DataError(found, where=where, expected=expected, remedy=remedy)

    def entries(self, entries: Sequence[Entry], scope: Scope, above: str, *, looping: bool) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for entry in entries:
            place = f"{above}{entry.name}"
            left_out = False
            if isinstance(entry, Rule):
                value, left_out = self.tolerant(entry, scope, place, looping)
            elif not self.wanted(entry, place, scope, looping):
                continue
            elif isinstance(entry, Group):
                value = self.entries(entry.entries, scope, f"{place}.", looping=looping) or None
            elif isinstance(entry, Use):
                value = self.use(entry, scope, place, looping) or None
            else:
                value = self.loop(entry, scope, place, looping)
            if value is not None or (isinstance(entry, Rule) and entry.null and not left_out):
                made[entry.name] = value
        return made

    def tolerant(self, rule: Rule, scope: Scope, place: str, looping: bool) -> tuple[Any, bool]:
        """The value of a rule, and whether its target is left out; its policy says what an error becomes."""
        try:
            if not self.wanted(rule, place, scope, looping):
                return None, True
            return self.rule(rule, scope, place, looping), False
        except DataError as error:
            if self.work[0] < 0 or rule.on_error == "fail":
                raise
            self.saw(rule, "error")
            if rule.on_error == "default" and rule.default is not None:
                return self.value(rule.default, rule, place, scope, looping), False
            if rule.on_error == "collect":
                self.collected.append(error)
            return None, True

    def rule(self, rule: Rule, scope: Scope, place: str, looping: bool) -> Any:
        self.saw(rule, "made")
        if rule.source is None:
            return anew(rule.value)
        value = self.value(rule.source, rule, place, scope, looping)
        if value is None and rule.default is not None:
            self.saw(rule, "default")
            value = self.value(rule.default, rule, place, scope, looping)
        return value

    def use(self, use: Use, scope: Scope, place: str, looping: bool) -> dict[str, Any] | None:
        body = self.value(use.of, use, place, scope, looping)
        if body is None:
            return None
        self.saw(use, "made")
        bundle = self.bundle.uses[use.file]
        inner = Replay(bundle, body, self.now, self.work, self.collected, self._saw)
        return inner.entries(bundle.document.entries, {}, f"{place}.", looping=False)

    # ── loops ────────────────────────────────────────────────────────────────────────────────────────────────

    def loop(self, loop: Loop, scope: Scope, place: str, looping: bool) -> list[Any] | None:
        listed = self.value(loop.each, loop, place, scope, looping)
        if listed is None:
            return None
        found = self.run(loop.each, loop, place, access.items, listed, self.work, loop.weight)
        made: list[Any] = []
        for index, inner in self.scopes(loop, found, scope, place):
            here = f"{place}[{index}]"
            self.saw(loop, "item")
            if loop.item is None:
                made.append(self.entries(loop.entries, inner, f"{here}.", looping=True))
                continue
            if isinstance(loop.item, Use):
                value: Any = self.use(loop.item, inner, here, True)
                left_out = value is None
            else:
                value, left_out = self.tolerant(loop.item, inner, here, True)
                left_out = left_out or (value is None and not loop.item.null)
            if not left_out:
                made.append(value)
        return made

    def scopes(
        self, loop: Loop, found: Sequence[Any], scope: Scope, place: str
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """The names of each item, and its number."""
        if not loop.by_rows:
            for index, item in enumerate(found):
                inner = {**scope, loop.variable: item, INDEX: index}
                if self.fits(loop, f"{place}[{index}]", inner):
                    yield index, inner
            return
        rows: list[dict[str, Any]] = []
        indexes = [self.partners(loop, source, scope, place) for source in loop.more]
        for item in found:
            self.walk(loop, 0, indexes, {**scope, loop.variable: item}, place, rows)
        if loop.group_by is None:
            yield from ((index, {**row, INDEX: index}) for index, row in enumerate(rows))
            return
        groups: dict[Any, list[Any]] = {}
        for row in rows:
            value = self.value(loop.group_by, loop, place, row, True)
            key = self.run(loop.group_by, loop, place, access.join_key, value)
            names = (loop.variable, *(source.variable for source in loop.more))
            item = {name: row[name] for name in names} if loop.more else row[loop.variable]
            groups.setdefault(key, []).append(item)
        for index, (key, items) in enumerate(groups.items()):
            yield index, {**scope, GROUP: {"key": key, "items": items}, INDEX: index}

    def partners(self, loop: Loop, source: Source, scope: Scope, place: str) -> dict[Any, list[Any]]:
        """The items of a joined list by the value that joins."""
        made: dict[Any, list[Any]] = {}
        if source.equals is None:
            return made
        listed = self.value(source.each, loop, place, scope, False)
        for item in self.run(source.each, loop, place, access.items, listed, self.work, 1):
            value = self.value(source.equals, loop, place, {**scope, source.variable: item}, True)
            made.setdefault(self.run(source.equals, loop, place, access.join_key, value), []).append(item)
        return made

    def walk(
        self, loop: Loop, depth: int, indexes: list[dict[Any, list[Any]]], scope: dict[str, Any], place: str,
        rows: list[dict[str, Any]],
    ) -> None:  # fmt: skip
        if depth == len(loop.more):
            if self.fits(loop, place, scope):
                rows.append(scope)
            return
        source = loop.more[depth]
        if source.on is None:
            listed = self.value(source.each, loop, place, scope, True)
        else:
            key = self.run(source.on, loop, place, access.join_key, self.value(source.on, loop, place, scope, True))
            listed = access.partners(indexes[depth], key, source.keep_all)
        for item in self.run(source.each, loop, place, access.items, listed, self.work, loop.weight):
            self.walk(loop, depth + 1, indexes, {**scope, source.variable: item}, place, rows)
