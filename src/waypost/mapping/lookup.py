"""Lookup files: CSV tables of a project, key first, read once when a map is compiled."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from waypost.core.errors import Fault

MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Table:
    """Values by key. ``values`` is the second column, ``columns`` every column after the first, by its heading; ``key``
    the heading of the first."""

    values: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]
    key: str = ""
    _inverse: dict[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict, compare=False, repr=False)

    def keys_of(self, heading: str, value: str) -> tuple[str, ...]:
        """The keys whose column has the value; ``KeyError`` for a column that there is not."""
        if heading == self.key:
            return (value,) if value in self.values else ()
        if heading not in self._inverse:
            found: dict[str, list[str]] = {}
            for key, each in self.columns[heading].items():
                found.setdefault(each, []).append(key)
            self._inverse[heading] = {each: tuple(keys) for each, keys in found.items()}
        return self._inverse[heading].get(value, ())


def read_table(name: str, data: bytes, faults: list[Fault]) -> Table:
    """The table of a CSV file (RFC 4180, UTF-8, headings in the first line); what is wrong is added to ``faults``."""
    values: dict[str, str] = {}
    columns: dict[str, dict[str, str]] = {}
    table = Table(values, columns)
    if len(data) > MAX_BYTES:
        faults.append(Fault(name, 0, "lookup", f"found {len(data)} bytes", f"at most {MAX_BYTES}"))
        return table
    try:
        lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        key = _read_rows(name, lines, values, columns, faults)
        return Table(values, columns, key)
    except UnicodeDecodeError as error:
        faults.append(Fault(name, 0, "lookup", f"byte {error.start} is not UTF-8", "UTF-8 text"))
    except csv.Error as error:
        faults.append(Fault(name, lines.line_num, "lookup", f"not CSV: {error}", "rows of the same columns"))
    return table


def _read_rows(
    name: str, lines: Any, values: dict[str, str], columns: dict[str, dict[str, str]], faults: list[Fault]
) -> str:
    """Fill in the values and columns; the heading of the key."""
    headings: list[str] = next(lines, [])
    if len(headings) < 2:
        faults.append(Fault(name, 1, "lookup", f"found {len(headings)} headings", "a key and at least one value"))
        return ""
    columns.update((heading, {}) for heading in headings[1:])
    stores = list(columns.values())
    if len(stores) != len(headings) - 1:
        faults.append(Fault(name, 1, "lookup", "a heading is written twice", "each heading once"))
        return headings[0]
    for row in lines:
        if not row:
            continue
        key = row[0]
        if len(row) != len(headings):
            faults.append(Fault(name, lines.line_num, "lookup", f"found {len(row)} columns", f"{len(headings)}"))
        elif key in stores[0]:
            faults.append(Fault(name, lines.line_num, "lookup", f"the key {key!r} is there twice", "each key once"))
        else:
            for store, value in zip(stores, row[1:], strict=True):
                store[key] = value
    values.update(stores[0])
    return headings[0]
