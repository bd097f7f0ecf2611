"""The marks of XML as bytes: what the framer and the reader look for before a parser sees anything."""

from __future__ import annotations

import re

from waypost.core.errors import DataError
from waypost.formats.possessive import GROUPS

TAG_BYTES = 1 << 20
"""A longer start tag is refused: it bounds the attributes of one element before they cost memory."""
DEPTH = 256
"""Levels of nesting a document may have, read or written."""
ELEMENTS = 500_000
"""Elements of one document; what has more is read record by record."""

_QUOTED = rb"""[^<>"']*+(?:"[^"<]*+"[^<>"']*+|'[^'<]*+'[^<>"']*+)*""" + GROUPS
TAG = re.compile(rb"<([^\s<>/!?\"'=]++)(" + _QUOTED + rb")>")
"""A complete start or empty-element tag: its name, and the rest, which ends in ``/`` where the element is empty."""
CLOSING = re.compile(rb"</([^\s<>/]++)\s*+>")
_LONG_TAG = re.compile(rb"<[^\s<>/!?]++" + _QUOTED)
_PROLOG = re.compile(rb"\s*+(?:<\?.*?\?>\s*+|<!--.*?-->\s*+)*" + GROUPS, re.DOTALL)
_DECLARED = re.compile(rb"<\?xml\s[^>]*?encoding\s*=\s*[\"']([^\"']{0,40})[\"']")
ENCODINGS = frozenset({
    "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-2", "iso-8859-15", "latin-1", "latin1",
    "windows-1250", "windows-1251", "windows-1252",
})  # fmt: skip
"""Encodings in which the marks above are what they are in ASCII."""


def local(name: bytes) -> bytes:
    """``name`` without its prefix.

    >>> local(b"cbc:ID")
    b'ID'
    """
    return name.rpartition(b":")[2]


def refuse_markup(data: bytes) -> DataError | None:
    """Why ``data``, a document with its prolog, is not given to a parser: a document type, an encoding of another
    kind, too many elements, a start tag without bounds."""
    prolog = _PROLOG.match(data)
    behind = prolog.end() if prolog else 0
    if data.startswith(b"<!DOCTYPE", behind):
        return no_doctype(f"byte {behind}")
    if fault := encoding_fault(data[:200]):
        return fault
    if data.count(b"<") > 2 * ELEMENTS:
        return DataError(f"more than {ELEMENTS} elements", where="document", expected="fewer elements",
                         remedy="name the records inside it with records: …", code="xml-size")  # fmt: skip
    if len(data) > TAG_BYTES:
        for tag in _LONG_TAG.finditer(data):
            if tag.end() - tag.start() > TAG_BYTES:
                return long_tag(f"byte {tag.start()}")
    return None


def encoding_fault(start: bytes) -> DataError | None:
    """The refusal of an encoding declared in ``start`` whose bytes are not those of ASCII; None for one that is."""
    declared = _DECLARED.match(start.lstrip())
    name = declared[1].decode("ascii", "replace") if declared else "utf-8"
    if name.lower() in ENCODINGS:
        return None
    return DataError(f"encoding {name!r}", where="XML declaration", expected="UTF-8, or a single-byte encoding",
                     remedy="have the sender write UTF-8", code="xml-encoding")  # fmt: skip


def no_doctype(where: str) -> DataError:
    """The refusal of a document type: no entity is ever read, inside or outside."""
    return DataError("a document type declaration (<!DOCTYPE …>)", where=where,
                     expected="a document without one: entities and external files are never read",
                     remedy="have the sender leave it out", code="xml-doctype")  # fmt: skip


def long_tag(where: str) -> DataError:
    """The refusal of a tag without bounds."""
    return DataError(f"a tag of more than {TAG_BYTES} bytes", where=where, expected="fewer or shorter attributes",
                     code="xml-attributes")  # fmt: skip


def too_deep(where: str) -> DataError:
    """The refusal of nesting beyond ``DEPTH``."""
    return DataError("nested too deep", where=where, expected=f"at most {DEPTH} levels", code="xml-depth")
