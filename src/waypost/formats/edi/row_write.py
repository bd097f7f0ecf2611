"""Writes rows as segments: separators in data are released, replaced or refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from waypost.core.errors import DataError
from waypost.formats.edi.body_write import rows_of_body
from waypost.formats.edi.rows_together import RowsTogether

_TAG = re.compile(r"[A-Z][A-Z0-9]{1,2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MOST_DIGITS = 60
_MOST_TAGS = 2_000


@dataclass(frozen=True, kw_only=True)
class RowWriter:
    """The separators to write with, and ``name`` before the codes of errors. ``release`` stands before a separator in
    data; without one ``replacement`` stands in its place, and '' refuses the document. ``line_end`` follows each
    terminator. ``binary`` maps tags to the element with the length of binary data, which is text of one character a
    byte."""

    name: str
    element: str
    component: str
    repetition: str
    segment: str
    release: str = ""
    tag: str = ""
    decimal: str = "."
    replacement: str = ""
    line_end: str = ""
    encoding: str = "utf-8"
    binary: Mapping[str, int] | None = None

    @cached_property
    def _stands_out(self) -> Callable[[str], object]:
        """Finds what may not stand in data: a separator or a control character."""
        return re.compile(f"[{re.escape(self._marks)}\\x00-\\x1f\\x7f]").search

    @cached_property
    def _marks(self) -> str:
        return self.element + self.component + self.repetition + self.segment + self.release

    @cached_property
    def _released(self) -> Callable[[str], str]:
        pattern = re.compile(f"[{re.escape(self._marks)}]")
        return lambda text: pattern.sub(lambda match: self.release + match[0], text)

    @cached_property
    def tags(self) -> set[str]:
        """The tags that were written before and have neither binary data nor a separator behind them."""
        return set()

    def join(self, segments: Sequence[bytes]) -> bytes:
        """Segments as one content, each with its terminator."""
        return self.joint().join([*segments, b""])

    def joint(self) -> bytes:
        """What stands between two segments."""
        return (self.segment + self.line_end).encode(self.encoding)

    def rows(self, rows: Sequence[Any], first: int) -> list[bytes]:
        """The segments of rows, of which the first is at position ``first`` of its transaction; in one piece with what
        stands between them where they are as most are. Raises ``DataError``."""
        made = self._together(rows) if rows else b""
        if made is None:
            return [self.row(row, position) for position, row in enumerate(rows, first)]
        return [made] if rows else []

    @cached_property
    def _together(self) -> Callable[[Sequence[Any]], bytes | None]:
        return RowsTogether(self).joined

    def row(self, row: Any, position: int) -> bytes:
        """The segment of a row, ``position`` counting from 1 at the transaction's header. Raises ``DataError``."""
        if not isinstance(row, list | tuple) or not row or not isinstance(row[0], str) or not _TAG.fullmatch(row[0]):
            raise DataError(f"{str(row)[:40]!r}", where=f"segment {position}", code=f"{self.name}-document",
                            expected="a list that begins with a tag such as REF")  # fmt: skip
        where = f"segment {position} {row[0]}"
        if self.binary and row[0] in self.binary:
            return self._binary(row, self.binary[row[0]], where)
        if not self.tag and len(self.tags) < _MOST_TAGS:
            self.tags.add(row[0])
        stands_out = self._stands_out
        elements = [
            value if type(value) is str and not stands_out(value) else self._element(value, where, number)
            for number, value in enumerate(row)
        ]
        return self.encoded(elements, where)

    def encoded(self, elements: list[str], where: str) -> bytes:
        """Elements as one segment, the tag first; empty ones at the end are left out."""
        while len(elements) > 1 and not elements[-1]:
            elements.pop()
        tag, *rest = elements
        text = f"{tag}{self.tag}{self.element.join(rest)}" if self.tag else self.element.join(elements)
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError as wrong:
            raise DataError(f"{wrong.object[wrong.start]!r} has no form in {self.encoding}", where=where,
                            expected=self.encoding, remedy="replace it in a map",
                            code=f"{self.name}-encoding") from None  # fmt: skip

    def envelope(self, elements: Sequence[Any], tag: str, own: frozenset[int] = frozenset()) -> bytes:
        """A segment of the envelope; elements numbered in ``own`` are separators themselves."""
        stands_out = self._stands_out
        texts = [
            value if type(value) is str and (number in own or not stands_out(value))
            else str(value) if number in own else self._element(value, tag, number)
            for number, value in enumerate(elements)
        ]  # fmt: skip
        return self.encoded(texts, tag)

    def _binary(self, row: Sequence[Any], number: int, where: str) -> bytes:
        """A segment whose last element is bytes; their count is made."""
        data = row[number + 1] if len(row) == number + 2 else None
        if not isinstance(data, str) or any(ord(mark) > 255 for mark in data):
            raise DataError(f"{str(data)[:40]!r}", where=where, expected="binary data as text of one character a byte",
                            remedy="decode the bytes as latin-1", code=f"{self.name}-document")  # fmt: skip
        head = [self._element(value, where, at) for at, value in enumerate(row[:number])]
        return (
            self.encoded([*head, str(len(data))], where) + self.element.encode(self.encoding) + data.encode("latin-1")
        )

    def _element(self, value: Any, where: str, number: int) -> str:
        at = f"{where}, element {number}" if " " in where else f"{where}{number:02}"
        if not isinstance(value, list | tuple):
            return self._text(value, at)
        if any(isinstance(item, list | tuple) for item in value):
            if not self.repetition:
                raise DataError("a repeated element", where=at, expected="one value, or a repetition separator",
                                remedy="set repetition_separator", code=f"{self.name}-separator")  # fmt: skip
            return self.repetition.join(self._components(item, at) for item in value)
        return self._components(value, at)

    def _components(self, value: Any, where: str) -> str:
        texts = [self._text(item, where) for item in (value if isinstance(value, list | tuple) else [value])]
        while texts and not texts[-1]:
            texts.pop()
        return self.component.join(texts)

    def _text(self, value: Any, where: str) -> str:
        if isinstance(value, str):
            return self._separated(value, where)
        if value is None:
            return ""
        if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < _MOST_DIGITS:
            return f"{value:f}".replace(".", self.decimal)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise DataError(f"{str(value)[:40]!r}", where=where, expected="text or a finite number",
                        remedy="convert it in a map", code=f"{self.name}-document")  # fmt: skip

    def _separated(self, text: str, where: str) -> str:
        """``text`` without separators that would be read as such."""
        if not self._stands_out(text):
            return text
        if _CONTROL.search(text):
            raise DataError(f"a control character in {text[:40]!r}", where=where, expected="printable text",
                            remedy="remove it in a map", code=f"{self.name}-character")  # fmt: skip
        if self.release:
            return self._released(text)
        for mark in (self.element, self.segment, self.component, self.repetition):
            if mark and mark in text:
                if not self.replacement:
                    raise DataError(f"separator {mark!r} in {text[:40]!r}", where=where, expected="data without it",
                                    remedy="choose other separators, or set replace_separators",
                                    code=f"{self.name}-separator")  # fmt: skip
                text = text.replace(mark, self.replacement)
        return text


def mapping_of(document: Mapping[str, Any], name: str, code: str) -> Mapping[str, Any]:
    """The mapping ``name`` of a document to write. Raises ``DataError`` where there is none."""
    value = document.get(name) if isinstance(document, Mapping) else None
    if not isinstance(value, Mapping):
        raise DataError(f"no {name}", where="document", expected=f"{name}: a mapping", code=code,
                        remedy="take it from the document read, or set it in a map")  # fmt: skip
    return value


def transactions_of(document: Any, name: str) -> Sequence[Any]:
    """The ``transactions`` of a document to write, or itself where it is one. Raises ``DataError``."""
    if not isinstance(document, Mapping):
        raise DataError(f"a {type(document).__name__}", where="document", code=f"{name}-document",
                        expected="a mapping with interchange, transaction and rows")  # fmt: skip
    transactions = document.get("transactions", [document])
    if not isinstance(transactions, list | tuple) or not transactions:
        raise DataError("no transactions", where="document", expected="at least one", code=f"{name}-document")
    return transactions


def rows_read(document: Any) -> list[Any]:
    """The rows of a document that was read, whether it holds them by position or by name; empty where it has none."""
    rows = document.get("rows") if isinstance(document, Mapping) else None
    if rows is None and isinstance(document, Mapping) and isinstance(document.get("body"), Mapping):
        return rows_of_body(document["body"], "body", "edi-document")
    return rows if isinstance(rows, list) else []


def rows_of(document: Any, number: int, name: str) -> Sequence[Any]:
    """The rows of transaction ``number`` of a document to write, or those its ``body`` makes. Raises ``DataError``."""
    rows = document.get("rows") if isinstance(document, Mapping) else None
    if rows is None and isinstance(document, Mapping) and "body" in document:
        return rows_of_body(document["body"], f"transaction {number}, body", f"{name}-document")
    if not isinstance(rows, list | tuple):
        raise DataError("no rows", where=f"transaction {number}", code=f"{name}-document",
                        expected="rows: a list of segments, each a list that begins with its tag; or body: segments "
                        "by name")  # fmt: skip
    return rows
