"""An expression of JSONata, compiled once and evaluated on many messages.

>>> lines = [{"price": 2, "quantity": 3}, {"price": 1, "quantity": 1}]
>>> Jsonata("$sum(lines.(price * quantity))").evaluate({"lines": lines})
7
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from waypost.mapping.jsonata.compiler import compile_node
from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.frame import MAX_FRAMES, MAX_STEPS, Frame, Function, Native, Run
from waypost.mapping.jsonata.library import collection, moment, numeric, picture, text
from waypost.mapping.jsonata.resolve import read
from waypost.mapping.jsonata.signature import Signature
from waypost.mapping.jsonata.value import NOTHING, Sequence, plain

MAX_SOURCE = 256 * 1024
_FRAMES = 20_000
"""Python's own limit while expressions are used; ``frame.MAX_FRAMES`` ends an evaluation long before it."""


class Jsonata:
    """One compiled expression. Raises ``JsonataError`` for a syntax error, with its position."""

    def __init__(self, source: str) -> None:
        if len(source) > MAX_SOURCE:
            raise JsonataError("U1002", 0, None, f"an expression has at most {MAX_SOURCE} characters")
        sys.setrecursionlimit(max(_FRAMES, sys.getrecursionlimit()))
        self._evaluate = compile_node(read(source))

    def evaluate(
        self, body: Any, *, bindings: Mapping[str, Any] | None = None, now: int = 0, seed: int = 0,
        steps: int = MAX_STEPS,
    ) -> Any:  # fmt: skip
        """The result as plain data; ``NOTHING`` where there is none. ``now`` in milliseconds since 1970 is what
        ``$now`` and ``$millis`` give, ``seed`` decides ``$random`` and ``$shuffle``. The body is left as it is."""
        run = Run(now, seed, steps)
        frame = Frame({**(bindings or {}), "$": body}, _LIBRARY, run)
        context = body
        if isinstance(body, list):
            context = Sequence([body])
            context.outer = True
        try:
            return plain(self._evaluate(context, frame))
        except RecursionError:
            raise JsonataError("U1001") from None


class _Evaluated(Function):
    """``$eval``: an expression in a text, over the context, within the same limits."""

    __slots__ = ("arity",)

    def __init__(self) -> None:
        self.arity = 2

    def __call__(self, arguments: list[Any], context: Any, run: Run) -> Any:
        source, *given = _EVAL.fit(arguments, context)
        if source is NOTHING:
            return NOTHING
        focus = given[0] if given and given[0] is not NOTHING else context
        run.spend(1 + len(source))
        run.depth += _EVAL_WEIGHT
        if run.depth > MAX_FRAMES:
            raise JsonataError("U1001")
        try:
            evaluate = compile_node(read(source))
        except JsonataError as error:
            raise JsonataError("D3120", -1, error) from None
        try:
            made = evaluate(focus, Frame({"$": focus}, _LIBRARY, run))
        except JsonataError as error:
            if error.code in ("U1001", "U1002"):
                raise
            raise JsonataError("D3121", -1, error) from None
        run.depth -= _EVAL_WEIGHT
        return made


def _library() -> dict[str, Any]:
    made: dict[str, Function] = {}
    for module in (text, numeric, collection, moment, picture):
        for name, (function, signature) in module.FUNCTIONS.items():
            made[name] = Native(name, function, signature)
        for name, (function, signature) in getattr(module, "RUN_FUNCTIONS", {}).items():
            made[name] = Native(name, function, signature, uses_run=True)
    made["string"] = Native("string", text.string, text.FUNCTIONS["string"][1], arity=1)
    made["eval"] = _Evaluated()
    made["random"] = Native("random", lambda run: run.random.random(), "<:n>", uses_run=True)
    return made


_EVAL, _EVAL_WEIGHT = Signature("<sx?:x>"), 200
_LIBRARY = Frame(_library(), None, Run(0, 0))
