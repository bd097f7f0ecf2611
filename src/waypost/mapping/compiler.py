"""Checked expressions as Python source: direct dictionary reads, exact operators, no name that a user chose but loops'.

The generated code is the fast way only. Whatever it raises, the interpreter evaluates again, and either gives the
value after all (a path through something that is no plain dictionary) or the located error. So generated code may be
strict where that is fast, but must never give another value than the interpreter; a property test compares them.

``strict`` code expects every field it reads, except where an expression or a rule says what a missing one means: it
reads ``x['name']``, and whatever is not so raises.

Every generated name begins with an underscore, and loop names must not, so that neither can hide the other.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from waypost.mapping import access, operation
from waypost.mapping.fault import Refused
from waypost.mapping.function import FUNCTIONS, Function, is_light
from waypost.mapping.missing import is_field, root_of, takes_missing
from waypost.mapping.parsed import ROOT, Parsed, weight_of
from waypost.mapping.plain import EXACT, EXACT_IN_FLOAT, is_number, is_plain, may_be_large

_BINARY: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide",
    ast.FloorDiv: "floor_divide", ast.Mod: "remainder",
}  # fmt: skip
COMPARISONS: dict[type[ast.AST], str] = {
    ast.Eq: "equal", ast.NotEq: "not_equal", ast.Lt: "less", ast.LtE: "less_equal",
    ast.Gt: "greater", ast.GtE: "greater_equal",
}  # fmt: skip
_SIGNS: dict[type[ast.AST], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
Known = Mapping[tuple[str, ...], str]
"""Variables that hold a path already: ``('this', 'order') → '_1_order'``."""


class Emitter:
    """Collects the source of one module: constants, loop functions, and the functions its user adds."""

    def __init__(self, tables: Mapping[str, Any], *, strict: bool = False) -> None:
        self.tables, self.strict = tables, strict
        self.globals: dict[str, Any] = {"__builtins__": {}}
        self.constants: list[str] = []
        self.functions: list[str] = []
        self._counter = 0
        self.locals: tuple[str, ...] = ()
        self.known: Known = {}
        self._looping = False
        self.counters: frozenset[str] = frozenset()
        """Names that are small whole numbers for sure."""
        self.doubtful: set[str] = set()
        """Loop names that may stand for nothing."""
        self.once: frozenset[str] = frozenset()
        """Loop names that stand for each part of the message once: what is read below them costs no more than it."""
        self.may_miss = False
        """Whether what is emitted now knows what to do with a missing value."""

    def fresh(self, stem: str = "") -> str:
        """A name nobody else has."""
        self._counter += 1
        return f"_{self._counter}_{stem}" if stem else f"_{self._counter}"

    def use(self, name: str, value: Callable[..., Any]) -> str:
        """Make ``value`` available to the generated code under ``_name``."""
        self.globals[f"_{name}"] = value
        return f"_{name}"

    def operation(self, name: str) -> str:
        return self.use(name, getattr(access, name, None) or getattr(operation, name))

    def module(self, name: str) -> dict[str, Any]:
        """Run the collected source; the namespace with its functions."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of `1 is None`, which a user may write
            code = compile(self.source, name, "exec", dont_inherit=True)
        exec(code, self.globals)
        return self.globals

    @property
    def source(self) -> str:
        return "\n".join(["\n".join(self.constants), *self.functions]).lstrip("\n")

    def expression(
        self, parsed: Parsed, names: Sequence[str] = (), known: Known | None = None, *, looping: bool = False
    ) -> str:
        """The Python expression that evaluates ``parsed`` where ``names`` are local names, ``_now`` and ``_work`` are
        there, and ``known`` says which paths are held in variables already."""
        self.locals, self.known, self._looping = tuple(names), known or {}, looping
        code = self.emit(parsed.tree)
        return f"{self.operation('bounded')}({code})" if parsed.loops and may_be_large(parsed.tree) else code

    def emit(self, node: ast.expr) -> str:
        before, self.may_miss = self.may_miss, self.may_miss or takes_missing(node)
        code = _EMITTERS[type(node)](self, node)
        self.may_miss = before
        return code

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────

    def constant(self, node: Any) -> str:
        return self.literal(node.value)

    def literal(self, value: Any) -> str:
        """Python source for plain data, made anew at each evaluation."""
        if isinstance(value, Decimal):
            name = self.fresh("decimal")
            self.use("decimal_of", Decimal)
            self.constants.append(f"{name} = _decimal_of({str(value)!r})")
            return name
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{name!r}: {self.literal(each)}" for name, each in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self.literal, value)) + "]"
        return repr(value)

    def name(self, node: Any) -> str:
        if node.id in self.locals or node.id == ROOT:
            return str(node.id)
        return self.known.get((ROOT, node.id)) or self.read(ROOT, node.id)

    def read(self, base: str, key: str) -> str:
        return f"{base}[{key!r}]" if self.strict and not self.may_miss else f"{base}.get({key!r})"

    def path(self, node: Any) -> str:
        keys: list[str] = []
        at = node
        while isinstance(at, ast.Attribute) or is_field(at):
            keys.append(at.attr if isinstance(at, ast.Attribute) else at.slice.value)
            at = at.value
        keys.reverse()
        if isinstance(at, ast.Name):
            if at.id not in self.locals and at.id != ROOT:
                keys.insert(0, at.id)
                return self.chain(ROOT, keys, certain=True)
            return self.chain(at.id, keys, certain=True)
        return self.chain(self.emit(at), keys, certain=False)

    def chain(self, base: str, keys: list[str], *, certain: bool, known: Known | None = None) -> str:
        """``base.get(k1).get(k2)…``, stopping where one is missing. ``certain``: base is a name and not missing."""
        for length in range(len(keys), 0, -1):
            held = (self.known if known is None else known).get((base, *keys[:length])) if certain else None
            if held:
                base, keys, certain = held, keys[length:], False
                break
        certain = certain and base not in self.doubtful
        if self.strict and not self.may_miss and base not in self.doubtful:
            return base + "".join(f"[{key!r}]" for key in keys)
        tests: list[str] = []
        if keys and not certain:
            held = base if base.isidentifier() else self.fresh()
            tests.append(f"{base} is None" if held == base else f"({held} := {base}) is None")
            base = held
        for key in keys[:-1]:
            held = self.fresh()
            tests.append(f"({held} := {base}.get({key!r})) is None")
            base = held
        read = f"{base}.get({keys[-1]!r})" if keys else base
        return f"(None if {' or '.join(tests)} else {read})" if tests else read

    def subscript(self, node: Any) -> str:
        if is_field(node):
            return self.path(node)
        value = self.emit(node.value)
        if isinstance(node.slice, ast.Slice):
            bounds = [self.emit(b) if b is not None else "None" for b in (node.slice.lower, node.slice.upper)]
            return self.paid(f"{self.operation('part')}({value}, {bounds[0]}, {bounds[1]})")
        return f"{self.operation('index')}({value}, {self.emit(node.slice)})"

    def paid(self, code: str, node: ast.AST | None = None) -> str:
        """``code``, charged by the size of its value when a loop repeats it; not where ``node`` reads a value that no
        loop comes to twice."""
        if not self._looping or (node is not None and root_of(node) in self.once):
            return code
        return f"{self.operation('pay')}({code}, _work)"

    # ── operators ────────────────────────────────────────────────────────────────────────────────────────────

    def binary(self, node: Any) -> str:
        if isinstance(node.left, ast.Name) and self.counts(node.left.id) and isinstance(node.op, ast.Add | ast.Sub):
            right = node.right
            if isinstance(right, ast.Constant) and type(right.value) is int and abs(right.value) < EXACT_IN_FLOAT:
                return f"({node.left.id} {'+' if isinstance(node.op, ast.Add) else '-'} {right.value})"
        before, self.may_miss = self.may_miss, False  # whatever stands around it: no operator takes a missing value
        left, right = self.emit(node.left), self.emit(node.right)
        self.may_miss = before
        counts = any(isinstance(each, ast.Constant) and is_number(each.value) for each in (node.left, node.right))
        if self.strict and not counts and type(node.op) in EXACT:
            return self.exact(node.op, left, right)
        code = f"{self.operation(_BINARY[type(node.op)])}({left}, {right})"
        return self.paid(code) if isinstance(node.op, ast.Add) and not counts else code

    def exact(self, operator: ast.operator, left: str, right: str) -> str:
        """The operator where its right side is a decimal and its left a decimal or a whole number, as amounts mostly
        are, done by the decimal context itself; else by the function for all kinds."""
        a, b = (code if code.isidentifier() else self.fresh() for code in (left, right))
        read_a, read_b = left if a == left else f"({a} := {left})", right if b == right else f"({b} := {right})"
        kind, number, whole = self.use("type", type), self.use("Decimal", Decimal), self.use("int", int)
        quick = self.use(f"exact_{_BINARY[type(operator)]}", EXACT[type(operator)])
        code = f"{self.operation(_BINARY[type(operator)])}({a}, {b})"
        return (
            f"({quick}({a}, {b}) if ({kind}({read_a}) is {number} or {kind}({a}) is {whole})"
            f" & ({kind}({read_b}) is {number}) else {self.paid(code) if isinstance(operator, ast.Add) else code})"
        )

    def counts(self, name: str) -> bool:
        return name in self.counters and name in self.locals

    def unary(self, node: Any) -> str:
        operand = self.emit(node.operand)
        return f"(not {operand})" if isinstance(node.op, ast.Not) else f"{self.operation('negate')}({operand})"

    def boolean(self, node: Any) -> str:
        word = " and " if isinstance(node.op, ast.And) else " or "
        return f"({word.join(map(self.emit, node.values))})"

    def condition(self, node: Any) -> str:
        return f"({self.emit(node.body)} if {self.emit(node.test)} else {self.emit(node.orelse)})"

    def compare(self, node: Any) -> str:
        parts, left, a = [], node.left, self.emit(node.left)
        last = len(node.ops) - 1
        for place, (operator, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
            b = self.emit(right)
            held = b if place == last or b.isidentifier() or isinstance(right, ast.Constant) else self.fresh()
            parts.append(self.compared(operator, left, a, right, b if held == b else f"({held} := {b})"))
            left, a = right, held
        return parts[0] if last == 0 else f"({' and '.join(parts)})"

    def compared(self, operator: ast.cmpop, left: ast.expr, a: str, right: ast.expr, b: str) -> str:
        if isinstance(operator, ast.Is | ast.IsNot):
            return f"({a} is {'not ' if isinstance(operator, ast.IsNot) else ''}None)"
        if isinstance(operator, ast.In | ast.NotIn):
            return self.membership(isinstance(operator, ast.NotIn), a, right, b)
        if isinstance(operator, ast.Eq | ast.NotEq):
            if is_plain(right) or is_plain(left):
                return f"({a} {_SIGNS[type(operator)]} {b})"
        elif is_plain(right) and not isinstance(left, ast.Constant):
            held = a if a.isidentifier() else self.fresh()
            read = a if held == a else f"({held} := {a})"
            return f"({read} is not None and {held} {_SIGNS[type(operator)]} {b})"
        if isinstance(operator, ast.Gt | ast.GtE):
            less = self.operation("less" if isinstance(operator, ast.Gt) else "less_equal")
            return f"{less}({b}, {self.paid(a)})"
        charge = ", _work" if self._looping and isinstance(operator, ast.Eq | ast.NotEq) else ""
        return f"{self.operation(COMPARISONS[type(operator)])}({self.paid(a)}, {b}{charge})"

    def membership(self, negated: bool, a: str, right: ast.expr, b: str) -> str:
        if isinstance(right, ast.List) and right.elts and all(map(is_plain, right.elts)):
            return f"({a} {'not ' if negated else ''}in ({', '.join(map(self.emit, right.elts))},))"
        charge = ", _work" if self._looping else ""
        code = f"{self.operation('contains')}({self.paid(b)}, {a}{charge})"
        return f"(not {code})" if negated else code

    # ── collections and calls ────────────────────────────────────────────────────────────────────────────────

    def listing(self, node: Any) -> str:
        return f"[{', '.join(map(self.emit, node.elts))}]"

    def mapping(self, node: Any) -> str:
        pairs = zip(node.keys, node.values, strict=True)
        return "{" + ", ".join(f"{key.value!r}: {self.emit(value)}" for key, value in pairs) + "}"

    def comprehension(self, node: Any) -> str:
        clauses, element = self.clauses(node)
        if any(":=" in walked for _, walked, _ in clauses):  # Python allows no assignment in what is walked
            return self.walking(clauses, element)
        parts = [
            f"for {name} in {walked}" + "".join(f" if {test}" for test in tests) for name, walked, tests in clauses
        ]
        return f"[{element} {' '.join(parts)}]"

    def clauses(self, node: Any) -> tuple[list[tuple[str, str, list[str]]], str]:
        """The code of a comprehension's clauses (name, what is walked, tests) and of its element."""
        outer = (self.locals, self.known, self.counters, self._looping, self.once)
        weight, clauses = weight_of(node), []
        for clause in node.generators:
            name = clause.target.id
            walked = f"{self.operation('items')}({self.emit(clause.iter)}, _work, {weight})"
            self.locals, self.counters, self._looping = (*self.locals, name), self.counters - {name}, True
            self.once = frozenset()
            self.known = {chain: held for chain, held in self.known.items() if chain[0] != name}
            clauses.append((name, walked, [self.emit(test) for test in clause.ifs]))
        element = self.emit(node.elt)
        self.locals, self.known, self.counters, self._looping, self.once = outer
        return clauses, element

    def walking(self, clauses: list[tuple[str, str, list[str]]], element: str) -> str:
        """A comprehension as a function with loops of its own."""
        name = self.fresh("each")
        code = " ".join([element, *(part for _, walked, tests in clauses for part in (walked, *tests))])
        held = [each for each in self.known.values() if each in code]
        given = tuple(dict.fromkeys((ROOT, "_now", "_work", *self.locals, *held)))
        lines, indent = [f"def {name}({', '.join(given)}):", "    _made = []"], "    "
        for variable, walked, tests in clauses:
            lines.append(f"{indent}for {variable} in {walked}:")
            indent += "    "
            for test in tests:
                lines.append(f"{indent}if {test}:")
                indent += "    "
        lines += [f"{indent}_made.append({element})", "    return _made", ""]
        self.functions.append("\n".join(lines))
        return f"{name}({', '.join(given)})"

    def call(self, node: Any) -> str:
        name = node.func.id
        if name == "exists":
            return f"({self.emit(node.args[0])} is not None)"
        if name == "default":
            return self.first_present([self.emit(each) for each in node.args])
        function = FUNCTIONS[name]
        if function.direct is not None and len(node.args) == 1:
            return self.direct(function, node.args[0])
        called = self.use(f"{name}_of", function.call)
        if function.needs == "now":
            return f"{called}(_now)"
        if function.looks:
            key = function.table_key(node.args[0].value)
            table = f"_table_{list(self.tables).index(key)}"
            self.globals[table] = self.tables[key]
            given = [table, "_now"] if function.needs == "reference" else [table]
            return f"{called}({', '.join([*given, *map(self.emit, node.args[1:])])})"
        if (prepared := self.prepared(function, node)) is not None:
            return prepared
        arguments = [self.emit(each) for each in node.args]
        if is_light(function, node.args) or not self._looping:
            return f"{called}({', '.join(arguments)})"
        charged = [
            a if isinstance(n, ast.Constant) else self.paid(a) for a, n in zip(arguments, node.args, strict=True)
        ]
        return self.paid(f"{called}({', '.join(charged)})")

    def direct(self, function: Function, argument: ast.expr) -> str:
        """The call of a function that Python has built in; nothing of nothing."""
        assert function.direct is not None
        name, code = self.use(f"direct_{function.name}", function.direct), self.emit(argument)
        free = not self._looping or root_of(argument) in self.once
        if self.strict and not self.may_miss and root_of(argument) not in ("", *self.doubtful):
            made = f"{name}({self.paid(code, argument)})"
        elif isinstance(argument, ast.Constant):
            made = self.use(f"{function.name}_of", function.call) + f"({code})"
        else:
            held = code if code.isidentifier() else self.fresh()
            read = code if held == code else f"({held} := {code})"
            made = f"(None if {read} is None else {name}({self.paid(held, argument)}))"
        return made if free else self.paid(made)

    def prepared(self, function: Function, node: Any) -> str | None:
        """The call of a function that was prepared with its constants; None where it cannot be."""
        rest = node.args[1:]
        if function.prepare is None or not rest or not all(isinstance(each, ast.Constant) for each in rest):
            return None
        try:
            made = function.prepare(*(each.value for each in rest))
        except Refused:
            return None  # said when it is evaluated, with the values
        name = self.fresh(function.name)
        self.globals[name] = made
        argument = self.emit(node.args[0])
        if is_light(function, node.args):
            return f"{name}({argument})"
        return self.paid(f"{name}({self.paid(argument)})")

    def first_present(self, codes: Sequence[str]) -> str:
        """The first of the values that is not missing; later ones are evaluated only when needed."""
        code = codes[-1]
        for earlier in reversed(codes[:-1]):
            held = self.fresh()
            code = f"({held} if ({held} := {earlier}) is not None else {code})"
        return code


_Emit = Callable[[Emitter, Any], str]
_EMITTERS: dict[type[ast.AST], _Emit] = {
    ast.Constant: Emitter.constant, ast.Name: Emitter.name, ast.Attribute: Emitter.path,
    ast.Subscript: Emitter.subscript, ast.BinOp: Emitter.binary, ast.UnaryOp: Emitter.unary,
    ast.BoolOp: Emitter.boolean, ast.IfExp: Emitter.condition, ast.Compare: Emitter.compare,
    ast.List: Emitter.listing, ast.Dict: Emitter.mapping, ast.ListComp: Emitter.comprehension,
    ast.Call: Emitter.call,
}  # fmt: skip
