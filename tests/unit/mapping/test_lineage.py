"""Where a map's targets come from: by its text, and for one document; both must agree with what the map does."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from waypost.mapping.compile import CompiledMap, load_map
from waypost.mapping.expression import compile_expression
from waypost.mapping.lineage import CONSTANT, DECIDES, Change, Link, Read, known_paths, origins, reaches
from waypost.mapping.lineage_map import map_links
from waypost.mapping.lineage_path import begins, parse_path, path_text, put_numbers, touches
from waypost.mapping.lineage_reads import reads_of
from waypost.mapping.lineage_step import Enriched, Mapped, Opaque, Parted, Passing
from waypost.mapping.lineage_trace import trace_expression, trace_map

LOOKUP = b"code,name\nPC,piece\nKG,kilogram\n"


def made(fields: str, files: dict[str, bytes] | None = None) -> CompiledMap:
    text = f"map: m\nlookups: {{units: units.csv}}\nfields:\n{fields}"
    faults: list[Any] = []
    compiled = load_map("m.map.yaml", {"m.map.yaml": text.encode(), "units.csv": LOOKUP, **(files or {})}.__getitem__,
                        faults)  # fmt: skip
    assert compiled is not None, faults
    return compiled


def told(reads: Any) -> tuple[set[str], set[str]]:
    """Places (or what is outside) that give the value, and those that only decide."""
    names = [(r.outside or path_text(r.path) or "this", r.role) for r in reads]
    return {n for n, role in names if role != DECIDES}, {n for n, role in names if role == DECIDES}


READS = [
    ("order.number", {"order.number"}, set(), "a path"),
    ("a['@id']", {'a["@id"]'}, set(), "a name that is no word"),
    ("a[0].b", {"a[0].b"}, set(), "an item"),
    ("a[n].b", {"a[].b"}, {"n"}, "an item that is computed"),
    ("a[-1]", {"a[]"}, set(), "the last item"),
    ("x if y else z", {"x", "z"}, {"y"}, "a condition decides"),
    ("a or b", {"a", "b"}, set(), "either"),
    ("upper(a) + 'x'", {"a"}, set(), "a function"),
    ("[l.sku for l in lines if l.q > 0]", {"lines[].sku"}, {"lines", "lines[].q"}, "a loop with a test"),
    ("[l for l in lines if l.q > 0]", {"lines"}, {"lines[].q"}, "fewer items of a list"),
    ("[l for l in lines if l.q > 0][0].sku", {"lines[0].sku"}, {"lines[].q"}, "one of fewer items"),
    ("sum_by(lines, 'q')", {"lines[].q"}, set(), "a field of each item"),
    ("find(parties, 'role', who).name", {"parties[].name"}, {"who"}, "the item a value chooses"),
    ("lookup('units', unit)", {"unit", "lookup units"}, set(), "a lookup"),
    ("now()", {"the time it was received"}, set(), "the time"),
    ("'fixed'", set(), set(), "a constant"),
    ("default(a, b)", {"a", "b"}, set(), "a default"),
    ("{'x': a, 'y': [b]}", {"a", "b"}, set(), "made mappings"),
    ("lines[1:n]", {"lines"}, {"n"}, "a part of a list"),
]


@pytest.mark.parametrize(("text", "values", "decides", "why"), READS)
def test_an_expression_reads_by_its_text(text, values, decides, why):
    tables = made("  a: b\n").bundle.tables
    assert told(reads_of(compile_expression(text, tables=tables).parsed).all_reads) == (values, decides), why


BODY = {
    "n": 1, "who": "BY", "y": True, "x": "x", "z": "z", "unit": "PC", "tags": ["a", "b"],
    "parties": [{"role": "ST", "name": "S"}, {"role": "BY", "name": "B"}],
    "lines": [{"sku": "A", "q": 0}, {"sku": "B", "q": 2}, {"sku": "C", "q": 3}],
}  # fmt: skip
TRACED = [
    ("x if y else z", {"x"}, {"y"}, "only the branch that was taken"),
    ("[l.sku for l in lines if l.q > 0]", {"lines[1].sku", "lines[2].sku"},
     {"lines[0].q", "lines[1].q", "lines[2].q"}, "the items that fit"),
    ("find(parties, 'role', who).name", {"parties[1].name"}, {"parties", "who"}, "the item that was found"),
    ("lines[n].sku", {"lines[1].sku", "n"}, set(), "the item that was meant"),
    ("join([upper(t) for t in tags], ',')", {"tags[0]", "tags[1]"}, set(), "plain items"),
    ("lines[1:]", {"lines[1]", "lines[2]"}, set(), "a part of a list"),
    ("sum([l.q for l in lines])", {"lines[0].q", "lines[1].q", "lines[2].q"}, set(), "a sum"),
    ("count(lines)", {"lines"}, set(), "a list as a whole"),
    ("missing.of.all", {"missing"}, set(), "what is missing"),
    ("x + 1", {"x"}, set(), "what was read before it failed"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "values", "decides", "why"), TRACED)
def test_an_expression_reads_of_one_document(text, values, decides, why):
    assert told(trace_expression(compile_expression(text).parsed, BODY, 0)) == (values, decides), why


ORDER = """\
  number: upper(order.number)
  kind: {value: fixed, when: order.rush}
  buyer: order.buyer
  lines:
    each: order.lines as line
    where: line.q > 0
    fields:
      sku: line.sku
      unit: lookup('units', line.unit, '?')
      part: {use: part.map.yaml, of: line.part}
  tags: {each: order.tags as tag, from: lower(tag)}
  groups:
    each: order.lines as line
    group_by: line.unit
    fields: {unit: group.key, pieces: "sum_by(group.items, 'q')"}
"""
PART = b"map: part\nfields: {id: no, name: text(name)}\n"
DOCUMENT = {"order": {
    "number": "po-1", "rush": False, "buyer": {"id": "B", "names": ["x"]}, "tags": ["A"],
    "lines": [{"sku": "A", "q": 0, "unit": "PC"}, {"sku": "B", "q": 2, "unit": "PC", "part": {"no": 7, "name": "p"}},
              {"sku": "C", "q": 3, "unit": "KG"}],
}}  # fmt: skip


def order() -> CompiledMap:
    return made(ORDER, {"part.map.yaml": PART})


def by_target(links: Any) -> dict[str, tuple[set[str], set[str]]]:
    return {path_text(link.target): told(link.reads) for link in links}


def test_a_map_is_linked_by_its_text():
    links = by_target(map_links(order().bundle))
    assert links["number"] == ({"order.number"}, set())
    assert links["kind"] == ({CONSTANT}, {"order.rush"})
    assert links["lines[].sku"] == ({"order.lines[].sku"}, {"order.lines", "order.lines[].q"})
    assert links["lines[].part.id"][0] == {"order.lines[].part.no"}
    assert links["tags[]"][0] == {"order.tags[]"}
    assert links["groups[].unit"][0] == {"order.lines[].unit"}
    assert links["groups[].pieces"][0] == {"order.lines[].q"}


def test_a_map_is_traced_for_one_document():
    links = by_target(trace_map(order().bundle, DOCUMENT, 0))
    assert "kind" not in links
    assert links["lines[0].sku"][0] == {"order.lines[1].sku"}
    assert links["lines[0].part.id"][0] == {"order.lines[1].part.no"}
    assert links["lines[1].sku"][0] == {"order.lines[2].sku"}
    assert "order.lines[1].q" in links["lines[0].sku"][1]
    assert links["lines[1].unit"][0] == {"order.lines[2].unit", "lookup units"}
    assert links["tags[0]"][0] == {"order.tags[0]"}
    assert links["groups[0].pieces"][0] == {"order.lines[0].q", "order.lines[1].q"}
    assert links["groups[1].pieces"][0] == {"order.lines[2].q"}


def test_every_value_a_map_makes_is_traced_to_places_that_hold_it():
    """The trace names each target the map fills, and a plain copy comes from a place that has that very value."""
    compiled, before = order(), deepcopy(DOCUMENT)
    found = Change(links=trace_map(compiled.bundle, DOCUMENT, 0))
    result = compiled.apply(DOCUMENT)
    for path in _leaves(result):
        sources = [o for o in origins([found], path) if o.read.role != DECIDES]
        assert sources, path
        for origin in sources:
            assert origin.read.outside or _at(DOCUMENT, origin.read.path) is not None
    (buyer,) = origins([found], parse_path("buyer.names[0]"))
    assert buyer.read.path == ("order", "buyer", "names", 0)
    assert before == DOCUMENT, "the document is not changed"


def _leaves(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for name, each in value.items() for leaf in _leaves(each, (*above, name))]
    if isinstance(value, list):
        return [leaf for at, each in enumerate(value) for leaf in _leaves(each, (*above, at))]
    return [above]


def _at(value: Any, path: Any) -> Any:
    for part in path:
        value = value[part]
    return value


def test_a_chain_leads_back_through_every_step():
    second = made("  id: number\n  first: lines[0]\n  all: lines\n").bundle
    chain = [
        Passing([("order.ok", "goes on when order.ok")]).change(),
        Enriched("prices", {"sku": "order.sku"}, "order.price").change(),
        Mapped(order().bundle).change(),
        Mapped(second).change(),
    ]
    (number,) = [o for o in origins(chain, ("id",)) if o.read.role != DECIDES]
    assert number.read.path == ("order", "number")
    assert [rule.rule for rule in number.rules] == ["number ← upper(order.number)", "id ← number"]
    values = {path_text(o.read.path) for o in origins(chain, ("first", "sku")) if o.read.role != DECIDES}
    assert values == {"order.lines[].sku"}
    assert {path_text(reach.path) for reach in reaches(chain)} >= {"id", "all[].sku", "all[].part.id", "first.sku"}


def test_a_list_that_is_only_walked_decides_by_what_decides_about_it():
    chain = [
        Mapped(made("  lines: {each: order.lines as l, fields: {a: l.a, b: l.b}}\n").bundle).change(),
        Passing().change(),
        Mapped(made("  out: {each: lines as l, from: l.a}\n").bundle).change(),
    ]
    found = {(path_text(o.read.path), o.read.role) for o in origins(chain, ("out", None))}
    assert found == {("order.lines[].a", "value"), ("order.lines", "decides")}


def test_what_a_system_answers_is_outside_and_what_it_was_asked_decides():
    chain = [Enriched("prices", {"sku": "order.sku"}, "order.price").change()]
    assert told([o.read for o in origins(chain, ("order", "price"))]) == ({"the answer of prices"}, {"order.sku"})
    assert told([o.read for o in origins(chain, ("order", "sku"))]) == ({"order.sku"}, set())
    assert told([o.read for o in origins(chain, ("order",))])[0] == {"the answer of prices", "order"}


def test_a_part_comes_from_its_item_and_from_what_is_kept():
    parted = Parted("order.lines", {"po": "order.number"})
    assert told([o.read for o in origins([parted.change()], ("sku",))]) == ({"order.lines[].sku"}, set())
    assert told([o.read for o in origins([parted.change()], ("po",))]) == ({"order.number"}, set())
    third = parted.traced(DOCUMENT, {}, 0, 2)
    assert told([o.read for o in origins([third], ("sku",))]) == ({"order.lines[2].sku"}, set())


def test_an_opaque_step_comes_from_all_of_its_input_and_says_so():
    change = Opaque("python steps/x.py").change()
    (origin,) = origins([change], ("any", "thing"))
    assert origin.read == Read(()) and origin.rules[0].opaque and "look inside" in change.note
    body = {"a": 1}
    assert Opaque().traced(body, body, 0, 0).passes, "a document given back as it is was not changed"


def test_known_places_are_those_the_last_makers_name():
    chain = [Change(links=(Link(("a",), (Read(("x",)),)), Link(("b", None), (Read(("y",)),))))]
    assert known_paths(chain) == [("a",), ("b", None)]
    assert known_paths([*chain, Change(passes=True)]) == [("a",), ("b", None)]
    assert known_paths([]) == [()]


def test_paths_are_read_and_written():
    for text in ("a.b[0].c", "a[].b", '["a b"][2]', "a", "x['y'].z"):
        assert parse_path(path_text(parse_path(text))) == parse_path(text)
    with pytest.raises(ValueError, match="no path"):
        parse_path("a..b[")
    assert begins(("a", 3, "b"), ("a", None)) and not begins(("a",), ("a", None))
    assert touches(("a",), ("a", None, "b")) and not touches(("a", "b"), ("a", None))
    assert put_numbers(("a", None, "b"), ("a", 3)) == ("a", 3, "b")
