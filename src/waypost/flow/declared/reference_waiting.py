"""Messages that wait for a row of reference data, one group for each table and missing value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from waypost.core.errors import WaypostError
from waypost.flow.declared.reference_data import ReferenceData, declared
from waypost.mapping.fault import unmapped_parts
from waypost.store.protocol import Query, Reader

_MOST_GROUPS = 10_000
_SAID = "reference table "
"""How the text of such a group begins (``waypost.store.failure.group_text``)."""


def waiting(reader: Reader) -> list[dict[str, Any]]:
    """The groups of one shard or more, the largest first."""
    rows = reader.groups(Query(error=_SAID, limit=_MOST_GROUPS))
    found: dict[str, dict[str, Any]] = {}
    for flow, _, text, count, _, _ in rows:
        code = text.rpartition(f": {_SAID}")[0]
        parts = unmapped_parts(code)
        if parts is None:
            continue
        table, column, value = parts
        new: dict[str, Any] = {"table": table, "column": column, "value": value, "count": 0, "flows": []}
        group = found.setdefault(code, new)
        group["count"] += count
        group["flows"] = sorted({*group["flows"], flow})
    return [{"error": code, **group} for code, group in sorted(found.items(), key=lambda one: -one[1]["count"])]


def joined(parts: Iterable[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The groups of several workers as one list."""
    made: dict[str, dict[str, Any]] = {}
    for group in (group for part in parts for group in part):
        known = made.setdefault(group["error"], {**group, "count": 0, "flows": []})
        known["count"] += group["count"]
        known["flows"] = sorted({*known["flows"], *group["flows"]})
    return sorted(made.values(), key=lambda group: -group["count"])


def now_there(group: Mapping[str, Any], data: ReferenceData, files: Mapping[str, bytes]) -> bool:
    """Whether a group's value has a row by now, whenever its messages were received."""
    try:
        declaration = declared(files, group["table"])
        version = data.newest(declaration, files.__getitem__)
    except WaypostError:
        return False
    if not group["column"]:
        return group["value"] in version.rows
    return any(row.values.get(group["column"]) == group["value"] for row in version.all())
