"""The grammar of JSONata: a top-down operator precedence parser from source to raw nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.token import Scanner, Token

MAX_DEPTH = 100
"""How deep an expression may be nested."""
_POWERS = {
    ".": 75, "[": 80, "{": 70, "(": 80, "@": 80, "#": 80, "?": 20, "+": 50, "-": 50, "*": 60, "/": 60, "%": 60,
    "=": 40, "<": 40, ">": 40, "^": 40, "**": 60, "..": 20, ":=": 10, "!=": 40, "<=": 40, ">=": 40, "~>": 40,
    "and": 30, "or": 25, "in": 40, "&": 50, "?:": 40, "??": 40,
}  # fmt: skip
_BINARY = frozenset(_POWERS) - {"[", "{", "(", "?", "^", ":=", "@", "#", "**"}


@dataclass(slots=True)
class Node:
    """One node. ``kind`` says which of the fields are used; after ``resolve`` the lower ones are filled."""

    kind: str
    value: Any = None
    position: int = 0
    lhs: Any = None
    rhs: Any = None
    items: list[Any] = field(default_factory=list)
    """Expressions of a block or array, arguments of a call, steps of a path, pairs of an object, terms of a sort."""
    extra: Any = None
    """The else of a condition, the signature of a function, the deletion of a transform."""
    keep_array: bool = False
    cons: bool = False
    tuple: bool = False
    focus: str = ""
    index: str = ""
    ancestor: Any = None
    slot: Any = None
    seeking: list[Any] = field(default_factory=list)
    stages: list[Any] = field(default_factory=list)
    predicates: list[Any] = field(default_factory=list)
    group: Any = None
    thunk: bool = False


def parse(source: str) -> Node:
    """The raw tree of ``source``. Raises ``JsonataError``."""
    parser = _Parser(source)
    node = parser.expression(0)
    if parser.token.kind != "end":
        raise JsonataError("S0201", parser.token.position, parser.token.value)
    return node


class _Parser:
    def __init__(self, source: str) -> None:
        self._scanner, self._depth = Scanner(source), 0
        self.token = self._scanner.next(True)

    def advance(self, expected: str = "", infix: bool = False) -> Token:
        token = self.token
        if expected and (token.kind != "operator" or token.value != expected):
            code = "S0203" if token.kind == "end" else "S0202"
            raise JsonataError(code, token.position, token.value)
        self.token = self._scanner.next(not infix)
        return token

    def at(self, operator: str) -> bool:
        return self.token.kind == "operator" and self.token.value == operator

    def expression(self, power: int) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise JsonataError("U1001", self.token.position, None, f"an expression is nested at most {MAX_DEPTH} deep")
        left = self._prefix(self._take())
        while self.token.kind == "operator" and power < _POWERS.get(self.token.value, 0):
            left = self._infix(left, self.advance())
        self._depth -= 1
        return left

    def _take(self) -> Token:
        """The token an expression begins with; what follows it is in the place of an operator."""
        token = self.token
        infix = token.kind != "operator" or token.value in ("*", "**", "%")
        return self.advance(infix=infix) if token.kind != "end" else token

    def close(self, bracket: str) -> None:
        self.advance(bracket, infix=True)

    # ── where an expression begins ────────────────────────────────────────────────────────────────────────────────

    def _prefix(self, token: Token) -> Node:
        kind, value, position = token
        if kind in ("string", "number", "value", "name", "variable", "regex"):
            return Node(kind, value, position)
        if kind == "end":
            raise JsonataError("S0207", position, value)
        if value in ("and", "or", "in"):
            return Node("name", value, position)
        if value == "-":
            return Node("negate", value, position, lhs=self.expression(70))
        if value in ("*", "**", "%"):
            return Node({"*": "wildcard", "**": "descendant", "%": "parent"}[value], value, position)
        makers: dict[str, Callable[[int], Node]] = {
            "(": self._block, "[": self._array, "{": lambda at: Node("object", "{", at, items=self._pairs()),
            "|": self._transform,
        }  # fmt: skip
        if value not in makers:
            if value == "?":
                return Node("placeholder", value, position)
            raise JsonataError("S0211", position, value)
        return makers[value](position)

    def _block(self, position: int) -> Node:
        items = []
        while not self.at(")"):
            items.append(self.expression(0))
            if not self.at(";"):
                break
            self.advance(";")
        self.close(")")
        return Node("block", "(", position, items=items)

    def _array(self, position: int) -> Node:
        items = []
        if not self.at("]"):
            while True:
                item = self.expression(0)
                if self.at(".."):
                    at = self.advance("..").position
                    item = Node("binary", "..", at, item, self.expression(0))
                items.append(item)
                if not self.at(","):
                    break
                self.advance(",")
        self.close("]")
        return Node("array", "[", position, items=items)

    def _pairs(self) -> list[tuple[Node, Node]]:
        pairs = []
        if not self.at("}"):
            while True:
                key = self.expression(0)
                self.advance(":")
                pairs.append((key, self.expression(0)))
                if not self.at(","):
                    break
                self.advance(",")
        self.close("}")
        return pairs

    def _transform(self, position: int) -> Node:
        pattern = self.expression(0)
        self.advance("|")
        update = self.expression(0)
        deletion = None
        if self.at(","):
            self.advance(",")
            deletion = self.expression(0)
        self.close("|")
        return Node("transform", "|", position, pattern, update, extra=deletion)

    # ── where one goes on ─────────────────────────────────────────────────────────────────────────────────────────

    def _infix(self, left: Node, token: Token) -> Node:
        value, position = token.value, token.position
        if value in _BINARY:
            if value in ("?:", "??"):
                return Node("default" if value == "?:" else "coalesce", value, position, left, self.expression(0))
            return Node("binary", value, position, left, self.expression(_POWERS[value]))
        if value == "[":
            return self._subscript(left, position)
        if value == "{":
            return Node("group", "{", position, left, items=self._pairs())
        if value == "(":
            return self._call(left, position)
        if value == "?":
            return self._condition(left, position)
        if value == "^":
            return self._sort(left, position)
        if value == ":=":
            if left.kind != "variable":
                raise JsonataError("S0212", left.position, left.value)
            return Node("bind", ":=", position, left, self.expression(_POWERS[":="] - 1))
        if value in ("@", "#"):
            right = self.expression(_POWERS[value])
            if right.kind != "variable":
                raise JsonataError("S0214", right.position, value)
            return Node("focus" if value == "@" else "index", value, position, left, right)
        raise JsonataError("S0201", position, value)

    def _subscript(self, left: Node, position: int) -> Node:
        if self.at("]"):
            step = left
            while step.kind == "subscript":
                step = step.lhs
            step.keep_array = True
            self.close("]")
            return left
        right = self.expression(0)
        self.close("]")
        return Node("subscript", "[", position, left, right)

    def _condition(self, left: Node, position: int) -> Node:
        then = self.expression(0)
        otherwise = None
        if self.at(":"):
            self.advance(":")
            otherwise = self.expression(0)
        return Node("condition", "?", position, left, then, extra=otherwise)

    def _sort(self, left: Node, position: int) -> Node:
        self.advance("(")
        terms: list[tuple[bool, Node]] = []
        while True:
            falling = self.at(">")
            if falling or self.at("<"):
                self.advance()
            terms.append((falling, self.expression(0)))
            if not self.at(","):
                break
            self.advance(",")
        self.close(")")
        return Node("order", "^", position, left, items=terms)

    def _call(self, left: Node, position: int) -> Node:
        arguments: list[Node] = []
        partial = False
        if not self.at(")"):
            while True:
                if self.at("?"):
                    partial = True
                    arguments.append(Node("placeholder", "?", self.advance(infix=True).position))
                else:
                    arguments.append(self.expression(0))
                if not self.at(","):
                    break
                self.advance(",")
        self.close(")")
        if left.kind == "name" and left.value in ("function", "λ"):
            return self._lambda(arguments, position)
        return Node("partial" if partial else "call", "(", position, left, items=arguments)

    def _lambda(self, parameters: list[Node], position: int) -> Node:
        for at, parameter in enumerate(parameters, 1):
            if parameter.kind != "variable":
                raise JsonataError("S0208", parameter.position, at)
        signature = self._signature() if self.at("<") else ""
        self.advance("{")
        body = self.expression(0)
        self.close("}")
        return Node("lambda", [p.value for p in parameters], position, rhs=body, extra=signature)

    def _signature(self) -> str:
        depth, text = 1, "<"
        self.advance("<", infix=True)
        while depth > 0 and self.token.kind != "end":
            token = self.advance(infix=True)
            depth += (token.value == "<") - (token.value == ">")
            text += str(token.value)
        return text
