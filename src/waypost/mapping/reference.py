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

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from operator import attrgetter
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
    text = plain(value).strip()
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


def plain(value: Any) -> str:
    """What a person or a cell gives, as text."""
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
    text = plain(value).strip()
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
        change_rows(rows, changes)
        return TableVersion(number, digest, rows)

    def row(self, key: str, at: int) -> Row | None:
        """What a key means at a moment."""
        for row in self.rows.get(key, ()):
            if row.start <= at and (not row.end or at < row.end):
                return row
        return None

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


def change_rows(rows: dict[str, tuple[Row, ...]], changes: Sequence[Change]) -> None:
    """Make changes to rows by key, in place."""
    for change in changes:
        before = rows.get(change.key)
        kept = _around(before, change) if before else []
        if change.values is not None:
            kept.append(Row(change.key, change.values, change.start, change.end))
        if kept:
            kept.sort(key=_start)
            rows[change.key] = tuple(kept)
        else:
            rows.pop(change.key, None)


_start = attrgetter("start")


def _around(rows: Sequence[Row], change: Change) -> list[Row]:
    """What is left of a key's rows outside the time of a change."""
    kept = []
    for row in rows:
        if change.start > row.start:
            kept.append(Row(row.key, row.values, row.start, min(row.end or change.start, change.start)))
        if change.end and (not row.end or row.end > change.end):
            kept.append(Row(row.key, row.values, max(row.start, change.end), row.end))
    return [row for row in kept if not row.end or row.start < row.end]
