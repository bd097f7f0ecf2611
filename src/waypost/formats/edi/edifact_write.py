"""Writes an EDIFACT interchange from a document: envelope and counts as they must be (ISO 9735-1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from waypost.core.errors import DataError
from waypost.formats.edi.charset import encoding_of
from waypost.formats.edi.edifact_dialect import LEVEL_A, VERSION_WITH_REPETITION
from waypost.formats.edi.edifact_envelope import unb_row, ung_row, unh_row
from waypost.formats.edi.row_write import RowWriter, mapping_of, rows_of, transactions_of


@dataclass(frozen=True)
class EdifactWriter:
    """Writes with the separators of ``rows``. ``syntax`` and ``version`` hold where a document names none; ``encoding``
    is '' for what the syntax says; ``advice`` is whether UNA is written where it is not needed."""

    rows: RowWriter
    syntax: str
    version: str
    encoding: str
    advice: bool

    @cached_property
    def _writers(self) -> dict[tuple[str, bool], RowWriter]:
        return {}

    def interchange(self, document: Any) -> bytes:
        """One interchange: the document itself as its message, or each of its ``transactions``; messages of one group
        stand together. Raises ``DataError`` for what cannot be written."""
        transactions = transactions_of(document, "edifact")
        unb = unb_row(mapping_of(document, "interchange", "edifact-document"), self.syntax, self.version)
        rows = self._rows(*unb[1])
        segments, groups = [rows.envelope(unb, "UNB")], list[tuple[Mapping[str, Any] | None, list[bytes]]]()
        for number, transaction in enumerate(transactions, 1):
            group = _group(transaction, document)
            if not groups or groups[-1][0] != group:
                groups.append((group, []))
            groups[-1][1].append(self._message(rows, transaction, number))
        for group, messages in groups:
            segments.extend(_grouped(rows, group, messages, unb[1][1]) if group else messages)
        grouped = sum(group is not None for group, _ in groups)
        segments.append(rows.envelope(["UNZ", str(grouped or len(transactions)), unb[5]], "UNZ"))
        return self._una(rows, unb[1][1]) + rows.join(segments)

    def _rows(self, syntax: str, version: str) -> RowWriter:
        """The separators and encoding of a syntax; repetitions are known from version 4 on."""
        key = (self.encoding or encoding_of(syntax) or "ascii", version >= VERSION_WITH_REPETITION)
        if key not in self._writers:
            self._writers[key] = replace(self.rows, encoding=key[0], repetition=self.rows.repetition if key[1] else "")
        return self._writers[key]

    def _una(self, rows: RowWriter, version: str) -> bytes:
        usual = "*" if version >= VERSION_WITH_REPETITION else ""
        marks = (rows.component, rows.element, rows.decimal, rows.release, rows.repetition or " ", rows.segment)
        plain = (LEVEL_A.component, LEVEL_A.element, LEVEL_A.decimal, LEVEL_A.release, LEVEL_A.segment)
        differs = (marks[:4], marks[5:]) != (tuple(m.decode() for m in plain[:4]), (plain[4].decode(),))
        if not (self.advice or differs or rows.repetition != usual):
            return b""
        return ("UNA" + "".join(marks) + rows.line_end).encode("ascii")

    def _message(self, rows: RowWriter, document: Any, number: int) -> bytes:
        """A message, its segments joined; the last one without its terminator."""
        if not isinstance(document, Mapping):
            raise DataError(f"a {type(document).__name__}", where=f"transaction {number}", code="edifact-document",
                            expected="a mapping with transaction and rows")  # fmt: skip
        if "object" in document:
            return _package(rows, document, number)
        unh = unh_row(mapping_of(document, "transaction", "edifact-document"), number)
        segments = [rows.envelope(unh, "UNH")]
        body = rows_of(document, number, "edifact")
        segments.extend(rows.rows(body, 2))
        segments.append(rows.envelope(["UNT", str(len(body) + 2), unh[1]], "UNT"))
        return rows.joint().join(segments)


def _group(transaction: Any, document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    group = transaction.get("group", document.get("group")) if isinstance(transaction, Mapping) else None
    return group if isinstance(group, Mapping) else None


def _grouped(rows: RowWriter, group: Mapping[str, Any], messages: list[bytes], version: str) -> list[bytes]:
    ung = ung_row(group, version)
    return [rows.envelope(ung, "UNG"), *messages, rows.envelope(["UNE", str(len(messages)), ung[5]], "UNE")]


def _package(rows: RowWriter, document: Mapping[str, Any], number: int) -> bytes:
    """A package (ISO 9735-8): the row ``header``, the object, and the trailer that says its length."""
    header, data = document.get("header"), document.get("object")
    if not isinstance(header, list | tuple) or len(header) < 2 or not isinstance(data, str):
        raise DataError("no header or object", where=f"transaction {number}", code="edifact-document",
                        expected="header: a row UNO, and object: text of one character a byte")  # fmt: skip
    try:
        content = data.encode("latin-1")
    except UnicodeEncodeError as wrong:
        raise DataError(f"{data[wrong.start]!r} is no byte", where=f"transaction {number}", code="edifact-document",
                        expected="object: text of one character a byte",
                        remedy="decode the bytes as latin-1") from None  # fmt: skip
    opened = rows.row(header, 1) + rows.segment.encode(rows.encoding)
    return opened + content + rows.row(["UNP", str(len(content)), header[1]], 2)
