"""Sorting and grouping of sequences."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.frame import Evaluate, Frame
from waypost.mapping.jsonata.parser import Node
from waypost.mapping.jsonata.value import NOTHING, Sequence, append, is_number, number

Compile = Callable[[Node], Evaluate]
Whole = Callable[[Any, Frame], Any]
"""Works on a whole sequence, not on one item."""


# ── sorting ──────────────────────────────────────────────────────────────────────────────────────────────────────


def compile_sort(step: Node, compile_node: Compile) -> Whole:
    """``^(…)``: the sequence in order of its terms; what lacks a term goes to the end."""
    terms = [(falling, compile_node(term)) for falling, term in step.items]

    def compare(left: tuple[Any, list[Any]], right: tuple[Any, list[Any]]) -> int:
        for (falling, _), a, b in zip(terms, left[1], right[1], strict=True):
            if a is NOTHING or b is NOTHING:
                order = (a is NOTHING) - (b is NOTHING)
                if order:
                    return order
                continue
            for value in (a, b):
                if not is_number(value) and not isinstance(value, str):
                    raise JsonataError("T2008", step.position, value)
            if isinstance(a, str) != isinstance(b, str):
                raise JsonataError("T2007", step.position, b)
            first: Any = a if isinstance(a, str) else number(a)
            second: Any = b if isinstance(b, str) else number(b)
            if first != second:
                return -1 if (first < second) is not falling else 1
        return 0

    def sort(items: Any, frame: Frame) -> Any:
        values = items if isinstance(items, list) else [items]
        tuples = type(items) is Sequence and items.tuples
        frame.run.spend(len(values))
        keyed = []
        for item in values:
            context, scope = (item["@"], Frame(item, frame, frame.run)) if tuples else (item, frame)
            keyed.append((item, [term(context, scope) for _, term in terms]))
        if len(keyed) <= 1:
            return items
        ordered = Sequence(item for item, _ in sorted(keyed, key=functools.cmp_to_key(compare)))
        ordered.tuples = tuples
        return ordered

    return sort


# ── grouping ─────────────────────────────────────────────────────────────────────────────────────────────────────


def compile_group(pairs: list[tuple[Node, Node]], compile_node: Compile) -> Whole:
    """``{key: value, …}``: an object; items of equal keys are one context for the value."""
    keys, values = [compile_node(k) for k, _ in pairs], [compile_node(v) for _, v in pairs]
    constant = [k.value if k.kind == "string" else None for k, _ in pairs]
    distinct = all(isinstance(c, str) for c in constant) and len(set(constant)) == len(constant)
    fields = list(zip(constant, values, strict=True))

    def one(context: Any, frame: Frame) -> dict[str, Any]:
        made: dict[Any, Any] = {}
        for name, value in fields:
            found = value(context, frame)
            if found is not NOTHING:
                made[name] = found
        return made

    def group(context: Any, frame: Frame) -> Any:
        if distinct and not isinstance(context, list):
            return one(context, frame)
        tuples = type(context) is Sequence and context.tuples
        items = context if isinstance(context, list) else [context]
        groups: dict[str, tuple[Any, int]] = {}
        frame.run.spend(len(items) * len(keys) + 1)
        for item in items or [{"@": NOTHING} if tuples else NOTHING]:
            scope = Frame(item, frame, frame.run) if tuples else frame
            for at, key in enumerate(keys):
                name = key(item["@"] if tuples else item, scope)
                if name is NOTHING:
                    continue
                if not isinstance(name, str):
                    raise JsonataError("T1003", pairs[at][0].position, name)
                _add(groups, name, item, at, pairs[at][0].position)
        return _values(groups, values, frame, tuples)

    return group


def _add(groups: dict[str, tuple[Any, int]], name: str, item: Any, at: int, position: int) -> None:
    if name not in groups:
        groups[name] = (item, at)
        return
    data, first = groups[name]
    if first != at:
        raise JsonataError("D1009", position, name)
    if type(data) is Sequence:
        data.extend(item) if isinstance(item, list) else data.append(item)
    else:
        groups[name] = (Sequence([*(data if isinstance(data, list) else [data]),
                                  *(item if isinstance(item, list) else [item])]), at)  # fmt: skip


def _values(groups: dict[str, tuple[Any, int]], values: list[Evaluate], frame: Frame, tuples: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, (data, at) in groups.items():
        scope = frame
        if tuples:
            merged = _merged(data)
            data = merged.pop("@")
            scope = Frame(merged, frame, frame.run)
        value = values[at](data, scope)
        if value is not NOTHING:
            made[name] = value
    return made


def _merged(data: Any) -> dict[str, Any]:
    if not isinstance(data, list):
        return dict(data)
    made = dict(data[0])
    for item in data[1:]:
        for name, value in item.items():
            made[name] = append(made.get(name, NOTHING), value)
    return made
