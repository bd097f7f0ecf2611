"""What an expression means, row by row."""

from decimal import Decimal

import pytest

from waypost.mapping.expression import Compiled, ExpressionError, ExpressionFault, compile_expression

ORDER = {
    "n": 5,
    "total": Decimal("100.10"),
    "rate": 0.1,
    "kind": "A",
    "flag": True,
    "empty": "",
    "nothing": None,
    "ship-to": {"name": "Dock 9"},
    "buyer": {"name": "Acme", "address": {"city": "Hull"}},
    "lines": [
        {"sku": "A", "q": 2, "p": Decimal("1.50")},
        {"sku": "B", "q": 3, "p": Decimal("0.10"), "serials": ["x", "y"]},
    ],
}

MEANINGS = [
    # paths
    ("n", 5, "a name is a field of the message"),
    ("this.n", 5, "this is the message"),
    ("buyer.address.city", "Hull", "a path goes down mappings"),
    ("buyer.phone.home", None, "a path through a missing field is missing"),
    ("this['ship-to'].name", "Dock 9", "a field whose name is no identifier"),
    ("lines[0].sku", "A", "the first item is 0"),
    ("lines[-1].sku", "B", "the last item is -1"),
    ("lines[9].sku", None, "an item that is not there is missing"),
    ("lines[0:1][0].q", 2, "a part of a list"),
    ("kind[0:9]", "A", "a part of a text stops at its end"),
    ("buyer[lower('NAME')]", "Acme", "a computed name of a field"),
    # numbers
    ("1.10 + 2", Decimal("3.10"), "decimals keep their places"),
    ("rate + 0.2", Decimal("0.3"), "a float counts as the decimal it is written as"),
    ("rate * 3", Decimal("0.3"), "no float comes out of an operation"),
    ("n / 2", Decimal("2.5"), "division is decimal"),
    ("7 // 2", 3, "floor division of whole numbers"),
    ("-7.5 // 2", Decimal("-4"), "floor division goes down for decimals too"),
    ("-7.5 % 2", Decimal("0.5"), "the remainder has the sign of the divisor"),
    ("-n", -5, "negation"),
    ("1 / 3", Decimal("0.3333333333333333333333333333333333"), "34 digits"),
    # comparison
    ("n >= 5", True, "ordering"),
    ("missing >= 0", False, "ordering with a missing value is false"),
    ("missing < 0", False, "in both directions"),
    ("0 < n < 10", True, "chained"),
    ("0 < n < 5", False, "chained, the second fails"),
    ("0 < missing < 5", False, "chained over a missing value"),
    ("rate == 0.1", True, "a float equals the decimal it is written as"),
    ("rate >= 0.1", True, "and is ordered so"),
    ("[rate] == [0.1]", True, "at any depth"),
    ("missing == null", True, "missing and null are one"),
    ("nothing is None", True, "is None"),
    ("n is not None", True, "is not None"),
    ("n != 'x'", True, "values of two kinds differ"),
    ("kind in ['A', 'B']", True, "a constant list"),
    ("kind not in ('A', 'B')", False, "a tuple is a list"),
    ("rate in [0.1, 0.2]", True, "floats are found exactly"),
    ("'cm' in buyer.name", True, "a part of a text"),
    ("'x' in missing", False, "nothing is in a missing value"),
    ("'name' in buyer", True, "a field of a mapping"),
    # logic
    ("missing or kind", "A", "or gives the first that counts as true"),
    ("flag and n", 5, "and gives the last"),
    ("not empty", True, "the empty text counts as false"),
    ("'big' if total > 100 else 'small'", "big", "a choice"),
    ("true", True, "true, false and null are constants"),
    ("default(missing, nothing, 7)", 7, "the first that is there"),
    ("default(empty, 7)", "", "the empty text is there"),
    ("default(n, 1 / 0)", 5, "what is not needed is not evaluated"),
    ("exists(buyer.name) and not exists(buyer.phone)", True, "exists"),
    # collections
    ("[l.sku for l in lines if l.q > 2]", ["B"], "a comprehension with a condition"),
    ("sum(l.q * l.p for l in lines)", Decimal("3.30"), "a generator as the only argument"),
    ("[s for l in lines for s in l.serials]", ["x", "y"], "two clauses; a missing list is empty"),
    ("[[s for s in l.serials] for l in lines]", [[], ["x", "y"]], "nested"),
    ("[l.q * n for l in lines]", [10, 15], "fields of the message inside a loop"),
    ("[m for m in missing]", [], "a missing list is empty"),
    ("{'a': n, 'b': [kind]}", {"a": 5, "b": ["A"]}, "a mapping"),
    ("lines[0:0] + [1]", [1], "lists are joined"),
    ("first(sort_by(lines, 'p')).sku", "B", "a path from a computed value"),
    ("[add for add in [1]]", [1], "a loop name cannot hide an operation"),
    ("[(n + q) for q in [1, 2]]", [6, 7], "an operation beside a loop name"),
    ("[n for n in [1, 2] for n in [n * 10]]", [10, 20], "an inner name hides an outer one"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value", "reason"), MEANINGS, ids=[row[0] for row in MEANINGS])
def test_an_expression_means_what_the_table_says(text: str, value: object, reason: str) -> None:
    found = compile_expression(text).evaluate(ORDER)
    assert found == value, reason
    assert type(found) is type(value), reason


REFUSED = [
    ("a.__class__", 1, "'__class__'"),
    ("__import__('os')", 1, "unknown function"),
    ("x.upper()", 1, "upper(value, …)"),
    ("uper(x)", 1, "did you mean 'upper'"),
    ("lambda: 1", 1, "a lambda"),
    ("1 + (y := 2)", 6, "assignment"),
    ("a ** 2", 1, "power"),
    ("1 << 9", 1, "<<"),
    ("f'{x}'", 1, "concat"),
    ("[*a]", 2, "starred"),
    ("{1, 2}", 1, "a set"),
    ("{a: 1 for a in b}", 1, "comprehension"),
    ("(a for a in b)", 1, "generator"),
    ("[a for _a in b]", 8, "_a"),
    ("[a for this in b]", 8, "this"),
    ("[a for a, b in c]", 8, "several"),
    ("left(x)", 1, "left(value, length)"),
    ("round(x, plces=1)", 16, "round(value, [places], [mode])"),
    ("b'x'", 1, "text or a number"),
    ("...", 1, "constant"),
    ("a if b", 1, "not an expression"),
    ("order.class", 7, "['class']"),
    ("a = 1", 3, "== compares"),
    ("", 1, "nothing"),
    ("x is 1", 6, "is None"),
    ("a in b in c", 1, "chain"),
    ("lookup(x, 1)", 8, "constant text"),
    ("lookup('u', 1)", 8, "unknown lookup"),
    ("a[1, 2]", 3, "indexes"),
    ("a[::2]", 5, "step"),
    ("+a", 1, "plus"),
    ("(a) + (b", 7, "never closed"),
    ("a) + (b", 2, "unmatched"),
    ("x" * 10_001, 1, "at most 10000"),
    ("-" * 60 + "1", 42, "deeply"),
    ("a" + ".a" * 60, 1, "at most 40"),
    ("'ü' + a.__x__", 7, "'__x__'"),
    ("0.12345678901234567890123456789012345", 1, "34 digits"),
    ("1e9999", 1, "too long"),
    ("(" * 500, 1, ""),
    ("'\\ud800'", 1, "surrogate"),
    ("a\x00", 1, "null"),
    ("{**a}", 1, "constant text"),
    ("async", 1, ""),
    ("exists()", 1, "exists(value)"),
    ("exists(a, b)", 1, "exists(value)"),
    ("now(1)", 1, "now()"),
    ("a @ b", 1, "@"),
]


@pytest.mark.parametrize(("text", "column", "says"), REFUSED, ids=[row[0][:30] for row in REFUSED])
def test_what_is_not_in_the_grammar_is_refused_with_its_column(text: str, column: int, says: str) -> None:
    with pytest.raises(ExpressionFault) as refused:
        compile_expression(text)
    assert says in str(refused.value)
    if text != "(" * 500:
        assert refused.value.column == column


ERRORS = [
    ("n + missing", "`n + missing`", "missing = None", "default"),
    ("upper(kind) + n", "`upper(kind) + n`", "upper(kind) = 'A'", "concat"),
    ("1 + kind * 2", "`kind * 2` at column 5", "kind = 'A'", "decimal"),
    ("kind > 1", "`kind > 1`", "cannot be ordered", "decimal"),
    ("lines.sku", "`lines.sku`", "asked of a list", "lines[0]|list[0]"),
    ("kind.name", "`kind.name`", "the text 'A'", "mapping"),
    ("sum([l.q / (l.q - 2) for l in lines])", "`l.q / (l.q - 2)`", "division by zero", "divisor"),
    ("upper(n)", "`upper(n)`", "the number 5", "text("),
    ("[x for x in buyer]", "`buyer` at column 13", "the mapping", "a list"),
    ("decimal('1,5')", "`decimal('1,5')`", "'1,5'", "comma"),
    ("flag + 1", "`flag + 1`", "true or false", "numbers"),
    ("n * 10.5 * 1e6000 * 1e6000", "1e6000", "Overflow", ""),
]


@pytest.mark.parametrize(("text", "part", "found", "remedy"), ERRORS, ids=[row[0] for row in ERRORS])
def test_an_error_names_the_part_its_values_and_the_remedy(text: str, part: str, found: str, remedy: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_expression(text).evaluate(ORDER)
    assert part in str(refused.value)
    assert found in str(refused.value)
    assert any(word in str(refused.value) for word in remedy.split("|"))


def test_a_message_that_is_no_mapping_is_named_in_the_error() -> None:
    with pytest.raises(ExpressionError, match="the message is the list"):
        compile_expression("n >= 0").evaluate([1])


def test_the_paths_of_an_expression_are_those_it_reads() -> None:
    found = compile_expression("sum([l.q * this.rate for l in order.lines if l['ship-to'].x]) + a.b[0].c")
    assert found.paths == {"order.lines", "order.lines[].q", "rate", "order.lines[].ship-to.x", "a.b[0].c"}


def test_local_names_stand_for_their_paths() -> None:
    found = compile_expression("line.q + index", names={"line": "lines[]", "index": ""})
    assert found.paths == {"lines[].q"}
    assert found.evaluate({}, line={"q": 2}, index=3) == 5


def test_now_is_when_the_message_was_received() -> None:
    assert compile_expression("now()").evaluate({}, now=1_700_000_000_123_456) == "2023-11-14T22:13:20.123456Z"


def test_a_batch_gives_the_values_and_an_error_in_the_place_of_a_bad_message() -> None:
    found = compile_expression("n + 1").evaluate_batch([{"n": 1}, {"n": "x"}, {"n": 3}])
    assert found[0] == 2 and found[2] == 4
    assert isinstance(found[1], ExpressionError)


def test_a_batch_of_good_messages_runs_as_one_loop() -> None:
    compiled = compile_expression("n >= 0")
    assert "for this in _documents" in compiled.source
    assert compiled.evaluate_batch([{"n": 1}, {}, {"n": -1}]) == [True, False, False]


BOUNDS = [
    ("[1 for a in x for b in x for c in x]", "too much work"),
    ("[sum(x) for a in x for b in x]", "too much work"),
    ("[upper(t) for a in x]", "too much work"),
    ("[t + t for a in x]", "too much work"),
    ("[t in [t, a] for a in x for b in first(x[0:0] + [x[0:9]])]", None),
    ("pad_left(t, 99999999)", "from 0 to 10000000"),
    ("replace(t, 'x', t)", "at most 10000000"),
    ("concat(t, t, t, t, t, t, t, t, t, t, t)", "at most 10000000"),
    ("[t == t + '' for a in x]", "too much work"),
    ("[x == y for a in x for y in [this.other]]", "too much work"),
    ("[c for c in big]", "at most 100000"),
    ("big + big", "at most 100000"),
    ("[[a, a, a, a] for a in [[b, b, b, b] for b in [[c, c, c, c] for c in [x, x, x, x]]]]", None),
    ("[[y, y] for y in [[z for z in x] for w in x]]", "million|at most 1000000"),
]


@pytest.mark.parametrize(("text", "says"), BOUNDS, ids=[row[0][:40] for row in BOUNDS])
def test_work_and_size_are_bounded(text: str, says: str | None) -> None:
    message = {"x": list(range(1000)), "t": "x" * 1_000_000, "big": [0] * 100_001, "other": list(range(1000))}
    compiled = compile_expression(text)
    if says is None:
        assert isinstance(compiled.evaluate(message), list)
        return
    with pytest.raises(ExpressionError) as refused:
        compiled.evaluate(message)
    assert any(word in str(refused.value) for word in says.split("|"))


def test_deepest_nesting_of_every_construct_still_compiles() -> None:
    for open_, close in (("(1 + ", ")"), ("[", "]"), ("upper(", ")"), ("default(x, ", ")"), ("a[", "]"), ("(not ", ")"),
                         ("(1 if b else ", ")"), ("[z for z in ", "]"), ("(x < 1 and ", ")"), ("first(", ").a.b"),
                         ("(1 < ", " < 9)"), ("[x for z in y if ", "]"), ("(2.5 > ", ")")):  # fmt: skip
        assert isinstance(compile_expression(open_ * 18 + "n" + close * 18), Compiled)


def test_generated_code_sees_no_builtins() -> None:
    compiled = compile_expression("n")
    assert compiled._call.__globals__["__builtins__"] == {}


def test_comprehensions_within_comprehensions_are_written_once_each() -> None:
    text = "a.b.c"
    for _ in range(12):
        text = f"[x for x in default({text}, [1])]"
    assert compile_expression(text).evaluate({}) == [1]
    assert len(compile_expression(text).source) < 20_000


def test_a_path_that_is_held_is_known_inside_a_loop_over_a_doubtful_list() -> None:
    made = compile_expression("[x + a.b for x in default(a.c, a.d.e)]")
    assert made._call({"a": {"b": 1, "d": {"e": [1, 2]}}}, 0) == [2, 3]


@pytest.mark.parametrize(("text", "value", "reason"), MEANINGS, ids=[row[0] for row in MEANINGS])
def test_compiled_code_gives_the_value_without_help_of_the_interpreter(text: str, value: object, reason: str) -> None:
    assert compile_expression(text)._call(ORDER, 0) == value, reason
