"""A map as a sheet, as a workbook and as a page: what goes out comes back, and is never more than text."""

import io
from typing import Any

import pytest

from tests.unit.mapping.test_map import SALES_ORDER
from waypost.core.errors import ConfigurationRefused, Fault
from waypost.core.yamlfile import parse_yaml
from waypost.mapping import excel
from waypost.mapping.difference import compare
from waypost.mapping.page import to_html
from waypost.mapping.reader import read_map
from waypost.mapping.sheet import data_of, head_of, rows_of, yaml_text

openpyxl = pytest.importorskip("openpyxl")
WIDE = """\
map: wide
constants: {plant: '0100', n: 5}
lookups: {u: u.csv}
errors: problems
tests: [{given: {a: 1}, gives: {b: 2}}]
fields:
  a: {value: '12'}
  b: {value: 12}
  c: {value: [1, {x: ' y '}]}
  d: {from: e, null: true, on_error: default, default: "0", note: why, owner: me, tests: [{given: {e: 1}, gives: 1}]}
  f.g: h
  i: {when: j, fields: {k: l, m: {fields: {n: o}}}}
  p: {each: q as r, with: [{each: s as t, on: r.a, equals: t.b, keep: matched}, u as v], where: r.c, fields: {w: t.x}}
  y: {each: q, group_by: item.z, from: group.key}
  x: {each: lines as line, fields: {sub: {each: line.parts as part, fields: {no: part.no}}}}
  z: {use: a.map.yaml, of: buyer}
"""


def plain(text: str) -> dict[str, Any]:
    return dict(parse_yaml(text, "m.yaml", []).data)


def read(text: str) -> Any:
    faults: list[Fault] = []
    made = read_map(text, "m.yaml", faults)
    assert made is not None, faults
    return made


def back(data: dict[str, Any]) -> dict[str, Any]:
    faults: list[Fault] = []
    made = excel.from_excel(excel.to_excel(data), "m.xlsx", faults)
    assert made is not None, faults
    return made


@pytest.mark.parametrize("text", [WIDE, SALES_ORDER], ids=["every word", "an order"])
def test_what_a_workbook_says_is_the_map_it_was_made_from(text: str) -> None:
    returned = back(plain(text))
    assert compare(read(text), read(yaml_text(returned))) == []
    assert rows_of(returned) == rows_of(plain(text)) and head_of(returned) == head_of(plain(text))


def test_no_cell_is_a_formula() -> None:
    book = openpyxl.load_workbook(
        io.BytesIO(excel.to_excel({"map": "=1+1", "fields": {"a": {"value": "=HYPERLINK()"}}}))
    )
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}


def test_a_text_that_no_cell_can_hold_is_refused() -> None:
    with pytest.raises(ConfigurationRefused, match="row 2 from"):
        excel.to_excel({"fields": {"a": "'" + "x" * 40_000 + "'"}})
    with pytest.raises(ConfigurationRefused):
        excel.to_excel({"fields": {"a": "'\x00'"}})


def edited(change: Any) -> tuple[dict[str, Any] | None, list[Fault]]:
    book = openpyxl.load_workbook(io.BytesIO(excel.to_excel({"map": "m", "fields": {"a": "b", "c": {"value": 1}}})))
    change(book["rules"])
    made = io.BytesIO()
    book.save(made)
    faults: list[Fault] = []
    return excel.from_excel(made.getvalue(), "m.xlsx", faults), faults


def test_what_a_reviewer_types_is_taken() -> None:
    def change(sheet: Any) -> None:
        sheet.append(["d", 5])
        sheet.append(["e", None, True])
        sheet["B2"] = "upper(b)"

    made, faults = edited(change)
    assert not faults and made is not None
    assert made["fields"] == {"a": "upper(b)", "c": {"value": 1}, "d": "5", "e": {"value": True}}


@pytest.mark.parametrize(
    ("cell", "value", "found"),
    [
        ("A2", None, "says nothing"),
        ("A3", "a", "written twice"),
        ("A2", "x[].y", "no loop"),
        ("B1", "form", "unknown column"),
    ],
)
def test_a_sheet_with_a_mistake_names_the_row(cell: str, value: Any, found: str) -> None:
    made, faults = edited(lambda sheet: sheet.__setitem__(cell, value))
    assert made is None and found in str(faults[0]) and faults[0].line == int(cell[1:])


def test_what_is_no_workbook_or_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    faults: list[Fault] = []
    assert excel.from_excel(b"not a zip", "m.xlsx", faults) is None and "no workbook" in str(faults[0])
    monkeypatch.setattr(excel, "MAX_UNPACKED_BYTES", 100)
    assert excel.from_excel(excel.to_excel({"fields": {}}), "m.xlsx", faults) is None
    assert "unpacked" in str(faults[1])


def test_an_unknown_word_at_the_head_is_a_fault() -> None:
    faults: list[Fault] = []
    data_of({"mp": "x"}, [], "m.xlsx", faults)
    assert "'mp'" in str(faults[0])


def test_a_page_shows_each_rule_and_escapes_what_is_written() -> None:
    data = plain(SALES_ORDER) | {"description": "<script>alert(1)</script>"}
    page = to_html(data)
    assert "<script" not in page and "&lt;script&gt;" in page
    assert all(f">{target}</" in page for target in ("customer.id", "lines[].serials", "address.city"))
