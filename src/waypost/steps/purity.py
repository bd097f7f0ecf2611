"""The check that a project's Python step reads no clock, draws no chance and touches nothing outside its message.

It reads the text alone, so it finds what is written plainly: imports, calls, ``global``. It does not find what is
reached through other modules, mutable values at module level, or the order of a set; workers run with a fixed hash
seed, and recomputing compares digests, which shows the rest as *differs*.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from waypost.core.errors import Fault

_TIME = "received_at, the function's second parameter"
_OUTSIDE = "an enrich step for what comes from outside"
IMPURE_MODULES: Mapping[str, str] = {
    **dict.fromkeys(("time", "sched"), _TIME),
    **dict.fromkeys(("random", "secrets", "uuid"), "a value made from the message, such as a hash of its fields"),
    **dict.fromkeys(
        ("os", "io", "pathlib", "shutil", "tempfile", "glob", "fileinput", "sqlite3", "dbm", "shelve", "mmap"),
        "a lookup file in a map",
    ),
    **dict.fromkeys(
        ("socket", "ssl", "urllib", "http", "ftplib", "smtplib", "imaplib", "poplib", "telnetlib", "xmlrpc", "requests",
         "httpx", "aiohttp", "asyncssh", "paramiko", "psycopg", "psycopg2", "asyncpg", "boto3"),
        _OUTSIDE,
    ),
    **dict.fromkeys(
        ("subprocess", "multiprocessing", "threading", "asyncio", "concurrent", "signal", "select", "selectors",
         "ctypes", "importlib", "runpy", "sys", "platform", "locale", "getpass", "pty",
         "atexit", "gc", "inspect", "builtins"),
        "plain computation on the message",
    ),
}  # fmt: skip
IMPURE_CALLS: Mapping[str, str] = {
    **dict.fromkeys(("open", "input", "print", "breakpoint"), "a function of the message alone"),
    **dict.fromkeys(("exec", "eval", "compile", "__import__", "globals", "vars"), "code written out"),
    **dict.fromkeys(("hash", "id"), "hashlib, which gives the same in every process"),
}
IMPURE_METHODS: Mapping[str, str] = dict.fromkeys(("now", "utcnow", "today"), _TIME)
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed step file; ``functions`` are those at its top level."""

    tree: ast.Module
    functions: Mapping[str, ast.FunctionDef]

    def parameters(self, name: str) -> int | None:
        """How many parameters a function must be given; None where there is no such function."""
        function = self.functions.get(name)
        if function is None:
            return None
        return len(function.args.posonlyargs) + len(function.args.args) - len(function.args.defaults)

    def passes_its_body(self, name: str) -> bool:
        """Whether a function plainly returns what it was given, or nothing: a check, not a translation."""
        function = self.functions.get(name)
        if function is None or not (*function.args.posonlyargs, *function.args.args):
            return False
        body = (*function.args.posonlyargs, *function.args.args)[0].arg
        returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
        stored = [n for n in ast.walk(function) if isinstance(getattr(n, "ctx", None), ast.Store | ast.Del)]
        same = [isinstance(value, ast.Name) and value.id == body for value in returned if not _is_nothing(value)]
        return bool(same) and all(same) and all(isinstance(n, ast.Name) and n.id != body for n in stored)


def read_source(name: str, data: bytes, faults: list[Fault]) -> Source | None:
    """The parsed file; what is wrong or impure in it is added to ``faults`` with its line."""
    if len(data) > _MOST_BYTES:
        faults.append(Fault(name, 0, "python", f"found {len(data)} bytes", f"at most {_MOST_BYTES}"))
        return None
    try:
        tree = ast.parse(data, name)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", 0) or 0
        faults.append(Fault(name, line, "python", f"not Python: {getattr(error, 'msg', error)}", "a Python file"))
        return None
    except (MemoryError, RecursionError):
        faults.append(Fault(name, 0, "python", "nested too deeply", "a Python file"))
        return None
    for node in ast.walk(tree):
        faults.extend(Fault(name, line, "impure", found, expected) for line, found, expected in _impurities(node))
    return Source(tree, {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)})


def _impurities(node: ast.AST) -> Iterator[tuple[int, str, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _module(node.lineno, alias.name)
    elif isinstance(node, ast.ImportFrom):
        yield from _module(node.lineno, node.module or ".")
    elif isinstance(node, ast.Global):
        yield node.lineno, f"global {', '.join(node.names)}", "results that depend on the message alone"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
        yield node.lineno, f"a call of {node.func.id}()", IMPURE_CALLS[node.func.id]
    elif isinstance(node, ast.Attribute) and node.attr in IMPURE_METHODS:
        yield node.lineno, f"a use of .{node.attr}", IMPURE_METHODS[node.attr]


def _module(line: int, name: str) -> Iterator[tuple[int, str, str]]:
    top = name.partition(".")[0]
    if top in IMPURE_MODULES:
        yield line, f"an import of {name}", IMPURE_MODULES[top]
    elif not top:
        yield line, "an import of another file of the project", "one file a step, or an installed package"


def _is_nothing(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)
