"""The tokens of JSONata: a scanner over the source of an expression."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from waypost.mapping.jsonata.error import JsonataError

_SINGLE = frozenset(".[]{}(),@#;:?+-*/%|=<>^&!~")
_DOUBLE = ("..", ":=", "!=", ">=", "<=", "**", "~>", "?:", "??")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_NUMBER = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?([Ee][-+]?[0-9]+)?")
_SPACE = " \t\n\r\v"
_ENDS = frozenset(_SPACE) | _SINGLE
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


class Token(NamedTuple):
    """``kind`` is operator, string, number, value, name, variable, regex or end."""

    kind: str
    value: Any
    position: int


class Scanner:
    """Gives one token after another; whether a ``/`` begins a regular expression is the parser's to say."""

    def __init__(self, source: str) -> None:
        self._source, self._at = source, 0

    def next(self, prefix: bool) -> Token:
        """The next token; ``prefix`` where an expression may begin."""
        source = self._source
        self._skip()
        at = self._at
        if at >= len(source):
            return Token("end", "(end)", at)
        char = source[at]
        if prefix and char == "/":
            return Token("regex", self._regex(), self._at)
        double = source[at : at + 2]
        if double in _DOUBLE:
            self._at += 2
            return Token("operator", double, self._at)
        if char in _SINGLE:
            self._at += 1
            return Token("operator", char, self._at)
        if char in "\"'":
            return Token("string", self._string(char), self._at)
        number = _NUMBER.match(source, at)
        if number:
            return self._number(number)
        if char == "`":
            end = source.find("`", at + 1)
            if end < 0:
                raise JsonataError("S0105", len(source))
            self._at = end + 1
            return Token("name", source[at + 1 : end], self._at)
        return self._word()

    def _skip(self) -> None:
        source = self._source
        while True:
            while self._at < len(source) and source[self._at] in _SPACE:
                self._at += 1
            if not source.startswith("/*", self._at):
                return
            end = source.find("*/", self._at + 2)
            if end < 0:
                raise JsonataError("S0106", self._at)
            self._at = end + 2

    def _number(self, match: re.Match[str]) -> Token:
        self._at = match.end()
        value = float(match[0])
        if value in (float("inf"), float("-inf")):
            raise JsonataError("S0102", match.end(), match[0])
        whole = value.is_integer() and abs(value) < 1 << 53
        return Token("number", int(value) if whole else value, self._at)

    def _word(self) -> Token:
        source, start = self._source, self._at
        end = start
        while end < len(source) and source[end] not in _ENDS:
            end += 1
        if end == start:
            raise JsonataError("S0204", start + 1, source[start])
        self._at, word = end, source[start:end]
        if word[0] == "$":
            return Token("variable", word[1:], end)
        if word in ("or", "in", "and"):
            return Token("operator", word, end)
        if word in _WORDS:
            return Token("value", _WORDS[word], end)
        return Token("name", word, end)

    def _string(self, quote: str) -> str:
        source, at, parts = self._source, self._at + 1, list[str]()
        while at < len(source):
            char = source[at]
            if char == quote:
                self._at = at + 1
                return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            if char == "\\":
                at += 1
                escape = source[at : at + 1]
                if escape in _ESCAPES and escape:
                    parts.append(_ESCAPES[escape])
                elif escape == "u":
                    digits = source[at + 1 : at + 5]
                    if not re.fullmatch(r"[0-9a-fA-F]{4}", digits):
                        raise JsonataError("S0104", at)
                    parts.append(chr(int(digits, 16)))
                    at += 4
                else:
                    raise JsonataError("S0103", at, escape)
            else:
                parts.append(char)
            at += 1
        raise JsonataError("S0101", at)

    def _regex(self) -> tuple[str, str]:
        source, at, depth, start = self._source, self._at + 1, 0, self._at + 1
        while at < len(source):
            char = source[at]
            if char == "\\":
                at += 2
                continue
            if char == "/" and depth == 0:
                if at == start:
                    raise JsonataError("S0301", at)
                end = at + 1
                while end < len(source) and source[end] in "im":
                    end += 1
                self._at = end
                return source[start:at], source[at + 1 : end]
            depth += (char in "([{") - (char in ")]}")
            at += 1
        raise JsonataError("S0302", at)
