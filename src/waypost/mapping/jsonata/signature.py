"""Signatures of functions, such as ``<s-nn?:s>``: which arguments fit, and what the context fills in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.value import NOTHING, NUMBERS

MAX_PARAMETERS = 12
_PARAMETER = re.compile(r"(\([a-z<>]*\)|[a-z])(<[^>]*>+)?([-?+])?")


@dataclass(slots=True)
class _Parameter:
    kind: str
    pattern: str
    subtype: str
    context: re.Pattern[str] | None


class Signature:
    """One signature, read. Raises ``JsonataError`` for a text that is none."""

    def __init__(self, text: str) -> None:
        self.parameters = [_parameter(match) for match in _PARAMETER.finditer(_inputs(text))]
        if len(self.parameters) > MAX_PARAMETERS:
            raise JsonataError("S0402", -1, text, f"a signature has at most {MAX_PARAMETERS} parameters")
        self._pattern = re.compile("".join(f"({p.pattern})" for p in self.parameters) + r"\Z")
        self._direct: set[str] = set()

    def fit(self, arguments: list[Any], context: Any) -> list[Any]:
        """The arguments as the function takes them. Raises T0410, T0411, T0412."""
        symbols = "".join([_symbol(argument) for argument in arguments])
        if symbols in self._direct:
            return arguments
        match = self._pattern.match(symbols)
        if match is None:
            raise JsonataError("T0410", -1, self._first_misfit(symbols))
        fitted: list[Any] = []
        at, direct = 0, True
        for place, parameter in enumerate(self.parameters, 1):
            matched = match[place]
            if not matched:
                direct = False
                if parameter.context is not None:
                    if not parameter.context.fullmatch(_symbol(context)):
                        raise JsonataError("T0411", -1, at + 1)
                    fitted.append(context)
                else:
                    fitted.append(arguments[at] if at < len(arguments) else NOTHING)
                    at += 1
                continue
            for symbol in matched:
                argument = arguments[at] if at < len(arguments) else NOTHING
                if parameter.kind == "a" and symbol != "m":
                    direct = direct and symbol == "a" and not parameter.subtype
                    argument = _array(argument, symbol, matched, parameter.subtype, at)
                fitted.append(argument)
                at += 1
        if direct and len(self._direct) < 64:
            self._direct.add(symbols)
        return fitted

    def _first_misfit(self, symbols: str) -> int:
        pattern, good = "", 0
        for parameter in self.parameters:
            pattern += parameter.pattern
            match = re.match(pattern, symbols)
            if match is None:
                return good + 1
            good = match.end()
        return good + 1


def _inputs(text: str) -> str:
    """The part before the colon, which says what is taken."""
    depth = 0
    for at, char in enumerate(text[1:], 1):
        depth += (char in "(<") - (char in ")>")
        if char == ":" and depth == 0:
            return text[1:at]
    return text[1:-1]


def _parameter(match: re.Match[str]) -> _Parameter:
    kind, subtype, mark = match[1], (match[2] or "")[1:-1], match[3] or ""
    if kind[0] == "(":
        if "<" in kind:
            raise JsonataError("S0402", -1, kind)
        pattern = f"[{kind[1:-1]}m]"
    elif kind in "snblo":
        pattern = f"[{kind}m]"
    elif kind == "a":
        pattern = "[asnblfom]"
    elif kind == "f":
        pattern = "f"
    else:
        pattern = "[asnblom]" if kind == "j" else "[asnblfom]"
    if match[2] and kind not in "af":
        raise JsonataError("S0401", -1, kind)
    context = re.compile(pattern) if mark == "-" else None
    return _Parameter(kind, pattern + ("?" if mark == "-" else mark), subtype, context)


def _symbol(value: Any) -> str:
    if isinstance(value, str):
        return "s"
    if type(value) in NUMBERS:
        return "n"
    if isinstance(value, bool):
        return "b"
    if isinstance(value, list):
        return "a"
    if isinstance(value, dict):
        return "o"
    if value is None:
        return "l"
    return "f" if callable(value) else "m"


def _array(argument: Any, symbol: str, matched: str, subtype: str, at: int) -> list[Any]:
    if symbol != "a":
        if subtype and matched != subtype:
            raise JsonataError("T0412", -1, at + 1)
        return [argument]
    if subtype and argument:
        wanted = subtype[0]
        if wanted == "n":
            misfit = not NUMBERS.issuperset(map(type, argument))
        else:
            misfit = any(_symbol(item) != wanted for item in argument)
        if misfit:
            raise JsonataError("T0412", -1, at + 1)
    return argument  # type: ignore[no-any-return]
