"""Expressions: compiled once, evaluated for each message, pure.

>>> total = compile_expression("sum([l.quantity * l.price for l in lines])")
>>> total.evaluate({"lines": [{"quantity": 2, "price": Decimal("9.99")}]})
Decimal('19.98')
>>> sorted(total.paths)
['lines', 'lines[].price', 'lines[].quantity']

What holds: a name is a field of the message, ``this`` the message itself, ``order.lines[0].sku`` a path. A missing
field, an index outside the list and null are one thing, *missing*: a path through it is missing, ordering (<, >=)
with it is false, it equals only itself, it counts as false; arithmetic with it is an ``ExpressionError``. Empty text,
empty list and 0 count as false, too. In comparisons true is 1 and false is 0; in arithmetic they are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from waypost.core.message import Message
from waypost.mapping.compiler import Emitter
from waypost.mapping.fault import ExpressionError, ExpressionFault
from waypost.mapping.grammar import parse
from waypost.mapping.interpreter import Interpreter
from waypost.mapping.lookup import Table
from waypost.mapping.operation import MAX_WORK
from waypost.mapping.parsed import Parsed
from waypost.mapping.reference_use import References, Tables

__all__ = ["Compiled", "Decimal", "ExpressionError", "ExpressionFault", "compile_expression"]


class Compiled:
    """An expression ready to run. ``source`` is the Python it became; ``paths`` the places of the message it reads."""

    __slots__ = ("_batch", "_call", "_parsed", "_tables", "paths", "source", "text", "uses_now")

    def __init__(self, parsed: Parsed, tables: Mapping[str, Any]) -> None:
        self._parsed, self._tables = parsed, tables
        self.text, self.uses_now = parsed.text, parsed.uses_now
        self.paths = frozenset(parsed.paths)
        emitter = Emitter(tables)
        code = emitter.expression(parsed, parsed.names)
        given = "".join(f", {name}" for name in parsed.names)
        emitter.functions.append(_single(code, given, parsed.loops))
        if not parsed.loops and not parsed.uses_now and not parsed.names:
            emitter.functions.append(_BATCH.format(code=code))
        self.source = emitter.source
        made = emitter.module(f"<expression {parsed.text[:80]}>")
        self._call: Callable[..., Any] = made["evaluate"]
        self._batch: Callable[[Sequence[Any]], list[Any]] | None = made.get("evaluate_batch")

    @property
    def parsed(self) -> Parsed:
        """The checked tree, for those who look at what is written and evaluate nothing."""
        return self._parsed

    def evaluate(self, document: Any, *, now: int = 0, **names: Any) -> Any:
        """The value for one message. ``now`` is when it was received (UTC µs); ``names`` are the local names the
        expression was compiled with. Raises ``ExpressionError``, nothing else."""
        try:
            return self._call(document, now, **names)
        except Exception:  # noqa: BLE001 - the interpreter finds out what it was, and raises the located error
            return self._explain(document, now, names)

    def evaluate_batch(self, documents: Sequence[Any], now: Sequence[int] | None = None) -> list[Any]:
        """The value for each message, an ``ExpressionError`` instance in the place of each that has none."""
        if self._batch is not None:
            try:
                return self._batch(documents)
            except Exception:  # noqa: BLE001, S110 - one of them failed; one by one shows which
                pass
        return [self._one(document, 0 if now is None else now[at]) for at, document in enumerate(documents)]

    def of_messages(self, batch: Sequence[Message]) -> list[Any]:
        """The same for messages: the value for the body of each, ``now()`` being when it was received."""
        bodies = [message.body for message in batch]
        return self.evaluate_batch(bodies, [message.received_at for message in batch] if self.uses_now else None)

    def _one(self, document: Any, now: int) -> Any:
        try:
            return self.evaluate(document, now=now)
        except ExpressionError as error:
            return error

    def _explain(self, document: Any, now: int, names: Mapping[str, Any]) -> Any:
        return Interpreter(self._parsed, document, now, self._tables, [MAX_WORK]).evaluate(names)


_BATCH = "def evaluate_batch(_documents):\n    return [{code} for this in _documents]\n"


def _single(code: str, given: str, loops: bool) -> str:
    work = f"    _work = [{MAX_WORK}]\n" if loops else ""
    return f"def evaluate(this, _now{given}):\n{work}    return {code}\n"


def compile_expression(
    text: str, *, names: Mapping[str, str] | Iterable[str] = (), tables: Mapping[str, Table] | None = None,
    references: References | None = None,
) -> Compiled:  # fmt: skip
    """Compile ``text``; ``ExpressionFault`` says what is wrong. ``names`` are local names besides ``this``, with the
    path each stands for where known (``{"line": "order.lines[]"}``); ``tables`` are the lookups there are,
    ``references`` the reference data."""
    given = tables if isinstance(tables, Tables) else Tables(tables or {}, references)
    return Compiled(parse(text, names=names, tables=given), given)
