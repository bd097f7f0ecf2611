"""A map held against its schemas: every mistake at once, with file, line and suggestion."""

import pytest

from tests.unit.mapping.test_map import files
from waypost.core.errors import Fault
from waypost.mapping.compile import load_map

SOURCE = """
type: object
required: [order]
properties:
  order:
    type: object
    required: [number, status, lines]
    properties:
      number: {type: string, maxLength: 35}
      status: {enum: [open, closed, held]}
      remark: {type: string}
      discount: {type: number}
      buyer: {$ref: 'parts.yaml#/$defs/party'}
      lines:
        type: array
        items:
          type: object
          required: [sku, quantity]
          properties: {sku: {type: string}, quantity: {type: number}, price: {type: number}}
"""
PARTS = "$defs: {party: {type: object, properties: {name: {type: string}, city: {type: string}}}}"
TARGET = """
type: object
required: [number, currency, status, lines]
properties:
  number: {type: string, maxLength: 20}
  currency: {enum: [EUR, USD]}
  status: {enum: [open, closed]}
  remark: {type: string}
  total: {type: number}
  net: {type: number}
  rows: {type: integer}
  customer: {type: object, required: [name], properties: {name: {type: string}}}
  lines:
    type: array
    items: {type: object, required: [sku], properties: {sku: {type: string}, quantity: {type: number}}}
"""
PLANTED = """\
map: planted
source: s.yaml
target: t.yaml
fields:
  number: order.number
  currency: {value: EURO}
  status: order.status
  remark: order.remrak
  total: sum(order.lines)) 
  net: 100 - order.discount
  rows: upper(order.lines)
  custmer: order.buyer
  lines:
    each: order.lines as line
    fields:
      quantity: text(line.quantity)
      sku: uper(line.sku)
  customer.name: {from: order.buyer.name, when: order.status == 'opn'}
"""


def told(text: str, source: str = SOURCE, target: str = TARGET) -> list[Fault]:
    faults: list[Fault] = []
    given = {"m.yaml": text, "s.yaml": source, "t.yaml": target, "parts.yaml": PARTS}
    load_map("m.yaml", files(given), faults)
    return sorted(faults)


@pytest.mark.parametrize(
    ("line", "found", "suggestion"),
    [
        (5, "number may have 35 characters", "left(…, 20)"),
        (6, "'EURO', outside its list of codes", "did you mean 'EUR'"),
        (7, "status may be 'held'", "lookup"),
        (8, "order has no field 'remrak'", "did you mean 'remark'"),
        (9, "not an expression", ""),
        (10, "it may be missing", "default(…, 0)"),
        (11, "rows is given a text", "int(…)"),
        (11, "upper is given a list", "list[0]"),
        (12, "the target schema has no custmer", "did you mean 'customer'"),
        (16, "lines[].quantity is given a text", "decimal(…)"),
        (17, "unknown function 'uper'", "did you mean 'upper'"),
        (18, "'opn' is not in the list of codes", "did you mean 'open'"),
    ],
)
def test_each_planted_mistake_is_told_with_line_and_suggestion(line: int, found: str, suggestion: str) -> None:
    matching = [fault for fault in told(PLANTED) if fault.line == line and found in str(fault)]
    assert matching, "\n".join(map(str, told(PLANTED)))
    assert suggestion in str(matching[0]) and matching[0].file == "m.yaml"


def test_a_group_that_is_left_out_with_its_only_field_needs_no_more() -> None:
    assert not [fault for fault in told(PLANTED) if "customer.name" in str(fault) and "required" in str(fault)]


def test_nothing_but_the_planted_mistakes_is_told() -> None:
    assert len(told(PLANTED)) == 12, "\n".join(map(str, told(PLANTED)))


GOOD = """\
map: good
source: s.yaml
target: t.yaml
fields:
  number: left(order.number, 20)
  currency: {value: EUR}
  status: "'closed' if order.status == 'held' else lookup_free"
  total: sum([l.quantity * l.price for l in order.lines if exists(l.price)])
  net: 100 - order.discount if exists(order.discount) else 100
  rows: count(order.lines)
  lines: {each: order.lines as l, fields: {sku: l.sku, quantity: l.quantity}}
"""


def test_a_map_without_mistakes_is_left_alone() -> None:
    assert told(GOOD.replace("else lookup_free", "else 'open'")) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("  lines: {", "  rest: {", "nothing fills the required target lines"),
        ("number: left(order.number, 20)", "number: order.buyer.name", "may stay empty"),
        (
            "number: left(order.number, 20)",
            "number: {from: left(order.number, 20), when: order.remark}",
            "has a condition",
        ),
        ("count(order.lines)", "order.lines[0].quantity", "given a number"),
        ("count(order.lines)", "order.lines.sku", "is a list and has no field 'sku'"),
        ("count(order.lines)", "order.number * 2", "it is a text"),
        ("count(order.lines)", "order.number + 2", "cannot be added"),
        ("count(order.lines)", "1 if order.number > 5 else 2", "cannot be ordered"),
        ("count(order.lines)", "1 if order.number == 5 else 2", "never equal"),
        ("count(order.lines)", "count([x.nme for x in order.lines])", "no field 'nme'"),
        ("count(order.lines)", "round(1.5, order.number)", "round is given a text"),
        ("each: order.lines as l", "each: order.buyer as l", "a list to walk"),
        ("rows: count(order.lines)", "rows: {fields: {a: order.number}}", "rows is made as a mapping"),
    ],
)
def test_a_mistake_is_found(old: str, new: str, found: str) -> None:
    assert old in GOOD
    text = GOOD.replace("else lookup_free", "else 'open'").replace(old, new)
    assert any(found in str(fault) for fault in told(text)), told(text)


def test_grouped_and_joined_items_are_known() -> None:
    text = """\
map: g
source: s.yaml
fields:
  g: {each: order.lines as l, group_by: l.skuu, from: group.kex}
  h: {each: order.lines as l, with: [{each: order.lines as m, on: l.sku, equals: m.sky}], from: m.pric}
  i: {each: order.lines as l, group_by: l.sku, from: "[x.pricee for x in group.items]"}
"""
    found = "\n".join(map(str, told(text)))
    assert all(name in found for name in ("'skuu'", "'kex'", "'sky'", "'pric'", "'pricee'"))


def test_a_schema_that_is_open_allows_any_path() -> None:
    text = "map: m\nsource: s.yaml\nfields: {a: x.y, b: z}"
    assert told(text, source="properties: {x: {type: object}}\nadditionalProperties: true") == []


def test_a_schema_that_refers_to_itself_ends() -> None:
    source = (
        "$ref: '#/$defs/n'\n$defs: {n: {type: object, properties: {child: {$ref: '#/$defs/n'}, v: {type: string}}}}"
    )
    found = told("map: m\nsource: s.yaml\nfields: {a: child.child.v, b: w}", source=source)
    assert ["'w'" in str(fault) for fault in found] == [True]


def test_a_schema_that_is_not_there_is_a_fault_of_the_map() -> None:
    found = told("map: m\ntarget: nowhere.yaml\nfields: {a: b}")
    assert [(fault.line, fault.code) for fault in found] == [(2, "file")]


def test_variants_of_a_schema_are_put_together() -> None:
    source = "oneOf: [{type: object, properties: {a: {type: string}}}, {type: object, properties: {b: {type: number}}}]"
    found = told("map: m\nsource: s.yaml\nfields: {a: a, b: b, c: c}", source=source)
    assert len(found) == 1 and "'c'" in str(found[0])


def test_a_schema_whose_parts_refer_to_many_others_is_read_once_each() -> None:
    one = "  nAT: {type: object, properties: {a: {$ref: '#/$defs/nNEXT'}, b: {$ref: '#/$defs/nNEXT'}}}\n"
    parts = "".join(one.replace("AT", str(at)).replace("NEXT", str(at + 1)) for at in range(30))
    source = f"$ref: '#/$defs/n0'\n$defs:\n{parts}  n30: {{type: string}}\n"
    found = told("map: m\nsource: s.yaml\nfields: {x: a.b.a.c}", source=source)
    assert len(found) == 1 and "'c'" in str(found[0])


def test_alternatives_that_are_deep_are_put_together_in_bounded_work() -> None:
    def chain(name: str) -> str:
        many = ", ".join(f"p{at}: {{$ref: '#/$defs/{name}NEXT'}}" for at in range(6))
        return "".join(
            f"  {name}{at}: {{type: object, properties: {{{many.replace('NEXT', str(at + 1))}}}}}\n" for at in range(20)
        )

    source = "oneOf: [{$ref: '#/$defs/a0'}, {$ref: '#/$defs/b0'}]\n$defs:\n" + chain("a") + chain("b")
    found = told("map: m\nsource: s.yaml\nfields: {x: p0.p1.q}", source=source + "  a20: {}\n  b20: {}\n")
    assert len(found) == 1 and "'q'" in str(found[0])


def test_below_a_field_that_is_misspelled_mistakes_are_told_too() -> None:
    text = """\
map: misspelled
source: s.yaml
target: t.yaml
fields:
  number: left(order.number, 20)
  currency: {value: EUR}
  status: {value: open}
  lines: {each: order.linez as line, fields: {sku: line.skuu}}
"""
    assert [(fault.line, fault.remedy) for fault in told(text)] == [
        (8, "did you mean 'lines'?"),
        (8, "did you mean 'sku'?"),
    ]
