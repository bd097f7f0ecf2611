"""Reference tables: declared, read from files with every fault, versions whose times never overlap, typed look-ups."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waypost.core.errors import Fault
from waypost.mapping.compile import load_map
from waypost.mapping.expression import ExpressionFault, compile_expression
from waypost.mapping.fault import UnmappedValue, unmapped_parts
from waypost.mapping.reference import (
    Change,
    Declaration,
    TableVersion,
    moment,
    read_declaration,
)
from waypost.mapping.reference_file import file_rows, read_csv
from waypost.mapping.reference_sheet import read_workbook, to_workbook
from waypost.mapping.reference_use import References

DECLARED = b"""reference: carriers
owner: logistics
key: code
columns:
  scac: text
  days: {type: whole, required: false}
  rate: {type: number, required: false}
  active: {type: flag, required: false}
  since: {type: date, required: false}
initial: reference/carriers.csv
"""
ROWS = b"code,scac,days,rate,active,since\nDHL,DHLX,2,1.50,yes,2020-01-31\nUPS,UPSN,,,,\nTNT,DHLX,,,,\n"
FILES = {"reference/carriers.yaml": DECLARED, "reference/carriers.csv": ROWS}


def declaration() -> Declaration:
    found = read_declaration("carriers", DECLARED, [])
    assert found is not None
    return found


def value(text: str, **body: object) -> object:
    return compile_expression(text, references=References(FILES.__getitem__)).evaluate(body)


LOOKS = [
    ("reference('carriers', c)", "DHLX", "the first column"),
    ("reference('carriers', c, 'days')", 2, "a whole number"),
    ("reference('carriers', c, 'rate')", Decimal("1.50"), "a number, exact"),
    ("reference('carriers', c, 'active')", True, "a flag"),
    ("reference('carriers', c, 'since')", "2020-01-31", "a date"),
    ("reference('carriers', 'UPS', 'days')", None, "an empty value is missing"),
    ("reference('carriers', missing)", None, "a missing value"),
    ("reference_key('carriers', 'UPSN')", "UPS", "the other way"),
    ("reference_or('carriers', 'XX', 'none')", "none", "a default"),
    ("reference_or('carriers', 'UPS', 9, 'days')", 9, "a default for an empty value"),
    ("in_reference('carriers', 'UPS')", True, "a row there is"),
    ("[x for x in ['UPS', 'XX'] if in_reference('carriers', x)]", ["UPS"], "in a loop"),
]


@pytest.mark.parametrize(("text", "wanted", "why"), LOOKS)
def test_a_look_up_gives_what_the_column_holds(text, wanted, why):
    found = value(text, c="DHL")
    assert (found, type(found)) == (wanted, type(wanted)), why


def test_both_ways_of_a_map_look_up_by_themselves():
    text = b"""map: m
lookups: {units: u.csv}
fields:
  a: reference('carriers', c)
  b: lookup('units', 'EA')
  c: {from: "reference_or('carriers', 'XX', 'none')"}
  d: in_reference('carriers', c)
  e: {each: cs as each, from: "reference('carriers', each, 'days')"}
"""
    files = {**FILES, "m.yaml": text, "u.csv": b"k,v\nEA,PCE\n"}
    made = load_map("m.yaml", files.__getitem__, [], References(files.__getitem__))
    body = {"c": "DHL", "cs": ["DHL"]}
    wanted = {"a": "DHLX", "b": "PCE", "c": "none", "d": True, "e": [2]}
    assert made._call(body, 0) == wanted and made._strict(body, 0) == wanted


def test_a_missing_row_says_which_one_it_is():
    with pytest.raises(UnmappedValue) as raised:
        value("reference('carriers', c)", c="X=1: 2")
    assert unmapped_parts(raised.value.code) == ("carriers", "", "X=1: 2")
    with pytest.raises(UnmappedValue) as raised:
        value("reference_key('carriers', c, 'scac')", c="NONE")
    assert unmapped_parts(raised.value.code) == ("carriers", "scac", "NONE")


def test_a_value_of_several_keys_has_no_way_back():
    with pytest.raises(Exception, match="has 2 keys: DHL, TNT"):
        value("reference_key('carriers', 'DHLX')")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("reference('carrier', c)", "no reference table 'carrier'"),
        ("reference('carriers', c, 'dais')", "did you mean 'days'"),
        ("reference(t, c)", "name is computed"),
    ],
)
def test_a_wrong_look_up_is_told_before_it_runs(text, says):
    with pytest.raises(ExpressionFault, match=says):
        value(text)


def test_a_business_key_cannot_look_into_reference_data():
    with pytest.raises(ExpressionFault, match="cannot be looked into here"):
        compile_expression("reference('carriers', c)")


def test_the_types_of_columns_are_checked_against_schemas():
    target = b"type: object\nproperties: {d: {type: string}, w: {type: integer}}\nadditionalProperties: false\n"
    text = (b"map: m\ntarget: t.yaml\nfields:\n  d: reference('carriers', c, 'days')\n"
            b"  w: reference('carriers', c, 'days') + 1\n")  # fmt: skip
    faults: list[Fault] = []
    assert load_map("m.yaml", {**FILES, "m.yaml": text, "t.yaml": target}.__getitem__, faults) is None
    assert len(faults) == 2
    assert "d" in faults[0].found and faults[0].line == 4 and "whole number" in str(faults[0])
    assert "may be missing" in str(faults[1])


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────

BAD = [
    ("code,scac,dais\nA,B,1\n", "row 1, column 3", "unknown heading 'dais'", "did you mean 'days'"),
    ("code,days\nA,1\n", "row 1, column 1", "no heading 'scac'", "the headings code, scac"),
    ("code,scac\n,B\n", "row 2, column 1", "code: empty", "a value"),
    ("code,scac\nA,\n", "row 2, column 2", "scac: empty", "a value"),
    ("code,scac,days\nA,B,1.5\n", "row 2, column 3", "days: found '1.5'", "a whole number"),
    ("code,scac,rate\nA,B,nan\n", "row 2, column 3", "rate: found 'nan'", "a number"),
    ("code,scac,active\nA,B,perhaps\n", "row 2, column 3", "active: found 'perhaps'", "true or false"),
    ("code,scac,since\nA,B,31.12.2026\n", "row 2, column 3", "since: found '31.12.2026'", "a date such as"),
    ("code,scac\nA,B\nA,C\n", "row 3, column 1", "the key 'A' is also in row 2", "one row"),
    ("code,scac,valid_from,valid_to\nA,B,2026-02-01,2026-01-01\n", "row 2, column 4", "is not after", "a later time"),
    ("code,scac,valid_from\nA,B,soon\n", "row 2, column 3", "valid_from: found 'soon'", "a date"),
    ("code,scac\nA,B,C\n", "row 2, column 3", "found 'C'", "nothing beyond column 2"),
    ("code,scac,scac\nA,B,C\n", "row 1, column 3", "is there twice", "each once"),
]


@pytest.mark.parametrize(("text", "place", "found", "expected"), BAD)
def test_a_bad_file_names_row_column_and_cause(text, place, found, expected):
    faults: list[Fault] = []
    read_csv(declaration(), "f.csv", text.encode(), faults)
    assert len(faults) == 1, faults
    assert place in faults[0].file and found in faults[0].found and expected in str(faults[0])


def sheet(rows: list[list[object]]) -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def test_a_bad_workbook_names_every_cell_as_excel_does():
    from datetime import datetime

    faults: list[Fault] = []
    content = sheet([["code", "scac", "days", "since"], ["A", None, 2.5, datetime(2026, 1, 2)], [7, "B", 3, "x"]])
    read_workbook(declaration(), "f.xlsx", content, faults)
    assert [(f.file, f.found) for f in faults] == [
        ("f.xlsx, row 2, column B", "scac: empty"), ("f.xlsx, row 2, column C", "days: found '2.5'"),
        ("f.xlsx, row 3, column D", "since: found 'x'"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"no workbook", "no workbook"), (b"PK\x03\x04broken", "no workbook")],
)
def test_what_is_no_workbook_is_refused(content, says):
    faults: list[Fault] = []
    assert read_workbook(declaration(), "f.xlsx", content, faults) == []
    assert says in faults[0].found


def test_a_formula_is_refused():
    faults: list[Fault] = []
    read_workbook(declaration(), "f.xlsx", sheet([["code", "scac"], ["A", "=B1"]]), faults)
    assert faults[0].file == "f.xlsx, row 2, column B" and "formula" in faults[0].found


def test_a_table_goes_to_excel_and_csv_and_comes_back_the_same():
    faults: list[Fault] = []
    made = TableVersion().after(1, "", read_csv(declaration(), "f", ROWS, faults))
    made = made.after(2, "", [Change("DHL", {"scac": "N"}, moment("2027-01-01"), moment("2027-02-01T08:30"))])
    back = TableVersion().after(0, "", read_workbook(declaration(), "f", to_workbook(declaration(), made), faults))
    plain = [[(c or "") for c in row] for row in file_rows(declaration(), back)]
    assert plain == [[(c or "") for c in row] for row in file_rows(declaration(), made)] and not faults


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"reference: other\nowner: a\nkey: k\ncolumns: {a: text}\n", "the table is called 'other'"),
        (b"reference: carriers\nowner: a\nkey: k\ncolumns: {a: txt}\n", "did you mean 'text'"),
        (b"reference: carriers\nowner: a\nkey: k\ncolumns: {k: text}\n", "the column 'k' is taken"),
        (b"reference: carriers\nkey: k\ncolumns: {a: text}\n", "'owner' is missing"),
        (b"reference: carriers\nowner: a\nkey: k\ncolumns: {a: text}\napprovl: true\n", "did you mean 'approval'"),
        (b"- a\n", "found no mapping"),
    ],
)
def test_a_wrong_declaration_is_told(text, says):
    faults: list[Fault] = []
    assert read_declaration("carriers", text, faults) is None
    assert says in str(faults[0])


# ── versions ─────────────────────────────────────────────────────────────────────────────────────────────────────

TIMES = st.integers(0, 12)
CHANGES = st.lists(
    st.builds(
        lambda key, value, start, length: Change(
            key, None if value is None else {"v": value}, start, start + length if length else 0
        ),
        st.sampled_from("ab"), st.sampled_from([None, "1", "2", "3"]), TIMES, TIMES,
    ),
    max_size=12,
)  # fmt: skip


@settings(deadline=None)
@given(CHANGES)
def test_a_version_means_at_every_moment_what_the_last_change_of_that_moment_said(changes):
    made = TableVersion().after(1, "", changes)
    for key in "ab":
        for at in range(26):
            last = None
            for change in changes:
                if change.key == key and change.start <= at and (not change.end or at < change.end):
                    last = change.values
            row = made.row(key, at)
            assert (None if row is None else row.values) == last
            assert sum(each.holds(at) for each in made.rows.get(key, ())) <= 1
            assert (key in made.keys_of("v", "1", at)) == (last == {"v": "1"})


@settings(deadline=None)
@given(CHANGES, CHANGES)
def test_a_later_version_leaves_an_earlier_one_as_it_is(first, second):
    before = TableVersion().after(1, "", first)
    rows = dict(before.rows)
    before.after(2, "", second)
    assert before.rows == rows
