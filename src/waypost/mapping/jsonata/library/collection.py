"""Functions of arrays, objects and functions."""

from __future__ import annotations

import functools
from typing import Any

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.frame import Function, Run, call
from waypost.mapping.jsonata.path import lookup
from waypost.mapping.jsonata.value import (
    NOTHING,
    Sequence,
    append,
    array,
    boolean,
    equal,
    is_number,
    number,
    single,
    truth,
)  # fmt: skip


def count(values: Any) -> int:
    """The function ``$count``."""
    return 0 if values is NOTHING else len(values)


def negated(value: Any) -> Any:
    """The function ``$not``."""
    truth_ = boolean(value)
    return NOTHING if truth_ is NOTHING else not truth_


def mapped(run: Run, values: Any, function: Function) -> Any:
    """The function ``$map``."""
    if values is NOTHING:
        return NOTHING
    made = Sequence()
    for at, value in enumerate(values):
        one = call(run, function, value, at, values)
        if one is not NOTHING:
            made.append(one)
    return made


def filtered(run: Run, values: Any, function: Function) -> Any:
    """The function ``$filter``."""
    if values is NOTHING:
        return NOTHING
    return Sequence([v for at, v in enumerate(values) if truth(call(run, function, v, at, values))])


def only(run: Run, values: Any, function: Any = NOTHING) -> Any:
    """The function ``$single``."""
    if values is NOTHING:
        return NOTHING
    fits = [v for at, v in enumerate(values) if function is NOTHING or truth(call(run, function, v, at, values))]
    if len(fits) != 1:
        raise JsonataError("D3138" if fits else "D3139")
    return fits[0]


def reduced(run: Run, values: Any, function: Function, first: Any = NOTHING) -> Any:
    """The function ``$reduce``."""
    if values is NOTHING:
        return NOTHING
    if function.arity < 2:
        raise JsonataError("D3050", -1, 1)
    rest = list(enumerate(values))
    if first is NOTHING and rest:
        first = rest.pop(0)[1]
    for at, value in rest:
        first = function([first, value, at, values][: max(2, function.arity)], NOTHING, run)
    return first


def sifted(run: Run, value: Any, function: Function) -> Any:
    """The function ``$sift``."""
    if not isinstance(value, dict):
        return NOTHING
    made = {key: item for key, item in value.items() if truth(call(run, function, item, key, value))}
    return made or NOTHING


def each(run: Run, value: Any, function: Function) -> Any:
    """The function ``$each``."""
    made = Sequence()
    for key, item in value.items() if isinstance(value, dict) else ():
        one = call(run, function, item, key, value)
        if one is not NOTHING:
            made.append(one)
    return made


def keys(value: Any) -> Any:
    """The function ``$keys``."""
    if isinstance(value, list):
        found: dict[str, None] = {}
        for item in value:
            found.update(dict.fromkeys(array(keys(item))))
        return Sequence(found)
    return Sequence(value) if isinstance(value, dict) else Sequence()


def spread(value: Any) -> Any:
    """The function ``$spread``."""
    if isinstance(value, list):
        made: Any = Sequence()
        for item in value:
            made = append(made, spread(item))
        return Sequence(made)
    if isinstance(value, dict):
        return Sequence({key: item} for key, item in value.items())
    return value


def merged(values: Any) -> Any:
    """The function ``$merge``."""
    if values is NOTHING:
        return NOTHING
    made: dict[str, Any] = {}
    for value in values:
        made.update(value)
    return made


def zipped(*arrays: Any) -> list[Any]:
    """The function ``$zip``."""
    return [list(row) for row in zip(*[array(one) for one in arrays], strict=False)]


def distinct(run: Run, values: Any) -> Any:
    """The function ``$distinct``."""
    if not isinstance(values, list) or len(values) <= 1:
        return values
    made: Any = Sequence() if isinstance(values, Sequence) else []
    seen: set[Any] = set()
    others: list[Any] = []
    for value in values:
        if isinstance(value, str) or is_number(value):
            key = value if isinstance(value, str) else (number(value),)
            if key in seen:
                continue
            seen.add(key)
        else:
            run.spend(len(others) + 1)
            if any(equal(value, other) for other in others):
                continue
            others.append(value)
        made.append(value)
    return made


def sorted_(run: Run, values: Any, comparator: Any = NOTHING) -> Any:
    """The function ``$sort``."""
    if values is NOTHING or len(values) <= 1:
        return values
    run.spend(len(values))
    if comparator is not NOTHING:
        key = functools.cmp_to_key(lambda a, b: int(truth(call(run, comparator, a, b))) - int(
            truth(call(run, comparator, b, a))))  # fmt: skip
        return sorted(values, key=key)
    if all(map(is_number, values)):
        return sorted(values, key=number)
    if all(isinstance(value, str) for value in values):
        return sorted(values)
    raise JsonataError("D3070")


def shuffled(run: Run, values: Any) -> Any:
    """The function ``$shuffle``."""
    if values is NOTHING or len(values) <= 1:
        return values
    run.spend(len(values))
    made = list(values)
    run.random.shuffle(made)
    return made


def kind(value: Any) -> Any:
    """The function ``$type``."""
    if value is NOTHING:
        return NOTHING
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if is_number(value):
        return "number"
    names = ((str, "string"), (list, "array"), (dict, "object"), (Function, "function"))
    return next((name for type_, name in names if isinstance(value, type_)), "unknown")


def fail(message: Any = NOTHING) -> Any:
    """The function ``$error``."""
    raise JsonataError("D3137", -1, None, "$error() function evaluated" if message is NOTHING else message)


def asserted(condition: Any, message: Any = NOTHING) -> Any:
    """The function ``$assert``."""
    if not condition or condition is NOTHING:
        raise JsonataError("D3141", -1, None, "$assert() statement failed" if message is NOTHING else message)
    return NOTHING


FUNCTIONS: dict[str, tuple[Any, str]] = {
    "count": (count, "<a:n>"), "boolean": (boolean, "<x-:b>"), "not": (negated, "<x-:b>"), "zip": (zipped, "<a+>"),
    "keys": (keys, "<x-:a<s>>"), "lookup": (lambda v, k: single(lookup(v, k)), "<x-s:x>"), "append": (append, "<xx:a>"),
    "exists": (lambda v: v is not NOTHING, "<x:b>"), "spread": (spread, "<x-:a<o>>"), "merge": (merged, "<a<o>:o>"),
    "reverse": (lambda v: v if v is NOTHING or len(v) <= 1 else v[::-1], "<a:a>"), "type": (kind, "<x:s>"),
    "error": (fail, "<s?:x>"), "assert": (asserted, "<bs?:x>"),
}  # fmt: skip
RUN_FUNCTIONS: dict[str, tuple[Any, str]] = {
    "map": (mapped, "<af>"), "filter": (filtered, "<af>"), "single": (only, "<af?>"), "reduce": (reduced, "<afj?:j>"),
    "sift": (sifted, "<o-f?:o>"), "each": (each, "<o-f:a>"), "distinct": (distinct, "<x:x>"),
    "sort": (sorted_, "<af?:a>"), "shuffle": (shuffled, "<a:a>"),
}  # fmt: skip
