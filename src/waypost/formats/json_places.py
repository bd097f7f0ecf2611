"""Where each value of a JSON document stands in its bytes: a scanner for documents that are known to be good."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

Part = str | int | None
Range = tuple[int, int]

_BLANK = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_PLAIN = re.compile(rb"[^,\]}\s]+")
_MARKS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def json_places(data: bytes, paths: Sequence[Sequence[Part]]) -> list[Range | None]:
    """The bytes of each place; of a member written twice those of the last. A place for every item of a list has no
    bytes of its own."""
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    found: dict[tuple[Part, ...], Range] = {}
    wanted = {tuple(path) for path in paths}
    prefixes = {path[:length] for path in wanted for length in range(len(path) + 1)}
    rest: list[tuple[int, tuple[Part, ...]]] = [(start, ())]
    while rest:
        at, path = rest.pop()
        at = _skip(data, at)
        end = _end(data, at)
        found[path] = (at, end)
        inside = [(begin, (*path, part)) for part, begin in _children(data, at, end)] if _opens(data, at) else []
        rest += [one for one in reversed(inside) if one[1] in prefixes]
    return [found.get(tuple(path)) for path in paths]


def _opens(data: bytes, at: int) -> bool:
    return data[at : at + 1] in (b"{", b"[")


def _skip(data: bytes, at: int) -> int:
    match = _BLANK.match(data, at)
    return match.end() if match else at


def _end(data: bytes, at: int) -> int:
    """Behind the value that begins at ``at``."""
    if not _opens(data, at):
        match = (_STRING if data[at : at + 1] == b'"' else _PLAIN).match(data, at)
        return match.end() if match else at
    depth = 0
    for match in _MARKS.finditer(data, at):
        mark = match[0]
        depth += 1 if mark in (b"{", b"[") else -1 if mark in (b"}", b"]") else 0
        if depth == 0:
            return match.end()
    return len(data)


def _children(data: bytes, at: int, end: int) -> Iterable[tuple[Part, int]]:
    """The members or items of what begins at ``at``: name or number, and where its value begins."""
    mapping, number = data[at : at + 1] == b"{", 0
    at = _skip(data, at + 1)
    while at < end - 1:
        part: Part = number
        if mapping:
            match = _STRING.match(data, at)
            if match is None:
                return
            part = json.loads(match[0])
            at = _skip(data, _skip(data, match.end()) + 1)  # behind the colon
        yield part, at
        number += 1
        at = _skip(data, _skip(data, _end(data, at)) + 1)  # behind the comma
