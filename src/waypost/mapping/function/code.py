"""Lookups, hashing and masking."""

from __future__ import annotations

import hashlib
from typing import Any

from waypost.core.errors import near
from waypost.mapping.fault import Refused
from waypost.mapping.function.declaration import function
from waypost.mapping.function.text import text, want_count
from waypost.mapping.lookup import Table


@function(
    "code", ("lookup('sample', 'EA')", "'each'"), ("lookup('sample', 'XX', '?')", "'?'"),
    ("lookup('sample', 'EA', None, 'iso')", "'C62'"), ("lookup('sample', None)", "None"),
    scalar=True, needs="table",
)  # fmt: skip
def lookup(table: Table, value: Any, default: Any = None, column: Any = None) -> Any:
    """What a lookup file says of a value: the second column, or the column named; the default where it has no row.
    The name of the lookup is written as a text."""
    if value is None:
        return default
    if column is None:
        found = table.values
    else:
        try:
            found = table.columns[column]
        except (KeyError, TypeError):
            known = near(str(column), table.columns) or f"known: {', '.join(table.columns)}"
            raise Refused(f"the lookup has no column {column!r}", "one of its columns", known) from None
    return found.get(text(value) or "", default)


def _bytes(value: Any) -> bytes | None:
    made = text(value)
    return None if made is None else made.encode("utf-8", "surrogatepass")


@function("code", ("left(sha256('abc'), 8)", "'ba7816bf'"), ("sha256(None)", "None"))
def sha256(value: Any) -> str | None:
    """The SHA-256 of a text's UTF-8 bytes, in hexadecimal (FIPS 180-4)."""
    data = _bytes(value)
    return None if data is None else hashlib.sha256(data).hexdigest()


@function("code", ("blake2b('abc', 4)", "'63906248'"))
def blake2b(value: Any, size: Any = 32) -> str | None:
    """The BLAKE2b of a text's UTF-8 bytes with so many bytes (1 to 64), in hexadecimal (RFC 7693)."""
    data = _bytes(value)
    width = max(1, want_count(size, 64))
    return None if data is None else hashlib.blake2b(data, digest_size=width).hexdigest()


@function("code", ("mask('4111111111111111')", "'************1111'"), ("mask('12', 4)", "'**'"))
def mask(value: Any, keep: Any = 4) -> str | None:
    """The text with all but its last characters as ``*``; a text that is not longer than those is masked whole."""
    shown = text(value)
    if shown is None:
        return None
    left = want_count(keep)
    return "*" * len(shown) if len(shown) <= left else "*" * (len(shown) - left) + shown[len(shown) - left :]
