"""Cuts a content into records of one EDI dialect, one interchange staged and checked at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from waypost.core.component import CONTINUED, Slice
from waypost.core.errors import DataError
from waypost.formats.edi.cutter import Cutter
from waypost.formats.edi.delimiter import TRIVIA
from waypost.formats.edi.dialect import Dialect, Header
from waypost.formats.edi.envelope_check import EnvelopeCheck
from waypost.formats.edi.token import Kind, Token
from waypost.formats.edi.x12_dialect import X12
from waypost.formats.line import too_large

Unit = Literal["transaction", "group", "interchange"]


class EdiFramer:
    """One slice a transaction, group or interchange, released once the envelope around it was found sound.

    The context of a slice is the header of its interchange and, for transactions, of its group, as they stand. An
    interchange whose envelope is broken is one slice with a fault, and so is what stands between interchanges; whether
    the segments of a transaction are right is for ``decode`` to say. ``limit_bytes`` bounds an interchange.
    """

    def __init__(self, dialect: Dialect, unit: Unit, limit_bytes: int, offset: int, context: bytes) -> None:
        self._dialect, self._unit, self._limit = dialect, unit, limit_bytes
        self._header: Header | None = None  # not None: inside an interchange that was found sound before
        if context and isinstance(header := dialect.read_header(context, 0, True), Header):
            self._header = header
        self._cutter = Cutter((dialect,), limit_bytes, offset=offset, inside=self._header)
        self._context = context
        self._held: list[Token] = []
        self._size = 0
        self._start = offset
        self._refused: DataError | None = None

    def feed(self, data: bytes) -> Sequence[Slice]:
        self._raise_refusal()
        return self._take(lambda: self._cutter.feed(data), final=False)

    def finish(self) -> Sequence[Slice]:
        self._raise_refusal()
        return self._take(self._cutter.finish, final=True)

    def _raise_refusal(self) -> None:
        if self._refused:
            raise self._refused

    def _take(self, more: Callable[[], list[Token]], *, final: bool) -> list[Slice]:
        slices: list[Slice] = []
        try:
            tokens = more()
        except DataError:  # a transaction beyond the limit: the interchange is
            tokens = []
            self._refuse()
        for token in tokens:
            if self._refused:
                break
            self._hold(token, slices)
        if final and not self._refused:
            self._junk(slices)
        if not self._refused and self._size + self._cutter.scanned_bytes > self._limit:
            self._refuse()
        if not slices:
            self._raise_refusal()
        return slices

    def _hold(self, token: Token, slices: list[Slice]) -> None:
        """Keep the token until what it belongs to is complete."""
        outside = token.header is None
        if outside and token.kind is Kind.GAP and not self._held:
            return
        if token.kind is Kind.INTERCHANGE:
            self._junk(slices)
        if not self._held and not self._header:
            self._start = token.start
        self._held.append(token)
        self._size += len(token.data)
        if self._size > self._limit:
            self._refuse()
        elif token.kind is Kind.INTERCHANGE_END:
            self._release(slices)

    def _junk(self, slices: list[Slice]) -> None:
        """What stood before an interchange is a slice with a fault."""
        if not self._held:
            return
        data = b"".join(token.data for token in self._held).rstrip(TRIVIA)
        why = next((token.fault.found for token in self._held if token.fault), "")
        why = why or f"{len(data)} bytes that belong to no interchange"
        opener = " or ".join(tag.decode() for tag in self._dialect.interchange)
        said = f"{self._dialect.title} content at byte {self._start}: {why}; expected a segment {opener}"
        slices.append(Slice(self._start, self._start + len(data), data, said, b"", self._start))
        self._forget()

    def _release(self, slices: list[Slice]) -> None:
        """The interchange is complete: its records, or the whole of it with its faults."""
        header = self._held[0].header
        assert header is not None
        if self._header:
            slices.extend(self._records(self._held, self._context))
        else:
            check = EnvelopeCheck(self._dialect, header, self._start)
            for token in self._held:
                check.take(token)
            if check.faults:
                slices.append(self._broken(header, "; ".join(map(str, check.faults))))
            else:
                slices.extend(self._records(self._held, b""))
        self._header, self._context = None, b""
        self._forget()

    def _broken(self, header: Header, what: str) -> Slice:
        whole = b"".join(token.data for token in self._held)
        whole = whole.rstrip(TRIVIA.replace(header.delimiters.segment, b""))
        control = self._dialect.control_number(header)
        said = f"interchange {control} at byte {self._start}: {what}; have the sender send it again"
        return Slice(self._start, self._start + len(whole), whole, said, b"", self._start)

    def _records(self, tokens: Sequence[Token], context: bytes) -> list[Slice]:
        """The records of a sound interchange; ``context`` is that of the record before, where reading was resumed."""
        if self._unit == "interchange":
            start, data = tokens[0].start, b"".join(token.data for token in tokens)
            return [Slice(start, start + len(data), data, "", b"", start)]
        unit = CONTINUED if self._header else self._start
        header = tokens[0].data if tokens[0].kind is Kind.INTERCHANGE else self._header_bytes(context)
        group, grouped = context or header, list[Token]()
        slices: list[Slice] = []
        for token in tokens:
            if token.kind is Kind.GROUP:
                group, grouped = header + token.data, []
            grouped += [token] if self._unit == "group" else []
            if token.kind is Kind.GROUP_END:
                if self._unit == "group":
                    slices.append(_joined(grouped, header, unit))
                group, grouped = header, []
            elif self._unit == "transaction" and token.kind is Kind.TRANSACTION:
                slices.append(Slice(token.start, token.end, token.data, "", group, unit))
            elif self._unit == "transaction" and token.tag in self._dialect.records:
                slices.append(Slice(token.start, token.end, token.data, "", header, unit))
        return slices

    def _header_bytes(self, context: bytes) -> bytes:
        assert self._header is not None
        return context[: self._header.end]

    def _forget(self) -> None:
        self._held, self._size = [], 0

    def _refuse(self) -> None:
        self._forget()
        remedy = "raise max_message_bytes, or have the sender split the interchange"
        self._refused = too_large(self._start, self._limit, remedy)


def interchange_pieces(data: bytes) -> list[Slice]:
    """The groups of one whole interchange of X12, as records with its header as context."""
    framer = EdiFramer(X12, "group", max(len(data), 1), 0, b"")
    return [*framer.feed(data), *framer.finish()]


def _joined(tokens: Sequence[Token], context: bytes, unit: int) -> Slice:
    data = b"".join(token.data for token in tokens)
    return Slice(tokens[0].start, tokens[0].start + len(data), data, "", context, unit)
