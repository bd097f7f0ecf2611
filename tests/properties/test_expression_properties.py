"""Properties of expressions: total, pure, and one meaning for compiled code and interpreter."""

import ast
import copy
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from waypost.mapping.expression import Compiled, ExpressionError, ExpressionFault, compile_expression
from waypost.mapping.function import FUNCTIONS
from waypost.mapping.interpreter import Interpreter
from waypost.mapping.lookup import read_table
from waypost.mapping.operation import MAX_WORK

TABLES = {"u": read_table("u.csv", b"k,v\na,1\n", [])}
NAMES = ["a", "b", "c", "this", "l"]

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=8),
    st.decimals(allow_nan=True, allow_infinity=True), st.sampled_from([0, 1, 2, "a", "2026-03-31", "12.50"]),
)  # fmt: skip
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)),
    max_leaves=12,
)
roots = st.one_of(st.dictionaries(st.sampled_from(NAMES), documents, max_size=5), documents)


@st.composite
def calls(draw: Any, inner: st.SearchStrategy[str]) -> str:
    name = draw(st.sampled_from([*FUNCTIONS, "default", "exists"]))
    if FUNCTIONS.get(name) and FUNCTIONS[name].needs == "table":
        given = ["'u'", *(draw(inner) for _ in range(FUNCTIONS[name].required))]
        return f"{name}({', '.join(given)})"
    return f"{name}({', '.join(draw(st.lists(inner, max_size=3)))})"


atoms = st.one_of(
    st.sampled_from(NAMES), st.sampled_from(["0", "1", "2.50", "1e20", "'a'", "''", "'%Y%m%d'", "None", "true", "-3"]),
    st.sampled_from(["a.b", "a.b.c", "this.a", "a[0]", "b['c']", "a[0].b", "this['a'].b[-1]"]),
)  # fmt: skip
operators = st.sampled_from(
    ["+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "in", "and", "or", "is", "not in"]
)


def _wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, operators, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, st.sampled_from(["<", "<=", "==", ">"]), inner, inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]} {t[1]} {t[3]})"
        ),
        inner.map(lambda x: f"(not {x})"),
        inner.map(lambda x: f"(-{x})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        st.lists(inner, max_size=3).map(lambda xs: f"[{', '.join(xs)}]"),
        inner.map(lambda x: f"{{'a': {x}}}"),
        st.tuples(inner, inner, inner).map(lambda t: f"[{t[0]} for l in {t[1]} if {t[2]}]"),
        st.tuples(inner, inner, inner).map(lambda t: f"[{t[0]} for l in {t[1]} for c in {t[2]}]"),
        inner.map(lambda x: f"{x}.b"),
        st.tuples(inner, inner).map(lambda t: f"{t[0]}[{t[1]}]"),
        st.tuples(inner, inner).map(lambda t: f"{t[0]}[{t[1]}:]"),
        calls(inner),
    )


expressions = st.recursive(atoms, _wider, max_leaves=10)


def evaluated(run: Any) -> tuple[str, Any]:
    try:
        return "value", run()
    except ExpressionError as error:
        return "error", str(error)


def same(left: Any, right: Any) -> bool:
    """Equal in value and type; not-a-number is the same as itself."""
    return repr(left) == repr(right)


@given(expressions, roots)
@settings(max_examples=600, deadline=None)
def test_compiled_code_and_interpreter_agree(text: str, document: Any) -> None:
    try:
        compiled = compile_expression(text, tables=TABLES)
    except ExpressionFault:
        return
    before = copy.deepcopy(document)
    slow = evaluated(lambda: Interpreter(compiled._parsed, document, 7, TABLES, [MAX_WORK]).evaluate({}))
    assert same(slow, evaluated(lambda: compiled.evaluate(document, now=7)))
    try:
        fast = compiled._call(document, 7)
    except Exception:  # noqa: BLE001 - anything sends it to the interpreter
        fast = slow[1]
    if slow[0] == "value":
        assert same(fast, slow[1])
    assert same(before, document)


@given(expressions, st.lists(roots, max_size=4))
@settings(max_examples=150, deadline=None)
def test_a_batch_gives_what_each_message_gives_alone(text: str, batch: list[Any]) -> None:
    try:
        compiled = compile_expression(text, tables=TABLES)
    except ExpressionFault:
        return
    alone = [evaluated(lambda d=d: compiled.evaluate(d)) for d in batch]
    together = [
        ("error", str(v)) if isinstance(v, ExpressionError) else ("value", v) for v in compiled.evaluate_batch(batch)
    ]
    assert same(alone, together)


@given(st.one_of(st.text(max_size=60), st.text("abl.()[]{}'\"\\:=+-*/%<>!,0 \n_ifornt#@&|^~", max_size=60)))
@settings(max_examples=800, deadline=None)
def test_any_text_is_compiled_or_refused_and_never_does_anything_else(text: str) -> None:
    try:
        compiled = compile_expression(text)
    except ExpressionFault as fault:
        assert fault.column >= 1
        return
    assert isinstance(compiled, Compiled)
    evaluated(lambda: compiled.evaluate({"a": 1, "b": {"l": [Decimal(1)]}}))


PYTHON = [
    "().__class__.__base__.__subclasses__()", "getattr(a, 'b')", "open('/etc/passwd')", "eval('1')", "exec('1')",
    "globals()", "a.__init__.__globals__", "[x for x in ().__class__]", "type(a)", "vars()", "a.format(b)", "print(1)",
    "__builtins__", "this.__class__", "breakpoint()", "(lambda: 0)()", "[(yield) for x in y]", "help()", "input()",
    "_add(1, 2)", "_work", "_now", "_1", "evaluate(this)", "_decimal_of('1')", "compile('1','','eval')", "'%s' % a",
    "'{0.__class__}'.format(a)", "a.mro()", "abs.__self__", "sum.__globals__",
]  # fmt: skip


def test_no_python_object_is_reached() -> None:
    for text in PYTHON:
        try:
            value = compile_expression(text).evaluate({"a": 1, "y": []})
        except (ExpressionFault, ExpressionError):
            continue
        assert value is None, text


def test_generated_source_uses_no_attribute_but_get_and_append() -> None:
    for text in ("a.b.c[0].d", "[x.y for x in a if x.z > 1.5]", "default(a.b, first(c).d)", "{'k': a.k}"):
        tree = ast.parse(compile_expression(text).source)
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert used <= {"get", "append"}
