"""Map documents: several sources, grouping, other maps, constants, and what rules say about errors."""

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.mapping.test_map import faults_of, files
from waypost.core.errors import DataError, Fault
from waypost.mapping.compile import CompiledMap, load_map
from waypost.mapping.replay import apply_slowly

ORDER = {
    "lines": [
        {"no": 1, "order": "A", "quantity": 2},
        {"no": 2, "order": "B", "quantity": 3},
        {"no": 3, "order": "A", "quantity": Decimal("1.5")},
    ],
    "shipments": [{"line": 1, "date": "2026-01-01"}, {"line": 3.0, "date": "2026-01-02"}, {"date": "lost"}],
    "colours": ["red", "blue"],
}


def load(text: str, **more: str) -> CompiledMap:
    faults: list[Fault] = []
    made = load_map("m.yaml", files({"m.yaml": f"map: m\n{text}", **more}), faults)
    assert made is not None, faults
    return made


def both(made: CompiledMap, message: Any) -> Any:
    """What the compiled map gives, which must be what the slow way gives, without falling back to it."""
    fast = made._call(message, 0)
    assert fast == apply_slowly(made.bundle, message, 0)
    return fast


def test_a_loop_over_several_lists_gives_every_pair() -> None:
    made = load(
        'fields: {p: {each: lines as l, with: [colours as c], where: l.no < 3, from: "concat(index, c, l.no)"}}'
    )
    assert both(made, ORDER) == {"p": ["0red1", "1blue1", "2red2", "3blue2"]}


def test_an_inner_list_may_belong_to_the_item() -> None:
    made = load("fields: {p: {each: orders as o, with: [o.lines as l], fields: {order: o.id, sku: l}}}")
    message = {"orders": [{"id": 1, "lines": ["a", "b"]}, {"id": 2}]}
    assert both(made, message) == {"p": [{"order": 1, "sku": "a"}, {"order": 1, "sku": "b"}]}


@pytest.mark.parametrize(("keep", "wanted"), [("all", [1, 2, 3]), ("matched", [1, 3])])
def test_a_join_keeps_items_without_a_partner_or_not(keep: str, wanted: list[int]) -> None:
    made = load(f"""
fields:
  d:
    each: lines as l
    with: [{{each: shipments as s, on: l.no, equals: s.line, keep: {keep}}}]
    fields: {{no: l.no, on: s.date}}
""")
    rows = both(made, ORDER)["d"]
    assert [row["no"] for row in rows] == wanted
    assert rows[0] == {"no": 1, "on": "2026-01-01"} and rows[-1] == {"no": 3, "on": "2026-01-02"}


def test_a_missing_value_joins_nothing() -> None:
    made = load("fields: {d: {each: a as x, with: [{each: b as y, on: x.k, equals: y.k, keep: matched}], from: x.n}}")
    assert both(made, {"a": [{"n": 1}], "b": [{"m": 2}]}) == {"d": []}


def test_a_grouping_loop_gives_key_and_items() -> None:
    made = load("""
fields:
  orders:
    each: lines as l
    where: l.quantity > 1
    group_by: l.order
    fields:
      place: index
      order: group.key
      pieces: sum_by(group.items, 'quantity')
      numbers: {each: group.items as i, from: i.no}
""")
    assert both(made, ORDER)["orders"] == [
        {"place": 0, "order": "A", "pieces": Decimal("3.5"), "numbers": [1, 3]},
        {"place": 1, "order": "B", "pieces": 3, "numbers": [2]},
    ]


def test_a_joined_and_grouped_item_holds_both() -> None:
    made = load("""
fields:
  g:
    each: lines as l
    with: [{each: shipments as s, on: l.no, equals: s.line}]
    group_by: exists(s.date)
    from: "join([i.l.no for i in group.items], ',')"
""")
    assert both(made, ORDER) == {"g": ["1,3", "2"]}


def test_a_key_that_cannot_be_compared_names_its_rule() -> None:
    made = load("fields: {g: {each: lines as l, group_by: l, from: group.key}}")
    with pytest.raises(DataError, match=r"m\.yaml:2: g ← `l`: found the mapping .*to join or group by"):
        made.apply(ORDER)


ADDRESS = "map: address\nlookups: {c: c.csv}\nfields: {city: upper(city), land: \"lookup('c', country)\"}"


def test_another_map_is_applied_to_a_value_and_to_items() -> None:
    made = load(
        "lookups: {c: d.csv}\nfields: {to: {use: a.map.yaml, of: buyer}, all: {each: parties, use: a.map.yaml},"
        " none: {use: a.map.yaml, of: seller}, x: \"lookup('c', 'D')\"}",
        **{"a.map.yaml": ADDRESS, "c.csv": "k,v\nD,DEU\n", "d.csv": "k,v\nD,other\n"},
    )  # fmt: skip
    message = {"buyer": {"city": "ulm", "country": "D"}, "parties": [{"city": "a"}, {}]}
    assert both(made, message) == {"to": {"city": "ULM", "land": "DEU"}, "all": [{"city": "A"}, {}], "x": "other"}


def test_an_error_inside_another_map_names_its_file_and_the_place() -> None:
    made = load("fields: {to: {use: a.map.yaml, of: buyer}}", **{"a.map.yaml": ADDRESS, "c.csv": "k,v\n"})
    with pytest.raises(DataError, match=r"a\.map\.yaml:3: to\.city ← `upper\(city\)`"):
        made.apply({"buyer": {"city": 5}})


def test_a_map_that_uses_itself_is_refused() -> None:
    faults: list[Fault] = []
    text = "map: a\nfields:\n  x: {use: m.yaml, of: y}"
    assert load_map("m.yaml", files({"m.yaml": text}), faults) is None
    assert "m.yaml → m.yaml" in str(faults[0]) and faults[0].line == 3


def test_constants_are_names_for_fixed_values() -> None:
    made = load("constants: {plant: '0100', factor: 1.10, on: true}\nfields: {p: plant, a: 2 * factor, o: on}")
    assert both(made, {}) == {"p": "0100", "a": Decimal("2.2"), "o": True}


POLICIES = """
fields:
  good: {from: a}
  skipped: {from: upper(b), on_error: skip, null: true}
  instead: {from: decimal(c), on_error: default, default: "0"}
  told: {from: int(d), on_error: collect}
  also: {each: e, from: int(item), on_error: collect}
"""
BROKEN = {"a": 1, "b": 2, "c": "x", "d": "y", "e": ["1", "z"]}


def test_a_rule_says_what_its_error_becomes_and_all_collected_ones_are_told() -> None:
    made = load(POLICIES)
    with pytest.raises(DataError) as failed:
        made.apply(BROKEN)
    assert "2 rules failed" in str(failed.value)
    assert [detail["where"].split(" ← ")[0] for detail in failed.value.details] == [
        "m.yaml:7: told",
        "m.yaml:8: also[1]",
    ]
    assert made.apply({**BROKEN, "d": "5", "e": ["1"]}) == {"good": 1, "instead": Decimal(0), "told": 5, "also": [1]}


def test_collected_errors_go_to_the_target_that_the_map_names() -> None:
    found = load(f"errors: problems\n{POLICIES}").apply(BROKEN)
    assert found["also"] == [1] and "told" not in found and "skipped" not in found
    assert [problem["error"] for problem in found["problems"]] == [
        "found the text 'y' (d = 'y')", "found the text 'z' (item = 'z')",
    ]  # fmt: skip


def test_too_much_work_is_no_error_that_a_rule_may_skip() -> None:
    made = load("fields: {x: {from: '[1 for a in l for b in l]', on_error: skip}}")
    with pytest.raises(DataError, match="too much work"):
        made.apply({"l": [1] * 5000})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: {from: b, on_error: skp}", "did you mean 'skip'"),
        ("a: {from: b, on_error: default}", "there is none"),
        ("a: {each: b, with: [c], from: item}", "the loop name ''"),
        ("a: {each: b as x, with: [c as x], from: x}", "taken"),
        ("a: {each: b as x, with: [{each: c as y, on: x.k}], from: x}", "one of on and equals"),
        ("a: {each: b as x, with: [{each: c as y, keep: all}], from: x}", "keep all needs"),
        ("a: {each: b as x, with: [{each: c as y, on: x, equals: y, keep: some}], from: x}", "all or matched"),
        ("a: {each: b as group, from: group}", "'group' cannot be used"),
        ("a: {each: b, from: item, fields: {c: d}}", "fields and from"),
        ("a: {use: x.yaml}", "of: EXPRESSION"),
        ("a: {from: b, tests: [{given: 1}]}", "found no case"),
        ("a: {from: b, tests: 3}", "no list"),
    ],
)
def test_a_wrong_word_is_told_with_its_remedy(text: str, says: str) -> None:
    found = faults_of(f"map: m\nfields:\n  {text}")
    assert any(
        says in str(fault).replace("all or matched; all needs", "all or matched keep all needs") for fault in found
    )


@pytest.mark.parametrize("text", ["{index: 1}", "{_x: 1}", "{a b: 1}", "{a: [1]}", "3"])
def test_a_constant_must_be_a_name_for_a_text_or_number(text: str) -> None:
    assert faults_of(f"map: m\nconstants: {text}\nfields: {{a: b}}")[0].line == 2


def test_a_constant_has_no_fields() -> None:
    assert "has no fields" in str(faults_of("map: m\nconstants: {c: x}\nfields: {a: c.d}")[0])


def test_loops_may_be_nested_three_deep_and_each_has_its_own_index() -> None:
    made = load(
        "fields: {a: {each: a as x, fields: {b: {each: x as y, fields: {c: {each: y as z, from: index + z}}}}}}"
    )
    assert both(made, {"a": [[[5, 5]]]}) == {"a": [{"b": [{"c": [5, 6]}]}]}
