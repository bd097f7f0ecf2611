"""Reading an expression: Python's expression grammar, then the closed list of ``checker``.

What comes out is a tree in which numbers are exact, ``true``, ``false`` and ``null`` are constants, and every name is a
local name or a field of the message. Whatever text comes in, nothing but ``ExpressionFault`` is raised.
"""

from __future__ import annotations

import ast
import keyword
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from waypost.mapping.checker import Checker
from waypost.mapping.fault import ExpressionFault
from waypost.mapping.parsed import MAX_DEPTH, MAX_LENGTH, Parsed, characters
from waypost.mapping.reference_use import Tables


def parse(
    text: str, *, names: Mapping[str, str] | Iterable[str] = (), tables: Iterable[str] | None = None,
    constants: Mapping[str, Any] | None = None,
) -> Parsed:  # fmt: skip
    """The checked tree of ``text``. ``names`` are local names, with the path each stands for where that is known;
    ``tables`` the lookups there are (None: any name is accepted); ``constants`` names that stand for a text or number.
    Raises ``ExpressionFault``."""
    origins = dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, "")
    line = text.strip().replace("\r", " ").replace("\n", " ").replace("\t", " ")
    if not line:
        raise ExpressionFault("nothing is written", text=text, expected="an expression such as total > 100")
    if len(line) > MAX_LENGTH:
        raise ExpressionFault(f"it has {len(line)} characters", text=line, expected=f"at most {MAX_LENGTH}")
    parsed = Parsed(line, _read(line), tuple(origins))
    checker = Checker(
        parsed, origins, tables if tables is None or isinstance(tables, Tables) else list(tables), constants or {}
    )
    parsed.tree = checker.check(parsed.tree, 0)
    parsed.origin = checker.path(parsed.tree)
    return parsed


def _read(text: str) -> ast.expr:
    try:
        text.encode()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        column = characters(text, (error.offset or 1) - 1) + 1 if text.isascii() else error.offset or 1
        raise ExpressionFault(
            f"not an expression: {error.msg}", text=text, column=max(1, column), remedy=_remedy(text, error.msg)
        ) from None
    except (ValueError, OverflowError) as error:
        raise ExpressionFault(f"not an expression: {error}", text=text) from None
    except (MemoryError, RecursionError):
        raise ExpressionFault("it is nested too deeply", text=text, expected=f"at most {MAX_DEPTH} levels") from None


def _remedy(text: str, said: str) -> str:
    if "never closed" in said:
        return "inside { } of YAML, an expression with a comma needs quotes around it"
    for word in keyword.kwlist:
        if f".{word}" in text.replace(" ", ""):
            return f"a field called {word} is written ['{word}']"
    return "== compares, = is not part of expressions" if " = " in text else ""
