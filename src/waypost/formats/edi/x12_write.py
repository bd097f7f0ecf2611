"""Writes an X12 interchange from a document: envelope, control numbers and counts as they must be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from waypost.core.errors import DataError
from waypost.formats.edi.envelope import gs_elements, isa_elements
from waypost.formats.edi.row_write import RowWriter, mapping_of, rows_of, transactions_of


@dataclass(frozen=True, slots=True)
class X12Writer:
    """Writes with the separators of ``rows``."""

    rows: RowWriter

    def interchange(self, document: Any) -> bytes:
        """One interchange with one group: the document's ``rows``, or those of each of its ``transactions``.
        Raises ``DataError`` for what cannot be written."""
        transactions = transactions_of(document, "x12")
        interchange, group = (mapping_of(document, name, "x12-document") for name in ("interchange", "group"))
        write = self.rows.envelope
        isa = isa_elements(interchange, self.rows.component, self.rows.repetition)
        segments = [write(isa, "ISA", frozenset({11, 16})), write(gs_elements(group), "GS")]
        for number, transaction in enumerate(transactions, 1):
            segments.extend(self._transaction(transaction, number))
        segments.append(write(["GE", str(len(transactions)), str(group["control_number"]).strip()], "GE"))
        segments.append(write(["IEA", "1", isa[13]], "IEA"))
        return self.rows.join(segments)

    def _transaction(self, document: Any, number: int) -> list[bytes]:
        transaction = mapping_of(document, "transaction", "x12-document") if isinstance(document, Mapping) else {}
        set_id, control = str(transaction.get("set") or ""), str(transaction.get("control_number") or "")
        if not re.fullmatch("[0-9]{3}", set_id) or not re.fullmatch("[0-9A-Za-z]{4,9}", control):
            raise DataError(f"set {set_id!r}, control number {control!r}", where=f"transaction {number}",
                            expected="three digits, and four to nine digits", code="x12-document")  # fmt: skip
        rows, convention = rows_of(document, number, "x12"), transaction.get("convention")
        segments = [self.rows.envelope(["ST", set_id, control, *([convention] if convention else [])], "ST")]
        segments.extend(self.rows.row(row, position) for position, row in enumerate(rows, 2))
        return [*segments, self.rows.envelope(["SE", str(len(segments) + 1), control], "SE")]
