"""Map documents: what a rule gives, what a fault says, what an error names."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from waypost.core.errors import DataError, Fault
from waypost.mapping.compile import CompiledMap, load_map
from waypost.mapping.replay import apply_slowly

SALES_ORDER = """\
map: sales_order
description: Purchase orders become sales orders.
owner: order-to-cash
lookups: {uom: lookups/uom.csv}
fields:
  number: purchase_order.number
  customer.id: {from: buyer.id, default: "'UNKNOWN'", note: agreed with finance, owner: finance}
  customer.name: buyer.name
  ordered_on: format_date(parse_date(purchase_order.date, '%Y%m%d'), '%Y-%m-%d')
  currency: {value: USD}
  rush: {from: "true", when: priority == 'R'}
  approved: {from: purchase_order.approved, null: true}
  received: now()
  address: {when: exists(buyer.city), fields: {city: upper(buyer.city), country: {value: GB}}}
  lines:
    each: purchase_order.lines as line
    where: line.quantity > 0
    fields:
      no: index + 1
      sku: line.sku
      quantity: decimal(line.quantity)
      unit: lookup('uom', line.unit, 'EA')
      order: purchase_order.number
      buyer: buyer.name
      serials: {each: line.serials as serial, from: "concat(line.sku, '-', serial, '-', index)"}
  tags: {each: purchase_order.tags, from: upper(item)}
  total: sum([l.quantity * l.price for l in purchase_order.lines])
"""
ORDER = {
    "priority": "R",
    "buyer": {"name": "Acme"},
    "purchase_order": {
        "number": "4711",
        "date": "20260331",
        "lines": [
            {"sku": "A", "quantity": 2, "price": Decimal("1.50"), "unit": "PC", "serials": ["x", "y"]},
            {"sku": "B", "quantity": 0, "price": 1},
            {"sku": "C", "quantity": 5, "price": 1, "unit": "?"},
        ],
    },
}


def files(given: dict[str, str]) -> Callable[[str], bytes]:
    def read(path: str) -> bytes:
        if path not in given:
            raise FileNotFoundError(2, "No such file", path)
        return given[path].encode()

    return read


def loaded(text: str, **lookups: str) -> CompiledMap:
    faults: list[Fault] = []
    made = load_map("m.yaml", files({"m.yaml": text, **{f"{k}.csv": v for k, v in lookups.items()}}), faults)
    assert made is not None, faults
    return made


def faults_of(text: str) -> list[Fault]:
    faults: list[Fault] = []
    assert load_map("m.yaml", files({"m.yaml": text}), faults) is None
    return faults


@pytest.fixture
def sales_order() -> CompiledMap:
    faults: list[Fault] = []
    read = files({"m.yaml": SALES_ORDER, "lookups/uom.csv": "code,name\nPC,PCE\n"})
    made = load_map("m.yaml", read, faults)
    assert made is not None, faults
    return made


def test_a_map_gives_the_target_in_the_order_it_is_written(sales_order: CompiledMap) -> None:
    made = sales_order.apply(ORDER, 1_700_000_000_000_000)
    assert made == {
        "number": "4711",
        "customer": {"id": "UNKNOWN", "name": "Acme"},
        "ordered_on": "2026-03-31",
        "currency": "USD",
        "rush": True,
        "approved": None,
        "received": "2023-11-14T22:13:20Z",
        "lines": [
            {"no": 1, "sku": "A", "quantity": 2, "unit": "PCE", "order": "4711", "buyer": "Acme",
             "serials": ["A-x-0", "A-y-1"]},
            {"no": 3, "sku": "C", "quantity": 5, "unit": "EA", "order": "4711", "buyer": "Acme"},
        ],
        "total": Decimal("8.00"),
    }  # fmt: skip
    assert list(made)[:3] == ["number", "customer", "ordered_on"]


def test_the_slow_way_gives_the_same(sales_order: CompiledMap) -> None:
    for message in (ORDER, {}, {"buyer": {"city": "Hull"}, "purchase_order": {"lines": [], "tags": ["a"]}}):
        assert apply_slowly(sales_order.bundle, message, 5) == sales_order.apply(message, 5)


def test_missing_lists_leave_the_target_out_and_empty_ones_give_empty_lists(sales_order: CompiledMap) -> None:
    assert "lines" not in sales_order.apply({})
    assert sales_order.apply({"purchase_order": {"lines": []}})["lines"] == []


def test_a_group_without_a_field_is_left_out() -> None:
    made = loaded("map: m\nfields: {a.b: x, c: y}")
    assert made.apply({"y": 1}) == {"c": 1}


def test_dotted_targets_and_fields_tables_join() -> None:
    made = loaded("map: m\nfields:\n  a: {fields: {b: x}}\n  c: {value: [1, {d: 2.50}]}\n  a.e.f: y")
    assert made.apply({"x": 1, "y": 2}) == {"a": {"b": 1, "e": {"f": 2}}, "c": [1, {"d": Decimal("2.5")}]}


def test_a_constant_is_made_anew_for_each_message() -> None:
    made = loaded("map: m\nfields: {a: {value: [1]}}")
    assert made.apply({})["a"] is not made.apply({})["a"]


def test_paths_are_the_places_the_map_reads(sales_order: CompiledMap) -> None:
    assert {"purchase_order.lines[].serials[]", "buyer.id", "priority"} <= sales_order.paths
    assert "line.sku" not in sales_order.paths


def test_the_source_is_readable_python(sales_order: CompiledMap) -> None:
    assert "def map_sales_order(this, _now, _work=None):" in sales_order.source
    compile(sales_order.source, "source", "exec")


def test_an_error_names_file_line_target_expression_and_values(sales_order: CompiledMap) -> None:
    bad: dict[str, Any] = {"purchase_order": {"lines": [{"quantity": 1, "price": 1}, {"quantity": "x5"}]}}
    with pytest.raises(DataError) as refused:
        sales_order.apply(bad)
    said = str(refused.value)
    assert said.startswith("m.yaml:15: lines[1] ← `line.quantity > 0`")
    assert "line.quantity = 'x5'" in said and "decimal(…)" in said


def test_a_path_through_something_unexpected_is_an_error_of_its_rule(sales_order: CompiledMap) -> None:
    with pytest.raises(DataError, match=r"m.yaml:7: customer.id ← `buyer.id`: found the text 'Acme'"):
        sales_order.apply({"buyer": "Acme"})


def test_a_held_path_that_only_an_unused_rule_needs_does_not_fail() -> None:
    made = loaded("map: m\nfields: {a: {from: x.y.z, when: use}, b: {from: x.y.w, when: use}, c: n}")
    assert made.apply({"x": "text", "n": 1}) == {"c": 1}


def test_a_batch_has_an_error_in_the_place_of_a_bad_message(sales_order: CompiledMap) -> None:
    good, bad = sales_order.apply_batch([ORDER, {"buyer": 3}], [0, 0])
    assert isinstance(good, dict) and isinstance(bad, DataError)


def test_nested_loops_have_their_own_index_and_see_outer_names() -> None:
    made = loaded(
        "map: m\nfields:\n  a:\n    each: x as o\n    fields:\n      b: {each: o.y as i, from: '[index, i, o.n, k]'}\n"
        "      n: index"
    )
    assert made.apply({"k": 9, "x": [{"n": 1, "y": [5, 6]}, {"n": 2, "y": [7]}]}) == {
        "a": [{"b": [[0, 5, 1, 9], [1, 6, 1, 9]], "n": 0}, {"b": [[0, 7, 2, 9]], "n": 1}]
    }


def test_a_list_beyond_the_limit_is_an_error_of_the_loop() -> None:
    made = loaded("map: m\nfields: {a: {each: x, from: item}}")
    with pytest.raises(DataError, match=r"m.yaml:2: a ← `x`: found a list of 100001 items"):
        made.apply({"x": [0] * 100_001})


def test_a_loop_inside_a_loop_is_bounded_together() -> None:
    made = loaded("map: m\nfields: {a: {each: x as o, fields: {b: {each: this.x as i, from: i}}}}")
    with pytest.raises(DataError, match="too much work"):
        made.apply({"x": [0] * 3000})


def test_all_faults_come_at_once_with_line_and_near_name() -> None:
    found = faults_of(
        "mp: x\nlookups: {u: nofile.csv}\nfields:\n  a: b +\n  b: {form: x, value: 1}\n  c.d: 1\n  c: 2\n  e: [1]\n"
        "  f: {each: a as _x, fields: {q: 1}}\n  g: {each: a.b, fields: {}}\n  h: lookup('uu', 1)\n  i..j: 1\n"
        "  k: {from: a, null: maybe}\n  l: {from: a, value: 1}\n  m: {default: 1}\n  n:\n  o: {each: a}\n"
    )
    assert [(f.line, f.code) for f in found] == [
        (1, "map"), (1, "map"), (2, "file"), (4, "expression"), (5, "map"), (7, "map"), (8, "map"), (9, "map"),
        (10, "map"), (11, "expression"), (12, "map"), (13, "map"), (14, "map"), (15, "map"), (16, "map"), (17, "map"),
    ]  # fmt: skip
    said = "\n".join(map(str, found))
    assert "did you mean 'map'" in said and "did you mean 'from'" in said and "did you mean 'u'" in said


def test_a_missing_map_and_a_text_that_is_no_map_are_faults() -> None:
    faults: list[Fault] = []
    assert load_map("none.yaml", files({}), faults) is None
    assert "cannot be read: No such file" in str(faults[0])
    assert "found no mapping" in str(faults_of("- 1")[0])
    assert "not YAML" in str(faults_of("a: [")[0])


def test_a_fault_of_a_lookup_file_names_that_file() -> None:
    faults: list[Fault] = []
    read = files({"m.yaml": "map: m\nlookups: {u: u.csv}\nfields: {a: \"lookup('u', x)\"}", "u.csv": "k,v\na,1\na,2"})
    assert load_map("m.yaml", read, faults) is None
    assert (faults[0].file, faults[0].line) == ("u.csv", 3)


def test_compiled_code_gives_the_target_without_help_of_the_interpreter(sales_order: CompiledMap) -> None:
    assert sales_order._call(ORDER, 0) == apply_slowly(sales_order.bundle, ORDER, 0)
