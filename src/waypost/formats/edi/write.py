"""Writes an X12 interchange from a document: envelope, control numbers and counts as they must be."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from waypost.core.errors import DataError
from waypost.formats.edi.envelope import gs_elements, isa_elements

_TAG = re.compile(r"[A-Z][A-Z0-9]{1,2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class X12Writer:
    """The separators to write with. ``replacement`` stands in for a separator found in data; '' refuses the document.
    ``line_end`` follows each terminator."""

    element: str
    component: str
    repetition: str
    segment: str
    replacement: str
    line_end: str

    @cached_property
    def _stands_out(self) -> Callable[[str], object]:
        """Finds what may not stand in data: a separator or a control character."""
        marks = re.escape(self.element + self.component + self.repetition + self.segment)
        return re.compile(f"[{marks}\\x00-\\x1f\\x7f]").search

    def interchange(self, document: Any) -> str:
        """One interchange with one group: the document's ``rows``, or those of each of its ``transactions``.
        Raises ``DataError`` for what cannot be written."""
        if not isinstance(document, Mapping):
            raise DataError(f"a {type(document).__name__}", where="document", expected="a mapping with interchange, "
                            "group, transaction and rows", code="x12-document")  # fmt: skip
        interchange, group = (_mapping(document, name) for name in ("interchange", "group"))
        transactions = document.get("transactions", [document])
        if not isinstance(transactions, list | tuple) or not transactions:
            raise DataError("no transactions", where="document", expected="at least one", code="x12-document")
        isa = isa_elements(interchange, self.component, self.repetition)
        segments = [self._clean(isa[:-1], "ISA", {11}) + self.element + self.component]
        segments.append(self._clean(gs_elements(group), "GS"))
        for number, transaction in enumerate(transactions, 1):
            segments.extend(self._transaction(transaction, number))
        segments.append(self._clean(["GE", str(len(transactions)), str(group["control_number"]).strip()], "GE"))
        segments.append(self._clean(["IEA", "1", isa[13]], "IEA"))
        return (self.segment + self.line_end).join([*segments, ""])

    def _transaction(self, document: Any, number: int) -> list[str]:
        transaction = _mapping(document, "transaction") if isinstance(document, Mapping) else {}
        set_id, control = str(transaction.get("set") or ""), str(transaction.get("control_number") or "")
        if not re.fullmatch("[0-9]{3}", set_id) or not re.fullmatch("[0-9A-Za-z]{4,9}", control):
            raise DataError(f"set {set_id!r}, control number {control!r}", where=f"transaction {number}",
                            expected="three digits, and four to nine digits", code="x12-document")  # fmt: skip
        rows = document.get("rows")
        if not isinstance(rows, list | tuple):
            raise DataError("no rows", where=f"transaction {number}", code="x12-document",
                            expected="rows: a list of segments, each a list that begins with its tag")  # fmt: skip
        convention = transaction.get("convention")
        texts = [self._clean(["ST", set_id, control, *([convention] if convention else [])], "ST")]
        texts.extend(self._row(row, position) for position, row in enumerate(rows, 2))
        return [*texts, self._clean(["SE", str(len(texts) + 1), control], "SE")]

    def _row(self, row: Any, position: int) -> str:
        if not isinstance(row, list | tuple) or not row or not isinstance(row[0], str) or not _TAG.fullmatch(row[0]):
            raise DataError(f"{str(row)[:40]!r}", where=f"segment {position}", code="x12-document",
                            expected="a list that begins with a tag such as REF")  # fmt: skip
        where = f"segment {position} {row[0]}"
        stands_out = self._stands_out
        elements = [
            value if type(value) is str and not stands_out(value) else self._element(value, where, number)
            for number, value in enumerate(row)
        ]
        while len(elements) > 1 and not elements[-1]:
            elements.pop()
        return self.element.join(elements)

    def _element(self, value: Any, where: str, number: int) -> str:
        if not isinstance(value, list | tuple):
            return self._text(value, f"{where}, element {number}")
        at = f"{where}, element {number}"
        if any(isinstance(item, list | tuple) for item in value):
            if not self.repetition:
                raise DataError("a repeated element", where=at, expected="one value, or a repetition separator",
                                remedy="set repetition_separator", code="x12-separator")  # fmt: skip
            return self.repetition.join(self._element_list(item, at) for item in value)
        return self._element_list(value, at)

    def _element_list(self, value: Any, where: str) -> str:
        components = value if isinstance(value, list | tuple) else [value]
        return self.component.join(self._text(item, where) for item in components).rstrip(self.component)

    def _text(self, value: Any, where: str) -> str:
        if isinstance(value, str):
            return self._separated(value, where)
        if value is None:
            return ""
        if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 60:
            return f"{value:f}"
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise DataError(f"{str(value)[:40]!r}", where=where, expected="text or a finite number",
                        remedy="convert it in a map", code="x12-document")  # fmt: skip

    def _clean(self, elements: Sequence[str], tag: str, own: set[int] | frozenset[int] = frozenset()) -> str:
        """Elements of the envelope joined; those numbered in ``own`` are separators themselves."""
        return self.element.join(
            text if number in own else self._separated(text, f"{tag}{number:02}")
            for number, text in enumerate(elements)
        )

    def _separated(self, text: str, where: str) -> str:
        """``text`` without separators in it."""
        if not self._stands_out(text):
            return text
        for mark in (self.element, self.segment, self.component, self.repetition):
            if mark and mark in text:
                if not self.replacement:
                    raise DataError(f"separator {mark!r} in {text[:40]!r}", where=where, expected="data without it",
                                    remedy="choose other separators, or set replace_separators",
                                    code="x12-separator")  # fmt: skip
                text = text.replace(mark, self.replacement)
        if _CONTROL.search(text):
            raise DataError(f"a control character in {text[:40]!r}", where=where, expected="printable text",
                            remedy="remove it in a map", code="x12-character")  # fmt: skip
        return text


def _mapping(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    if not isinstance(value, Mapping):
        raise DataError(f"no {name}", where="document", expected=f"{name}: a mapping", code="x12-document",
                        remedy="take it from the document read, or set it in a map")  # fmt: skip
    return value
