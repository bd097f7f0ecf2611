"""What the text of an expression says of missing values, and what compiled code may leave to Python."""

from __future__ import annotations

import ast
from decimal import Decimal
from typing import Any

import pytest

from waypost.mapping.function import FUNCTIONS
from waypost.mapping.missing import is_direct, is_field, needs_all, never_missing, root_of, takes_missing
from waypost.mapping.plain import EXACT_IN_FLOAT, is_number, is_plain, may_be_large


def tree(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("a", "a"), ("a.b", "a"), ("a.b.c", "a"), ("a['b']", "a"), ("a['b'].c", "a"), ("a.b['c']", "a"),
        ("a[0]", ""), ("a[0].b", ""), ("a[b]", ""), ("a[1:]", ""), ("f(a)", ""), ("f(a).b", ""), ("a + b", ""),
        ("1", ""),
    ],
)  # fmt: skip
def test_a_path_begins_with_a_name(text: str, root: str) -> None:
    assert root_of(tree(text)) == root


@pytest.mark.parametrize(
    ("text", "field"),
    [("a['b']", True), ("a[0]", False), ("a[b]", False), ("a.b", False), ("a['b':]", False), ("'b'", False)],
)
def test_a_subscript_by_a_text_is_a_field(text: str, field: bool) -> None:
    assert is_field(tree(text)) is field


TAKES = [
    "exists(a)",
    "default(a, 1)",
    "a and b",
    "a if b else c",
    "a < b",
    "[a]",
    "{'x': a}",
    "not a",
    "-a",
    "count(a)",
]
DOES_NOT = ["a", "a.b", "a + b", "1", "upper(a)", "left(a, 1)", "a[0]", "[x for x in a]"]


@pytest.mark.parametrize(("text", "takes"), [*((t, True) for t in TAKES), *((t, False) for t in DOES_NOT)])
def test_an_operation_has_a_word_for_what_is_missing_or_not(text: str, takes: bool) -> None:
    assert takes_missing(tree(text)) is takes


NEVER = ["1", "'a'", "a + b", "a < b", "not a", "[a]", "{'x': a}", "[x for x in a]", "count(a)", "1 if a else 2"]
MAY = [
    "None", "a", "a.b", "upper(a)", "a[0]", "a and b", "default(a, b)", "exists(a)", "1 if a else b", "b if a else 1",
    "unknown(a)", "a.b(1)",
]  # fmt: skip


@pytest.mark.parametrize(("text", "never"), [*((t, True) for t in NEVER), *((t, False) for t in MAY)])
def test_an_expression_always_has_a_value_or_may_have_none(text: str, never: bool) -> None:
    assert never_missing(tree(text)) is never


DIRECT = ["upper(a)", "lower(a.b)", "trim(a['b'])"]
INDIRECT = [
    "upper('a')",
    "upper(f(a))",
    "trim(a, 'x')",
    "left(a, 1)",
    "count(a)",
    "unknown(a)",
    "a",
    "a.upper(b)",
    "upper()",
]


@pytest.mark.parametrize(("text", "direct"), [*((t, True) for t in DIRECT), *((t, False) for t in INDIRECT)])
def test_python_has_a_function_of_its_own_for_some_calls_of_a_path(text: str, direct: bool) -> None:
    assert is_direct(tree(text)) is direct


ALL = ["a", "a.b", "upper(a)", "left(a.b, 2)", "upper(trim(a))", "round(a, 1)"]
NOT_ALL = ["a + b", "1", "upper('a')", "count(a)", "default(a, 1)", "now()", "unknown(a)", "upper(a + b)", "a.upper(b)"]


@pytest.mark.parametrize(("text", "needs"), [*((t, True) for t in ALL), *((t, False) for t in NOT_ALL)])
def test_a_value_is_there_just_when_what_it_reads_first_is(text: str, needs: bool) -> None:
    assert needs_all(tree(text)) is needs


def test_a_look_up_may_give_nothing_though_its_key_is_there() -> None:
    """So that ``needs_all`` may go by ``missing`` alone: the first argument of these is the name of a table."""
    assert {function.missing for function in FUNCTIONS.values() if function.needs} <= {"maybe", "never"}
    assert not needs_all(tree("lookup(a, b)"))


LARGE = ["a", "a.b", "[x for x in a]", "a + b", "upper(a)", "first(a)", "[a]", "a.sum(b)", "unknown(a)"]
SMALL = ["sum(a)", "count(a)", "join(a, ',')", "concat(a, b)", "round(a)", "text(a)", "int(a)", "exists(a)", "a < b"]


@pytest.mark.parametrize(("text", "large"), [*((t, True) for t in LARGE), *((t, False) for t in SMALL)])
def test_the_outermost_operation_shows_whether_a_value_may_be_large(text: str, large: bool) -> None:
    assert may_be_large(tree(text)) is large


@pytest.mark.parametrize(
    ("value", "number", "plain"),
    [
        (1, True, True), (-5, True, True), (True, False, True), (None, False, True), ("a", False, True),
        (Decimal(1), True, False), (EXACT_IN_FLOAT, True, True), (-EXACT_IN_FLOAT, True, True),
        (EXACT_IN_FLOAT + 1, True, False), (-EXACT_IN_FLOAT - 1, True, False),
    ],
)  # fmt: skip
def test_a_constant_is_a_number_and_one_that_python_compares_as_the_language_does(
    value: Any, number: bool, plain: bool
) -> None:
    assert is_number(value) is number and is_plain(ast.Constant(value)) is plain


def test_what_is_no_constant_is_not_plain() -> None:
    assert not is_plain(tree("a")) and not is_plain(tree("[1]"))
