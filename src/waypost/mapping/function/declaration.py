"""How a function of the mapping language is declared: one typed Python function with executed examples."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
_VARIADIC = 0x04
REFERENCE = "reference:"
"""What stands before the name of reference data among the tables."""
KINDS = ("any", "scalar", "text", "number", "whole", "bool", "list", "map", "item", "arg")


@dataclass(frozen=True, slots=True)
class Function:
    """One function. ``examples`` are (expression, its result as an expression); a test runs each of them.

    ``scalar`` says that its cost does not grow with its arguments (it bounds them itself), so that loops need not
    charge for it. ``needs`` is what is handed to it before its arguments: '', 'table' (a lookup), 'now', or
    'reference' (reference data, and when the message was received).

    ``takes`` are the kinds each parameter accepts (``text|number``; the last one again for further values), ``gives``
    the kind of the result: ``item`` is that of the first argument's items, ``arg`` that of the first argument.
    ``missing`` says when the result is missing: ``first`` when the first argument is, ``never``, or ``maybe``.

    ``direct`` does the same for one text as its only argument, at no cost of ours, and raises ``TypeError`` for
    anything else, a missing value too.
    """

    name: str
    group: str
    summary: str
    parameters: tuple[str, ...]
    required: int
    variadic: bool
    examples: tuple[tuple[str, str], ...]
    call: Callable[..., Any]
    scalar: bool
    needs: str
    takes: tuple[tuple[str, ...], ...]
    gives: str
    missing: str
    prepare: Callable[..., Callable[[Any], Any]] | None
    cuts: bool
    direct: Callable[[Any], Any] | None = None

    @property
    def signature(self) -> str:
        """``round(value, places, mode)``; optional parameters in brackets."""
        words = [p if i < self.required else f"[{p}]" for i, p in enumerate(self.parameters)]
        return f"{self.name}({', '.join(words)}{', …' if self.variadic else ''})"

    @property
    def looks(self) -> bool:
        """Whether the first thing it is given is the name of a table it looks into."""
        return self.needs in ("table", "reference")

    def table_key(self, name: str) -> str:
        """Under which key a table is among those an expression may look into."""
        return f"{REFERENCE}{name}" if self.needs == "reference" else name

    def accepts(self, place: int) -> tuple[str, ...]:
        """The kinds the argument at ``place`` may have."""
        return self.takes[min(place, len(self.takes) - 1)] if self.takes else ("any",)


FUNCTIONS: dict[str, Function] = {}
"""Every function by name, filled by importing ``waypost.mapping.function``."""


def is_light(function: Function, arguments: Sequence[ast.expr]) -> bool:
    """Whether a call costs little whatever its arguments are, so that a loop need not charge for them."""
    if not function.cuts:
        return function.scalar
    count = arguments[1] if len(arguments) > 1 else None
    return isinstance(count, ast.Constant) and type(count.value) is int and count.value <= 256


def function(
    group: str,
    *examples: tuple[str, str],
    types: str,
    name: str = "",
    scalar: bool = False,
    needs: str = "",
    prepare: Callable[..., Callable[[Any], Any]] | None = None,
    cuts: bool = False,
    direct: Callable[[Any], Any] | None = None,
) -> Callable[[F], F]:
    """Declare a function. A name that Python has taken is written with a trailing underscore (``sum_``). ``types`` are
    the kinds of its parameters and its result: ``text|number, whole -> text``; ``!`` at the end for a result that is
    never missing, ``?`` for one that may be missing though the first argument is not."""
    given, _, result = types.partition("->")
    result = result.strip()
    missing = {"!": "never", "?": "maybe"}.get(result[-1], "first")
    takes = tuple(tuple(kind.split("|")) for kind in given.replace(" ", "").split(",") if kind)
    if not {kind for each in takes for kind in each} <= set(KINDS):
        raise ValueError(f"unknown kind in {types!r}")

    def declare(call: F) -> F:
        code: Any = call.__code__
        defaults: Sequence[Any] = call.__defaults__ or ()
        skip = 2 if needs == "reference" else 1 if needs else 0
        variadic = bool(code.co_flags & _VARIADIC)
        parameters = tuple(code.co_varnames[skip : code.co_argcount + variadic])
        known = name or call.__name__.rstrip("_")
        FUNCTIONS[known] = Function(
            known, group, (call.__doc__ or "").strip(), parameters,
            code.co_argcount - skip - len(defaults), variadic, examples, call, scalar, needs,
            takes, result.rstrip("!?"), missing, prepare, cuts, direct,
        )  # fmt: skip
        return call

    return declare
