"""Layouts of fixed-width files as data: which records there are, their fields, and how records nest.

::

    layout: payments
    length: 20                            # characters of every line; left out, lines end with their last field
    records:
      header:
        - {name: type, length: 1, value: H}          # a constant tells the record types apart
        - {name: created, length: 8, type: date, format: YYYYMMDD}
      payment:
        - {name: type, length: 1, value: P}
        - {name: amount, length: 10, type: decimal, places: 2}
      trailer:
        - {name: type, length: 1, value: T}
        - {name: count, length: 6, type: integer}
        - {name: total, length: 12, type: decimal, places: 2}
    structure: [header, payment*, trailer]            # payment?: at most one, payment+: at least one
    checks:
      - {field: trailer.count, count: [payment]}
      - {field: trailer.total, sum: payment.amount}

An item of ``structure`` may be a group, ``{group: batches, body: [batch_header, entry*, batch_trailer], checks: […]}``:
a list of such bodies, each beginning with the first record of its body. ``at`` sets the column of a field, counted
from 1, where it does not follow the one before. ``align`` and ``pad`` say how shorter values are filled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from waypost.core.errors import Fault, ProjectError, near
from waypost.core.yamlfile import Path, YamlFile, parse_yaml

_TYPES = ("text", "integer", "decimal", "date")
_DATE_PARTS = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "DDD": "%j", "HH": "%H", "MI": "%M", "SS": "%S"}
_DATE = re.compile("YYYY|YY|DDD|MM|DD|HH|MI|SS|[-/.: ]")
_USE = re.compile(r"(\w+)([?*+]?)")
_FIELD_KEYS = ("name", "at", "length", "type", "value", "places", "format", "align", "pad", "required")
MOST_LENGTH = 1 << 20


@dataclass(frozen=True, slots=True)
class Field:
    """Characters ``start`` to ``end`` of a line, from 0. ``format`` is that of ``strptime``; ``value`` a constant."""

    name: str
    start: int
    end: int
    kind: str = "text"
    value: str | None = None
    places: int | None = None
    format: str = ""
    right: bool = False
    pad: str = " "
    required: bool = False


@dataclass(frozen=True, slots=True)
class RecordType:
    """One kind of line. ``length`` counts the characters of a line written."""

    name: str
    fields: tuple[Field, ...]
    length: int

    @property
    def constants(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.value is not None)


@dataclass(frozen=True, slots=True)
class Check:
    """``record.field`` holds how many records of these types there are, or the sum of a field over them."""

    record: str
    field: str
    counts: tuple[str, ...] = ()
    sums: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Use:
    """A record or a group where the structure allows it; ``body`` is empty for a record."""

    name: str
    first: str
    most: Literal["one", "many"]
    least: int
    body: tuple[Use, ...] = ()
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """What a layout file says. ``separated``: lines have line ends; ``length`` is 0 where they may differ."""

    records: Mapping[str, RecordType]
    structure: Use
    separated: bool
    length: int


def read_layout(data: bytes, name: str) -> Layout:
    """The layout in a file. ``ProjectError`` with every fault, each with its line."""
    faults: list[Fault] = []
    try:
        file = parse_yaml(data.decode(), name, faults)
    except UnicodeDecodeError as wrong:
        raise ProjectError([Fault(name, 0, "layout", f"byte {wrong.start} is not UTF-8", "UTF-8")]) from None
    made = None if faults else _Reader(file, faults).layout()
    if faults or made is None:
        raise ProjectError(faults)
    return made


class _Reader:
    def __init__(self, file: YamlFile, faults: list[Fault]) -> None:
        self._file, self._faults = file, faults
        self._records: dict[str, RecordType] = {}

    def _fault(self, path: Path, found: str, expected: str, remedy: str = "") -> None:
        self._faults.append(self._file.fault(path, "layout", found, expected, remedy))

    def layout(self) -> Layout | None:
        data = self._file.data
        if not isinstance(data, Mapping) or not isinstance(data.get("records"), Mapping) or not data["records"]:
            self._fault((), "no records", "a mapping with layout, records and structure")
            return None
        known = ("layout", "length", "separator", "records", "structure", "checks")
        self._keys(data, known, ())
        length, separator = data.get("length", 0), data.get("separator", "line")
        if not isinstance(length, int) or not 0 <= length <= MOST_LENGTH:
            self._fault(("length",), f"found {length!r}", "the characters of a line")
            length = 0
        if separator not in ("line", "none") or (separator == "none" and not length):
            self._fault(("separator",), f"found {separator!r}", "line, or none together with length")
        for name, fields in data["records"].items():
            self._record(str(name), fields, length)
        self._told_apart()
        uses = list(self._body(data.get("structure", []), ("structure",)))
        checks = list(self._checks(data.get("checks", []), ("checks",)))
        root = Use("", uses[0].first if uses else "", "one", 1, tuple(uses), tuple(checks))
        return Layout(self._records, root, separator == "line", length)

    def _keys(self, data: Mapping[Any, Any], known: Sequence[str], path: Path) -> None:
        for key in data:
            if key not in known:
                self._fault((*path, key), f"unknown key {key!r}", f"one of {', '.join(known)}", near(str(key), known))

    def _record(self, name: str, fields: Any, length: int) -> None:
        path: Path = ("records", name)
        if not isinstance(fields, list) or not fields:
            return self._fault(path, "no fields", "a list of fields")
        made: list[Field] = []
        for number, field in enumerate(fields):
            if one := self._field(field, (*path, number), made[-1].end if made else 0):
                made.append(one)
        names = [field.name for field in made]
        for twice in sorted({n for n in names if names.count(n) > 1}):
            self._fault(path, f"the field {twice!r} is there twice", "each name once")
        end = max((field.end for field in made), default=0)
        if length and end > length:
            self._fault(path, f"fields up to column {end}", f"at most {length}, the length of a line")
        self._records[name] = RecordType(name, tuple(made), length or end)
        return None

    def _field(self, data: Any, path: Path, behind: int) -> Field | None:
        if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
            self._fault(path, "no field", "a mapping with name and length")
            return None
        before = len(self._faults)
        self._keys(data, _FIELD_KEYS, path)
        kind, length, at = data.get("type", "text"), data.get("length"), data.get("at", behind + 1)
        value, places, form = data.get("value"), data.get("places"), data.get("format", "YYYYMMDD")
        if not isinstance(length, int) or not 0 < length <= MOST_LENGTH:
            self._fault(path, f"length {length!r}", "a whole number of characters")
            length = 1
        if not isinstance(at, int) or at <= behind:
            self._fault(path, f"at {at!r}", f"a column behind {behind}, where the field before ends")
        if kind not in _TYPES:
            self._fault(path, f"type {kind!r}", f"one of {', '.join(_TYPES)}", near(str(kind), _TYPES))
        if places is not None and (kind != "decimal" or not isinstance(places, int) or not 0 <= places <= length):
            self._fault(path, f"places {places!r}", "a number of digits of a decimal")
        if value is not None and len(str(value)) > length:
            self._fault(path, f"value {value!r}", f"at most {length} characters")
        if kind == "date" and (_DATE.sub("", str(form)) or len(str(form)) != length):
            self._fault(path, f"format {form!r}", f"{length} characters of YYYY, YY, MM, DD, DDD, HH, MI, SS, -/.:")
        number = kind in ("integer", "decimal")
        align, pad = data.get("align", "right" if number else "left"), str(data.get("pad", "0" if number else " "))
        if align not in ("left", "right") or len(pad) != 1:
            self._fault(path, f"align {align!r}, pad {pad!r}", "left or right, and one character")
        if len(self._faults) > before:
            return None
        form = _DATE.sub(lambda part: _DATE_PARTS.get(part[0], part[0]), str(form)) if kind == "date" else ""
        return Field(data["name"], at - 1, at - 1 + length, kind, None if value is None else str(value), places, form,
                     align == "right", pad, bool(data.get("required")))  # fmt: skip

    def _told_apart(self) -> None:
        if len(self._records) > 1:
            for record in self._records.values():
                if not record.constants:
                    self._fault(("records", record.name), "no field with a value", "a constant that tells it apart")

    def _body(self, items: Any, path: Path) -> Iterator[Use]:
        if not isinstance(items, list):
            return self._fault(path, "no list", "records and groups in order")
        for number, item in enumerate(items):
            here = (*path, number)
            if isinstance(item, Mapping):
                yield from self._group(item, here)
                continue
            match = _USE.fullmatch(str(item))
            if not match or match[1] not in self._records:
                self._fault(here, f"found {item!r}", "a record, with ?, * or + behind it",
                            near(str(item).rstrip("?*+"), self._records))  # fmt: skip
                continue
            many = match[2] in ("*", "+")
            yield Use(match[1], match[1], "many" if many else "one", int(match[2] in ("", "+")))

    def _group(self, item: Mapping[Any, Any], path: Path) -> Iterator[Use]:
        self._keys(item, ("group", "body", "checks", "least"), path)
        body = tuple(self._body(item.get("body"), (*path, "body")))
        name = item.get("group")
        if not isinstance(name, str) or not body or body[0].most == "many" or not body[0].least or body[0].body:
            return self._fault(path, f"the group {name!r}", "a name, and a body that begins with one record")
        checks = tuple(self._checks(item.get("checks", []), (*path, "checks")))
        yield Use(name, body[0].first, "many", int(item.get("least", 0)), body, checks)
        return None

    def _checks(self, items: Any, path: Path) -> Iterator[Check]:
        for number, item in enumerate(items if isinstance(items, list) else [items]):
            here = (*path, number)
            if not isinstance(item, Mapping) or not {"count", "sum"} & set(item):
                self._fault(here, "no check", "{field: trailer.count, count: [record]} or {…, sum: record.field}")
                continue
            record, _, field = str(item.get("field", "")).partition(".")
            counts = item.get("count", [])
            names = tuple(map(str, counts if isinstance(counts, list) else [counts]))
            summed = str(item["sum"]).split(".") if "sum" in item else ["", ""]
            wanted = [(record, field), *((name, "") for name in names), *([tuple(summed)] if summed[0] else [])]
            if all(self._known(here, *pair) for pair in wanted if len(pair) == 2):
                yield Check(record, field, names, (summed[0], summed[-1]))

    def _known(self, path: Path, record: str, field: str) -> bool:
        found = self._records.get(record)
        if found is not None and (not field or field in {f.name for f in found.fields}):
            return True
        names = [f.name for f in found.fields] if found else list(self._records)
        self._fault(path, f"no {record}.{field}" if field else f"no record {record!r}", f"one of {', '.join(names)}")
        return False
