"""The route table of the listener: exact paths first, then paths with ``{name}`` segments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from waypost.core.errors import ConfigurationRefused
from waypost.core.grants import HttpHandler

_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers a method on a path, how large a body may be, and in which folder large ones are, if not in memory."""

    handler: HttpHandler
    limit_bytes: int
    spool: Path | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A route with the values of its path, or, where ``route`` is None, the methods the path does know."""

    route: Route | None
    parameters: Mapping[str, str]
    allowed: tuple[str, ...] = ()


_NOTHING: Mapping[str, str] = {}
_Segments = tuple[str, ...]


class Routes:
    """Routes by path and method. Encoded slashes never separate segments."""

    def __init__(self) -> None:
        self._exact: dict[_Segments, dict[str, Route]] = {}
        self._patterns: dict[_Segments, dict[str, Route]] = {}
        self._quick: dict[tuple[str, str], Found] = {}

    def add(self, method: str, path: str, route: Route) -> None:
        """Raises ``ConfigurationRefused`` when the path is malformed or the route is taken, also by a pattern of the
        same shape with other names."""
        segments = _parse(path)
        table = self._patterns if any(map(_NAME.fullmatch, segments)) else self._exact
        for known, methods in table.items():
            if _shape(known) == _shape(segments) and method in methods:
                raise ConfigurationRefused(
                    f"{method} {path} is already answered by another flow",
                    where="http listener",
                    expected="one answer for a method and path",
                    remedy="give one of the two another path",
                )
        table.setdefault(segments, {})[method] = route
        self._quick.clear()

    def remove(self, method: str, path: str) -> None:
        """Forget a route; nothing happens where there is none."""
        segments = _parse(path)
        for table in (self._exact, self._patterns):
            methods = table.get(segments, {})
            methods.pop(method, None)
            if not methods:
                table.pop(segments, None)
        self._quick.clear()

    def find(self, method: str, raw_path: str) -> Found:
        """The answer for a path as it was sent, still percent-encoded."""
        quick = self._quick.get((method, raw_path))
        return quick or self._search(method, raw_path)

    def _search(self, method: str, raw_path: str) -> Found:
        segments = tuple(unquote(part) for part in raw_path.split("/")[1:])
        allowed: set[str] = set()
        methods = self._exact.get(segments, {})
        if method in methods:
            found = Found(methods[method], _NOTHING)
            if "%" not in raw_path:
                self._quick[method, raw_path] = found
            return found
        allowed.update(methods)
        for pattern, methods in self._patterns.items():
            parameters = _match(pattern, segments)
            if parameters is not None and method in methods:
                return Found(methods[method], parameters)
            if parameters is not None:
                allowed.update(methods)
        return Found(None, _NOTHING, tuple(sorted(allowed)))


def _parse(path: str) -> _Segments:
    segments = tuple(path.split("/")[1:])
    names = [name for part in segments for name in _NAME.findall(part)]
    broken = [part for part in segments if ("{" in part or "}" in part) and not _NAME.fullmatch(part)]
    if not path.startswith("/") or broken or len(set(names)) != len(names) or "?" in path or "#" in path:
        raise ConfigurationRefused(
            f"path {path!r} cannot be answered",
            where="http listener",
            expected="a path such as /orders or /orders/{number}, each name once and a whole segment",
        )
    return segments


def _shape(segments: _Segments) -> _Segments:
    return tuple("{}" if _NAME.fullmatch(part) else part for part in segments)


def _match(pattern: _Segments, segments: _Segments) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    parameters: dict[str, str] = {}
    for part, value in zip(pattern, segments, strict=True):
        if part.startswith("{"):
            if not value:
                return None
            parameters[part[1:-1]] = value
        elif part != value:
            return None
    return parameters
