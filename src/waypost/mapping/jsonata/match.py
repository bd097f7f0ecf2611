"""Regular expressions: RE2, whose time is linear in the text, so that no pattern can hang an evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.frame import Function, Native, Run
from waypost.mapping.jsonata.value import NOTHING

MAX_PATTERN = 1_000
_MEMORY_BYTES = 1 << 20


class Found(NamedTuple):
    """One match; ``start`` and ``end`` count characters."""

    text: str
    start: int
    end: int
    groups: list[Any]


class Regex(Function):
    """A pattern of the language; as a function it gives its first match in a text, with ``next`` to the following."""

    __slots__ = ("arity", "compiled", "pattern")

    def __init__(self, pattern: str, flags: str, position: int = -1) -> None:
        try:
            import re2
        except ImportError:
            raise JsonataError(
                "S0303", position, None, "regular expressions need google-re2; pip install 'waypost[jsonata]'"
            ) from None
        if len(pattern) > MAX_PATTERN:
            raise JsonataError("S0303", position, None, f"a regular expression has at most {MAX_PATTERN} characters")
        options = re2.Options()
        options.log_errors, options.max_mem = False, _MEMORY_BYTES
        marks = "".join(sorted(set(flags)))
        try:
            self.compiled = re2.compile((f"(?{marks})" if marks else "") + pattern.replace(r"\/", "/"), options)
        except re2.error as error:
            raise JsonataError("S0303", position, error) from None
        self.pattern, self.arity = pattern, 1

    def finditer(self, text: str) -> Iterator[Found]:
        """Every match; D1004 for an empty one."""
        for match in self.compiled.finditer(text):
            if match.start() == match.end():
                raise JsonataError("D1004", -1, self.pattern)
            groups = [NOTHING if group is None else group for group in match.groups()]
            yield Found(match[0], match.start(), match.end(), groups)

    def __call__(self, arguments: list[Any], context: Any, run: Run) -> Any:
        text = arguments[0] if arguments else NOTHING
        return _answer(self.finditer(text)) if isinstance(text, str) else NOTHING


def _answer(found: Iterator[Found]) -> Any:
    one = next(found, None)
    if one is None:
        return NOTHING
    following = Native("next", lambda: _answer(found), arity=0)
    return {"match": one.text, "start": one.start, "end": one.end, "groups": one.groups, "next": following}


def matches(run: Run, matcher: Function, text: str) -> Iterator[Found]:
    """The matches of a pattern, or of a function that follows the protocol of one. Raises T1010."""
    if isinstance(matcher, Regex):
        run.spend(1 + (len(text) >> 4))
        for one in matcher.finditer(text):
            run.spend(1)
            yield one
        return
    answer = matcher([text], NOTHING, run)
    while answer is not NOTHING:
        if not isinstance(answer, dict) or not isinstance(answer.get("next"), Function):
            raise JsonataError("T1010", -1)
        start, end, groups = answer.get("start"), answer.get("end"), answer.get("groups")
        if not isinstance(start, int) or not isinstance(end, int) or not isinstance(groups, list):
            raise JsonataError("T1010", -1)
        yield Found(str(answer.get("match")), start, end, groups)
        run.spend(1)
        answer = answer["next"]([], NOTHING, run)
