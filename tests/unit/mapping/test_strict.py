"""Strict code of a map is the quick way for messages that have all it reads, and never another result."""

from __future__ import annotations

import ast
from decimal import Context, Decimal, getcontext, localcontext
from typing import Any

import pytest

from waypost.mapping.bundle import Bundle
from waypost.mapping.compile import CompiledMap
from waypost.mapping.reader import read_map
from waypost.mapping.replay import apply_slowly
from waypost.mapping.writer import Writer

MAP = """\
map: order
fields:
  number: order.number
  name: upper(order.buyer.name)
  city: {from: order.buyer.city, default: "'unknown'"}
  rush: {value: true, when: order.rush}
  level: "'high' if order.priority > 5 else 'low'"
  note: {from: order.note, null: true}
  party.id: order.buyer.id
  party.vat: order.buyer.vat
  lines:
    each: order.lines as line
    where: line.quantity > 0
    fields:
      sku: trim(line.sku)
      amount: line.quantity * line.price
      batch: line.batch
  tags: {each: order.tags as tag, from: lower(tag)}
  spare: {value: 1}
"""
WHOLE = {
    "order": {
        "number": "1", "rush": True, "priority": 7, "note": "n", "tags": ["A", "B"],
        "buyer": {"id": "C", "name": "acme", "city": "Ulm", "vat": "V"},
        "lines": [{"sku": " a ", "quantity": 2, "price": 3, "batch": "x"}, {"sku": "b", "quantity": 0, "price": 1}],
    }
}  # fmt: skip


def compiled(text: str = MAP) -> CompiledMap:
    faults: list[Any] = []
    document = read_map(text, "order.map.yaml", faults, lambda *_: None)
    assert document is not None, faults
    return CompiledMap(Bundle(document))


def changed(path: str, value: Any) -> Any:
    """The whole order with one value in another place, or without it (the ellipsis)."""

    def walk(at: Any, keys: list[str]) -> Any:
        if not keys:
            return value
        if isinstance(at, list):
            return [walk(one, keys[1:]) if str(i) == keys[0] else one for i, one in enumerate(at)]
        made = {name: walk(one, keys[1:]) if name == keys[0] else one for name, one in at.items()}
        return {name: one for name, one in made.items() if one is not ...}

    return walk(WHOLE, path.split("."))


PLACES = [
    "order.number", "order.rush", "order.priority", "order.note", "order.tags", "order.tags.0", "order.buyer",
    "order.buyer.name", "order.buyer.city", "order.buyer.id", "order.buyer.vat", "order.lines", "order.lines.0",
    "order.lines.0.sku", "order.lines.0.quantity", "order.lines.0.price", "order.lines.0.batch", "order.lines.1.sku",
]  # fmt: skip


def outcome(call: Any) -> Any:
    try:
        made = call()
    except Exception as error:  # noqa: BLE001 - its text is the outcome
        return type(error).__name__, str(error)
    return made, list(made)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", [..., None, "", "x", 0, 7, [], {}, [None], True, 1.5])
def test_whatever_is_missing_or_strange_gives_what_the_interpreter_gives(place: str, value: Any) -> None:
    if value is ... and place[-1].isdigit():
        pytest.skip("an item cannot be left out")
    made, document = compiled(), changed(place, value)
    assert outcome(lambda: made.apply(document)) == outcome(lambda: apply_slowly(made.bundle, document, 0))


def test_a_whole_message_takes_the_strict_way_alone() -> None:
    made = compiled()
    made._call = None  # type: ignore[assignment]
    assert made.apply(WHOLE) == apply_slowly(made.bundle, WHOLE, 0)
    assert made.apply_batch([WHOLE], [0]) == [apply_slowly(made.bundle, WHOLE, 0)]


def test_what_a_rule_has_a_word_for_may_be_missing_on_the_strict_way() -> None:
    made = compiled()
    made._call = None  # type: ignore[assignment]
    for place in ("order.rush", "order.priority", "order.note", "order.buyer.city"):
        assert made.apply(changed(place, ...)) == apply_slowly(made.bundle, changed(place, ...), 0)


def test_strictness_that_seldom_pays_is_given_up_and_then_costs_nothing() -> None:
    made = compiled()
    calls = 0
    strict = made._strict

    def counted(body: Any, now: int) -> Any:
        nonlocal calls
        calls += 1
        return strict(body, now)

    made._strict = counted
    bare = changed("order.buyer.vat", ...)
    for _ in range(20):
        made.apply_batch([bare] * 100, [0] * 100)
    assert 300 <= calls <= 500
    for _ in range(20):
        made.apply_batch([WHOLE] * 100, [0] * 100)
    assert calls <= 500


def test_strictness_that_mostly_pays_is_kept() -> None:
    made = compiled()
    made_of = [changed("order.buyer.vat", ...)] * 10 + [WHOLE] * 90
    for _ in range(200):
        made.apply_batch(made_of, [0] * 100)
    assert made._spared >= 0


def test_a_text_that_many_items_share_is_charged_for() -> None:
    shared = compiled(
        "map: m\nfields:\n  rows:\n    each: many as x\n    fields:\n      inner: {each: big as b, from: upper(b)}\n"
    )
    document = {"many": list(range(20_000)), "big": ["x" * 40_000]}
    with pytest.raises(Exception, match="too much work"):
        shared.apply(document)


@pytest.mark.parametrize("operator", ["+", "-", "*"])
@pytest.mark.parametrize("left", [2, Decimal("1.5"), 1.5, True, "a", None, [1], Decimal("9" * 34), 10**40])
@pytest.mark.parametrize("right", [3, Decimal("2.50"), 0.1, False, "b", None, [2], Decimal("1E+6000"), -(10**40)])
def test_an_operator_takes_and_refuses_the_same_on_every_way(operator: str, left: Any, right: Any) -> None:
    text = f"""
map: sums
fields:
  one: a {operator} b
  many: {{each: rows as row, from: row.a {operator} row.b}}
  all: count([row.a {operator} row.b for row in rows])
"""
    quick, body = compiled(text), {"a": left, "b": right, "rows": [{"a": left, "b": right}]}
    made = outcome(lambda: quick.apply(body))
    assert repr(made) == repr(outcome(lambda: apply_slowly(quick.bundle, body, 0)))
    if type(left) is type(right) is Decimal and "E" not in str(right):
        assert quick._strict(body, 0) == made[0]


def test_a_sum_goes_by_the_precision_of_the_language_and_not_of_the_thread() -> None:
    quick = compiled("map: sums\nfields: {total: 'sum([row.a for row in rows])'}\n")
    body = {"rows": [{"a": Decimal("12345678901234567890.1234")}, {"a": Decimal("0.0001")}]}
    with localcontext(Context(prec=5)) as context:
        assert quick.apply(body) == {"total": Decimal("12345678901234567890.1235")}
        assert getcontext() is context


def test_every_generated_name_begins_with_an_underscore_so_that_no_loop_name_hides_it() -> None:
    quick = compiled(MAP)
    written = [Writer(quick.document, {}, {}, strict=strict).emitter.source for strict in (False, True)]
    for source in written:
        names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name) and node.id != "this"}
        assert {name for name in names if not name.startswith("_")} <= {"line", "tag", "index"}


@pytest.mark.parametrize("spared", [True, False])
def test_a_batch_needs_the_time_of_each_message(spared: bool) -> None:
    quick = compiled()
    if not spared:
        quick._spared = -1
    with pytest.raises(ValueError, match="shorter"):
        quick.apply_batch([WHOLE, WHOLE], [0])


class Counted:
    """The strict function of a map, with the number of its calls."""

    def __init__(self, made: CompiledMap) -> None:
        self.calls, self.strict = 0, made._strict
        made._strict = self

    def __call__(self, body: Any, now: int) -> Any:
        self.calls += 1
        return self.strict(body, now)


BARE = changed("order.buyer.vat", ...)


def test_one_message_after_another_gives_strictness_up_after_a_thousand_in_vain() -> None:
    made = compiled()
    counted = Counted(made)
    for _ in range(1010):
        assert made.apply(BARE) == apply_slowly(made.bundle, BARE, 0)
    assert counted.calls == 1001 and made._spared == -1
    made.apply(WHOLE)
    assert counted.calls == 1001


def test_a_batch_counts_what_strictness_saves_and_costs() -> None:
    made = compiled()
    counted = Counted(made)
    made.apply_batch([WHOLE, BARE, WHOLE], [0, 0, 0])
    assert made._spared == 1000 + 3 - 4
    made.apply_batch([WHOLE] * 5, [0] * 5)
    assert made._spared == 1000 and counted.calls == 8
    made._spared = 0
    made.apply_batch([BARE], [0])
    assert counted.calls == 9 and made._spared == -3
    assert made.apply_batch([BARE, WHOLE], [0, 0]) == [apply_slowly(made.bundle, each, 0) for each in (BARE, WHOLE)]
    assert counted.calls == 9 and made._spared == -3


def test_a_message_without_a_time_came_at_the_beginning_of_time() -> None:
    made = compiled("map: m\nfields: {t: now(), u: id}\n")
    wanted = {"t": "1970-01-01T00:00:00Z", "u": 1}
    assert made.apply({"id": 1}) == wanted and made._call({"id": 1}, 0) == wanted
    made._spared = -1
    assert made.apply({"id": 1}) == wanted


def test_a_traceback_names_the_map_and_the_way() -> None:
    made = compiled()
    assert made._call.__code__.co_filename == "<map order.map.yaml>"  # type: ignore[attr-defined]
    assert made._strict.__code__.co_filename == "<map order.map.yaml, strict>"  # type: ignore[attr-defined]


def test_an_item_is_no_counter() -> None:
    """A counter is added to by Python itself, which takes true for one."""
    made = compiled("map: m\nfields: {t: {each: flags as f, from: f + 1}}\n")
    assert made.apply({"flags": [1, 2]}) == {"t": [2, 3]}
    with pytest.raises(Exception, match="true"):
        made.apply({"flags": [True]})
