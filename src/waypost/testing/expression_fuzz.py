"""Looks for an expression that escapes: ``python -m waypost.testing.expression_fuzz --executions 10000000``.

Random texts, made from the grammar, from Python and from broken pieces, are compiled and evaluated on random documents.
Nothing may happen but a value or one of the two errors; no evaluation may take long; none may reach anything of Python:
an audit hook sees every import, opened file, compiled text and started process while an expression is evaluated, and
values are searched for anything that is no document. Every run is repeatable by its seed.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from waypost.mapping.expression import Compiled, ExpressionError, ExpressionFault, compile_expression
from waypost.mapping.function import FUNCTIONS
from waypost.mapping.lookup import read_table

SLOW_SECONDS = 5.0
EACH = 40
"""How many documents each compiled expression is evaluated on."""
_TABLES = {"u": read_table("u.csv", b"k,v,w\na,1,x\nb,2,x\n", [])}
_ALLOWED = frozenset((str, int, bool, Decimal, float, type(None), bytes))
_WATCHED = ("import", "open", "compile", "exec", "os.", "subprocess.", "socket.", "ctypes.", "shutil.", "pty.", "code.")
_OPERATORS = ("+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or", "is")
_ATOMS = (
    "a", "b", "c", "this", "l", "0", "1", "2.50", "1e20", "-3", "10**9", "'a'", "''", "'%Y%m%d'", "'2026-03-31'",
    "None", "true", "a.b", "a.b.c", "this.a", "a[0]", "b['c']", "this['a'].b[-1]", "'Europe/Berlin'", "'KGM'", "[]",
"{}", "'gs1'", )  # fmt: skip
_PYTHON = (
    "__class__", "__globals__", "__builtins__", "__import__('os')", "().__class__", "eval('1')", "exec('1')",
    "open('x')", "getattr(a,'b')", "type(a)", "lambda: 0", "(yield)", "await a", "f'{a}'", "a.format(b)", "a.__init__",
    "_add", "_work", "_now", "_1", "globals()", "(x:=1)", "*a", "**a", "a if", "print(1)", "evaluate(this)",
    "[].append", "a.keys()", "...", "1j", "b'x'", "{1,2}", "'{0.__class__}'.format(a)", "breakpoint()", "async",
"2**99", "1<<9", "~1", "a@b", )  # fmt: skip


@dataclass
class Found:
    """What a run saw: how many evaluations, what came of them, and every escape."""

    executions: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    slowest_text: str = ""
    escapes: list[str] = field(default_factory=list)


class Watch:
    """Sees what Python does outside of evaluation while ``on``; an audit hook cannot be taken away again."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event.startswith(_WATCHED):
            self.seen.append(f"{event} {arguments!r}"[:200])


class Maker:
    """Makes texts of expressions and documents from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self) -> str:
        """An expression, or something close to one."""
        made = self.expression(self.random.randint(1, 5))
        if self.random.random() < 0.15:
            at = self.random.randrange(len(made) + 1)
            made = made[:at] + self.random.choice((*_PYTHON, ".", "(", ")", "'", ",", " for x in a")) + made[at:]
        return made

    def expression(self, depth: int) -> str:
        pick = self.random
        if depth <= 0 or pick.random() < 0.15:
            return pick.choice(_PYTHON) if pick.random() < 0.02 else pick.choice(_ATOMS)
        one = self.expression
        kind = pick.randrange(12)
        if kind <= 4:
            return self.call(depth)
        if kind <= 6:
            return f"({one(depth - 1)} {pick.choice(_OPERATORS)} {one(depth - 1)})"
        if kind == 7:
            return f"({one(depth - 1)} if {one(depth - 2)} else {one(depth - 1)})"
        if kind == 8:
            return f"[{one(depth - 1)} for l in {one(depth - 1)} if {one(depth - 2)}]"
        if kind == 9:
            return f"[{one(depth - 1)}, {one(depth - 2)}]"
        if kind == 10:
            return f"{{'b': {one(depth - 1)}}}.{pick.choice('bc')}"
        return f"{one(depth - 1)}[{one(depth - 2)}{pick.choice(('', ':', ':2'))}]"

    def call(self, depth: int) -> str:
        name = self.random.choice((*FUNCTIONS, "default", "exists"))
        function = FUNCTIONS.get(name)
        count = self.random.randint(1, 3)
        given = []
        if function is not None:
            most = 3 if function.variadic else len(function.parameters)
            count = self.random.randint(min(function.required, most), most)
            given = ["'u'"] if function.needs == "table" else []
        return f"{name}({', '.join([*given, *(self.expression(depth - 1) for _ in range(count))])})"

    def document(self, depth: int = 4) -> Any:
        pick = self.random
        kind = pick.randrange(10) if depth else pick.randrange(6)
        if kind <= 5:
            return pick.choice((
                None, True, False, 0, 1, -7, 10**30, 1.5, float("nan"), float("inf"), Decimal("12.50"), Decimal("NaN"),
                "", "a", "b", "2026-03-31", "2026-03-31T10:00:00Z", "x" * 300, "12.50", "é\u0301", "\ud800", b"x",
            ))  # fmt: skip
        if kind <= 7:
            return [self.document(depth - 1) for _ in range(pick.randrange(4))]
        return {name: self.document(depth - 1) for name in pick.sample(("a", "b", "c", "l", "key", "items"), 3)}


def foreign(value: Any) -> str:
    """What in a value is no document, as text; '' for nothing."""
    rest, seen = [value], 0
    while rest and seen < 10_000:
        one = rest.pop()
        seen += 1
        if type(one) is dict:
            rest.extend(one.values())
            rest.extend(one)
        elif type(one) is list or type(one) is tuple:
            rest.extend(one)
        elif type(one) not in _ALLOWED:
            return type(one).__name__
    return ""


def run(executions: int, seed: int, watch: Watch, report: Callable[[Found], None] | None = None) -> Found:
    """Evaluate so many times; compiled expressions are evaluated on several documents each, and a refused text counts
    as one execution of the compiler."""
    maker, found = Maker(seed), Found()
    documents = [maker.document() for _ in range(500)]
    last = time.monotonic()
    while found.executions < executions:
        text = maker.text()
        compiled = _compiled(text, found)
        found.executions += 1
        if compiled is not None:
            for document in maker.random.sample(documents, EACH):
                _evaluate(text, compiled, document, watch, found)
        if report is not None and time.monotonic() - last > 30:
            last = time.monotonic()
            report(found)
    return found


def _compiled(text: str, found: Found) -> Compiled | None:
    try:
        return compile_expression(text, tables=_TABLES)
    except ExpressionFault:
        found.outcomes["refused"] += 1
    except BaseException as error:  # noqa: BLE001 - anything else is what is looked for
        found.escapes.append(f"compiling {text!r} raised {type(error).__name__}: {error}"[:500])
    return None


def _evaluate(text: str, compiled: Compiled, document: Any, watch: Watch, found: Found) -> None:
    begun = time.perf_counter()
    watch.on = True
    try:
        value = compiled.evaluate(document)
        outcome = "value"
    except ExpressionError:
        value, outcome = None, "error"
    except BaseException as error:  # noqa: BLE001 - anything else is what is looked for
        value, outcome = None, "escape"
        found.escapes.append(f"{text!r} raised {type(error).__name__}: {error}"[:500])
    watch.on = False
    taken = time.perf_counter() - begun
    found.executions += 1
    found.outcomes[outcome] += 1
    if taken > found.slowest:
        found.slowest, found.slowest_text = taken, text
    found.escapes.extend(_told(text, value, taken, watch))


def _told(text: str, value: Any, taken: float, watch: Watch) -> Iterator[str]:
    if taken > SLOW_SECONDS:
        yield f"{text!r} took {taken:.1f} s"
    if strange := foreign(value):
        yield f"{text!r} gave a {strange}"
    if watch.seen:
        yield f"{text!r} did {', '.join(watch.seen[:3])}"
        watch.seen.clear()


def warm_up() -> None:
    """Read the data files and zones that functions read once, so that the watch sees only what is not expected."""
    for function in FUNCTIONS.values():
        for text, _ in function.examples:
            _ignore(text.replace("'sample'", "'u'"))
    from waypost.mapping.function.identifier import code_list

    for name in ("countries", "currencies", "units"):
        code_list(name)


def _ignore(text: str) -> None:
    try:
        compile_expression(text, tables=_TABLES).evaluate({})
    except (ExpressionError, ExpressionFault):
        return


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 no escape, 1 at least one, which is printed."""
    parser = argparse.ArgumentParser(prog="python -m waypost.testing.expression_fuzz")
    parser.add_argument("--executions", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    warm_up()
    found = run(options.executions, options.seed, Watch(), _report)
    _report(found)
    for escape in found.escapes[:50]:
        sys.stdout.write(f"ESCAPE {escape}\n")
    return 1 if found.escapes else 0


def _report(found: Found) -> None:
    sys.stdout.write(
        f"{found.executions:,} executions: {dict(found.outcomes)}; {len(found.escapes)} escapes; slowest "
        f"{found.slowest * 1000:.0f} ms: {found.slowest_text[:100]}\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
