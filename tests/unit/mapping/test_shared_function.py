"""Functions that maps share: what a call becomes, what is refused, and that names cannot be caught."""

from __future__ import annotations

import pytest

from waypost.core.errors import DataError, Fault
from waypost.mapping.compile import CompiledMap, load_map
from waypost.mapping.lineage import DECIDES
from waypost.mapping.lineage_map import map_links
from waypost.mapping.lineage_path import path_text
from waypost.mapping.shared_function import read_functions

FUNCTIONS = """\
functions:
  clean:
    takes: [value]
    gives: upper(trim(value))
    note: Article numbers as the ERP writes them.
    tests:
      - {given: {value: ' a-1 '}, gives: A-1}
  with_prefix:
    takes: [prefix, value]
    gives: concat(prefix, '-', clean(value))
  larger:
    takes: [values, than]
    gives: "[x for x in values if x > than]"
"""
MAP = """\
map: m
functions: [maps/common.functions.yaml]
fields:
  sku: with_prefix(plant, sku)
  large: larger(numbers, [x for x in limits][0])
  lines: {each: lines as x, from: clean(x.sku)}
"""


def made(functions: str = FUNCTIONS, text: str = MAP) -> CompiledMap:
    faults: list[Fault] = []
    files = {"m.yaml": text.encode(), "maps/common.functions.yaml": functions.encode()}
    compiled = load_map("m.yaml", files.__getitem__, faults)
    assert compiled is not None, faults
    return compiled


BODY = {"plant": "01", "sku": " b ", "numbers": [1, 5, 9], "limits": [4], "lines": [{"sku": "c "}]}


def test_a_call_gives_what_the_function_gives():
    assert made().apply(BODY) == {"sku": "01-B", "large": [5, 9], "lines": ["C"]}


def test_the_names_of_a_function_catch_no_name_of_its_caller():
    """`x` is a loop name of the function, of the caller's argument and of the map's loop."""
    assert made().apply({**BODY, "limits": [9], "numbers": [8, 10]})["large"] == [10]


def test_an_error_names_the_call_of_the_map():
    with pytest.raises(DataError) as raised:
        made().apply({**BODY, "sku": 7, "lines": [{"sku": 5}]})
    assert "m.yaml:4: sku" in str(raised.value) and "with_prefix(plant, sku)" in str(raised.value)


def test_lineage_looks_through_a_shared_function():
    (sku,) = [link for link in map_links(made().bundle) if link.target == ("sku",)]
    assert {path_text(r.path) for r in sku.reads if r.role != DECIDES} == {"plant", "sku"}


WRONG = [
    (FUNCTIONS.replace("gives: A-1", "gives: A-2"), "its test gives 'A-1'; expected 'A-2'", 7),
    (FUNCTIONS.replace("upper(trim(value))", "upper(sku)"), "looks at sku of the message", 4),
    (FUNCTIONS.replace("clean(value))", "larger(value, 1))"), "unknown function 'larger'", 10),
    (FUNCTIONS.replace("  clean:", "  upper:"), "the name 'upper' is taken", 2),
    (FUNCTIONS.replace("takes: [value]", "takes: value"), "found 'value'", 3),
    (FUNCTIONS.replace("note:", "nte:"), "unknown word 'nte'", 5),
    ("functions: []\n", "found no functions", 1),
]


@pytest.mark.parametrize(("text", "found", "line"), WRONG)
def test_a_wrong_function_is_told_where_it_stands(text, found, line):
    faults: list[Fault] = []
    read_functions("f.yaml", text.encode(), faults)
    assert any(found in str(fault) and fault.line == line for fault in faults), faults


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (MAP.replace("with_prefix(plant, sku)", "with_prefix(sku)"), "with_prefix(prefix, value)"),
        (MAP.replace("clean(x.sku)", "claen(x.sku)"), "did you mean 'clean'"),
        (MAP.replace("maps/common", "maps/comon"), "'maps/comon.functions.yaml' cannot be read"),
    ],
)
def test_a_wrong_use_is_told_by_the_map(text, says):
    faults: list[Fault] = []
    files = {"m.yaml": text.encode(), "maps/common.functions.yaml": FUNCTIONS.encode()}
    assert load_map("m.yaml", files.__getitem__, faults) is None
    assert any(says in str(fault) for fault in faults), faults


def test_a_function_that_unfolds_too_far_is_refused():
    """Each function doubles the one before: the work of thirty of them is refused when the map is read."""
    lines = ["functions:", "  f0: {takes: [v], gives: 'v + v'}"]
    lines += [f"  f{n}: {{takes: [v], gives: 'f{n - 1}(v) + f{n - 1}(v)'}}" for n in range(1, 30)]
    faults: list[Fault] = []
    read_functions("f.yaml", "\n".join(lines).encode(), faults)
    assert any("too large" in str(fault) or "deep" in str(fault) for fault in faults)
