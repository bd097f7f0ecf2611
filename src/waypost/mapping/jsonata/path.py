"""Paths: steps over sequences, predicates, sortings, groupings, and the tuples that joins and parents need."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.frame import Evaluate, Frame
from waypost.mapping.jsonata.order import Compile, Whole, compile_group, compile_sort
from waypost.mapping.jsonata.parser import Node
from waypost.mapping.jsonata.value import MAX_ITEMS, NOTHING, Built, Sequence, is_number, number, single, truth


def lookup(value: Any, name: str) -> Any:
    """The field of an object, or of each object of an array."""
    if isinstance(value, dict):
        return value.get(name, NOTHING)
    if isinstance(value, list):
        found = Sequence()
        for item in value:
            one = item.get(name, NOTHING) if type(item) is dict else lookup(item, name)
            if one is NOTHING:
                continue
            if isinstance(one, list):
                found.extend(one)
            else:
                found.append(one)
        return found
    return NOTHING


def wildcard(context: Any, frame: Frame) -> Any:
    """Every value of an object, arrays flattened."""
    if type(context) is Sequence and context.outer and context:
        context = context[0]
    found = Sequence()
    values = context.values() if isinstance(context, dict) else context if isinstance(context, list) else ()
    for value in values:
        if isinstance(value, list):
            _flatten(value, found)
        else:
            found.append(value)
    frame.run.spend(len(found) + 1)
    return single(found)


def _flatten(value: list[Any], into: list[Any]) -> None:
    for item in value:
        if isinstance(item, list):
            _flatten(item, into)
        else:
            into.append(item)


def descendants(context: Any, frame: Frame) -> Any:
    """The value and everything below it."""
    found = Sequence()
    if context is not NOTHING:
        _descend(context, found, frame)
    return single(found)


def _descend(value: Any, found: list[Any], frame: Frame) -> None:
    frame.run.spend(1)
    if isinstance(value, list):
        for item in value:
            _descend(item, found, frame)
        return
    found.append(value)
    if isinstance(value, dict):
        for item in value.values():
            _descend(item, found, frame)


_FLAT = frozenset((dict, str, int, float, bool, type(None), Decimal, Built))
"""What a step leaves as it is; an array written as ``[…]`` at its end is not flattened."""


# ── paths ────────────────────────────────────────────────────────────────────────────────────────────────────────


def compile_path(node: Node, compile_node: Compile) -> Evaluate:
    """The closure of a path."""
    steps = node.items
    keep = bool(node.extra)
    if not any(step.tuple for step in steps):
        if node.group is None and not keep and all(s.kind == "name" and not s.stages for s in steps):
            return _names([step.value for step in steps])
        return _plain_path(node, compile_node, keep)
    return _tuple_path(node, compile_node, keep)


def _names(names: list[str]) -> Evaluate:
    """A path of names alone, by far the most frequent."""
    first, rest = names[0], names[1:]

    def field(context: Any, frame: Frame) -> Any:
        if type(context) is dict:
            value = context.get(first, NOTHING)
            return single(value) if type(value) is Sequence else value
        return _spread(context, names, frame)

    def evaluate(context: Any, frame: Frame) -> Any:
        value = context
        if type(value) is dict:
            value = value.get(first, NOTHING)
            for at, name in enumerate(rest):
                if type(value) is not dict:
                    return _spread(value, rest[at:], frame)
                value = value.get(name, NOTHING)
            return single(value) if type(value) is Sequence else value
        return _spread(value, names, frame)

    return evaluate if rest else field


def _spread(value: Any, names: list[str], frame: Frame) -> Any:
    """``names`` followed from a value that is no object."""
    if not isinstance(value, list):
        return NOTHING
    current: list[Any] = value
    for at, name in enumerate(names):
        frame.run.spend(len(current))
        found: list[Any] = []
        for item in current:
            one = item.get(name, NOTHING) if type(item) is dict else single(lookup(item, name))
            if one is not NOTHING:
                found.append(one)
        if not found:
            return NOTHING
        if at == len(names) - 1 and len(found) == 1 and isinstance(found[0], list) and type(found[0]) is not Sequence:
            return found[0]
        current = _flat(found)
    return single(current)


def _flat(values: list[Any]) -> Sequence:
    if _FLAT.issuperset(map(type, values)):
        return Sequence(values)
    flat = Sequence()
    for value in values:
        if isinstance(value, list) and type(value) is not Built:
            flat.extend(value)
        else:
            flat.append(value)
    if len(flat) > MAX_ITEMS:
        raise JsonataError("U1002")
    return flat


def _plain_path(node: Node, compile_node: Compile, keep: bool) -> Evaluate:
    count = len(node.items)
    whole = [_step(step, compile_node, at == count - 1) for at, step in enumerate(node.items)]
    first = node.items[0]
    takes_whole = first.kind == "variable"
    array_first = compile_node(first) if first.cons else None
    group = None if node.group is None else compile_group(node.group.items, compile_node)

    def evaluate(context: Any, frame: Frame) -> Any:
        current: Any = context if isinstance(context, list) and not takes_whole else [context]
        for at, step in enumerate(whole):
            current = array_first(current, frame) if at == 0 and array_first else step(current, frame)
            if current is NOTHING or not isinstance(current, list) or not current:
                break
        if keep:
            current = _keep(current)
        return single(current) if group is None else group(single(current) if not keep else current, frame)

    return evaluate


def _keep(current: Any) -> Any:
    if current is NOTHING:
        return current
    if type(current) is Built or not isinstance(current, list):
        current = Sequence([current])
    if type(current) is Sequence:
        current.keep = True
    return current


def _step(step: Node, compile_node: Compile, last: bool) -> Whole:
    if step.kind == "sort":
        return _staged(compile_sort(step, compile_node), step, compile_node)
    stages = [compile_stage(stage, compile_node) for stage in step.stages]
    own = Node(**{f: getattr(step, f) for f in Node.__slots__ if f != "stages"}) if stages else step
    evaluate = compile_node(own)

    def over(items: list[Any], frame: Frame) -> Any:
        frame.run.spend(len(items))
        found: list[Any] = []
        for item in items:
            value = evaluate(item, frame)
            for stage in stages:
                value = stage(value, frame)
            if value is not NOTHING:
                found.append(value)
        if last and len(found) == 1 and isinstance(found[0], list) and type(found[0]) is not Sequence:
            return found[0]
        return _flat(found)

    return over


def _staged(whole: Whole, step: Node, compile_node: Compile) -> Whole:
    stages = [compile_stage(stage, compile_node) for stage in step.stages]
    if not stages:
        return whole

    def evaluate(items: Any, frame: Frame) -> Any:
        value = whole(items, frame)
        for stage in stages:
            value = stage(value, frame)
        return value

    return evaluate


def compile_stage(stage: Node, compile_node: Compile) -> Whole:
    """A predicate, or the binding of a position to the tuples of a sequence."""
    if stage.kind == "filter":
        return compile_filter(stage.lhs, compile_node)
    name = stage.value

    def number_them(tuples: Any, frame: Frame) -> Any:
        for at, item in enumerate(tuples):
            item[name] = at
        return tuples

    return number_them


# ── predicates ───────────────────────────────────────────────────────────────────────────────────────────────────


def compile_filter(node: Node, compile_node: Compile) -> Whole:
    """What of a sequence fits ``[…]``: a position, or those for which it is true."""
    if node.kind == "number":
        return _position(math.floor(node.value))
    evaluate = compile_node(node)

    def keep(value: Any, frame: Frame) -> Any:
        items = value if isinstance(value, list) else [] if value is NOTHING else [value]
        found = Sequence()
        tuples = found.tuples = type(value) is Sequence and value.tuples
        frame.run.spend(len(items))
        for at, item in enumerate(items):
            made = evaluate(item["@"], Frame(item, frame, frame.run)) if tuples else evaluate(item, frame)
            if _chosen(made, at, len(items)):
                found.append(item)
        return found

    return keep


def _chosen(made: Any, at: int, count: int) -> bool:
    if made is True or made is False:
        return made
    numbers = made if isinstance(made, list) and made and all(map(is_number, made)) else [made]
    if is_number(numbers[0]):
        return any((i if i >= 0 else i + count) == at for i in (math.floor(number(n)) for n in numbers))
    return truth(made)


def _position(index: int) -> Whole:
    def pick(value: Any, frame: Frame) -> Any:
        items = value if isinstance(value, list) else [] if value is NOTHING else [value]
        tuples = type(value) is Sequence and value.tuples
        at = index if index >= 0 else index + len(items)
        found = Sequence()
        found.tuples = tuples
        if 0 <= at < len(items):
            if isinstance(items[at], list):
                return items[at]
            found.append(items[at])
        return found

    return pick


# ── tuples ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _tuple_path(node: Node, compile_node: Compile, keep: bool) -> Evaluate:
    """A path one of whose steps binds something: from there on items travel with what is bound to them."""
    begin = next(at for at, step in enumerate(node.items) if step.tuple)
    first = node.items[0]
    count, takes_whole = len(node.items), first.kind == "variable"
    plain = [_step(step, compile_node, at == count - 1) for at, step in enumerate(node.items[:begin])]
    array_first = compile_node(first) if begin and first.cons else None
    bound = [_tuple_step(step, compile_node) for step in node.items[begin:]]
    group = None if node.group is None else compile_group(node.group.items, compile_node)

    def evaluate(context: Any, frame: Frame) -> Any:
        current: Any = context if isinstance(context, list) and not takes_whole else [context]
        for at, step in enumerate(plain):
            current = array_first(current, frame) if at == 0 and array_first else step(current, frame)
            if current is NOTHING or not current:
                return NOTHING
        tuples: Sequence | None = None
        for tuple_step in bound:
            tuples = tuple_step(current, tuples, frame)
        if node.tuple or group is not None:
            made: Any = tuples
        else:
            made = Sequence([] if tuples is None else [item["@"] for item in tuples])
        if keep:
            made = _keep(made)
        return single(made) if group is None else group(made, frame)

    return evaluate


def _tuple_step(step: Node, compile_node: Compile) -> Callable[[Any, Sequence | None, Frame], Sequence]:
    stages = [compile_stage(stage, compile_node) for stage in step.stages]
    if step.kind == "sort":
        return _tuple_sort(step, compile_sort(step, compile_node), stages)
    own = Node(**{f: getattr(step, f) for f in Node.__slots__ if f != "stages"})
    evaluate = compile_node(own)

    def over(items: Any, tuples: Sequence | None, frame: Frame) -> Sequence:
        made = Sequence()
        made.tuples = True
        incoming: Any = [{"@": item} for item in items] if tuples is None else tuples
        frame.run.spend(len(incoming))
        for one in incoming:
            value = evaluate(one["@"], Frame(one, frame, frame.run))
            if value is NOTHING:
                continue
            found = value if isinstance(value, list) else [value]
            frame.run.spend(len(found))
            streams = type(value) is Sequence and value.tuples
            for at, item in enumerate(found):
                made.append({**one, **item} if streams else _bound(step, one, item, at))
        for stage in stages:
            made = stage(made, frame)
        return made

    return over


def _bound(step: Node, one: dict[str, Any], item: Any, at: int) -> dict[str, Any]:
    bound = dict(one)
    if step.focus:
        bound[step.focus] = item
    else:
        bound["@"] = item
    if step.index:
        bound[step.index] = at
    if step.ancestor is not None:
        bound[step.ancestor.label] = one["@"]
    return bound


def _tuple_sort(step: Node, sort: Whole, stages: list[Whole]) -> Callable[[Any, Sequence | None, Frame], Sequence]:
    def over(items: Any, tuples: Sequence | None, frame: Frame) -> Sequence:
        if tuples is not None:
            made = sort(tuples, frame)
        else:
            made = Sequence({"@": item, step.index: at} for at, item in enumerate(sort(items, frame)))
            made.tuples = True
        for stage in stages:
            made = stage(made, frame)
        return made  # type: ignore[no-any-return]

    return over
