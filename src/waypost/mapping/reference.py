"""Reference data: tables that people change daily, as a project declares them and as one version of them stands.

A table is declared in ``reference/NAME.yaml``; its rows live in the installation, not in the project::

    reference: carriers
    description: Carriers and their codes.
    owner: logistics
    key: code                               # the heading of the key, which is text
    columns:
      scac: text
      days: {type: whole, required: false}  # text, number, whole, flag, date
    approval: true                          # a second person approves each change
    initial: reference/carriers.csv         # the rows of a new installation

A row holds from a moment to another; for one key such times never overlap. Which row holds for a message is decided by
the time the message was received.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from waypost.core.errors import Fault, near
from waypost.core.yamlfile import YamlFile, parse_yaml

FOLDER = "reference"
KINDS = ("text", "number", "whole", "flag", "date")
FROM, TO = "valid_from", "valid_to"
"""Headings of the times in files."""
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_WORDS = ("reference", "description", "owner", "key", "columns", "approval", "initial")
_MOST_TEXT = 4_000
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Column:
    """One column beside the key."""

    name: str
    kind: str = "text"
    required: bool = True


@dataclass(frozen=True, slots=True)
class Declaration:
    """A table as a project declares it. ``initial`` is the file a new installation begins with, '' for none."""

    name: str
    file: str
    owner: str
    key: str
    columns: Mapping[str, Column]
    description: str = ""
    approval: bool = False
    initial: str = ""

    @property
    def first(self) -> str:
        """The column that is meant where none is named."""
        return next(iter(self.columns))


def declaration_file(name: str) -> str:
    """Where a table is declared."""
    return f"{FOLDER}/{name}.yaml"


def read_declaration(name: str, data: bytes, faults: list[Fault]) -> Declaration | None:
    """The table ``name`` declares; None, with every reason in ``faults``, where it has a fault."""
    file, before = declaration_file(name), len(faults)
    yaml = parse_yaml(data.decode("utf-8-sig", "replace"), file, faults)
    given = yaml.data
    if not isinstance(given, Mapping):
        if len(faults) == before:
            faults.append(yaml.fault((), "reference", "found no mapping", "reference: NAME, owner, key and columns"))
        return None
    for word in given:
        if word not in _WORDS:
            faults.append(yaml.fault((word,), "unknown-option", f"unknown word {word!r}", "", near(word, _WORDS)))
    for word in ("reference", "owner", "key", "columns"):
        if not given.get(word):
            faults.append(yaml.fault((), "missing-option", f"{word!r} is missing"))
    if given.get("reference") not in (None, name) or not _NAME.fullmatch(name):
        text = f"the table is called {given.get('reference')!r}"
        faults.append(yaml.fault(("reference",), "name", text, f"{name!r}, as the file, in small letters"))
    if not isinstance(given.get("approval", False), bool):
        faults.append(yaml.fault(("approval",), "type", f"found {given['approval']!r}", "true or false"))
    columns = _columns(yaml, given.get("columns"), str(given.get("key", "")), faults)
    if len(faults) > before:
        return None
    return Declaration(
        name, file, str(given["owner"]), str(given["key"]), columns, str(given.get("description", "")),
        bool(given.get("approval", False)), str(given.get("initial", "")),
    )  # fmt: skip


def _columns(yaml: YamlFile, given: Any, key: str, faults: list[Fault]) -> dict[str, Column]:
    made: dict[str, Column] = {}
    if not given:
        return made
    if not isinstance(given, Mapping):
        faults.append(yaml.fault(("columns",), "type", "found no mapping", "{name: text, days: whole}"))
        return made
    for name, how in given.items():
        at = ("columns", name)
        options = {"type": how} if isinstance(how, str) else how
        if not isinstance(options, Mapping) or set(options) - {"type", "required"}:
            faults.append(yaml.fault(at, "type", f"found {how!r}", "a type, or {type: text, required: false}"))
            continue
        kind, required = options.get("type", "text"), options.get("required", True)
        if kind not in KINDS:
            remedy = near(str(kind), KINDS)
            faults.append(yaml.fault(at, "type", f"found {kind!r}", f"one of {', '.join(KINDS)}", remedy))
        if not isinstance(required, bool):
            faults.append(yaml.fault(at, "type", f"required is {required!r}", "true or false"))
        if name in (key, FROM, TO):
            faults.append(yaml.fault(at, "name", f"the column {name!r} is taken", "another name"))
        made[name] = Column(name, str(kind), required is True)
    return made


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────


def written(column: Column, value: Any) -> str:
    """How a value, as a person or a file gives it, is kept; '' for none. ``ValueError`` saying what was expected."""
    text = _plain(value).strip()
    if not text:
        if column.required:
            raise ValueError("a value")
        return ""
    if len(text) > _MOST_TEXT:
        raise ValueError(f"at most {_MOST_TEXT} characters")
    typed(column, text)
    if column.kind == "flag":
        return "true" if _FLAGS[text.lower()] else "false"
    return text


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


def typed(column: Column, text: str) -> Any:
    """The value that is kept as ``text``. ``ValueError`` saying what was expected."""
    if not text:
        return None
    if column.kind == "text":
        return text
    try:
        if column.kind == "number":
            number = Decimal(text)
            if number.is_finite():
                return number
        elif column.kind == "whole":
            if len(text) < 400:
                return int(text)
        elif column.kind == "flag":
            return _FLAGS[text.lower()]
        else:
            return date.fromisoformat(text).isoformat()
    except (ValueError, KeyError, InvalidOperation):
        pass
    raise ValueError({"number": "a number", "whole": "a whole number", "flag": "true or false"}.get(
        column.kind, "a date such as 2026-11-30"))  # fmt: skip


def moment(value: Any) -> int:
    """UTC microseconds of a date or a date and time; 0 for nothing. ``ValueError`` for anything else."""
    text = _plain(value).strip()
    if not text:
        return 0
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("a date, or a date and time, such as 2026-11-30 or 2026-11-30T08:00") from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    micros = round(found.timestamp() * 1_000_000)
    if micros <= 0:
        raise ValueError("a time after 1970")
    return micros


def moment_text(micros: int) -> str:
    """The date, or date and time in UTC, of a moment; '' for none."""
    if not micros:
        return ""
    found = datetime.fromtimestamp(micros / 1_000_000, UTC)
    plain = found.hour == found.minute == found.second == found.microsecond == 0
    return found.date().isoformat() if plain else found.isoformat().replace("+00:00", "Z")


# ── rows and versions ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Row:
    """What a key means from a moment (0: always has) up to, not including, another (0: no end)."""

    key: str
    values: Mapping[str, str]
    start: int = 0
    end: int = 0

    def holds(self, at: int) -> bool:
        return self.start <= at and (not self.end or at < self.end)


@dataclass(frozen=True, slots=True)
class Change:
    """From ``start`` to ``end`` a key means ``values``; None: nothing."""

    key: str
    values: Mapping[str, str] | None
    start: int = 0
    end: int = 0

    def data(self) -> dict[str, Any]:
        """As it is journaled."""
        return {"key": self.key, "values": self.values, "from": self.start, "to": self.end}

    @staticmethod
    def of(data: Mapping[str, Any]) -> Change:
        values = data["values"]
        return Change(str(data["key"]), None if values is None else dict(values), int(data["from"]), int(data["to"]))


Rows = Mapping[str, tuple[Row, ...]]


@dataclass(slots=True)
class TableVersion:
    """All rows of a table in one version. ``digest`` is that of all changes up to it."""

    number: int = 0
    digest: str = ""
    rows: dict[str, tuple[Row, ...]] = field(default_factory=dict)
    _inverse: dict[str, dict[str, list[Row]]] = field(default_factory=dict, repr=False, compare=False)

    def after(self, number: int, digest: str, changes: Sequence[Change]) -> TableVersion:
        """The version that ``changes`` make of this one."""
        rows = dict(self.rows)
        for change in changes:
            kept = _around(rows.get(change.key, ()), change)
            if change.values is not None:
                kept.append(Row(change.key, change.values, change.start, change.end))
            if kept:
                rows[change.key] = tuple(sorted(kept, key=lambda row: row.start))
            else:
                rows.pop(change.key, None)
        return TableVersion(number, digest, rows)

    def row(self, key: str, at: int) -> Row | None:
        """What a key means at a moment."""
        return next((row for row in self.rows.get(key, ()) if row.holds(at)), None)

    def keys_of(self, column: str, text: str, at: int) -> list[str]:
        """The keys whose column has the text at a moment."""
        if column not in self._inverse:
            made: dict[str, list[Row]] = {}
            for row in self.all():
                made.setdefault(row.values.get(column, ""), []).append(row)
            self._inverse[column] = made
        return sorted({row.key for row in self._inverse[column].get(text, ()) if row.holds(at)})

    def all(self) -> Iterator[Row]:
        """Every row, by key and time."""
        for key in sorted(self.rows):
            yield from self.rows[key]

    def __len__(self) -> int:
        return sum(map(len, self.rows.values()))


def _around(rows: Sequence[Row], change: Change) -> list[Row]:
    """What is left of a key's rows outside the time of a change."""
    kept = []
    for row in rows:
        if change.start > row.start:
            kept.append(Row(row.key, row.values, row.start, min(row.end or change.start, change.start)))
        if change.end and (not row.end or row.end > change.end):
            kept.append(Row(row.key, row.values, max(row.start, change.end), row.end))
    return [row for row in kept if not row.end or row.start < row.end]


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────


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

    given = [_plain(each).strip() for each in rows[0]] if rows else []
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
        if not any(_plain(cell).strip() for cell in cells):
            continue
        for at, cell in enumerate(cells[len(given) :], len(given) + 1):
            if _plain(cell).strip():
                fault(number, at, f"found {_plain(cell)[:40]!r}", f"nothing beyond column {len(given)}")
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
            found = f"found {_plain(value)[:40]!r}" if _plain(value).strip() else "empty"
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
