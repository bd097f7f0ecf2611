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
        """One interchange: its ``services`` (rows such as TA1), and one group with the document's ``rows`` or those of
        each of its ``transactions``, or each of its ``groups``. Raises ``DataError`` for what cannot be written."""
        interchange = mapping_of(document, "interchange", "x12-document")
        isa = isa_elements(interchange, self.rows.component, self.rows.repetition)
        segments = [self.rows.envelope(isa, "ISA", frozenset({11, 16}))]
        services = document.get("services") or ()
        segments.extend(self.rows.row(row, position) for position, row in enumerate(services, 2))
        groups = document.get("groups") or ([document] if not services or "group" in document else [])
        for group in groups:
            segments.extend(self._group(group))
        segments.append(self.rows.envelope(["IEA", str(len(groups)), isa[13]], "IEA"))
        return self.rows.join(segments)

    def _group(self, document: Any) -> list[bytes]:
        """One group, from GS to GE."""
        transactions = transactions_of(document, "x12")
        group = mapping_of(document, "group", "x12-document")
        segments = [self.rows.envelope(gs_elements(group), "GS")]
        for number, transaction in enumerate(transactions, 1):
            segments.extend(self._transaction(transaction, number))
        row = ["GE", str(len(transactions)), str(group["control_number"]).strip()]
        return [*segments, self.rows.envelope(row, "GE")]

    def _transaction(self, document: Any, number: int) -> list[bytes]:
        transaction = mapping_of(document, "transaction", "x12-document") if isinstance(document, Mapping) else {}
        set_id, control = str(transaction.get("set") or ""), str(transaction.get("control_number") or "")
        if not re.fullmatch("[0-9]{3}", set_id) or not re.fullmatch("[0-9A-Za-z]{4,9}", control):
            raise DataError(f"set {set_id!r}, control number {control!r}", where=f"transaction {number}",
                            expected="three digits, and four to nine digits", code="x12-document")  # fmt: skip
        rows, convention = rows_of(document, number, "x12"), transaction.get("convention")
        segments = [self.rows.envelope(["ST", set_id, control, *([convention] if convention else [])], "ST")]
        segments.extend(self.rows.rows(rows, 2))
        return [*segments, self.rows.envelope(["SE", str(len(rows) + 2), control], "SE")]
