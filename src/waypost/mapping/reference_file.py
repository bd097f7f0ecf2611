"""The rows of a reference table as CSV, and as rows of cells: read with every fault, written to be read again."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from waypost.core.errors import Fault, near
from waypost.mapping.reference import (
    FROM,
    TO,
    Change,
    Column,
    Declaration,
    TableVersion,
    moment,
    moment_text,
    plain,
    written,
)


def headings(table: Declaration) -> list[str]:
    """The headings of a file that holds the table's rows."""
    return [table.key, *table.columns, FROM, TO]


def read_rows(
    table: Declaration, file: str, rows: Sequence[Sequence[Any]], faults: list[Fault], place: Callable[[int, int], str]
) -> list[Change]:
    """The rows of a file, headings first, as changes; every fault names ``place(row, column)``, both from 1."""

    def fault(row: int, column: int, found: str, expected: str, remedy: str = "") -> None:
        if len(faults) < 1000:
            faults.append(Fault(f"{file}, {place(row, column)}", 0, "reference", found, expected, remedy))

    given = [plain(each).strip() for each in rows[0]] if rows else []
    while given and not given[-1]:
        given.pop()
    known = headings(table)
    needed = [table.key, *(column.name for column in table.columns.values() if column.required)]
    for at, name in enumerate(given, 1):
        if name not in known:
            fault(1, at, f"unknown heading {name!r}", f"one of {', '.join(known)}", near(name, known))
        elif given.index(name) != at - 1:
            fault(1, at, f"the heading {name!r} is there twice", "each once")
    for name in needed:
        if name not in given:
            fault(1, 1, f"no heading {name!r}", f"the headings {', '.join(needed)}")
    if faults:
        return []
    made: list[Change] = []
    seen: dict[str, list[tuple[int, int, int]]] = {}
    for number, row in enumerate(rows[1:], 2):
        cells = [*row, *[None] * (len(given) - len(row))]
        if not any(plain(cell).strip() for cell in cells):
            continue
        for at, cell in enumerate(cells[len(given) :], len(given) + 1):
            if plain(cell).strip():
                fault(number, at, f"found {plain(cell)[:40]!r}", f"nothing beyond column {len(given)}")
        change = _read_row(table, dict(zip(given, cells, strict=False)), given, number, fault)
        if change is None:
            continue
        for other, start, end in seen.get(change.key, ()):
            if (not change.end or start < change.end) and (not end or change.start < end):
                where = given.index(table.key) + 1
                fault(number, where, f"the key {change.key!r} is also in row {other} for the same time", "one row")
        seen.setdefault(change.key, []).append((number, change.start, change.end))
        made.append(change)
    return made


def _read_row(
    table: Declaration, cells: Mapping[str, Any], given: Sequence[str], number: int, fault: Callable[..., None]
) -> Change | None:
    ok = True

    def read(name: str, convert: Callable[[Any], Any]) -> Any:
        nonlocal ok
        value = cells.get(name)
        try:
            return convert(value)
        except ValueError as error:
            ok = False
            found = f"found {plain(value)[:40]!r}" if plain(value).strip() else "empty"
            fault(number, given.index(name) + 1 if name in given else 1, f"{name}: {found}", str(error))
            return None

    key = read(table.key, partial(written, Column(table.key)))
    values = {name: read(name, partial(written, column)) for name, column in table.columns.items()}
    start, end = read(FROM, moment), read(TO, moment)
    if ok and end and end <= start:
        fault(number, given.index(TO) + 1, f"{TO} is not after {FROM}", "a later time")
        return None
    return Change(key, values, start, end) if ok else None


def read_csv(table: Declaration, file: str, data: bytes, faults: list[Fault]) -> list[Change]:
    """The rows of a CSV file (RFC 4180, UTF-8, headings first)."""
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except UnicodeDecodeError as error:
        faults.append(Fault(file, 0, "reference", f"byte {error.start} is not UTF-8", "UTF-8 text"))
        return []
    except csv.Error as error:
        faults.append(Fault(file, 0, "reference", f"not CSV: {error}", "rows of the same columns"))
        return []
    return read_rows(table, file, rows, faults, lambda row, column: f"row {row}, column {column}")


def file_rows(table: Declaration, version: TableVersion) -> list[list[str]]:
    """The rows of a version as a file holds them, headings first."""
    return [
        headings(table),
        *(
            [
                row.key,
                *(row.values.get(name, "") for name in table.columns),
                moment_text(row.start),
                moment_text(row.end),
            ]
            for row in version.all()
        ),
    ]
