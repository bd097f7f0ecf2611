"""What the grammar makes of an expression's text: a checked tree with the places it reads."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

MAX_LENGTH = 10_000
"""Most characters of one expression."""
MAX_DEPTH = 40
"""Most levels an expression is nested; each operator, call, list and comprehension is one."""
ROOT = "this"
CONSTANTS = {"true": True, "false": False, "null": None}


@dataclass(slots=True)
class Parsed:
    """A checked expression. ``paths`` are the places of the message it reads, ``lines[].sku`` for a field of each
    item; ``names`` the local names it was given; ``references`` the reference data it looks into;
    ``loops`` whether it walks lists, ``uses_now`` whether it asks now(),
    ``origin`` the place it stands for, where it is a plain path. ``broken`` is one that was refused and reported; it
    stands in its place so that the rest can be checked, and is never run.
    """

    text: str
    tree: ast.expr
    names: tuple[str, ...]
    paths: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    references: set[str] = field(default_factory=set)
    loops: bool = False
    uses_now: bool = False
    origin: str | None = None
    broken: bool = False

    def column(self, node: ast.AST) -> int:
        """The column of a part, counted in characters from 1."""
        return characters(self.text, getattr(node, "col_offset", 0)) + 1

    def part(self, node: ast.AST) -> str:
        """The text of a part."""
        start, end = getattr(node, "col_offset", None), getattr(node, "end_col_offset", None)
        return self.text if start is None or end is None else self.text.encode()[start:end].decode()


def characters(text: str, offset: int) -> int:
    """How many characters the first ``offset`` UTF-8 bytes of ``text`` are."""
    return len(text.encode()[:offset].decode("utf-8", "ignore"))


_BODY_NODES = 50


def weight_of(node: ast.AST) -> int:
    """The units of work one round of a loop with this body costs."""
    return 1 + sum(1 for _ in ast.walk(node)) // _BODY_NODES
