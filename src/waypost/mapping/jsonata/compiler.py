"""Nodes compiled to closures ``(context, frame) -> value``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from waypost.mapping.jsonata import operator, order, path
from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.frame import MAX_FRAMES, Evaluate, Frame, Function, Lambda, Native, Partial, Pending
from waypost.mapping.jsonata.match import Regex
from waypost.mapping.jsonata.parser import Node
from waypost.mapping.jsonata.signature import Signature
from waypost.mapping.jsonata.transform import Transform
from waypost.mapping.jsonata.value import (
    NOTHING,
    Built,
    Sequence,
    append,
    is_number,
    number,
    single,
    truth,
)  # fmt: skip

FRAMES_PER_CALL = 6


def compile_node(node: Node) -> Evaluate:
    """The closure of ``node`` with its predicates and its grouping."""
    evaluate = _MAKERS[node.kind](node)
    for predicate in node.predicates:
        evaluate = _filtered(evaluate, path.compile_filter(predicate.lhs, compile_node))
    if node.group is not None and node.kind != "path":
        evaluate = _grouped(evaluate, order.compile_group(node.group.items, compile_node))
    return _kept(evaluate) if node.keep_array else evaluate


def _filtered(inner: Evaluate, keep: Callable[[Any, Frame], Any]) -> Evaluate:
    return lambda context, frame: single(keep(inner(context, frame), frame))


def _grouped(inner: Evaluate, group: Callable[[Any, Frame], Any]) -> Evaluate:
    return lambda context, frame: group(inner(context, frame), frame)


def _kept(inner: Evaluate) -> Evaluate:
    def keep(context: Any, frame: Frame) -> Any:
        value = inner(context, frame)
        if value is NOTHING or isinstance(value, list):
            if isinstance(value, Sequence):
                value.keep = True
            return value
        made = Sequence([value])
        made.keep = True
        return made

    return keep


def _constant(node: Node) -> Evaluate:
    value = node.value
    return lambda context, frame: value


def _regex(node: Node) -> Evaluate:
    regex = Regex(node.value[0], node.value[1], node.position)
    return lambda context, frame: regex


def _name(node: Node) -> Evaluate:
    name, lookup = node.value, path.lookup
    return lambda context, frame: single(lookup(context, name))


def _variable(node: Node) -> Evaluate:
    name = node.value
    if name == "":
        return lambda context, frame: context[0] if type(context) is Sequence and context.outer else single(context)
    return lambda context, frame: single(frame.lookup(name))


def _parent(node: Node) -> Evaluate:
    slot = node.slot
    return lambda context, frame: single(frame.lookup(slot.label))


def _array(node: Node) -> Evaluate:
    items = [(item.kind == "array", compile_node(item)) for item in node.items]
    cons = node.cons

    def build(context: Any, frame: Frame) -> Any:
        made: list[Any] = []
        for nested, evaluate in items:
            value = evaluate(context, frame)
            if value is NOTHING:
                continue
            if nested:
                made.append(value)
            elif isinstance(value, list):
                made = append(made, value)
            else:
                made.append(value)
        frame.run.spend(1 + len(made))
        return Built(made) if cons else made

    return build


def _object(node: Node) -> Evaluate:
    return order.compile_group(node.items, compile_node)


def _negate(node: Node) -> Evaluate:
    inner = compile_node(node.lhs)

    def negate(context: Any, frame: Frame) -> Any:
        value = inner(context, frame)
        if value is NOTHING:
            return value
        if not is_number(value):
            raise JsonataError("D1002", node.position, value)
        return -number(value)

    return negate


def _binary(node: Node) -> Evaluate:
    return operator.compile_binary(node, compile_node(node.lhs), compile_node(node.rhs))


def _block(node: Node) -> Evaluate:
    parts = [compile_node(item) for item in node.items]
    if not parts:
        return lambda context, frame: NOTHING
    if not _binds(node.items):
        return _sequence(parts)

    def block(context: Any, frame: Frame) -> Any:
        inner = Frame({}, frame, frame.run)
        value: Any = NOTHING
        for part in parts:
            value = part(context, inner)
        return value

    return block


def _binds(node: Any) -> bool:
    """Whether a variable is bound somewhere below ``node``."""
    if isinstance(node, Node):
        return node.kind == "bind" or any(map(_binds, _below(node)))
    return any(map(_binds, node)) if isinstance(node, list | tuple) else False


def _below(node: Node) -> tuple[Any, ...]:
    return (node.lhs, node.rhs, node.extra, node.group, node.items, node.stages, node.predicates)


def _sequence(parts: list[Evaluate]) -> Evaluate:
    """A block that binds no variable of its own, and so needs no scope."""
    *before, last = parts
    if not before:
        return last

    def sequence(context: Any, frame: Frame) -> Any:
        for part in before:
            part(context, frame)
        return last(context, frame)

    return sequence


def _condition(node: Node) -> Evaluate:
    test, then = compile_node(node.lhs), compile_node(node.rhs)
    other: Evaluate = (lambda context, frame: NOTHING) if node.extra is None else compile_node(node.extra)
    return lambda context, frame: then(context, frame) if truth(test(context, frame)) else other(context, frame)


def _default(node: Node) -> Evaluate:
    left, right = compile_node(node.lhs), compile_node(node.rhs)
    exists = node.kind == "coalesce"

    def default(context: Any, frame: Frame) -> Any:
        value = left(context, frame)
        good = value is not NOTHING if exists else truth(value)
        return value if good else right(context, frame)

    return default


def _bind(node: Node) -> Evaluate:
    name, right = node.value, compile_node(node.rhs)

    def bind(context: Any, frame: Frame) -> Any:
        value = right(context, frame)
        frame.variables[name] = value
        return value

    return bind


def _lambda(node: Node) -> Evaluate:
    names, body = node.value, compile_node(node.rhs)
    signature = Signature(node.extra) if node.extra else None
    weight = FRAMES_PER_CALL + 2 * _depth(node.rhs)
    return lambda context, frame: Lambda(names, body, signature, weight, context, frame)


def _depth(node: Any) -> int:
    """How deep the nodes below ``node`` nest."""
    if isinstance(node, Node):
        return 1 + max(map(_depth, _below(node)))
    return max(map(_depth, node), default=0) if isinstance(node, list | tuple) else 0


def _call(node: Node) -> Evaluate:
    arguments = [compile_node(item) for item in node.items]
    procedure, thunk = _procedure(node, "T1005"), node.thunk

    def evaluate(context: Any, frame: Frame) -> Any:
        function = procedure(context, frame)
        given = [argument(context, frame) for argument in arguments]
        return _apply(node, function, given, context, frame, thunk)

    return evaluate


def _apply(node: Node, function: Any, given: list[Any], context: Any, frame: Frame, thunk: bool) -> Any:
    if not isinstance(function, Function):
        raise JsonataError("T1006", node.position, _called(node))
    if thunk and type(function) is Lambda:
        return Pending(function, given, context)
    if type(context) is Sequence and context.outer:
        context = context[0]
    try:
        return single(function(given, context, frame.run))
    except JsonataError as error:
        if error.position < 0:
            error.position = node.position
            error.token = error.token if error.token is not None else _called(node)
        raise


def _called(node: Node) -> Any:
    return node.lhs.items[0].value if node.lhs.kind == "path" else node.lhs.value


def _procedure(node: Node, code: str) -> Evaluate:
    inner = compile_node(node.lhs)
    if node.lhs.kind != "path" or len(node.lhs.items) != 1:
        return inner
    name = node.lhs.items[0].value

    def checked(context: Any, frame: Frame) -> Any:
        value = inner(context, frame)
        if value is NOTHING and isinstance(name, str) and frame.lookup(name) is not NOTHING:
            raise JsonataError(code, node.position, name)
        return value

    return checked


def _partial(node: Node) -> Evaluate:
    open_ = [at for at, item in enumerate(node.items) if item.kind == "placeholder"]
    arguments = [None if item.kind == "placeholder" else compile_node(item) for item in node.items]
    procedure = _procedure(node, "T1007")

    def partial(context: Any, frame: Frame) -> Any:
        function = procedure(context, frame)
        given = [NOTHING if argument is None else argument(context, frame) for argument in arguments]
        if not isinstance(function, Function):
            raise JsonataError("T1008", node.position, _called(node))
        return Partial(function, given, open_)

    return partial


def _pipe(node: Node) -> Evaluate:
    left, right = compile_node(node.lhs), node.rhs
    if right.kind == "call":
        arguments, procedure = [compile_node(item) for item in right.items], _procedure(right, "T1005")

        def pass_on(context: Any, frame: Frame) -> Any:
            first = left(context, frame)
            function = procedure(context, frame)
            given = [first, *[argument(context, frame) for argument in arguments]]
            return _apply(right, function, given, context, frame, False)

        if not right.predicates and right.group is None:
            return pass_on
        whole = Node("call", predicates=right.predicates, group=right.group)
        return _wrapped(pass_on, whole)
    function_of = compile_node(right)

    def apply(context: Any, frame: Frame) -> Any:
        value, function = left(context, frame), function_of(context, frame)
        if not isinstance(function, Function):
            raise JsonataError("T2006", node.position, function)
        if isinstance(value, Function):
            return _chain(value, function)
        return single(function([value], NOTHING, frame.run))

    return apply


def _wrapped(evaluate: Evaluate, node: Node) -> Evaluate:
    for predicate in node.predicates:
        evaluate = _filtered(evaluate, path.compile_filter(predicate.lhs, compile_node))
    if node.group is not None:
        evaluate = _grouped(evaluate, order.compile_group(node.group.items, compile_node))
    return evaluate


def _chain(first: Function, second: Function) -> Function:
    def both(run: Any, value: Any) -> Any:
        run.spend(1)
        run.depth += FRAMES_PER_CALL
        if run.depth > MAX_FRAMES:
            raise JsonataError("U1001")
        made = second([single(first([value], NOTHING, run))], NOTHING, run)
        run.depth -= FRAMES_PER_CALL
        return made

    return Native("~>", both, arity=1, uses_run=True)


def _transform(node: Node) -> Evaluate:
    pattern, update = compile_node(node.lhs), compile_node(node.rhs)
    deletion = None if node.extra is None else compile_node(node.extra)
    return lambda context, frame: Transform(pattern, update, deletion, frame)


def _path(node: Node) -> Evaluate:
    return path.compile_path(node, compile_node)


_MAKERS: dict[str, Callable[[Node], Evaluate]] = {
    "string": _constant, "number": _constant, "value": _constant, "regex": _regex, "name": _name,
    "variable": _variable, "parent": _parent, "array": _array, "object": _object, "negate": _negate,
    "binary": _binary, "block": _block, "condition": _condition, "default": _default, "coalesce": _default,
    "bind": _bind, "lambda": _lambda, "call": _call, "partial": _partial, "apply": _pipe, "transform": _transform,
    "path": _path, "wildcard": lambda node: path.wildcard, "descendant": lambda node: path.descendants,
}  # fmt: skip
