"""The function library: every example of its documentation is executed."""

import pytest

from waypost.mapping.expression import ExpressionError, compile_expression
from waypost.mapping.function import FUNCTIONS
from waypost.mapping.lookup import read_table
from waypost.mapping.reference_use import References

TABLES = {"sample": read_table("sample.csv", b"code,name,iso\nEA,each,C62\nKG,kilogram,KGM\n", [])}
DECLARED = {
    "reference/sample.yaml": b"reference: sample\nowner: us\nkey: code\ncolumns: {name: text, weight: number}\n"
    b"initial: reference/sample.csv\n",
    "reference/sample.csv": b"code,name,weight\nEA,each,1.5\nKG,kilogram,2\n",
}
REFERENCES = References(DECLARED.__getitem__)
EXAMPLES = [(f.name, *example) for f in FUNCTIONS.values() for example in f.examples]


@pytest.mark.parametrize(("name", "text", "result"), EXAMPLES, ids=[row[1] for row in EXAMPLES])
def test_an_example_gives_what_is_documented(name: str, text: str, result: str) -> None:
    found = compile_expression(text, tables=TABLES, references=REFERENCES).evaluate({})
    wanted = compile_expression(result).evaluate({})
    assert (found, type(found)) == (wanted, type(wanted))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_has_a_sentence_and_an_example(name: str) -> None:
    function = FUNCTIONS[name]
    assert function.summary.endswith(".") and function.examples and function.group


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("decimal('1.2.3')", "a number such as"),
        ("decimal('NaN')", "a number such as"),
        ("int('1.5')", "whole"),
        ("decimal('1e999999')", "a number such as"),
        ("round(1.5, 99)", "places"),
        ("round(1, 1, 'odd')", "half_up"),
        ("sum([1, None])", "item 1"),
        ("parse_date('20260230', '%Y%m%d')", "calendar"),
        ("parse_date('x', '%Q')", "%Q"),
        ("parse_date('1', '%Y%Y')", "twice"),
        ("format_date('soon', '%Y')", "ISO 8601"),
        ("date_add('9999-12-31', 1)", "calendar"),
        ("date_add('2026-01-01', 1, 'eons')", "minutes"),
        ("split('a', '')", "empty"),
        ("replace('a', '', 'b')", "empty"),
        ("sort_by(['a', 1])", "mixed"),
        ("unique([[1]])", "a text, a number"),
        ("keys(3)", "a mapping"),
        ("blake2b('a', 99)", "64"),
        ("lookup('sample', 'EA', None, 'nme')", "did you mean 'name'"),
        ("pad_left('a', 3, 'xy')", "one character"),
        ("like('a', 'x')", None),
        ("parse_date('2026366', '%Y%j')", "no day"),
        ("concat([1])", "the list"),
        ("left('abc', -1)", "from 0"),
        ("text([1])", "the list"),
        ("count(1)", "a list"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_expected(text: str, says: str | None) -> None:
    if says is None:
        assert compile_expression(text, tables=TABLES, references=REFERENCES).evaluate({}) is False
        return
    with pytest.raises(ExpressionError) as refused:
        compile_expression(text, tables=TABLES, references=REFERENCES).evaluate({})
    assert says in str(refused.value)


def test_like_with_many_stars_is_linear() -> None:
    assert compile_expression("like(t, '*a*a*a*a*a*a*a*a*a*b')").evaluate({"t": "a" * 90_000}) is False


def test_named_parameters_fill_their_places() -> None:
    assert compile_expression("round(x, mode='half_up')").evaluate({"x": 2.5}) == 3


def test_a_lookup_with_faults_names_each_line() -> None:
    faults: list = []
    read_table("u.csv", b"k,v\na,1\na,2\nb\n", faults)
    assert [(f.line, f.code) for f in faults] == [(3, "lookup"), (4, "lookup")]
    read_table("v.csv", b"\xff,\n", faults)
    read_table("w.csv", b"only\n", faults)
    assert "UTF-8" in str(faults[2]) and "headings" in str(faults[3])
