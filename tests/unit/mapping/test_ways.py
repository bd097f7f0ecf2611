"""Each way of a map by itself: strict code and whole code give what the interpreter gives, and do not leave it to it.

A wrong compiler could hide here: whatever compiled code fails on, the interpreter does once more, and gives the right
value slowly. So each row runs the compiled functions alone.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.mapping.test_map import files
from waypost.core.errors import Fault
from waypost.core.yamlfile import parse_yaml
from waypost.mapping.compile import CompiledMap, load_map
from waypost.mapping.replay import apply_slowly

NOW = 1_767_225_600_000_000
LINES = [
    {"sku": "a", "n": 2, "price": Decimal("1.50"), "tags": ["x", "y"], "kind": "EA", "at": {"bin": "B1"}},
    {"sku": "b", "n": 3, "price": Decimal("2.25"), "tags": [], "kind": "KG", "at": {"bin": "B2"}},
]
BODY: dict[str, Any] = {
    "id": "7", "n": 5, "price": Decimal("1.25"), "text": "ab", "yes": True, "no": False, "null": None, "tag": "x",
    "buyer": {"id": "B", "name": "acme", "address": {"city": "Ulm", "zip": "89073"}}, "lines": LINES, "empty": [],
    "date": "20260301", "parts": [{"sku": "a", "of": "P"}, {"sku": "z", "of": "Q"}], "words": ["b", "a", "B"],
}  # fmt: skip
MORE = {
    "units.csv": "k,v\nEA,PCE\nKG,KGM\n",
    "places.csv": "k,v\nB1,north\n",
    "inner.yaml": "map: inner\nfields: {id: id, city: address.city, day: now()}\n",
}
TABLE = parse_yaml((Path(__file__).parent / "ways.yaml").read_text("utf-8"), "ways.yaml", []).data


def load(fields: Any) -> CompiledMap:
    faults: list[Fault] = []
    text = json.dumps({"map": "m", "lookups": {"units": "units.csv", "places": "places.csv"}, "fields": fields})
    made = load_map("m.yaml", files({"m.yaml": text, **MORE}), faults)
    assert made is not None, faults
    return made


def same(a: Any, b: Any) -> bool:
    """Equal, of the same types, with the fields in the same order."""
    return repr(a) == repr(b)


@pytest.mark.parametrize("fields", TABLE["whole"].values(), ids=TABLE["whole"])
def test_both_ways_give_what_the_interpreter_gives_each_by_itself(fields: Any) -> None:
    made = load(fields)
    wanted = apply_slowly(made.bundle, BODY, NOW)
    assert wanted
    assert same(made._call(BODY, NOW), wanted)
    assert same(made._strict(BODY, NOW), wanted)


def test_a_constant_is_exact_and_made_anew_on_every_way() -> None:
    made = load({"t": {"value": [0.1, {"a": 2.5}]}, "u": "id"})
    for way in (made._strict, made._call, lambda body, now: apply_slowly(made.bundle, body, now)):
        first, second = way(BODY, NOW), way(BODY, NOW)
        assert repr(first["t"]) == "[Decimal('0.1'), {'a': Decimal('2.5')}]"
        first["t"].append(1)
        first["t"][1]["a"] = 0
        assert repr(second["t"]) == "[Decimal('0.1'), {'a': Decimal('2.5')}]"


def test_a_constant_that_is_too_large_is_a_fault_of_the_map() -> None:
    faults: list[Fault] = []
    assert load_map("m.yaml", files({"m.yaml": "map: m\nfields:\n  t: {value: [1, 1e400]}\n"}), faults) is None
    assert [(fault.line, fault.found, fault.expected) for fault in faults] == [(3, "found inf", "a finite number")]


@pytest.mark.parametrize("row", TABLE["sparse"].values(), ids=TABLE["sparse"])
def test_the_whole_code_makes_of_a_sparse_message_what_the_interpreter_makes(row: Any) -> None:
    made, body, wanted = load(row["fields"]), row["body"], row["wanted"]
    assert same(apply_slowly(made.bundle, body, NOW), wanted)
    assert same(made._call(body, NOW), wanted)
    try:
        strict = made._strict(body, NOW)
    except (LookupError, TypeError, AttributeError):
        strict = None
    assert strict is None or same(strict, wanted)
