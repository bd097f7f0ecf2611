"""Where an evaluation stands: the limits of a run, the variables of a scope, and the functions that can be called."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.signature import Signature
from waypost.mapping.jsonata.value import NOTHING

MAX_STEPS = 5_000_000
MAX_FRAMES = 3_000
"""How deep calls may nest, each counted as deep as the body of its function is nested."""
Evaluate = Callable[[Any, "Frame"], Any]


class Run:
    """One evaluation: what it may still do, when the message was received (ms), and its chance."""

    __slots__ = ("_random", "_seed", "depth", "now", "steps")

    def __init__(self, now: int, seed: int, steps: int = MAX_STEPS) -> None:
        self.steps, self.depth, self.now, self._seed = steps, 0, now, seed
        self._random: random.Random | None = None

    @property
    def random(self) -> random.Random:
        """Made at its first use, which most expressions have none of."""
        if self._random is None:
            self._random = random.Random(self._seed)
        return self._random

    def spend(self, steps: int) -> None:
        """Raises U1001 once more was done than a run may do."""
        self.steps -= steps
        if self.steps < 0:
            raise JsonataError("U1001")


class Frame:
    """The variables of one scope and those around it."""

    __slots__ = ("parent", "run", "variables")

    def __init__(self, variables: dict[str, Any], parent: Frame | None, run: Run) -> None:
        self.variables, self.parent, self.run = variables, parent, run

    def lookup(self, name: str) -> Any:
        frame: Frame | None = self
        while frame is not None:
            variables = frame.variables
            if name in variables:
                return variables[name]
            frame = frame.parent
        return NOTHING


class Function:
    """What can be called. ``arity`` is the number of parameters it declares."""

    __slots__ = ()
    arity: int

    def __call__(self, arguments: list[Any], context: Any, run: Run) -> Any:
        raise NotImplementedError


class Native(Function):
    """A function of the library. ``implementation`` is given the run first where ``uses_run``."""

    __slots__ = ("arity", "implementation", "name", "signature", "uses_run")

    def __init__(self, name: str, implementation: Callable[..., Any], signature: str = "", arity: int = -1,
                 uses_run: bool = False) -> None:  # fmt: skip
        self.name, self.implementation, self.uses_run = name, implementation, uses_run
        self.signature = Signature(signature) if signature else None
        self.arity = arity if self.signature is None or arity >= 0 else len(self.signature.parameters)

    def __call__(self, arguments: list[Any], context: Any, run: Run) -> Any:
        if self.signature is not None:
            arguments = self.signature.fit(arguments, context)
        elif len(arguments) > self.arity >= 0:
            arguments = arguments[: self.arity]
        if self.uses_run:
            return self.implementation(run, *arguments)
        return self.implementation(*arguments)


class Lambda(Function):
    """A function of the expression with the scope it was written in."""

    __slots__ = ("arity", "body", "context", "frame", "names", "signature", "weight")

    def __init__(self, names: list[str], body: Evaluate, signature: Signature | None, weight: int,
                 context: Any, frame: Frame) -> None:  # fmt: skip
        self.names, self.body, self.signature, self.weight = names, body, signature, weight
        self.context, self.frame, self.arity = context, frame, len(names)

    def enter(self, arguments: list[Any], context: Any, run: Run) -> Any:
        """The value, or a ``Pending`` call in last place."""
        if self.signature is not None:
            arguments = self.signature.fit(arguments, context)
        missing = self.arity - len(arguments)
        given = arguments if missing <= 0 else [*arguments, *[NOTHING] * missing]
        return self.body(self.context, Frame(dict(zip(self.names, given, strict=False)), self.frame, run))

    def __call__(self, arguments: list[Any], context: Any, run: Run) -> Any:
        run.spend(1)
        run.depth += self.weight
        if run.depth > MAX_FRAMES:
            raise JsonataError("U1001")
        made = self.enter(arguments, context, run)
        while type(made) is Pending:
            run.spend(1)
            function = made.function
            if type(function) is Lambda:
                made = function.enter(made.arguments, made.context, run)
            else:
                made = function(made.arguments, made.context, run)
        run.depth -= self.weight
        return made


class Partial(Function):
    """A function with some of its arguments; the places in ``open`` are still to be given."""

    __slots__ = ("arity", "function", "given", "open")

    def __init__(self, function: Function, given: list[Any], open_: list[int]) -> None:
        self.function, self.given, self.open, self.arity = function, given, open_, len(open_)

    def __call__(self, arguments: list[Any], context: Any, run: Run) -> Any:
        filled = list(self.given)
        for place, argument in zip(self.open, arguments, strict=False):
            filled[place] = argument
        return self.function(filled, context, run)


class Pending:
    """A call in last place, left to whoever called the function it stands in."""

    __slots__ = ("arguments", "context", "function")

    def __init__(self, function: Function, arguments: list[Any], context: Any) -> None:
        self.function, self.arguments, self.context = function, arguments, context


def call(run: Run, function: Function, *arguments: Any) -> Any:
    """``function`` called by a function of the library, with as many of ``arguments`` as it declares."""
    if isinstance(function, Native) and function.arity < 0:
        return function([arguments[0]], NOTHING, run)
    return function(list(arguments[: max(1, function.arity)]), NOTHING, run)
