"""Which rows of a segment can matter to a rule, so that the quick path need not keep the others.

``present(own(REF), own(REF/1) == 'F8')`` asks of REF rows alone whose first element is F8: a place that allows other
values only is passed by.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from waypost.formats.edi.schema.model import Composite, Use

OWN = "="
"""Behind a tag, in the rows a rule sees: only the rows of the loop itself, not those of loops inside it."""
Filter = tuple[int, int, frozenset[str]]
"""An element, the component of it or 0, and the values one of which it has in all rows that matter."""
Wanted = Mapping[str, tuple[Filter | None, ...]]
"""By key, a filter for each time a rule names it; None where all rows matter."""


def wanted(tree: ast.expr) -> Wanted:
    """What a rule looks at, by the keys of rows."""
    found: dict[str, list[Filter | None]] = {}
    _look(tree, "", found)
    return {key: tuple(filters) for key, filters in found.items()}


def matters(use: Use, filters: Iterable[Filter | None]) -> bool:
    """Whether a segment that is as ``use`` says may be one that matters."""
    return any(one is None or not _ruled_out(use, one) for one in filters)


def _ruled_out(use: Use, one: Filter) -> bool:
    element, component, values = one
    if element > len(use.segment.elements):
        return False
    if not component and isinstance(use.segment.elements[element - 1], Composite):
        return False
    return any(e == element and c == (component or 1) and not values & v for e, c, v in use.where)


def _look(node: ast.AST, row: str, found: dict[str, list[Filter | None]]) -> None:
    """Records what ``node`` names; inside a condition on rows of the key ``row``, those are known already."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 2:
        place = _place(node.args[0])
        if place and node.func.id != "implies":
            key = place[0]
            if key != row:
                found.setdefault(key, []).append(None if node.func.id == "every" else _filter(node.args[1], key))
            _look(node.args[1], key, found)
            return
    place = _place(node)
    if place is None:
        for inner in ast.iter_child_nodes(node):
            _look(inner, row, found)
    elif place[0] != row:
        found.setdefault(place[0], []).append(None)


def _filter(condition: ast.expr, key: str) -> Filter | None:
    """A value every row has for which ``condition`` holds; None where it cannot be said."""
    if isinstance(condition, ast.BoolOp) and isinstance(condition.op, ast.And):
        return next((one for value in condition.values if (one := _filter(value, key))), None)
    if not isinstance(condition, ast.Compare) or len(condition.ops) != 1:
        return None
    place, other = _place(condition.left), condition.comparators[0]
    texts = other.elts if isinstance(condition.ops[0], ast.In) and isinstance(other, ast.Tuple | ast.List) else [other]
    values = frozenset(t.value for t in texts if isinstance(t, ast.Constant) and isinstance(t.value, str))
    if (
        not isinstance(condition.ops[0], ast.Eq | ast.In)
        or place is None
        or place[0] != key
        or len(values) < len(texts)
    ):
        return None
    return (place[1], place[2], values) if place[1] else None


def _place(node: ast.AST) -> tuple[str, int, int] | None:
    """The key, element and component of a place; element 0 where it names none, or several; None for what is none."""
    numbers: list[int] = []
    own = False
    while True:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            right = node.right.value if isinstance(node.right, ast.Constant) else 0
            numbers.append(right if isinstance(right, int) else 0)
            node = node.left
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "own" and node.args:
            own, node = True, node.args[0]
        else:
            break
    if not isinstance(node, ast.Name) or not node.id.isupper():
        return None
    element, component = (*reversed(numbers), 0, 0)[:2]
    return node.id + (OWN if own else ""), element, component
