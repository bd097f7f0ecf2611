"""Lookups and crosswalks, hashing, encoding and masking."""

from __future__ import annotations

import binascii
import hashlib
import uuid
import zlib
from typing import Any
from urllib.parse import quote

from waypost.core.errors import near
from waypost.mapping.fault import Refused
from waypost.mapping.function.declaration import function
from waypost.mapping.function.text import text, want_count, want_text
from waypost.mapping.lookup import Table
from waypost.mapping.operation import bounded_text


@function(
    "code",
    ("lookup('sample', 'EA')", "'each'"),
    ("lookup('sample', 'XX', '?')", "'?'"),
    ("lookup('sample', 'EA', None, 'iso')", "'C62'"),
    ("lookup('sample', None)", "None"),
    scalar=True,
    needs="table",
    types="scalar, any, text -> any?",
)
def lookup(table: Table, value: Any, default: Any = None, column: Any = None) -> Any:
    """What a lookup file says of a value: the second column, or the column named; the default where it has no row.
    The name of the lookup is written as a text."""
    if column is None and type(value) is str:
        return table.values.get(value, default)
    if value is None:
        return default
    found = table.values if column is None else _column(table, column)
    return found.get(text(value) or "", default)


@function(
    "code",
    ("lookup_key('sample', 'kilogram')", "'KG'"),
    ("lookup_key('sample', 'C62', None, 'iso')", "'EA'"),
    ("lookup_key('sample', 'x', '?')", "'?'"),
    scalar=True,
    needs="table",
    types="scalar, any, text -> any?",
)
def lookup_key(table: Table, value: Any, default: Any = None, column: Any = None) -> Any:
    """The other way through a lookup file: the key whose second column (or the column named) has the value. A value of
    several keys is refused, for there is no way back."""
    if value is None:
        return default
    heading = column if column is not None else next(iter(table.columns), "")
    found = _keys(table, heading, value)
    return found[0] if found else default


@function(
    "code",
    ("crosswalk('sample', 'kilogram', 'name', 'iso')", "'KGM'"),
    ("crosswalk('sample', 'EA', 'code', 'iso')", "'C62'"),
    scalar=True,
    needs="table",
    types="scalar, text, text, any -> any?",
)
def crosswalk(table: Table, value: Any, given: Any, wanted: Any, default: Any = None) -> Any:
    """From any column of a lookup file to any other, by their headings; the key's heading counts, too."""
    if value is None:
        return default
    keys = _keys(table, given, value)
    if not keys:
        return default
    if wanted == table.key:
        return keys[0]
    return _column(table, wanted)[keys[0]]


@function(
    "code",
    ("in_lookup('sample', 'EA')", "True"),
    ("in_lookup('sample', 'XX')", "False"),
    scalar=True,
    needs="table",
    types="scalar -> bool!",
)
def in_lookup(table: Table, value: Any) -> bool:
    """Whether a lookup file has a row with this key."""
    return value is not None and (text(value) or "") in table.values


def _keys(table: Table, heading: Any, value: Any) -> tuple[str, ...]:
    if heading != table.key:
        _column(table, heading)
    found = table.keys_of(heading, text(value) or "")
    if len(found) > 1:
        raise Refused(
            f"the value {value!r} has {len(found)} keys: {', '.join(found[:5])}", "one key", "mend the lookup"
        )
    return found


def _column(table: Table, heading: Any) -> Any:
    try:
        return table.columns[heading]
    except (KeyError, TypeError):
        known = near(str(heading), table.columns) or f"known: {', '.join(table.columns)}"
        raise Refused(f"the lookup has no column {heading!r}", "one of its columns", known) from None


def _bytes(value: Any) -> bytes | None:
    made = text(value)
    return None if made is None else made.encode("utf-8", "surrogatepass")


@function("code", ("left(sha256('abc'), 8)", "'ba7816bf'"), ("sha256(None)", "None"), types="scalar -> text")
def sha256(value: Any) -> str | None:
    """The SHA-256 of a text's UTF-8 bytes, in hexadecimal (FIPS 180-4)."""
    data = _bytes(value)
    return None if data is None else hashlib.sha256(data).hexdigest()


@function("code", ("blake2b('abc', 4)", "'63906248'"), types="scalar, whole -> text")
def blake2b(value: Any, size: Any = 32) -> str | None:
    """The BLAKE2b of a text's UTF-8 bytes with so many bytes (1 to 64), in hexadecimal (RFC 7693)."""
    data = _bytes(value)
    width = max(1, want_count(size, 64))
    return None if data is None else hashlib.blake2b(data, digest_size=width).hexdigest()


@function(
    "code", ("mask('4111111111111111')", "'************1111'"), ("mask('12', 4)", "'**'"), types="scalar, whole -> text"
)
def mask(value: Any, keep: Any = 4) -> str | None:
    """The text with all but its last characters as ``*``; a text that is not longer than those is masked whole."""
    shown = text(value)
    if shown is None:
        return None
    left = want_count(keep)
    return "*" * len(shown) if len(shown) <= left else "*" * (len(shown) - left) + shown[len(shown) - left :]


@function("code", ("left(sha512('abc'), 8)", "'ddaf35a1'"), types="scalar -> text")
def sha512(value: Any) -> str | None:
    """The SHA-512 of a text's UTF-8 bytes, in hexadecimal (FIPS 180-4)."""
    data = _bytes(value)
    return None if data is None else hashlib.sha512(data).hexdigest()


@function("code", ("md5('abc')", "'900150983cd24fb0d6963f7d28e17f72'"), types="scalar -> text")
def md5(value: Any) -> str | None:
    """The MD5 of a text's UTF-8 bytes, in hexadecimal (RFC 1321): for partners that ask for it, never for security."""
    data = _bytes(value)
    return None if data is None else hashlib.md5(data, usedforsecurity=False).hexdigest()


@function("code", ("crc32('abc')", "'352441c2'"), types="scalar -> text")
def crc32(value: Any) -> str | None:
    """The CRC-32 of a text's UTF-8 bytes, in hexadecimal (ISO 3309)."""
    data = _bytes(value)
    return None if data is None else f"{zlib.crc32(data):08x}"


@function("code", ("base64('abc')", "'YWJj'"), types="scalar -> text")
def base64(value: Any) -> str | None:
    """A text's UTF-8 bytes in Base64 (RFC 4648)."""
    data = _bytes(value)
    return None if data is None else bounded_text(binascii.b2a_base64(data, newline=False).decode())


@function("code", ("from_base64('YWJj')", "'abc'"), types="text -> text")
def from_base64(value: Any) -> str | None:
    """The text whose UTF-8 bytes are written in Base64 (RFC 4648)."""
    if value is None:
        return None
    try:
        return binascii.a2b_base64(want_text(value).encode(), strict_mode=True).decode()
    except ValueError as error:  # a decoding error is one, too
        raise Refused(f"not Base64 of UTF-8 text: {str(error)[:100]}", "Base64 (RFC 4648)") from None


@function("code", ("url_encode('a b/ü')", "'a%20b%2F%C3%BC'"), types="scalar -> text")
def url_encode(value: Any) -> str | None:
    """The text as a part of an address, everything but letters, digits and ``-._~`` escaped (RFC 3986)."""
    shown = text(value)
    return None if shown is None else bounded_text(quote(shown, safe="", errors="replace"))


@function("code", ("uuid_of('order', 4711)", "'487dcde3-dc19-571a-883e-dd5fb0f8e88f'"), types="text, scalar -> text")
def uuid_of(kind: Any, value: Any) -> str | None:
    """A UUID that always is the same for the same kind and value (RFC 9562, version 5)."""
    shown = text(value)
    if kind is None or shown is None:
        return None
    return str(uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, "waypost:" + want_text(kind)), shown))


@function(
    "code",
    ("mask_middle('DE89370400440532013000', 4, 2)", "'DE89****************00'"),
    types="scalar, whole, whole -> text",
)
def mask_middle(value: Any, first: Any, last: Any) -> str | None:
    """The text with ``*`` for all but its first and last characters; one not longer than those is masked whole."""
    shown = text(value)
    if shown is None:
        return None
    head, tail = want_count(first), want_count(last)
    hidden = len(shown) - head - tail
    return "*" * len(shown) if hidden <= 0 else shown[:head] + "*" * hidden + shown[len(shown) - tail :]


@function("code", ("mask_email('jane.doe@example.com')", "'j*******@example.com'"), types="text -> text")
def mask_email(value: Any) -> str | None:
    """A mail address with ``*`` for all but the first character before the @; other text is masked whole."""
    if value is None:
        return None
    name, at, host = want_text(value).rpartition("@")
    return name[:1] + "*" * (len(name) - 1) + at + host if name and at else "*" * len(host)
