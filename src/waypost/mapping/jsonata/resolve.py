"""From raw nodes to what is compiled: paths are flattened, predicates, sortings and groupings attached to their steps,
parents (``%``) bound to the step they mean, calls in last place marked."""

from __future__ import annotations

from collections.abc import Callable

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.parser import Node, parse


class Slot:
    """The parent a ``%`` means: ``level`` steps are still to be gone back; ``label`` names it in the tuples."""

    __slots__ = ("index", "label", "level")

    def __init__(self, index: int) -> None:
        self.index, self.level, self.label = index, 1, f"!{index}"


def read(source: str) -> Node:
    """The tree of ``source``, ready to be compiled. Raises ``JsonataError``."""
    resolver = _Resolver()
    node = resolver.node(parse(source))
    if node.kind == "parent" or node.seeking:
        raise JsonataError("S0217", node.position, node.kind)
    return node


class _Resolver:
    def __init__(self) -> None:
        self.parents: list[Node] = []
        self._makers: dict[str, Callable[[Node], Node]] = {
            "binary": self._binary, "subscript": self._subscript, "group": self._group, "order": self._order,
            "bind": self._bind, "focus": self._focus, "index": self._index, "array": self._array,
            "object": self._object, "negate": self._negate, "call": self._call, "partial": self._call,
            "lambda": self._lambda, "condition": self._condition, "default": self._default, "coalesce": self._default,
            "transform": self._transform, "block": self._block, "name": self._name, "parent": self._parent,
            "placeholder": self._placeholder,
        }  # fmt: skip

    def node(self, raw: Node) -> Node:
        maker = self._makers.get(raw.kind)
        made = maker(raw) if maker else raw
        if raw.keep_array:
            made.keep_array = True
        return made

    def under(self, result: Node, raw: Node) -> Node:
        """``raw`` resolved as a part of ``result``, which seeks the parents it seeks."""
        made = self.node(raw)
        _push(result, made)
        return made

    # ── kinds of nodes ────────────────────────────────────────────────────────────────────────────────────────────

    def _name(self, raw: Node) -> Node:
        path = Node("path", position=raw.position, items=[Node("name", raw.value, raw.position)])
        path.cons = False
        path.extra = raw.keep_array
        return path

    def _parent(self, raw: Node) -> Node:
        raw.slot = Slot(len(self.parents))
        self.parents.append(raw)
        return raw

    def _placeholder(self, raw: Node) -> Node:
        raise JsonataError("S0201", raw.position, raw.value)

    def _binary(self, raw: Node) -> Node:
        if raw.value == ".":
            return self._step(raw)
        if raw.value == "~>":
            result = Node("apply", "~>", raw.position, self.node(raw.lhs), self.node(raw.rhs))
            result.keep_array = result.lhs.keep_array or result.rhs.keep_array
            return result
        result = Node("binary", raw.value, raw.position)
        result.lhs, result.rhs = self.under(result, raw.lhs), self.under(result, raw.rhs)
        return result

    def _step(self, raw: Node) -> Node:
        left = self.node(raw.lhs)
        path = left if left.kind == "path" else Node("path", position=raw.position, items=[left])
        if left.kind == "parent":
            path.seeking = [left.slot]
        rest = self.node(raw.rhs)
        if rest.kind == "path":
            path.items.extend(rest.items)
            path.extra = path.extra or rest.extra
            path.group = path.group or rest.group
        else:
            if rest.predicates:
                rest.stages, rest.predicates = rest.predicates, []
            path.items.append(rest)
        for step in path.items:
            if step.kind in ("number", "value"):
                raise JsonataError("S0213", step.position, step.value)
            if step.kind == "string":
                step.kind = "name"
            path.extra = path.extra or step.keep_array
        for end in (path.items[0], path.items[-1]):
            end.cons = end.cons or end.kind == "array"
        _resolve(path)
        return path

    def _subscript(self, raw: Node) -> Node:
        result = self.node(raw.lhs)
        step = result.items[-1] if result.kind == "path" else result
        if step.group is not None or (result.kind == "path" and result.group is not None):
            raise JsonataError("S0209", raw.position)
        predicate = self.node(raw.rhs)
        for slot in predicate.seeking:
            if slot.level == 1:
                self._seek(step, slot)
            else:
                slot.level -= 1
        _push(step, predicate)
        (step.stages if result.kind == "path" else step.predicates).append(Node("filter", lhs=predicate))
        return result

    def _group(self, raw: Node) -> Node:
        result = self.node(raw.lhs)
        if result.group is not None:
            raise JsonataError("S0210", raw.position)
        result.group = Node("object", "{", raw.position, items=[(self.node(k), self.node(v)) for k, v in raw.items])
        return result

    def _order(self, raw: Node) -> Node:
        result = self.node(raw.lhs)
        if result.kind != "path":
            result = Node("path", position=raw.position, items=[result])
        sort = Node("sort", "^", raw.position)
        sort.items = [(falling, self.under(sort, term)) for falling, term in raw.items]
        result.items.append(sort)
        _resolve(result)
        return result

    def _bind(self, raw: Node) -> Node:
        result = Node("bind", raw.lhs.value, raw.position)
        result.rhs = self.under(result, raw.rhs)
        return result

    def _focus(self, raw: Node) -> Node:
        result = self.node(raw.lhs)
        step = result.items[-1] if result.kind == "path" else result
        if step.stages or step.predicates:
            raise JsonataError("S0215", raw.position)
        if step.kind == "sort":
            raise JsonataError("S0216", raw.position)
        step.keep_array = step.keep_array or raw.keep_array
        step.focus, step.tuple = raw.rhs.value, True
        return result

    def _index(self, raw: Node) -> Node:
        result = self.node(raw.lhs)
        if result.kind != "path":
            result = Node("path", position=raw.position, items=[result])
            step = result.items[0]
            step.stages, step.predicates = step.predicates, []
        step = result.items[-1]
        if step.stages:
            step.stages.append(Node("index", raw.rhs.value, raw.position))
        else:
            step.index = raw.rhs.value
        step.tuple = True
        return result

    def _array(self, raw: Node) -> Node:
        result = Node("array", "[", raw.position)
        result.items = [self.under(result, item) for item in raw.items]
        return result

    def _object(self, raw: Node) -> Node:
        result = Node("object", "{", raw.position)
        result.items = [(self.under(result, key), self.under(result, value)) for key, value in raw.items]
        return result

    def _negate(self, raw: Node) -> Node:
        result = Node("negate", "-", raw.position)
        result.lhs = self.under(result, raw.lhs)
        if result.lhs.kind == "number":
            result.lhs.value = -result.lhs.value
            return result.lhs  # type: ignore[no-any-return]
        return result

    def _call(self, raw: Node) -> Node:
        result = Node(raw.kind, raw.value, raw.position)
        result.items = [a if a.kind == "placeholder" else self.under(result, a) for a in raw.items]
        result.lhs = self.node(raw.lhs)
        return result

    def _lambda(self, raw: Node) -> Node:
        result = Node("lambda", raw.value, raw.position, extra=raw.extra)
        result.rhs = _last(self.node(raw.rhs))
        return result

    def _condition(self, raw: Node) -> Node:
        result = Node("condition", "?", raw.position)
        result.lhs, result.rhs = self.under(result, raw.lhs), self.under(result, raw.rhs)
        result.extra = None if raw.extra is None else self.under(result, raw.extra)
        return result

    def _default(self, raw: Node) -> Node:
        result = Node(raw.kind, raw.value, raw.position)
        result.lhs, result.rhs = self.under(result, raw.lhs), self.under(result, raw.rhs)
        return result

    def _transform(self, raw: Node) -> Node:
        deletion = None if raw.extra is None else self.node(raw.extra)
        return Node("transform", "|", raw.position, self.node(raw.lhs), self.node(raw.rhs), extra=deletion)

    def _block(self, raw: Node) -> Node:
        result = Node("block", "(", raw.position)
        for item in raw.items:
            part = self.under(result, item)
            result.cons = result.cons or part.cons or (part.kind == "path" and part.items[0].cons)
            result.items.append(part)
        return result

    # ── parents ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _seek(self, node: Node, slot: Slot) -> Slot:
        return _seek(node, slot)


def _push(result: Node, value: Node) -> None:
    if value.seeking or value.kind == "parent":
        result.seeking = [*result.seeking, *value.seeking, *([value.slot] if value.kind == "parent" else [])]


def _seek(node: Node, slot: Slot) -> Slot:
    """``slot`` after one step back over ``node``, which carries it where it is the one meant."""
    if node.kind in ("name", "wildcard"):
        slot.level -= 1
        if slot.level == 0:
            if node.ancestor is None:
                node.ancestor = slot
            else:
                slot.label = node.ancestor.label
            node.tuple = True
    elif node.kind == "parent":
        slot.level += 1
    elif node.kind == "block":
        if node.items:
            node.tuple = True
            slot = _seek(node.items[-1], slot)
    elif node.kind == "path":
        node.tuple = True
        at = len(node.items) - 1
        slot = _seek(node.items[at], slot)
        while slot.level > 0 and at > 0:
            at -= 1
            slot = _seek(node.items[at], slot)
    else:
        raise JsonataError("S0217", node.position, node.kind)
    return slot


def _resolve(path: Node) -> None:
    last = path.items[-1]
    for slot in [*last.seeking, *([last.slot] if last.kind == "parent" else [])]:
        at = len(path.items) - 2
        while slot.level > 0:
            if at < 0:
                path.seeking = [*path.seeking, slot]
                break
            step = path.items[at]
            at -= 1
            while at >= 0 and step.focus and path.items[at].focus:
                step = path.items[at]
                at -= 1
            slot = _seek(step, slot)


def _last(node: Node) -> Node:
    """``node`` with its calls in last place marked: they are made by the caller, so loops do not nest."""
    if node.kind == "call" and not node.predicates and node.group is None:
        node.thunk = True
    elif node.kind == "condition":
        _last(node.rhs)
        if node.extra is not None:
            _last(node.extra)
    elif node.kind == "block" and node.items:
        _last(node.items[-1])
    return node
