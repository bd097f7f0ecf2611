"""Look-ups in reference data, the tables that people change without a release; both ways, typed as declared."""

from __future__ import annotations

from typing import Any

from waypost.mapping.fault import Refused
from waypost.mapping.function.declaration import function
from waypost.mapping.function.text import text


@function(
    "reference",
    ("reference('sample', 'EA')", "'each'"),
    ("reference('sample', 'EA', 'weight')", "1.5"),
    ("reference('sample', None)", "None"),
    scalar=True,
    needs="reference",
    types="scalar, text -> any?",
)
def reference(table: Any, now: int, value: Any, column: Any = None) -> Any:
    """What reference data says of a value when the message was received: the first column, or the one named. A value
    without a row parks the message until somebody adds it. The name of the table is written as a text."""
    if value is None:
        return None
    key = text(value) or ""
    found, made = table.value(key, now, column)
    if not found:
        raise table.unmapped(table.declaration.key, key)
    return made


@function(
    "reference",
    ("reference_or('sample', 'XX', '?')", "'?'"),
    ("reference_or('sample', 'EA', '?')", "'each'"),
    scalar=True,
    needs="reference",
    types="scalar, any, text -> any?",
)
def reference_or(table: Any, now: int, value: Any, default: Any, column: Any = None) -> Any:
    """The same with a default for a missing value and for one without a row, so that no message waits."""
    if value is None:
        return default
    found, made = table.value(text(value) or "", now, column)
    return made if found and made is not None else default


@function(
    "reference",
    ("reference_key('sample', 'kilogram')", "'KG'"),
    ("reference_key('sample', 2, 'weight')", "'KG'"),
    scalar=True,
    needs="reference",
    types="scalar, text -> text?",
)
def reference_key(table: Any, now: int, value: Any, column: Any = None) -> Any:
    """The other way: the key whose first column, or the column named, has the value. A value of no key parks the
    message; one of several is refused, for there is no way back."""
    if value is None:
        return None
    heading, shown = table.column(column).name, text(value) or ""
    found = table.version.keys_of(heading, shown, now)
    if not found:
        raise table.unmapped(heading, shown)
    if len(found) > 1:
        said = f"the value {shown!r} has {len(found)} keys: {', '.join(found[:5])}"
        raise Refused(said, "one key", f"mend reference table {table.declaration.name!r}")
    return found[0]


@function(
    "reference",
    ("in_reference('sample', 'EA')", "True"),
    ("in_reference('sample', 'XX')", "False"),
    scalar=True,
    needs="reference",
    types="scalar -> bool!",
)
def in_reference(table: Any, now: int, value: Any) -> bool:
    """Whether reference data has a row for a value when the message was received."""
    return value is not None and bool(table.value(text(value) or "", now, None)[0])
