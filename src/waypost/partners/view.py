"""A document of X12 or EDIFACT as a person reads it: segments and elements named, codes explained, as text or HTML."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from waypost.core.page import Html, Tone, element, html, pieces
from waypost.formats.edi.agreed.schemas import ProjectSchemas
from waypost.formats.edi.charset import encoding_of
from waypost.formats.edi.cutter import cut
from waypost.formats.edi.dialect import Dialect, Header
from waypost.formats.edi.edifact_dialect import EDIFACT
from waypost.formats.edi.edifact_envelope import transaction_document
from waypost.formats.edi.envelope import iso_date
from waypost.formats.edi.outline import LIMIT_BYTES
from waypost.formats.edi.row_read import RowReader
from waypost.formats.edi.schema.label import Labels
from waypost.formats.edi.schema.model import Composite, Element, Schema
from waypost.formats.edi.segment import split_segments
from waypost.formats.edi.token import Kind, Token
from waypost.formats.edi.x12_dialect import X12

_ENVELOPE = {
    "ISA": ("authorisation qualifier", "authorisation", "security qualifier", "security", "sender's qualifier",
            "sender", "receiver's qualifier", "receiver", "date", "time", "repetition or standard", "version",
            "control number", "acknowledgement requested", "usage", "component separator"),
    "GS": ("functional identifier", "sender", "receiver", "date", "time", "control number", "agency", "version"),
    "GE": ("number of sets", "control number"), "IEA": ("number of groups", "control number"),
    "TA1": ("control number", "date", "time", "code", "note"),
    "UNB": ("syntax", "sender", "receiver", "date and time", "control reference", "recipient's reference",
            "application", "priority", "acknowledgement requested", "agreement", "test"),
    "UNG": ("functional identifier", "sender", "receiver", "date and time", "control reference", "agency", "version"),
    "UNH": ("reference of the message", "kind of message"), "UNT": ("number of segments", "reference of the message"),
    "UNE": ("number of messages", "control reference"), "UNZ": ("number of groups or messages", "control reference"),
}  # fmt: skip
_ENVELOPE_NAMES = {"ISA": "interchange", "GS": "group", "GE": "end of the group", "IEA": "end of the interchange",
                   "TA1": "acknowledgement of an interchange", "UNA": "separators", "UNB": "interchange",
                   "UNG": "group", "UNE": "end of the group", "UNZ": "end of the interchange"}  # fmt: skip


_IMPLIED = frozenset(f"N{places}" for places in range(1, 10))
"""Kinds of numbers with implied decimals."""
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its place (``BEG03``, ``C507-2``), what it is called, and what a code means."""

    place: str
    name: str
    value: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """One segment with its values; ``level`` says whether it belongs to an envelope or begins a message. ``message``
    counts the messages of the content and ``position`` the segments of one, from 1; of an envelope both are 0.
    ``offset`` is where the part of the content begins that it was read with."""

    tag: str
    name: str
    level: str
    values: Sequence[Value]
    message: int = 0
    position: int = 0
    offset: int = 0

    def text(self, place: str) -> str:
        """The value at a place; '' where there is none."""
        return next((value.value for value in self.values if value.place == place), "")


def view(pieces: Iterable[bytes], schemas: ProjectSchemas) -> Iterator[Shown]:
    """Every segment of a content with its names. Raises ``DataError`` for a message beyond the limit."""
    group: list[Any] = []
    messages = 0
    for token in cut(pieces, (X12, EDIFACT), LIMIT_BYTES):
        if token.header is None or token.dialect is None or token.kind in (Kind.GAP, Kind.JUNK):
            continue
        names = _Names(schemas, token.dialect, token.header)
        rows = names.rows(token)
        if token.kind is Kind.GROUP and rows:
            group = rows[0]
        elif token.kind is Kind.INTERCHANGE:
            group = []
        inside = token.kind is Kind.TRANSACTION
        messages += inside
        schema = names.schema(rows[0], group) if inside and rows else None
        for number, row in enumerate(rows, 1):
            level = "envelope" if not inside else "message" if number == 1 else "segment"
            place = (messages, number) if inside else (0, 0)
            yield replace(names.shown(row, level, schema), message=place[0], position=place[1], offset=token.start)


class _Names:
    """The names of one interchange's segments."""

    def __init__(self, schemas: ProjectSchemas, dialect: Dialect, header: Header) -> None:
        self._schemas, self._dialect, self._marks = schemas, dialect, header.delimiters
        self._labels: Labels = schemas.library.labels(dialect.name)
        syntax = b"".join(header.row[1:2])[:4].decode("ascii", "replace")
        self._encoding = (encoding_of(syntax) if dialect is EDIFACT else "") or "utf-8"
        self._reader = RowReader(header.delimiters, "latin-1")

    def rows(self, token: Token) -> list[list[Any]]:
        """The segments of a token."""
        made = []
        for piece in split_segments(token.data, self._marks, self._dialect):
            text = piece.decode(self._encoding, "replace").strip()
            if text and not text.startswith("UNA"):
                made.append(self._reader.row(text))
            elif text:
                made.append(["UNA", text[3:]])
        return made

    def schema(self, head: list[Any], group: list[Any]) -> Schema | None:
        """What a message is held against, for the names of its elements."""
        if self._dialect is X12:
            version = (str(group[8]) if len(group) > 8 else "")[:6]
            names = [f"x12/{version}/{head[1]}" if len(head) > 1 else ""]
        else:
            read = transaction_document(head)
            names = [f"edifact/{read.get('version', '')}{read.get('release', '')}/{read['set']}"]
        return self._schemas.find(names[0]) or self._schemas.library.nearest(names[0])

    def shown(self, row: list[Any], level: str, schema: Schema | None) -> Shown:
        """One segment with names."""
        tag = str(row[0])
        elements = schema.segments[tag].elements if schema is not None and tag in schema.segments else ()
        values: list[Value] = []
        for number, value in enumerate(row[1:], 1):
            element = elements[number - 1] if number <= len(elements) else None
            values += self._values(f"{tag}{number:02}", value, element)
        if tag in _ENVELOPE:
            values = [_named(value, tag) for value in values]
        if tag == "DTM":
            values = _dated(values)
        name = self._labels.segments.get(tag, "") or _ENVELOPE_NAMES.get(tag, "")
        if level == "message" and len(row) > 1:
            set_id = str(row[1]) if self._dialect is X12 else transaction_document(row)["set"]
            name = f"{set_id} {self._labels.messages.get(set_id, '')}".strip()
        return Shown(tag, name, level, values)

    def _values(self, place: str, value: Any, element: Element | Composite | None) -> Iterator[Value]:
        if isinstance(value, list) and value and isinstance(value[0], list):
            for again, one in enumerate(value, 1):
                yield from self._values(f"{place}[{again}]", one, element)
        elif isinstance(value, list):
            for number, one in enumerate(value, 1):
                parts = element.parts if isinstance(element, Composite) else ()
                part = parts[number - 1] if number <= len(parts) else None
                if one:
                    yield self._value(f"{place}-{number}", str(one), part)
        elif value:
            first = element.parts[0] if isinstance(element, Composite) and element.parts else element
            yield self._value(place, str(value), first if isinstance(first, Element) else None)

    def _value(self, place: str, value: str, element: Element | None) -> Value:
        if element is None:
            return Value(place, "", value)
        meaning = self._labels.code(element.ref, value) or _plain(element.kind, value)
        return Value(place, self._labels.elements.get(element.ref, ""), value, meaning)


def _plain(kind: str, value: str) -> str:
    """A date or a number with implied decimals as people write it; empty for what reads well as it is."""
    if kind == "DT":
        return date if (date := iso_date(value)) != value else ""
    if kind in _IMPLIED and value.removeprefix("-").isdecimal():
        return str(Decimal(value).scaleb(-int(kind[1])))
    return ""


def _dated(values: Sequence[Value]) -> list[Value]:
    """The values of an EDIFACT DTM; its third component says whether the second is a date."""
    formats = {value.place[:5]: value.value for value in values if value.place.endswith("-3")}
    return [
        replace(value, meaning=iso_date(value.value))
        if value.place.endswith("-2") and formats.get(value.place[:5]) in ("101", "102") else value
        for value in values
    ]  # fmt: skip


def title_of(shown: Iterable[Shown], otherwise: str) -> str:
    """What a document is, from whom and to whom: ``810 invoice, WAYPOST → ACME, 000000019``."""
    said: dict[str, str] = {}
    messages: list[str] = []
    for one in shown:
        wanted = {"ISA": ("ISA06", "ISA08", "ISA13"), "UNB": ("UNB02-1", "UNB03-1", "UNB05")}.get(one.tag, ())
        said.update(zip(("from", "to", "number"), (one.text(place) for place in wanted), strict=False))
        if one.level == "message" and one.name not in messages:
            messages.append(one.name)
    if not messages or not said:
        return otherwise
    more = f" and {len(messages) - _MOST_NAMED} more" if len(messages) > _MOST_NAMED else ""
    return f"{', '.join(messages[:_MOST_NAMED])}{more}, {said['from']} → {said['to']}, {said['number']}"


def _named(value: Value, tag: str) -> Value:
    """A value of an envelope with its name, without the padding."""
    number = int(value.place[len(tag) : len(tag) + 2])
    names = _ENVELOPE[tag]
    name = names[number - 1] if number <= len(names) else ""
    text = value.value.strip() or value.value
    meaning = value.meaning or (_plain("DT", text) if name == "date" else "")
    return replace(value, name=value.name or name, value=text, meaning=meaning)


def text_of(shown: Iterable[Shown]) -> Iterator[str]:
    """The lines of a text."""
    for one in shown:
        indent = {"envelope": "", "message": "  ", "segment": "    "}[one.level]
        if one.level == "message":
            yield ""
        yield f"{indent}{one.tag:<4}{one.name}"
        for value in one.values:
            meaning = f"  = {value.meaning}" if value.meaning else ""
            yield f"{indent}    {value.place:<9} {value.name[:32]:<32} {value.value}{meaning}"


def html_of(shown: Iterable[Shown], title: str) -> Iterator[str]:
    """The pieces of a page that reads well on a screen and on paper; it loads nothing."""
    return pieces(title, _body(shown, title))


def _body(shown: Iterable[Shown], title: str) -> Iterator[Html]:
    yield element("h1", title)
    for one in shown:
        if one.level == "message":
            yield element("h2", one.name or one.tag)
        yield segment_html(one)


def segment_html(one: Shown, tone: Tone = "", marked: Collection[str] = (), below: object = "") -> Html:
    """One segment as a table: its places, names and values. ``marked`` are the places that ``tone`` is about, those
    without a value among them; ``below`` is said behind the values."""
    rows = [f'<tr><th colspan="3">{html(one.tag)} {html(one.name)}</th></tr>\n']
    values = [*one.values, *(Value(place, "", "") for place in marked if not _has(one, place))]
    for value in values:
        meaning = f' <span class="meaning">= {html(value.meaning)}</span>' if value.meaning else ""
        kind = f' class="{tone}"' if value.place in marked else ""
        said = html(value.value) or element("span", "nothing is there", "soft")
        rows.append(f'<tr{kind}><td class="at mono">{html(value.place)}</td><td class="name">{html(value.name)}</td>'
                    f'<td class="mono">{said}{meaning}</td></tr>\n')  # fmt: skip
    rows.append(f'<tr><td colspan="3">{html(below)}</td></tr>\n' if below else "")
    columns = '<colgroup><col class="at"><col class="name"><col></colgroup>'
    return Html(f'<table class="segment {tone}">{columns}\n{"".join(rows)}</table>')


def _has(one: Shown, place: str) -> bool:
    return any(value.place == place for value in one.values)
