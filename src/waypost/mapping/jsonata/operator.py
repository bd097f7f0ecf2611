"""The binary operators."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.frame import Evaluate, Frame
from waypost.mapping.jsonata.library.text import string
from waypost.mapping.jsonata.parser import Node
from waypost.mapping.jsonata.value import (
    MAX_ITEMS,
    MAX_TEXT,
    NOTHING,
    Sequence,
    equal,
    is_number,
    number,
    shrink,
    single,
    truth,
)  # fmt: skip


def compile_binary(node: Node, left: Evaluate, right: Evaluate) -> Evaluate:
    """The closure of an operator over two closures."""
    if node.value in _ARITHMETIC:
        return _arithmetic(node, _ARITHMETIC[node.value], left, right)
    if node.value in _COMPARED:
        return _comparison(node, _COMPARED[node.value], left, right)
    return _OTHERS[node.value](node, left, right)


def _divide(a: float, b: float) -> float:
    if b == 0:
        raise JsonataError("D1001", -1, "a division by zero")
    return a / b


def _remainder(a: float, b: float) -> float:
    if b == 0:
        raise JsonataError("D1001", -1, "a division by zero")
    return math.fmod(a, b)


_DOUBLES = frozenset((int, float))
"""The types of numbers that are computed with as they are."""
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": _divide, "%": _remainder,
}  # fmt: skip
_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def _arithmetic(node: Node, compute: Callable[[Any, Any], Any], left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(context: Any, frame: Frame) -> Any:
        a, b = left(context, frame), right(context, frame)
        if type(a) in _DOUBLES and type(b) in _DOUBLES:
            return shrink(compute(a, b))
        if a is not NOTHING and not is_number(a):
            raise JsonataError("T2001", node.position, a)
        if b is not NOTHING and not is_number(b):
            raise JsonataError("T2002", node.position, b)
        if a is NOTHING or b is NOTHING:
            return NOTHING
        return shrink(compute(number(a), number(b)))

    return evaluate


def _comparison(node: Node, compare: Callable[[Any, Any], Any], left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(context: Any, frame: Frame) -> Any:
        a, b = left(context, frame), right(context, frame)
        for value in (a, b):
            if value is not NOTHING and not is_number(value) and not isinstance(value, str):
                raise JsonataError("T2010", node.position, value)
        if a is NOTHING or b is NOTHING:
            return NOTHING
        if isinstance(a, str) != isinstance(b, str):
            raise JsonataError("T2009", node.position, a)
        return compare(a, b) if isinstance(a, str) else compare(number(a), number(b))

    return evaluate


def _equals(node: Node, left: Evaluate, right: Evaluate) -> Evaluate:
    wanted = node.value == "="

    def evaluate(context: Any, frame: Frame) -> Any:
        a, b = left(context, frame), right(context, frame)
        return a is not NOTHING and b is not NOTHING and equal(a, b) is wanted

    return evaluate


def _and(node: Node, left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda context, frame: truth(left(context, frame)) and truth(right(context, frame))


def _or(node: Node, left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda context, frame: truth(left(context, frame)) or truth(right(context, frame))


def _in(node: Node, left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(context: Any, frame: Frame) -> Any:
        a, b = left(context, frame), right(context, frame)
        if a is NOTHING or b is NOTHING:
            return False
        items = b if isinstance(b, list) else [b]
        frame.run.spend(len(items))
        if isinstance(a, dict | list):
            return any(item is a for item in items)
        return any(equal(a, item) for item in items)

    return evaluate


def _concatenate(node: Node, left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(context: Any, frame: Frame) -> Any:
        a, b = left(context, frame), right(context, frame)
        first = a if type(a) is str else "" if a is NOTHING else string(a)
        second = b if type(b) is str else "" if b is NOTHING else string(b)
        if len(first) + len(second) > MAX_TEXT:
            raise JsonataError("U1002", node.position)
        return first + second

    return evaluate


def _range(node: Node, left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(context: Any, frame: Frame) -> Any:
        a, b = left(context, frame), right(context, frame)
        for value, code in ((a, "T2003"), (b, "T2004")):
            if value is not NOTHING and not (is_number(value) and float(value).is_integer()):
                raise JsonataError(code, node.position, value)
        if a is NOTHING or b is NOTHING or a > b:
            return NOTHING
        size = int(b) - int(a) + 1
        if size > MAX_ITEMS:
            raise JsonataError("D2014", node.position, size)
        frame.run.spend(size)
        return single(Sequence(range(int(a), int(b) + 1)))

    return evaluate


_OTHERS: dict[str, Callable[[Node, Evaluate, Evaluate], Evaluate]] = {
    "=": _equals, "!=": _equals, "and": _and, "or": _or, "in": _in, "&": _concatenate, "..": _range,
}  # fmt: skip
