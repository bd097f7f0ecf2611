"""The messages of EDI contents as rows, each with the envelope it came in; one message is held at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from waypost.formats.edi.charset import encoding_of
from waypost.formats.edi.cutter import cut
from waypost.formats.edi.delimiter import Delimiters
from waypost.formats.edi.dialect import Dialect, Header
from waypost.formats.edi.edifact_dialect import EDIFACT
from waypost.formats.edi.outline import LIMIT_BYTES
from waypost.formats.edi.row_read import RowReader
from waypost.formats.edi.segment import split_segments
from waypost.formats.edi.token import Kind
from waypost.formats.edi.x12_dialect import X12

Row = list[Any]
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Read:
    """One message: its set (``850``, ``ORDERS``), rows from header to trailer, and where it came from.

    ``at`` is UTC µs: when it was exchanged, or what the envelope says; ``group`` and ``control`` are control numbers,
    ``digest`` names the content; ``message``, ``flow`` and ``state`` are those of the store, '' for a file.
    """

    standard: str
    set: str
    version: str
    rows: list[Row]
    sender: str
    receiver: str
    at: int
    group: str
    control: str
    digest: str
    source: str
    message: str = ""
    flow: str = ""
    state: str = ""
    partner: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a content comes from; ``at`` is 0 for what the envelope says."""

    name: str
    at: int = 0
    message: str = ""
    flow: str = ""
    state: str = ""
    partner: str = ""


def messages(pieces: Iterable[bytes], source: Source) -> Iterator[Read]:
    """Every message of X12 and EDIFACT in a content. Raises ``DataError`` for one of more than 64 MiB."""
    reader = RowReader(Delimiters(), "latin-1")
    group: Row = []
    encoding = "utf-8"
    for token in cut(pieces, (X12, EDIFACT), LIMIT_BYTES):
        header, dialect = token.header, token.dialect
        if header is None or dialect is None:
            continue
        if token.kind is Kind.INTERCHANGE:
            reader = RowReader(header.delimiters, "latin-1")
            group, encoding = [], _encoding(dialect, header)
        elif token.kind is Kind.GROUP:
            group = reader.row(token.data.removesuffix(header.delimiters.segment).decode(encoding, "replace").strip())
        elif token.kind is Kind.TRANSACTION:
            texts = [piece.decode(encoding, "replace").strip()
                     for piece in split_segments(token.data, header.delimiters, dialect)]  # fmt: skip
            rows = [reader.row(text) for text in texts if text]
            if rows:
                yield _read(dialect, header, group, rows, sha256(token.data).hexdigest(), source)


def _encoding(dialect: Dialect, header: Header) -> str:
    syntax = b"".join(header.row[1:2])[:4].decode("ascii", "replace")
    return (encoding_of(syntax) if dialect is EDIFACT else "") or "utf-8"


def _read(dialect: Dialect, header: Header, group: Row, rows: list[Row], digest: str, source: Source) -> Read:
    texts = [element.decode("utf-8", "replace") for element in header.row]
    if dialect is X12:
        set_id, control = part(rows[0], 1), part(rows[0], 2)
        sender, receiver = texts[6].strip(), texts[8].strip()
        version = part(rows[0], 3) or part(group, 8)
        at = moment(part(group, 4), part(group, 5)) or moment(texts[9], texts[10])
        number = part(group, 6)
    else:
        set_id, control = part(rows[0], 2, 1), part(rows[0], 1)
        sender, receiver = ((texts[n] if len(texts) > n else "").partition(_mark(header))[0] for n in (2, 3))
        version = part(rows[0], 2, 2) + part(rows[0], 2, 3)
        stamp = (texts[4] if len(texts) > 4 else "").split(_mark(header))
        at = moment(stamp[0], stamp[1] if len(stamp) > 1 else "")
        number = texts[5] if len(texts) > 5 else ""
    return Read(dialect.name, set_id, version, rows, sender, receiver, source.at or at, number, control, digest,
                source.name, source.message, source.flow, source.state, source.partner)  # fmt: skip


def _mark(header: Header) -> str:
    return header.delimiters.component.decode("utf-8", "replace")


def part(row: Row, number: int, component: int = 1) -> str:
    """An element of a row, or a component of it; '' where there is none. Of a repeated element the first."""
    value: Any = row[number] if len(row) > number else ""
    if isinstance(value, list) and value and isinstance(value[0], list):
        value = value[0]
    if isinstance(value, list):
        return str(value[component - 1]).strip() if len(value) >= component else ""
    return str(value).strip() if component == 1 else ""


def moment(day: str, time: str = "") -> int:
    """UTC µs of a date of six, eight or twelve digits and a time; 0 for what is none."""
    day, time = (day[:8], day[8:12]) if len(day) >= 12 else (day, time)
    day = f"{'19' if day[:2] >= '70' else '20'}{day}" if len(day) == 6 else day
    try:
        made = datetime.strptime(day + (time[:4] or "0000"), "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return int(made.timestamp()) * MICROSECONDS
