"""Who an envelope names, of either standard."""

from __future__ import annotations

from waypost.agreements.resolution import Parties
from waypost.formats.edi.dialect import Dialect, Header
from waypost.formats.edi.edifact_dialect import EDIFACT
from waypost.formats.edi.edifact_envelope import group_document as edifact_group
from waypost.formats.edi.edifact_envelope import interchange_document as edifact_interchange
from waypost.formats.edi.envelope import group_document as x12_group
from waypost.formats.edi.envelope import interchange_document as x12_interchange
from waypost.formats.edi.envelope import security_document
from waypost.formats.edi.row_read import RowReader
from waypost.formats.edi.x12_dialect import X12

_GROUP_BYTES = 1024


def parties_of(dialect: Dialect, context: bytes) -> Parties | None:
    """The parties of the header of an interchange, and of the group's header behind it, if there is one; None where
    they cannot be read."""
    header = dialect.read_header(context, 0, True) if context else None
    if not isinstance(header, Header):
        return None
    rows = RowReader(header.delimiters, "latin-1")
    opener = next(iter(dialect.group), b"") + header.delimiters.element
    behind = context[header.end : header.end + _GROUP_BYTES].lstrip()
    group = behind.partition(header.delimiters.segment)[0].decode("latin-1") if behind.startswith(opener) else ""
    if dialect is X12:
        isa = [element.decode("latin-1") for element in header.row[1:]]
        inner = x12_group(group.split(rows.element)[1:]) if group else None
        return Parties.of("x12", {**x12_interchange(isa), **security_document(isa)}, inner)
    marks = header.delimiters
    unb = rows.row(b"".join((header.row[0], marks.element, marks.element.join(header.row[1:]))).decode("latin-1"))
    return Parties.of("edifact", edifact_interchange(unb), edifact_group(rows.row(group)) if group else None)


def x12_parties(context: bytes) -> Parties | None:
    """The parties of an ISA, and of the GS behind it."""
    return parties_of(X12, context)


def edifact_parties(context: bytes) -> Parties | None:
    """The parties of a UNB, and of the UNG behind it."""
    return parties_of(EDIFACT, context)


def header_bytes(dialect: Dialect, data: bytes) -> bytes:
    """The header at the beginning of an interchange; nothing where there is none."""
    header = dialect.read_header(data, 0, True)
    return data[: header.end] if isinstance(header, Header) else b""
