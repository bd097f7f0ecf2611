"""Writes an EDI content again with plausible values in place of those that may name a person; its structure stays.

Tokens come one at a time and go out with the same segments, elements and separators; only values differ. What belongs
to no interchange, and every segment no schema describes, is masked whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from waypost.formats.edi.cutter import Cutter
from waypost.formats.edi.delimiter import LINE_ENDS, TRIVIA, Delimiters, split
from waypost.formats.edi.dialect import Dialect
from waypost.formats.edi.examine.examination import DIALECTS, MOST_BYTES
from waypost.formats.edi.examine.message import writing_of
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.redact.household import Households
from waypost.formats.edi.redact.place import Places, Stood
from waypost.formats.edi.redact.policy import CATEGORIES, MASK, Policy, Treatment, policy
from waypost.formats.edi.redact.pseudonym import Pseudonyms
from waypost.formats.edi.redact.value import Values
from waypost.formats.edi.schema.model import Composite, Element
from waypost.formats.edi.segment import split_elements, split_segments
from waypost.formats.edi.token import Kind, Token
from waypost.formats.edi.x12_dialect import X12

Row = list[str]


@dataclass(slots=True)
class Account:
    """What was replaced: how many values of each guide, place, qualifier and category."""

    replaced: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    masked_segments: int = 0
    junk_bytes: int = 0

    def rows(self) -> list[dict[str, object]]:
        """As plain data, by guide and place."""
        return [
            {"guide": guide, "element": place, "qualifier": qualifier, "category": category,
             "means": CATEGORIES[category], "count": count}
            for (guide, place, qualifier, category), count in sorted(self.replaced.items())
        ]  # fmt: skip


class Redactor:
    """Redacts contents under one secret; ``keep`` are words of ``KEEPABLE`` for what is left as it is."""

    def __init__(self, secret: bytes, schemas: Schemas, keep: Iterable[str] = ()) -> None:
        self._pseudonyms, self._schemas, self._keep = Pseudonyms(secret), schemas, frozenset(keep)
        self._places = Places()
        self.account = Account()
        self.interchanges = 0
        self._group: Row = []

    def content(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The redacted content of one given in pieces. Raises ``DataError`` for a transaction of more than 64 MiB."""
        cutter = Cutter(DIALECTS, MOST_BYTES)
        for piece in pieces:
            for token in cutter.feed(piece):
                yield self._token(token)
        for token in cutter.finish():
            yield self._token(token)

    def _token(self, token: Token) -> bytes:
        if token.kind is Kind.GAP:
            return token.data
        if token.dialect is None or token.header is None:
            self.account.junk_bytes += len(token.data)
            return bytes(c if c in TRIVIA else 0x58 for c in token.data)
        declared = policy(token.dialect.name)
        values = Values(self._pseudonyms, token.header, token.dialect, self._keep)
        if token.kind is Kind.INTERCHANGE:
            self._group = []
            self.interchanges += 1
            start = len(token.data) - len(token.data[max(token.data.find(token.header.row[0]), 0) :])
            data = token.data[:start] + self._segments(token, token.data[start:], values, declared, [])
            return _isa_width(token.data, data, token.header.delimiters) if token.dialect is X12 else data
        if token.kind is Kind.GROUP:
            self._group = _row(token.data.removesuffix(token.header.delimiters.segment), token)
        if token.kind is not Kind.TRANSACTION:
            return self._segments(token, token.data, values, declared, [])
        return self._transaction(token, values, declared)

    def _transaction(self, token: Token, values: Values, declared: Policy | None) -> bytes:
        assert token.header and token.dialect
        marks = token.header.delimiters
        if token.dialect.package and token.data.startswith(token.dialect.package + marks.element):
            return _blanked(token, marks)
        rows = [_row(piece.lstrip(TRIVIA), token) for piece in split_segments(token.data, marks, token.dialect)
                if piece.lstrip(TRIVIA)]  # fmt: skip
        writing = writing_of(token.dialect, token.header)
        checked = self._schemas.validator(token.dialect, rows[0], self._group, writing.marks)
        schema = checked.validator.schema if checked.validator else None
        stood = self._places.of(schema, rows, writing.marks.component, token.dialect.transaction[token.tag].tag)
        if declared is not None:
            values.households = Households(declared, checked.message, rows)
        return self._segments(token, token.data, values, declared, stood, checked.name if schema else "")

    def _segments(
        self, token: Token, data: bytes, values: Values, declared: Policy | None, stood: list[Stood], guide: str = ""
    ) -> bytes:
        """Every segment of ``data`` with other values; what stands between them stays."""
        assert token.header and token.dialect
        marks, made, number = token.header.delimiters, [], 0
        for piece in split_segments(data, marks, token.dialect):
            plain = piece.lstrip(TRIVIA)
            if not plain:
                made.append(piece)
                continue
            at = stood[number] if number < len(stood) else Stood()
            values.segment = number
            made.append(piece[: len(piece) - len(plain)] + self._segment(plain, token, values, declared, at, guide))
            number += 1
        return marks.segment.join(made)

    def _segment(
        self, segment: bytes, token: Token, values: Values, declared: Policy | None, stood: Stood, guide: str
    ) -> bytes:
        assert token.header and token.dialect
        marks, dialect = token.header.delimiters, token.dialect
        pieces = split_elements(segment, marks, dialect)
        tag = pieces[0].translate(None, LINE_ENDS).decode("latin-1").strip()
        binary = dialect.binary.get(pieces[0])
        if stood.use is None and stood.segment is None and not _is_envelope(dialect, tag):
            self.account.masked_segments += 1
        row = [_text(piece) for piece in pieces]
        made = [pieces[0]]
        for number, piece in enumerate(pieces[1:], 1):
            if binary and number == len(pieces) - 1:
                made.append(b"X" * len(piece))
                self._note(guide, f"{tag}{number:02}", "", Treatment("blank", "Q"), piece != made[-1])
            elif binary == number and piece.isdigit() and int(piece) == len(pieces[-1]):
                made.append(piece)  # a right length can't name anybody
            else:
                made.append(self._element(piece, number, row, values, declared, stood, guide, marks, tag))
        joined = marks.element.join(made)
        return joined if not marks.tag else joined.replace(marks.element, marks.tag, 1)

    def _element(
        self, piece: bytes, number: int, row: Row, values: Values, declared: Policy | None, stood: Stood, guide: str,
        marks: Delimiters, tag: str,
    ) -> bytes:  # fmt: skip
        if not piece.strip() or (tag == "ISA" and number in (11, 16)):
            return piece
        item = stood.element(number)
        parts = []
        for repeated in split(piece, marks.repetition, marks.release) if marks.repetition else [piece]:
            components = split(repeated, marks.component, marks.release) if marks.component else [repeated]
            texts = [_text(component) for component in components]
            made = []
            for at, component in enumerate(components):
                inner = item.parts[at] if isinstance(item, Composite) and at < len(item.parts) else item
                element = inner if isinstance(inner, Element) else None
                place = f"{tag}{number:02}" + (f"-{at + 1}" if at or isinstance(item, Composite) else "")
                made.append(self._value(component, place, element, (row, number, texts, at), values, declared, stood,
                                        guide))  # fmt: skip
            parts.append(marks.component.join(made) if marks.component else made[0])
        return marks.repetition.join(parts) if marks.repetition else parts[0]

    def _value(
        self, raw: bytes, place: str, element: Element | None, around: tuple[Row, int, Row, int], values: Values,
        declared: Policy | None, stood: Stood, guide: str,
    ) -> bytes:  # fmt: skip
        text = _text(raw).strip()
        if not text:
            return raw
        treatment, qualifier = MASK, ""
        if declared is not None:
            qualifier = stood.qualifier(declared, element, around)
            treatment = declared.of(place, element, qualifier, text)
        made = values.made(treatment, text, element, stood, around[0])
        self._note(guide, place, qualifier, treatment, made != text)
        if made == text:
            return raw
        plain = raw.translate(None, LINE_ENDS)
        width = len(plain) if plain != plain.strip() else 0
        return made.encode("utf-8", "replace").ljust(width)

    def _note(self, guide: str, place: str, qualifier: str, treatment: Treatment, changed: bool) -> None:
        if changed:
            self.account.replaced[guide, place, qualifier, treatment.category] += 1


def _row(segment: bytes, token: Token) -> Row:
    assert token.header and token.dialect
    return [_text(piece) for piece in split_elements(segment, token.header.delimiters, token.dialect)]


def _text(data: bytes) -> str:
    """The text of some bytes; bytes that are no UTF-8 are read one by one."""
    plain = data.translate(None, LINE_ENDS)
    try:
        return plain.decode()
    except UnicodeDecodeError:
        return plain.decode("latin-1")


def _is_envelope(dialect: Dialect, tag: str) -> bool:
    known = {*dialect.closers, *dialect.closers.values()}
    return tag.encode("latin-1", "replace") in known


def _isa_width(before: bytes, after: bytes, marks: Delimiters) -> bytes:
    """The header as it was made; that of X12 keeps the width of each element."""
    if len(before) == len(after):
        return after
    old, new = (split(data, marks.element, marks.release) for data in (before, after))
    return marks.element.join(n[: len(o)].ljust(len(o)) if o.strip() else o for o, n in zip(old, new, strict=True))


def _blanked(token: Token, marks: Delimiters) -> bytes:
    """An object of bytes (UNO to UNP), the bytes made X; its header and trailer as they are but for letters."""
    head, _, rest = token.data.partition(marks.segment)
    at = rest.rfind(b"UNP" + marks.element)
    body, tail = (rest[:at], rest[at:]) if at >= 0 else (rest, b"")
    return head + marks.segment + re.sub(rb"(?s)[^\r\n]", b"X", body) + tail
