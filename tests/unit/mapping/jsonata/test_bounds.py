"""No expression of JSONata hangs, fills the memory or reaches Python."""

from decimal import Decimal

import pytest

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.expression import Jsonata
from waypost.mapping.jsonata.value import NOTHING


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
