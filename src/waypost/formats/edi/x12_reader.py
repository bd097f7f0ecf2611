"""Reads transaction sets and groups within their envelope."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from waypost.core.errors import DataError
from waypost.formats.edi.agreed.terms import NO_TERMS, Terms
from waypost.formats.edi.body_read import BodyReader
from waypost.formats.edi.check import LoopInstance, SetCheck
from waypost.formats.edi.delimiter import TRIVIA, Delimiters, split_text
from waypost.formats.edi.dialect import Header
from waypost.formats.edi.envelope import group_document, interchange_document, iso_date, iso_time
from waypost.formats.edi.examine.schemas import doubted
from waypost.formats.edi.finding import Finding, finding, refusal
from waypost.formats.edi.row_read import RowReader, by_tag
from waypost.formats.edi.schema import Schema, load_grammar
from waypost.formats.edi.schema.load import Library, library
from waypost.formats.edi.segment import split_elements, split_segments
from waypost.formats.edi.view import compile_view
from waypost.formats.edi.x12_dialect import X12, read_header

_TRIVIA = " \t\r\n\x00\x1a\ufeff"
_LINE_END = re.compile("[\r\n]+")
_BINARY = {tag.decode(): number for tag, number in X12.binary.items()}
Row = list[str]
View = Callable[[LoopInstance], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a kind of transaction set. ``body`` is None where fields are found by position; ``nearest`` says
    that the schema is that of another version."""

    check: SetCheck
    view: View
    body: BodyReader | None
    nearest: bool


class X12Reader:
    """How the transaction sets of this flow are read; keeps the last envelopes and all compiled grammars. ``terms`` are
    those of an agreement; ``names`` are the schemas that name fields, None where they are found by position."""

    def __init__(
        self, encoding: str, check: bool, version: str, terms: Terms = NO_TERMS, *, names: Library | None = None
    ) -> None:
        self.encoding, self.check, self._version, self.terms = encoding, check, version, terms
        self.names = names
        self._compiled: dict[tuple[str, str, str, Delimiters], Known | None] = {}
        self.envelope = lru_cache(maxsize=16)(self._envelope)

    def _envelope(self, context: bytes) -> Envelope | DataError:
        """The envelope a slice's context holds: its ISA segment and, maybe, its GS segment."""
        header = read_header(context, 0, True) if context[:3] == b"ISA" else "the record comes without its ISA segment"
        if not isinstance(header, Header):
            return DataError(str(header), where="envelope", expected="an ISA segment", code="x12-envelope",
                             remedy="let the x12 format cut the content")  # fmt: skip
        try:
            header = self.terms.header(header)
            return Envelope(self, header, context[header.end :].decode(self.encoding))
        except UnicodeDecodeError as wrong:
            return _not_encoded(wrong, self.encoding, "GS segment")

    def header_only(self, header: bytes, partner: str) -> Any:
        """The document of an interchange without groups."""
        envelope = self.envelope(header)
        if isinstance(envelope, DataError):
            return envelope
        return {**({"partner": partner} if partner else {}), "interchange": envelope.interchange, "transactions": []}

    def known(self, kind: Mapping[str, str], delimiters: Delimiters) -> Known | None:
        """What checks the set and makes its document, or None where no schema is known."""
        version, set_id = kind["version"], kind["set"]
        key = (version, set_id, kind["group"], delimiters)
        if key not in self._compiled:
            schema, nearest = self.schema(kind)
            made = None
            if schema:
                marks = (delimiters.element, delimiters.component, delimiters.repetition)
                check = SetCheck(schema, *(m.decode(self.encoding) for m in marks))
                body = BodyReader(check.validator) if self.names else None
                made = Known(check, compile_view(schema), body, nearest)
            if len(self._compiled) > 256:  # versions and separators come from outside
                self._compiled.clear()
            self._compiled[key] = made
        return self._compiled[key]

    def schema(self, kind: Mapping[str, str]) -> tuple[Schema | None, bool]:
        """The schema agreed for a kind of set, that of its version, or that of the version the flow names; where fields
        have names also that of the nearest version, and whether it is this one."""
        version, set_id = kind["version"], kind["set"]
        among = self.names or library()
        found = self.terms.schema(kind) or load_grammar(version, set_id, among)
        found = found or load_grammar(self._version, set_id, among)
        if found or not self.names:
            return found, False
        return self.names.nearest(f"x12/{version[:6]}/{set_id}"), True


class Envelope:
    """Reads what stands inside one ISA, and one GS where records are transaction sets."""

    def __init__(self, reader: X12Reader, header: Header, gs: str) -> None:
        self._reader, self._delimiters = reader, header.delimiters
        self._rows = RowReader(header.delimiters, reader.encoding)
        self._element, self._component = self._rows.element, self._rows.component
        self._repetition, self._release = self._rows.repetition, self._rows.release
        self._segment = header.delimiters.segment.decode(reader.encoding)
        self._binary = [tag + header.delimiters.element for tag in X12.binary]
        self.interchange = interchange_document([e.decode(reader.encoding, "replace") for e in header.row[1:]])
        self._group = group_document(gs.rstrip(self._segment).split(self._element)[1:]) if gs else None

    def transaction(self, data: bytes) -> Any:
        """The document of the bytes from ST to SE, or why there is none."""
        try:
            texts = self._texts(data)
        except UnicodeDecodeError as wrong:
            return _not_encoded(wrong, self._reader.encoding, "transaction set")
        rows = [self._flat(text) for text in texts]
        if rows and rows[0][0] in ("TA1", "TA3"):
            return self._service(rows[0])
        made = self._transaction(texts, rows, self._group)
        if isinstance(made, DataError):
            return made
        document, findings = made
        if findings:
            transaction = document["transaction"]
            return self._reader.terms.parked(findings) or refusal(
                transaction["set"], transaction["control_number"], findings
            )
        return {"interchange": self.interchange, "group": self._group, **document}

    def group(self, data: bytes) -> Any:
        """The document of the bytes from GS to GE, or why there is none."""
        try:
            texts = self._texts(data)
        except UnicodeDecodeError as wrong:
            return _not_encoded(wrong, self._reader.encoding, "group")
        rows = [self._flat(text) for text in texts]
        if not rows or rows[0][0] != "GS" or rows[-1][0] != "GE":
            return _unbounded("group", "GS", "GE")
        group = group_document(rows[0][1:])
        transactions = []
        for start, end in _sets(rows):
            made = self._transaction(texts[start:end], rows[start:end], group)
            if isinstance(made, DataError):
                return made
            document, findings = made
            transactions.append({**document, "accepted": not findings, "errors": [f.detail() for f in findings]})
        return {"interchange": self.interchange, "group": group, "transactions": transactions}

    def _texts(self, data: bytes) -> list[str]:
        if any(head in data for head in self._binary):
            return [self._binary_text(piece) for piece in split_segments(data, self._delimiters, X12) if piece.strip()]
        if self._release:
            pieces = [p.decode(self._reader.encoding) for p in split_segments(data, self._delimiters, X12)]
        else:
            pieces = data.decode(self._reader.encoding).split(self._segment)
        texts = [text for piece in pieces if (text := piece.lstrip(_TRIVIA))]
        if b"\n" in data or b"\r" in data:  # some partners break lines every 80 characters, whatever stands there
            texts = [_LINE_END.sub("", text) if "\n" in text or "\r" in text else text for text in texts]
        return texts

    def _binary_text(self, piece: bytes) -> str:
        """A segment as text; binary data has one character a byte."""
        *head, last = split_elements(piece.lstrip(TRIVIA), self._delimiters, X12)
        encoding = "latin-1" if head and head[0] in X12.binary else self._reader.encoding
        return self._element.join([*(h.decode(self._reader.encoding) for h in head), last.decode(encoding)])

    def _flat(self, text: str) -> Row:
        number = _BINARY.get(text[:3])
        if number:
            return text.split(self._element, number + 1)
        if self._release and self._release in text:
            parts = split_text(text, self._element, self._component, self._repetition, self._release)
            return [self._repetition.join(self._component.join(one) for one in part) for part in parts]
        return text.split(self._element)

    def _checked(self, text: str) -> str:
        """The text as elements are checked: a released separator is a character as any."""
        if not self._release or self._release not in text:
            return text
        return re.sub(f"(?s){re.escape(self._release)}.", "x", text)

    def _shown(self, text: str, row: Row) -> list[Any]:
        if row[0] in _BINARY:
            return row
        return self._rows.row(text) if self._release and self._release in text else self._rows.structured(text, row)

    def _transaction(
        self, texts: list[str], rows: list[Row], group: dict[str, Any] | None
    ) -> tuple[dict[str, Any], list[Finding]] | DataError:
        if len(rows) < 2 or rows[0][0] != "ST" or rows[-1][0] != "SE":
            return _unbounded("transaction set", "ST", "SE")
        header = rows[0]
        set_id, control = (*header[1:3], "", "")[:2]
        version, terms = group["version"] if group else "", self._reader.terms
        kind = {"set": set_id, "version": version, "group": group["sender"] if group else ""}
        inner = [terms.trimmed(text, kind, self._element, self._component) for text in texts[1:-1]]
        body = rows[1:-1] if inner == texts[1:-1] else [self._flat(text) for text in inner]
        transaction = {"set": set_id, "control_number": control}
        if len(header) > 3 and header[3]:
            transaction["convention"] = header[3]
        document: dict[str, Any] = {"transaction": transaction}
        findings = _trailer(rows, control)
        findings.extend(terms.refused(kind, len(rows)))
        known = self._reader.known(kind, self._delimiters)
        shown = [self._shown(text, row) for text, row in zip(inner, body, strict=True)]
        if known and not any(one.code == "not-agreed" for one in findings):
            checked = [self._checked(text) for text in inner]
            loops, found = known.check.check(checked, body)
            found = [doubted(one) for one in found] if known.nearest else found
            judged = terms.judged(found, kind, checked, self._element, self._component)
            findings.extend(one for one in judged if one.severity == "error")
            if not findings or not self._reader.check:
                document.update(known.view(loops))
            if known.body:
                document["body"] = known.body.body(shown, lambda: body, not found)
                return document, findings if self._reader.check else []
        document["segments"] = by_tag(shown)
        document["rows"] = shown
        if self._reader.names and not known:
            return document, [*findings, _no_schema(kind)]
        return document, findings if self._reader.check else []

    def _service(self, row: Row) -> dict[str, Any]:
        full = [*row, *[""] * 6]
        return {
            "interchange": self.interchange, "transaction": {"set": row[0], "control_number": full[1]},
            "interchange_acknowledgement": {
                "control_number": full[1], "date": iso_date(full[2]), "time": iso_time(full[3]), "code": full[4],
                "note": full[5],
            },
            "segments": {row[0]: [row]}, "rows": [row],
        }  # fmt: skip


def _sets(rows: list[Row]) -> Iterator[tuple[int, int]]:
    """Where each transaction set of a group begins and ends."""
    start = -1
    for index, row in enumerate(rows):
        if row[0] == "ST":
            start = index
        elif row[0] == "SE" and start >= 0:
            yield start, index + 1
            start = -1


def _trailer(rows: list[Row], control: str) -> list[Finding]:
    """What is wrong with the SE segment (X12 997, AK502 codes 3 and 4)."""
    count, again = (*rows[-1][1:3], "", "")[:2]
    findings = []
    if not control.strip():
        findings.append(Finding("control-number", "7", "ST", 1, element=2, level="transaction", found="nothing",
                                expected="a control number"))  # fmt: skip
    if again.strip() != control.strip():
        findings.append(Finding("control-number", "3", "SE", len(rows), element=2, level="transaction",
                                found=repr(again[:20]), expected=f"{control[:20]!r} as in ST02"))  # fmt: skip
    if count.strip().lstrip("0") != str(len(rows)):
        findings.append(Finding("segment-count", "4", "SE", len(rows), element=1, level="transaction",
                                found=repr(count[:20]), expected=f"{len(rows)}, the number of segments"))  # fmt: skip
    return findings


def _no_schema(kind: Mapping[str, str]) -> Finding:
    return finding("no-schema", "ST", 1, element=1, level="transaction",
                   found=f"no schema for {kind['set'][:9]!r} in {kind['version'][:12]!r}",
                   expected=f"x12/{kind['version'][:12]}/{kind['set'][:9]}.yaml in the folder schemas",
                   hint="add it, or read by position: fields_by: position")  # fmt: skip


def _unbounded(what: str, first: str, last: str) -> DataError:
    return DataError(f"no {what}", where=what, expected=f"segments from {first} to {last}", code="x12-structure",
                     remedy="let the x12 format cut the content")  # fmt: skip


def _not_encoded(wrong: UnicodeDecodeError, encoding: str, what: str) -> DataError:
    found = f"byte 0x{wrong.object[wrong.start]:02x} is not {encoding}"
    return DataError(found, where=f"{what}, byte {wrong.start}", expected=encoding, code="x12-encoding",
                     remedy="set encoding to what the partner writes")  # fmt: skip
