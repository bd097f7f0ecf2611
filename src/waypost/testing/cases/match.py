"""Whether a document is as a case wants it: exactly, or by the matchers written in its place.

A matcher is a mapping whose one name begins with ``$``: ``{$partial: {…}}``, ``{$regex: 'WEB-[0-9]+'}``,
``{$schema: schemas/order.yaml}``, ``{$any: true}``, ``{$absent: true}``, ``{$exact: {…}}``. It may stand for the whole
document or for any value in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from waypost.core.errors import near
from waypost.flow.batch.differ import MISSING, differences

Check = Callable[[str, Any], str]
"""A schema's file and a document → what does not fit, '' for nothing."""

MATCHERS = {
    "$exact": "this value, its names taken literally",
    "$partial": "a mapping with at least these fields, a list that begins with these items",
    "$regex": "a text or number that fits the pattern as a whole",
    "$schema": "a value that fits the JSON Schema of the project",
    "$any": "whatever there is, but not nothing",
    "$absent": "nothing",
}
"""What each matcher accepts."""


def mismatches(wanted: Any, got: Any, check: Check) -> Iterator[tuple[str, str]]:
    """Where ``got`` is not as ``wanted`` says: (path, text)."""
    yield from _Matching(check).walk("", wanted, got, partial=False)


def faulty(wanted: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Matchers in ``wanted`` that are none: (path, what was found, remedy)."""
    if isinstance(wanted, Mapping):
        strange = [str(name) for name in wanted if str(name).startswith("$")]
        if strange and len(wanted) > 1:
            yield path, f"{strange[0]} beside other names", "a matcher stands alone; a field of that name: {$exact: …}"
        elif strange:
            yield from _faulty_matcher(strange[0], wanted[strange[0]], path)
        else:
            for name, value in wanted.items():
                yield from faulty(value, (*path, name))
    elif isinstance(wanted, list | tuple):
        for place, value in enumerate(wanted):
            yield from faulty(value, (*path, place))


def _faulty_matcher(
    name: str, argument: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    if name not in MATCHERS:
        yield path, f"no matcher {name!r}", near(name, MATCHERS) or f"matchers: {', '.join(MATCHERS)}"
    elif name == "$partial":
        yield from faulty(argument, (*path, name))
    elif name == "$regex":
        try:
            re.compile(str(argument))
        except re.error as error:
            yield path, f"the pattern {argument!r} is none: {error}", "mend the pattern"
    elif name in ("$any", "$absent") and argument is not True:
        yield path, f"{name}: {argument!r}", f"{name}: true"


class _Matching:
    def __init__(self, check: Check) -> None:
        self.check = check

    def walk(self, path: str, wanted: Any, got: Any, *, partial: bool) -> Iterator[tuple[str, str]]:
        matcher = _matcher(wanted)
        if matcher:
            yield from self._match(path, matcher, wanted[matcher], got)
        elif isinstance(wanted, Mapping) and isinstance(got, Mapping):
            names = [*wanted] if partial else [*wanted, *(name for name in got if name not in wanted)]
            for name in names:
                inner = f"{path}.{name}" if path else str(name)
                yield from self.walk(inner, wanted.get(name, MISSING), got.get(name, MISSING), partial=partial)
        elif isinstance(wanted, list | tuple) and isinstance(got, list | tuple):
            for place in range(len(wanted) if partial else max(len(wanted), len(got))):
                one = wanted[place] if place < len(wanted) else MISSING
                other = got[place] if place < len(got) else MISSING
                yield from self.walk(f"{path}[{place}]", one, other, partial=partial)
        else:
            for found in differences(exact(wanted), exact(got), path):
                yield found["path"], f"expected {shown(found['was'])}, found {shown(found['is'])}"

    def _match(self, path: str, matcher: str, argument: Any, got: Any) -> Iterator[tuple[str, str]]:
        place, found = path or "(whole)", "nothing" if got is MISSING else shown(got)
        if matcher == "$absent":
            if got is not MISSING:
                yield place, f"expected nothing, found {found}"
        elif got is MISSING:
            yield place, f"expected {_said(matcher, argument)}, found nothing"
        elif matcher == "$exact":
            for one in differences(exact(argument), exact(got), path):
                yield one["path"], f"expected {shown(one['was'])}, found {shown(one['is'])}"
        elif matcher == "$partial":
            yield from self.walk(path, argument, got, partial=True)
        elif matcher == "$regex":
            if not isinstance(got, str | int | float | Decimal) or not re.fullmatch(str(argument), str(got), re.DOTALL):
                yield place, f"expected {_said(matcher, argument)}, found {found}"
        elif matcher == "$schema":
            said = self.check(str(argument), got)
            if said:
                yield place, f"does not fit {argument}: {said}"


def _matcher(wanted: Any) -> str:
    if isinstance(wanted, Mapping) and len(wanted) == 1:
        name = str(next(iter(wanted)))
        return name if name in MATCHERS else ""
    return ""


def _said(matcher: str, argument: Any) -> str:
    if matcher == "$regex":
        return f"what fits /{argument}/"
    if matcher == "$schema":
        return f"what fits {argument}"
    return "something" if matcher == "$any" else shown(argument)


def exact(value: Any) -> Any:
    """A document in which equal numbers are equal, however they were written: each is a Decimal."""
    if isinstance(value, Mapping):
        return {str(name): exact(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Decimal(str(value))
    if value is None or isinstance(value, str | bool):
        return value
    return exact(msgspec.to_builtins(value, str_keys=True))


def shown(value: Any) -> str:
    """A value as JSON on one line, cut when long."""
    text = json.dumps(value, ensure_ascii=False, default=_json)
    return text if len(text) <= 200 else text[:199] + "…"


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)
