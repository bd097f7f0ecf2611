"""The Python source that makes the rows of a loop over several lists, or of a grouping loop, before they are walked.

A row is a tuple of the items of each list; a grouping loop's row is one mapping of ``key`` and ``items``.
"""

from __future__ import annotations

from collections.abc import Sequence

from waypost.mapping.compiler import Emitter
from waypost.mapping.document import Loop, Source
from waypost.mapping.reading import GROUP


def variables(loop: Loop) -> tuple[str, ...]:
    """The names that a row of the loop stands for."""
    if loop.group_by is not None:
        return (GROUP,)
    return (loop.variable, *(source.variable for source in loop.more))


def doubtful(loop: Loop) -> set[str]:
    """The names that may stand for nothing: partners that there need not be."""
    return {source.variable for source in loop.more if source.keep_all}


def write(emitter: Emitter, loop: Loop, given: Sequence[str]) -> str:
    """Write the function that makes the rows; the expression that calls it where ``_items_`` is the first list."""
    name = emitter.fresh("rows")
    grouped = loop.group_by is not None
    lines = [f"def {name}({', '.join(['_items_', *given])}):", "    _made = {}" if grouped else "    _made = []"]
    items, key, partners = (emitter.operation(each) for each in ("items", "join_key", "partners"))
    indexes = {}
    for source in loop.more:
        if source.equals is not None:
            indexes[source.variable] = _index(emitter, source, given, lines, items, key)
    indent = "    "
    lines.append(f"{indent}for {loop.variable} in {items}(_items_, _work, {loop.weight}):")
    names = [*given, loop.variable]
    for source in loop.more:
        indent += "    "
        if source.on is None:
            walked = emitter.expression(source.each, names, looping=True)
        else:
            on = f"{key}({emitter.expression(source.on, names, looping=True)})"
            walked = f"{partners}({indexes[source.variable]}, {on}, {source.keep_all})"
        lines.append(f"{indent}for {source.variable} in {items}({walked}, _work, {loop.weight}):")
        names.append(source.variable)
    indent += "    "
    if loop.where is not None:
        lines.append(f"{indent}if {emitter.expression(loop.where, names, looping=True)}:")
        indent += "    "
    own = names[len(given) :]
    if loop.group_by is not None:
        item = f"{{{', '.join(f'{each!r}: {each}' for each in own)}}}" if loop.more else own[0]
        by = emitter.expression(loop.group_by, names, looping=True)
        lines.append(f"{indent}_made.setdefault({key}({by}), []).append({item})")
        lines.append("    return [{'key': _key, 'items': _each} for _key, _each in _made.items()]\n")
    else:
        lines += [f"{indent}_made.append(({', '.join(own)}))", "    return _made\n"]
    emitter.functions.append("\n".join(lines))
    return f"{name}({', '.join(['_items_', *given])})"


def _index(emitter: Emitter, source: Source, outer: Sequence[str], lines: list[str], items: str, key: str) -> str:
    """Write what collects a joined list by the value that joins; the variable that holds it."""
    name = emitter.fresh("by")
    assert source.equals is not None
    equals = emitter.expression(source.equals, [*outer, source.variable], looping=True)
    walked = emitter.expression(source.each, outer)
    lines += [
        f"    {name} = {{}}", f"    for {source.variable} in {items}({walked}, _work, 1):",
        f"        {name}.setdefault({key}({equals}), []).append({source.variable})",
    ]  # fmt: skip
    return name
