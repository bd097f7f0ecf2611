"""Reads messages of EDIFACT and TRADACOMS within their envelope."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from waypost.core.errors import DataError
from waypost.formats.edi.binary import package_object
from waypost.formats.edi.charset import decode, encoding_of
from waypost.formats.edi.cutter import cut
from waypost.formats.edi.dialect import Dialect, Header
from waypost.formats.edi.envelope_check import same_number
from waypost.formats.edi.finding import Finding
from waypost.formats.edi.row_read import RowReader, by_tag
from waypost.formats.edi.segment import Transaction
from waypost.formats.edi.token import Kind

Row = list[Any]
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Envelopes:
    """What makes documents of the headers of a dialect."""

    interchange: Callable[[Sequence[Any]], dict[str, Any]]
    group: Callable[[Sequence[Any]], dict[str, Any]]
    transaction: Callable[[Sequence[Any]], dict[str, Any]]


class MessageReader:
    """How the messages of a flow are read; keeps the last envelopes. ``encoding`` is '' for what the interchange says;
    ``check`` refuses messages whose trailer says other than what was read."""

    def __init__(self, dialect: Dialect, envelopes: Envelopes, encoding: str, check: bool) -> None:
        self.dialect, self.envelopes, self.encoding, self.check = dialect, envelopes, encoding, check
        self.envelope = lru_cache(maxsize=16)(self._envelope)

    def _envelope(self, context: bytes) -> Envelope | DataError:
        """The envelope a slice's context holds: the header of its interchange and, maybe, that of its group."""
        header = self.dialect.read_header(context, 0, True) if context else "the record comes without its envelope"
        if not isinstance(header, Header):
            opener = " or ".join(tag.decode() for tag in self.dialect.interchange)
            return DataError(header or "no header", where="envelope", expected=f"a segment {opener}",
                             remedy=f"let the {self.dialect.name} format cut the content",
                             code=f"{self.dialect.name}-envelope")  # fmt: skip
        try:
            return Envelope(self, header, context[header.end :])
        except UnicodeDecodeError as wrong:
            return self.not_encoded(wrong, "envelope", 0)

    def decode(self, batch: Sequence[bytes], context: bytes, unit: str) -> list[Any]:
        """The document of each record, or the ``DataError`` in its place."""
        if unit == "interchange":
            return [self.interchange(data) for data in batch]
        envelope = self.envelope(context)
        if isinstance(envelope, DataError):
            return [envelope] * len(batch)
        return [envelope.transaction(data) for data in batch]

    def interchange(self, data: bytes) -> Any:
        """The document of a whole interchange: its messages as ``transactions``, each with ``accepted`` and
        ``errors``."""
        envelope: Any = None
        group: dict[str, Any] | None = None
        made: list[Any] = []
        for token in cut([data], (self.dialect,), len(data)):
            if token.kind is Kind.INTERCHANGE and envelope is None:
                envelope = self.envelope(token.data)
            elif token.kind is Kind.GROUP and isinstance(envelope, Envelope):
                group = envelope.group_of(token.data)
            elif token.kind is Kind.GROUP_END:
                group = None
            elif token.kind is Kind.TRANSACTION and isinstance(envelope, Envelope):
                made.append(envelope.part(token.data, group, token.start))
            if isinstance(envelope, DataError):
                return envelope
        if envelope is None:
            return self._envelope(b"")
        error = next((one for one in made if isinstance(one, DataError)), None)
        return error or {"interchange": envelope.interchange, "transactions": made}

    def not_encoded(self, wrong: UnicodeDecodeError, where: str, offset: int) -> DataError:
        """The refusal of bytes that are not of the encoding."""
        found = f"byte 0x{wrong.object[wrong.start]:02x} is not {wrong.encoding}"
        return DataError(found, where=f"{where}, byte {offset + wrong.start}", expected=wrong.encoding,
                         remedy="set encoding to what the partner writes",
                         code=f"{self.dialect.name}-encoding")  # fmt: skip


class Envelope:
    """Reads what stands inside one interchange, and one group where there are any."""

    def __init__(self, reader: MessageReader, header: Header, group: bytes) -> None:
        self._reader, self._marks = reader, header.delimiters
        syntax = b"".join(header.row[1:2])[:4].decode("ascii", "replace")
        self._encoding = reader.encoding or encoding_of(syntax)
        self._rows = RowReader(header.delimiters, self._encoding or "latin-1")
        marks = header.delimiters
        rest = marks.element.join(header.row[1:])
        self.interchange = reader.envelopes.interchange(self._row(header.row[0] + (marks.tag or marks.element) + rest))
        self._group = self.group_of(group) if group.strip() else None

    def group_of(self, data: bytes) -> dict[str, Any]:
        """The document of the group's header."""
        return self._reader.envelopes.group(self._row(data.removesuffix(self._marks.segment)))

    def _row(self, segment: bytes) -> Row:
        return self._rows.row(decode(segment, self._encoding))

    def transaction(self, data: bytes) -> Any:
        """The document of one message, or why there is none."""
        made = self._message(data, 0)
        if isinstance(made, DataError):
            return made
        document, findings = made
        if findings:
            return self._refusal(document["transaction"], findings)
        group = {"group": self._group} if self._group else {}
        return {"interchange": self.interchange, **group, **document}

    def part(self, data: bytes, group: dict[str, Any] | None, offset: int) -> Any:
        """One message of an interchange read as a whole."""
        made = self._message(data, offset)
        if isinstance(made, DataError):
            return made
        document, findings = made
        inside = {"group": group} if group else {}
        return {**inside, **document, "accepted": not findings, "errors": [f.detail() for f in findings]}

    def _message(self, data: bytes, offset: int) -> tuple[dict[str, Any], list[Finding]] | DataError:
        dialect, message = self._reader.dialect, Transaction(data, offset, self._marks, self._reader.dialect)
        opener = next((tag for tag in dialect.transaction if data.startswith(tag)), b"")
        if opener and opener == dialect.package:
            return self._package(data)
        rows: list[Row] = []
        try:
            for segment in message.segments:
                rows.append(self._row(segment))
        except UnicodeDecodeError as wrong:
            number = len(rows)
            return self._reader.not_encoded(wrong, f"segment {number + 1}", message.offsets[number])
        trailer = dialect.transaction[opener].tag.decode() if opener else ""
        if len(rows) < 2 or not opener or rows[-1][0] != trailer:
            pairs = " or ".join(f"{tag.decode()} to {t.tag.decode()}" for tag, t in dialect.transaction.items())
            return DataError(f"no {dialect.transaction_word}", where=dialect.transaction_word,
                             expected=f"segments from {pairs}", code=f"{dialect.name}-structure",
                             remedy=f"let the {dialect.name} format cut the content")  # fmt: skip
        findings = self._trailer(rows, opener) if self._reader.check else []
        body = rows[1:-1]
        return {
            "transaction": self._reader.envelopes.transaction(rows[0]),
            "segments": by_tag(body),
            "rows": body,
        }, findings

    def _package(self, data: bytes) -> tuple[dict[str, Any], list[Finding]] | DataError:
        """An object of bytes, as text of one character a byte."""
        start, end = package_object(data, self._marks)
        try:
            row = self._row(data[:start].removesuffix(self._marks.segment))
        except UnicodeDecodeError as wrong:
            return self._reader.not_encoded(wrong, "segment 1", 0)
        document = {"transaction": self._reader.envelopes.transaction(row), "object": data[start:end].decode("latin-1"),
                    "segments": {}, "rows": [], "header": row}  # fmt: skip
        return document, []

    def _trailer(self, rows: list[Row], opener: bytes) -> list[Finding]:
        """What is wrong with the trailer; codes are those of CONTRL (data element 0085)."""
        trailer, last = self._reader.dialect.transaction[opener], rows[-1]
        tag, findings = trailer.tag.decode(), []
        count = last[trailer.count] if len(last) > trailer.count else ""
        if not same_number(str(count), str(len(rows))):
            findings.append(Finding("segment-count", "29", tag, len(rows), element=trailer.count, level="transaction",
                                    found=repr(count), expected=f"{len(rows)}, the number of segments"))  # fmt: skip
        if trailer.control:
            said, first = (str(row[at]) if len(row) > at else ""
                           for row, at in ((last, trailer.control), (rows[0], trailer.opening)))  # fmt: skip
            if said.strip() != first.strip():
                findings.append(Finding("control-number", "28", tag, len(rows), element=trailer.control,
                                        level="transaction", found=repr(said[:20]),
                                        expected=f"{first[:20]!r} as in {rows[0][0]}"))  # fmt: skip
        return findings

    def _refusal(self, transaction: dict[str, Any], findings: list[Finding]) -> DataError:
        first = findings[0]
        found = "; ".join([first.said(), *map(str, findings[1:_SHOWN])])
        where = f"{transaction['set'][:9]} {transaction['control_number'][:14]}, {first.place()}"
        return DataError(found, where=where, remedy="have the sender correct it",
                         code=f"{self._reader.dialect.name}-{first.code}",
                         details=[f.detail() for f in findings])  # fmt: skip
