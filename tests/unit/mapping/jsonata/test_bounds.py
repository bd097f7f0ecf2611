"""No expression of JSONata hangs, fills the memory or reaches Python."""

from decimal import Decimal
from typing import Any

import pytest

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.expression import Jsonata
from waypost.mapping.jsonata.value import NOTHING, _plain


@pytest.mark.parametrize(
    ("expression", "code", "reason"),
    [
        ("($f := function($n){1 + $f($n)}; $f(1))", "U1001", "a recursion that never ends"),
        ("($f := function($n){$f($n)}; $f(1))", "U1001", "a loop of calls in last place"),
        ("($g := function($n){$map([1], $g)}; $g(1))", "U1001", "a recursion through the library"),
        ("$reduce([1..40], function($a, $i){[[$a, $a]]}, [1])", "U1002", "an array that doubles"),
        ("$reduce([1..40], function($a, $i){$a & $a}, 'ha')", "U1002", "a text that doubles"),
        ("$pad('', 1000000000)", "U1002", "a text of a thousand million characters"),
        ("[1..100000000]", "D2014", "a range too long"),
        ("(" * 200 + "1" + ")" * 200, "U1001", "an expression nested too deep"),
        ("$eval('$eval(\"1\"')", "D3120", "a syntax error within"),
    ],
)
def test_what_would_never_end_is_refused(expression: str, code: str, reason: str) -> None:
    with pytest.raises(JsonataError) as raised:
        Jsonata(expression).evaluate({}, steps=200_000)
    assert raised.value.code == code, reason


def test_a_regex_bomb_takes_no_time() -> None:
    assert Jsonata("$contains(text, /^(a+)+$/)").evaluate({"text": "a" * 50_000 + "b"}) is False


@pytest.mark.parametrize("name", ["__class__", "`__class__`", "text.upper", "text.__len__", "keys", "$.items"])
def test_nothing_of_python_is_reached(name: str) -> None:
    assert Jsonata(name).evaluate({"text": "a"}) is NOTHING


def test_a_decimal_passed_on_stays_exact() -> None:
    body = {"price": Decimal("1.100000000000000000001")}
    assert Jsonata("{'p': price}").evaluate(body) == {"p": body["price"]}


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("($x := 1; ($x := 2); $x)", "bound in a block within"),
        ("($x := 1; (true ? ($x := 2) : 3); $x)", "bound in a branch within"),
        ("($x := 1; (a; [$x := 2]; 4); $x)", "bound in an array of a block of several parts"),
        ("($x := 1; (a[($x := 2) > 1]); $x)", "bound in a predicate"),
        ("($x := 1; a.($x := b); $x)", "bound in a step of a path"),
    ],
)
def test_a_variable_ends_with_the_block_that_binds_it(expression: str, reason: str) -> None:
    assert Jsonata(expression).evaluate({"a": [{"b": 5}, {"b": 6}]}) == 1, reason


def test_more_numbers_than_may_leave_are_refused() -> None:
    wide = {str(at): at for at in range(20)}
    with pytest.raises(JsonataError) as raised:
        _plain(wide, [10], 0)
    assert raised.value.code == "U1002"
    assert _plain(wide, [30], 0) == wide


@pytest.mark.parametrize("body", [{"a": [[1], 2]}, {"a": [{"b": [[1], 2]}, {"b": 3}]}])
def test_what_leaves_is_made_of_plain_lists_and_objects(body: dict[str, object]) -> None:
    made: Any = Jsonata("[a.b, a, $.a[0], {'x': a}]").evaluate(body)
    left: list[Any] = [made]
    while left:
        one = left.pop()
        assert type(one) in (list, dict, int), one
        left += one if type(one) is list else one.values() if type(one) is dict else []
