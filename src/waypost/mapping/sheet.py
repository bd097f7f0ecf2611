"""A map document as one flat table, a row for each rule, and back: what reviewers see and edit.

A row's cells are texts under ``COLUMNS``. Targets are whole paths; those inside a loop have ``[]`` in them. A cell
under ``value``, ``with`` and ``tests`` that reads as JSON is JSON; any other is the text itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from waypost.core.errors import Fault

COLUMNS = (
    "target", "from", "value", "default", "when", "each", "with", "where", "group_by", "use", "of", "null", "on_error",
    "note", "owner", "tests",
)  # fmt: skip
HEADS = ("map", "description", "owner", "source", "target", "lookups", "functions", "constants", "errors", "tests")
_JSON = ("value", "with", "tests")
Row = dict[str, str]


def rows_of(data: Mapping[str, Any]) -> list[Row]:
    """The rows of a map document's plain data."""
    return list(_rows(data.get("fields") or {}, ""))


def head_of(data: Mapping[str, Any]) -> dict[str, str]:
    """What the document says besides its fields, as texts by word."""
    return {word: _text(word, data[word]) for word in HEADS if word in data}


def _rows(fields: Mapping[str, Any], above: str) -> Iterator[Row]:
    for name, value in fields.items():
        target = f"{above}{name}"
        if not isinstance(value, Mapping):
            yield {"target": target, "from": _text("from", value)}
            continue
        row = {"target": target} | {word: _text(word, each) for word, each in value.items() if word != "fields"}
        inner = value.get("fields")
        if len(row) > 1 or not isinstance(inner, Mapping):
            yield row
        if isinstance(inner, Mapping):
            yield from _rows(inner, f"{target}[]." if "each" in value else f"{target}.")


def _text(word: str, value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if word in _JSON and _reads_as_json(value) else value
    return json.dumps(value, ensure_ascii=False, default=str)


def _reads_as_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text != text.strip()
    return True


# ── back ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def data_of(head: Mapping[str, str], rows: Sequence[tuple[int, Row]], name: str, faults: list[Fault]) -> dict[str, Any]:
    """The plain data of the document that a table stands for; ``rows`` with the number of each in the sheet ``name``.
    Wrong words and rows out of place are added to ``faults``; what they say is checked when the map is read."""
    made: dict[str, Any] = {}
    for word, text in head.items():
        if word in HEADS:
            made[word] = _value(text) if word in ("lookups", "functions", "constants", "tests") else text
        else:
            faults.append(Fault(name, 1, "sheet", f"unknown word {word!r}", "one of " + ", ".join(HEADS)))
    fields: dict[str, Any] = {}
    within: dict[str, dict[str, Any]] = {}
    for number, row in rows:
        _place(number, row, fields, within, name, faults)
    return {**made, "fields": fields}


def _place(
    number: int, row: Row, fields: dict[str, Any], within: dict[str, dict[str, Any]], name: str, faults: list[Fault]
) -> None:  # fmt: skip
    target = row.get("target", "").strip()
    words = {word: _value(text) if word in _JSON else text for word, text in row.items() if word != "target" and text}
    if not target or not words:
        faults.append(Fault(name, number, "sheet", f"the row of {target!r} says nothing", "a target and its source"))
        return
    above = max((path for path in within if target.startswith(path)), key=len, default="")
    holder, key = (within[above] if above else fields), target[len(above) :]
    if "[]" in key or key in holder:
        text = f"{target} is written twice" if key in holder else f"no loop is written above {target}"
        faults.append(Fault(name, number, "sheet", text, "each loop before its fields, each target once"))
        return
    if "null" in words:
        words["null"] = words["null"].lower() == "true"
    if "each" in words and "from" not in words and "use" not in words:
        within[f"{target}[]."] = words["fields"] = {}
    elif not {"from", "value", "use", "each"} & words.keys():
        within[f"{target}."] = words["fields"] = {}
    holder[key] = words["from"] if words.keys() == {"from"} else words


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def yaml_text(data: Mapping[str, Any]) -> str:
    """The document as it is written in a file."""
    return str(yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=120))
