"""Says what a content of any EDI dialect is made of, part by part as it is read, and writes it again to compare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from waypost.formats.edi.cutter import cut
from waypost.formats.edi.delimiter import Delimiters, split
from waypost.formats.edi.dialect import Dialect, Header
from waypost.formats.edi.edifact_dialect import EDIFACT
from waypost.formats.edi.envelope_check import EnvelopeCheck
from waypost.formats.edi.segment import Transaction, split_elements, split_segments
from waypost.formats.edi.token import Fault, Kind, Token
from waypost.formats.edi.tradacoms_dialect import TRADACOMS
from waypost.formats.edi.x12_dialect import X12

DIALECTS = (X12, EDIFACT, TRADACOMS)
LIMIT_BYTES = 64 << 20
"""The largest transaction that is read."""
_MOST_FAULTS = 100
_SHOWN = 35
_HINT = "look at the bytes there; they are kept as they are"


@dataclass(slots=True)
class Counts:
    """How much of what there is; ``faults`` are the first of ``fault_count``."""

    bytes: int = 0
    interchanges: int = 0
    groups: int = 0
    transactions: int = 0
    segments: int = 0
    junk_bytes: int = 0
    fault_count: int = 0
    faults: list[Fault] = field(default_factory=list)

    def note(self, faults: Iterable[Fault]) -> None:
        for fault in faults:
            self.fault_count += 1
            if len(self.faults) < _MOST_FAULTS:
                self.faults.append(fault)

    def detail(self) -> dict[str, Any]:
        """The counts as plain data."""
        names = ("bytes", "interchanges", "groups", "transactions", "segments", "junk_bytes", "fault_count")
        return {name: getattr(self, name) for name in names} | {"faults": [fault.detail() for fault in self.faults]}


class Survey:
    """Goes through a content once; ``counts`` is complete when the tokens are used up."""

    def __init__(self, pieces: Iterable[bytes], dialects: tuple[Dialect, ...] = DIALECTS) -> None:
        self._tokens = cut(pieces, dialects, LIMIT_BYTES)
        self._check: EnvelopeCheck | None = None
        self._in_junk = False
        self.counts = Counts()

    def tokens(self) -> Iterator[tuple[Token, list[Fault]]]:
        """Every token, and what is wrong with it in its envelope. Raises ``DataError`` for one beyond the limit."""
        for token in self._tokens:
            found = self._take(token)
            self.counts.note(found)
            yield token, found
        if not self.counts.interchanges and not self.counts.fault_count:
            expected = "a segment ISA, UNA, UNB, UIB or STX"
            self.counts.note([Fault("edi-header", 0, "", "no interchange begins anywhere", expected, _HINT)])

    def _take(self, token: Token) -> list[Fault]:
        counts, kind = self.counts, token.kind
        counts.bytes += len(token.data)
        if kind is Kind.JUNK:
            return self._junk(token)
        if kind is Kind.INTERCHANGE and token.dialect and token.header:
            self._check = EnvelopeCheck(token.dialect, token.header, token.start, _MOST_FAULTS)
            self._in_junk = False
            counts.interchanges += 1
            return [*self._check.faults]
        if self._check and kind is not Kind.GAP:
            counts.groups += kind is Kind.GROUP
            counts.transactions += kind is Kind.TRANSACTION
            before = len(self._check.faults)
            self._check.take(token)
            return self._check.faults[before:]
        return []

    def _junk(self, token: Token) -> list[Fault]:
        """One fault a run of junk, and one for each header that could not be read."""
        self.counts.junk_bytes += len(token.data)
        if token.fault:
            self._in_junk = True
            return [token.fault]
        if self._in_junk:
            return []
        self._in_junk = True
        return [Fault("edi-junk", token.start, "", "bytes that belong to no interchange", "an interchange", _HINT)]


def written(token: Token) -> tuple[bytes, int]:
    """The token written again from its segments and elements, and how many segments it has."""
    if not token.header or not token.dialect or token.kind in (Kind.GAP, Kind.INTERCHANGE):
        return token.data, int(token.kind is Kind.INTERCHANGE)
    marks = token.header.delimiters
    pieces = split_segments(token.data, marks, token.dialect)
    again = marks.segment.join([marks.element.join(split(piece, marks.element, marks.release)) for piece in pieces])
    return again, len(pieces) - (not pieces[-1])


def parts(survey: Survey) -> Iterator[dict[str, Any]]:
    """Interchanges, groups and transactions in order, with ``offset`` and ``bytes``; what belongs to none of them has
    a part of its own."""
    for token, faults in survey.tokens():
        part = _part(token, survey.counts)
        if part or faults:
            found = [fault.detail() for fault in faults]
            yield {"kind": token.kind.value, "offset": token.start, "bytes": len(token.data), **part, "faults": found}


def _part(token: Token, counts: Counts) -> dict[str, Any]:
    if token.header is None or token.dialect is None:
        return {}
    if token.kind is Kind.INTERCHANGE:
        return {"standard": token.dialect.name, **_addresses(token.dialect, token.header)}
    if token.kind is Kind.TRANSACTION:
        transaction = Transaction(token.data, token.start, token.header.delimiters, token.dialect)
        counts.segments += len(transaction.segments)
        name, control, version = _named(transaction.elements(0), token.dialect, token.header.delimiters)
        return {"set": name, "control_number": control, "version": version, "segments": len(transaction.segments)}
    if token.kind in (Kind.GROUP, Kind.SEGMENT):
        row = split_elements(token.data.removesuffix(token.header.delimiters.segment), token.header.delimiters,
                             token.dialect)  # fmt: skip
        trailer = token.dialect.group.get(token.tag)
        control = _text(row, trailer.opening) if trailer and trailer.opening else _text(row, 1)
        return {"tag": _decoded(token.tag), "control_number": control} | (
            {"functional_id": _text(row, 1)} if trailer else {}
        )
    return {}


def _addresses(dialect: Dialect, header: Header) -> dict[str, Any]:
    """Sender, receiver, control number and version of an interchange, and the separators it uses."""
    sender, receiver, version = dialect.addresses[header.row[0]]
    marks = header.delimiters
    names = ("element", "component", "repetition", "segment", "release")
    return {
        "control_number": dialect.control_number(header), "sender": _text([*header.row], sender),
        "receiver": _text([*header.row], receiver), "version": _text([*header.row], version),
        "separators": {name: _decoded(getattr(marks, name)) for name in names},
    }  # fmt: skip


def _named(row: list[bytes], dialect: Dialect, marks: Delimiters) -> tuple[str, str, str]:
    """Set, control number and version of a transaction by its first segment."""
    trailer = dialect.transaction.get(row[0])
    kind = dialect.kinds.get(row[0], 0)
    if not kind:
        return _decoded(row[0]), _text(row, 1), ""
    name, *version = (row[kind] if len(row) > kind else b"").split(marks.component or b"\0")
    return _decoded(name), _text(row, trailer.opening or 1 if trailer else 1), " ".join(map(_decoded, version[:3]))


def _text(row: list[bytes], number: int) -> str:
    return _decoded(row[number]) if len(row) > number else ""


def _decoded(value: bytes) -> str:
    return value[:_SHOWN].decode("utf-8", "backslashreplace").strip(" ")


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """What came of writing a content again. ``difference`` is the offset of the first byte that is another, or -1."""

    counts: Counts
    sha256: str
    difference: int

    @property
    def exact(self) -> bool:
        """Whether something was read, and all of it came out byte by byte."""
        return self.difference < 0 and self.counts.interchanges > 0


def round_trip(pieces: Iterable[bytes]) -> RoundTrip:
    """Read a content, write it again from its segments and elements, and compare. Raises ``DataError`` for a
    transaction beyond the limit."""
    read, wrote, difference = sha256(), sha256(), -1

    def watched() -> Iterator[bytes]:
        for piece in pieces:
            read.update(piece)
            yield piece

    survey = Survey(watched())
    for token, _ in survey.tokens():
        again, segments = written(token)
        survey.counts.segments += segments
        wrote.update(again)
        if difference < 0 and again != token.data:
            difference = token.start + _first_difference(again, token.data)
    if difference < 0 and read.digest() != wrote.digest():
        difference = survey.counts.bytes
    return RoundTrip(survey.counts, wrote.hexdigest(), difference)


def _first_difference(one: bytes, other: bytes) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
