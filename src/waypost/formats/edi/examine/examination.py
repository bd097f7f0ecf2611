"""Examines a file: finds its interchanges, follows their envelopes, holds each message against its schema.

Messages are looked at one by one and let go; memory stays bounded whatever the file's size. Nothing a file holds
raises: what is wrong is a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from waypost.core.errors import DataError
from waypost.formats.edi.cutter import Cutter
from waypost.formats.edi.delimiter import split
from waypost.formats.edi.dialect import Dialect
from waypost.formats.edi.edifact_dialect import EDIFACT
from waypost.formats.edi.examine.envelope import EnvelopeSegments, at, closing, message_trailer, surplus
from waypost.formats.edi.examine.message import Message, Writing, writing_of
from waypost.formats.edi.examine.release import as_written, hide
from waypost.formats.edi.examine.report import Report, SetCount
from waypost.formats.edi.examine.schemas import Checked, Schemas, doubted
from waypost.formats.edi.examine.unit import business_units
from waypost.formats.edi.examine.verdict import Level, Sink, Verdict
from waypost.formats.edi.finding import Finding, finding
from waypost.formats.edi.token import Kind, Token
from waypost.formats.edi.tradacoms_dialect import TRADACOMS
from waypost.formats.edi.x12_dialect import X12

DIALECTS = (X12, EDIFACT, TRADACOMS)
MOST_BYTES = 64 << 20
_PIECE = 1 << 18


class Examination:
    """One file being looked at, token by token."""

    def __init__(self, schemas: Schemas, report: Report, sinks: Sequence[Sink] = ()) -> None:
        self._schemas, self.report, self._sinks = schemas, report, sinks
        self._interchange: Level | None = None
        self._group: Level | None = None
        self._segments: EnvelopeSegments | None = None
        self._kept: dict[Writing, EnvelopeSegments] = {}
        self._in_junk = False

    def take(self, token: Token) -> None:
        """The next token of the file."""
        if token.header:
            self._in_junk = False
        if token.kind is Kind.TRANSACTION and self._interchange:
            self._message(token, self._interchange)
        elif token.kind is Kind.INTERCHANGE:
            self._open_interchange(token)
        elif token.kind is Kind.JUNK:
            self._junk(token)
        elif self._interchange and token.kind is not Kind.GAP:
            self._envelope(token, self._interchange)

    def _envelope(self, token: Token, interchange: Level) -> None:
        if token.kind is Kind.INTERCHANGE_END:
            self._close_interchange(token, interchange)
            return
        message = Message(token, interchange.writing)
        row = [token.tag.decode("latin-1"), *(message.row(0)[1:] if message.texts else [])]
        if token.kind is Kind.GROUP:
            self._open_group(token, row, message, interchange)
        elif token.kind is Kind.GROUP_END:
            self._close_group(row, message, interchange)
        else:
            self._service(token, row, message, interchange)

    # ── interchanges ─────────────────────────────────────────────────────────────────────────────────────────────

    def _open_interchange(self, token: Token) -> None:
        assert token.dialect and token.header
        writing = writing_of(token.dialect, token.header)
        if writing not in self._kept:
            if len(self._kept) > 64:  # separators come from outside
                self._kept.clear()
            self._kept[writing] = EnvelopeSegments(writing.dialect, writing.marks)
        self._segments = self._kept[writing]
        plain = [element.translate(None, b"\r\n").decode("utf-8", "replace") for element in token.header.row]
        row = [hide(element, writing.marks) for element in plain]
        control = at(row, writing.dialect.interchange[token.header.row[0]].opening or writing.dialect.reference).strip()
        start = token.start + _header_at(token.data, token.header.row[0])
        shown = token.data[start - token.start :][:80].decode("utf-8", "replace")
        self._interchange = Level(row[0], row, start, shown, control, writing)
        self._group = None
        self.report.standard = self.report.standard or writing.dialect.name
        self.report.interchanges += 1
        for sink in self._sinks:
            sink.interchange(self._interchange)
        found = self._segments.findings(row, 1, "interchange")
        if len(row) == 1:
            found = [finding("envelope", row[0], 1, level="interchange", severity="warning",
                             found=f"messages without {row[0]}", expected=row[0])]  # fmt: skip
        for one in found:
            inside = 0
            if one.element:
                pieces = split(token.data[start - token.start :], writing.delimiters.element, b"")
                inside = sum(len(p) + len(writing.delimiters.element) for p in pieces[: one.element])
            place = min(start + inside, token.end)
            found_text = as_written(one.found, writing.marks)
            self._about(self._interchange, replace(one, offset=place, excerpt=shown, found=found_text))

    def _close_interchange(self, token: Token, level: Level) -> None:
        dialect = level.writing.dialect
        if token.fault and len(level.row) == 1:  # messages without an envelope: said already
            pass
        elif token.fault:
            closer = dialect.closers[level.tag.encode()].decode()
            self._group = None  # one fault: the interchange is cut off
            self._about(level, finding("interchange-trailer-missing", level.tag, 1, level="interchange",
                                       found=f"no {closer}", expected=closer, offset=level.offset,
                                       excerpt=level.excerpt))  # fmt: skip
        else:
            if self._group:
                self._unclosed(self._group)
            message = Message(token, level.writing)
            row = [token.tag.decode("latin-1"), *(message.row(0)[1:] if message.texts else [])]
            level.trailer_count = at(row, dialect.interchange[level.tag.encode()].count)
            for one in self._closing(level, row):
                self._about(level, message.located(one, 0))
        for sink in self._sinks:
            sink.interchange_end(level)
        self._interchange = self._group = None

    def _closing(self, level: Level, row: list[str]) -> list[Finding]:
        """What is wrong with a trailer; of a control number that was wrong already nothing more."""
        dialect = level.writing.dialect
        outer = level.tag.encode() in dialect.interchange
        trailer = (dialect.interchange if outer else dialect.group)[level.tag.encode()]
        told = any(f.element and f.element == trailer.opening for f in level.findings)
        found = closing(dialect, level, row) or self._elements(row, "interchange" if outer else "group")
        return [f for f in found if not told or f.element != trailer.control]

    def _elements(self, row: Sequence[str], level: str) -> list[Finding]:
        assert self._segments
        return self._segments.findings(row, 1, "group" if level == "group" else "interchange")

    # ── groups ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _open_group(self, token: Token, row: list[str], message: Message, interchange: Level) -> None:
        if self._group:
            self._unclosed(self._group)
        control = at(row, interchange.writing.dialect.group[token.tag].opening).strip()
        interchange.groups += 1
        self.report.groups += 1
        level = Level(row[0], row, token.start, message.texts[0][:80], control, interchange.writing)
        self._group = level
        for sink in self._sinks:
            sink.group(level)
        for one in self._elements(row, "group"):
            self._about(level, message.located(one, 0))

    def _close_group(self, row: list[str], message: Message, interchange: Level) -> None:
        level, self._group = self._group, None
        dialect = interchange.writing.dialect
        if level is None:
            opener = next(tag for tag, t in dialect.group.items() if t.tag.decode() == row[0]).decode()
            self._about(interchange, message.located(
                finding("envelope", row[0], 1, level="interchange", found=f"{row[0]} without {opener}"), 0
            ))  # fmt: skip
            return
        level.trailer_count = at(row, dialect.group[level.tag.encode()].count)
        for one in self._closing(level, row):
            self._about(level, message.located(one, 0))
        for sink in self._sinks:
            sink.group_end(level)

    def _unclosed(self, level: Level) -> None:
        """The group has no trailer."""
        closer = level.writing.dialect.closers[level.tag.encode()].decode()
        self._about(level, finding("group-trailer-missing", level.tag, 1, level="group", found=f"no {closer}",
                                   expected=closer, offset=level.offset, excerpt=level.excerpt))  # fmt: skip
        self._group = None
        for sink in self._sinks:
            sink.group_end(level)

    def _service(self, token: Token, row: list[str], message: Message, interchange: Level) -> None:
        """A segment that stands beside groups or messages: known, such as TA1, or not."""
        if token.fault or self._group:
            self._about(interchange, message.located(
                finding("envelope-junk", row[0][:12], 1, level="interchange", found=f"{row[0][:12]} outside a message",
                        expected="nothing but messages"), 0
            ))  # fmt: skip
            return
        for one in self._elements(row, "interchange"):
            self._about(interchange, message.located(one, 0))

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _message(self, token: Token, interchange: Level) -> None:
        """One message, from its header to its trailer, or to where that should be."""
        dialect, marks = interchange.writing.dialect, interchange.writing.marks
        message, group = Message(token, interchange.writing), self._group
        interchange.count += 1
        if group:
            group.count += 1
        texts = message.texts
        header = [token.tag.decode(), *texts[0].split(marks.element)[1:]]
        checked = self._schemas.validator(dialect, header, group.row if group else (), marks)
        counted = self._counted(checked)
        whole = not token.fault and len(texts) > 1 and token.data.endswith(interchange.writing.delimiters.segment)
        trailer = texts[-1].split(marks.element) if whole else None
        ragged = not token.data.endswith(interchange.writing.delimiters.segment)  # cut off inside a segment
        body = texts[1:-1] if trailer or ragged else texts[1:]
        found, excess = self._held(checked, body, dialect, header, trailer)
        found = self._around(message, interchange, checked, header) + found
        if trailer:
            ended = self._trailer(interchange, message, header, trailer, excess)
            if any(f.code == "segment-count" for f in ended):  # a total wrong for the same reason says nothing more
                found = [f for f in found if f.code != "total"]
            found += ended
        else:
            closer = dialect.transaction[token.tag].tag.decode()
            found = [f for f in found if f.code != "segment-missing" or f.position < len(body) + 2]  # cut off before it
            found.append(finding("trailer-missing", header[0], len(texts) + 1, level="transaction",
                                 found=f"no {closer}", expected=closer))  # fmt: skip
        if not any(f.severity == "error" for f in found):
            counted.accepted += 1
        opening = dialect.transaction[token.tag].opening or 1
        control = at(header, opening).strip()
        located = [message.located(one, one.position - 1) for one in found]
        if counted.received == 1 and (notice := checked.notice(header[0])):
            self._say(message.located(notice, 0), checked.message, control)
        for one in located:
            self._say(one, checked.message, control)
        if self._sinks:
            verdict = Verdict(checked.message, checked.version, checked.name, control, header, located, len(texts),
                              group.control_number if group else "",
                              business_units(checked.message, message, located),
                              self._rows(checked.message, message))  # fmt: skip
            for sink in self._sinks:
                sink.message(verdict)

    def _rows(self, kind: str, message: Message) -> Sequence[Sequence[str]]:
        wanted = any(kind in sink.wants_rows for sink in self._sinks)
        return [message.row(n) for n in range(len(message.texts))] if wanted else ()

    def _counted(self, checked: Checked) -> SetCount:
        key = (checked.message, checked.version)
        counted = self.report.sets.get(key)
        if counted is None:
            counted = self.report.sets[key] = SetCount(checked.message, checked.version, checked.name)
        counted.received += 1
        self.report.version = self.report.version or checked.version
        return counted

    def _held(
        self, checked: Checked, body: list[str], dialect: Dialect, header: list[str], trailer: list[str] | None
    ) -> tuple[list[Finding], int]:
        if checked.validator is None or checked.validator.accepts(body):
            return [], 0
        more = surplus(dialect, header, trailer, len(body) + 2) if trailer else 0
        found, excess = checked.validator.findings(body, more)
        return [doubted(one) for one in found] if checked.instead_of else found, excess

    def _around(self, message: Message, interchange: Level, checked: Checked, header: list[str]) -> list[Finding]:
        """What is wrong with the header of a message and where it stands."""
        assert self._segments
        dialect, group = interchange.writing.dialect, self._group
        found = self._segments.findings(header, 1, "transaction")
        found = [f for f in found if not (f.code == "element-missing" and f.element == 2 and header[0] == "ST")]
        if message.unreadable >= 0:
            found.append(finding("character-set", header[0], 1, level="transaction",
                                 found=f"byte {message.unreadable} of the message is no character",
                                 expected=interchange.writing.encoding))  # fmt: skip
        for index in message.unmeasured:
            row = message.row(index)
            found.append(finding("binary-length", row[0], index + 1, element=dialect.binary[row[0].encode()],
                                 level="element", found=repr(at(row, dialect.binary[row[0].encode()])[:20]),
                                 expected="the number of bytes before the terminator"))  # fmt: skip
        if dialect.counts == "groups" and group is None:
            said = f"a {dialect.transaction_word} outside a group"
            found.append(finding("group-missing", header[0], 1, level="transaction", found=said, expected="a group"))
        elif group and checked.group and dialect.name == "x12" and at(group.row, 1) not in (checked.group, ""):
            found.append(finding("group-mismatch", header[0], 1, element=1, level="transaction",
                                 found=f"{checked.message} in a group {at(group.row, 1)[:6]}",
                                 expected=f"a group {checked.group}"))  # fmt: skip
        return found

    def _trailer(
        self, interchange: Level, message: Message, header: list[str], trailer: list[str], excess: int
    ) -> list[Finding]:
        dialect, count = interchange.writing.dialect, len(message.texts)
        if dialect.package and header[0] == dialect.package.decode():
            return []
        return message_trailer(dialect, header, trailer, count, excess)

    # ── what is said ─────────────────────────────────────────────────────────────────────────────────────────────

    def _junk(self, token: Token) -> None:
        """Bytes between interchanges: an error where they begin like one."""
        why = token.fault.found if token.fault else ""
        if self._in_junk and not why:
            return
        self._in_junk = True
        shown = token.data[:80].decode("utf-8", "replace")
        one = finding("envelope" if why else "junk", "", 0, level="interchange", offset=token.start, excerpt=shown,
                      found=why or f"{len(token.data)} bytes that belong to no interchange",
                      expected="an interchange", severity="error" if why else "warning")  # fmt: skip
        self._say(one)
        for sink in self._sinks:
            sink.outside(one)

    def refused(self, offset: int) -> None:
        """A message is too large to be looked at."""
        one = finding("message-too-large", "", 0, level="interchange", offset=offset,
                      found=f"more than {MOST_BYTES} bytes in one message")  # fmt: skip
        if self._interchange:
            self._about(self._interchange, one)
            for sink in self._sinks:
                sink.interchange_end(self._interchange)
        else:
            self._say(one)

    def _about(self, level: Level, one: Finding) -> None:
        level.findings.append(one)
        self._say(one, "", level.control_number)

    def _say(self, one: Finding, message: str = "", control_number: str = "") -> None:
        self.report.add(one, message, control_number)


def _header_at(data: bytes, tag: bytes) -> int:
    """Where the header stands in its token: behind UNA, where there is one."""
    found = data.find(tag)
    return found if found > 0 else 0


def examine(pieces: Iterable[bytes], schemas: Schemas, sinks: Sequence[Sink] = ()) -> Report:
    """The report on a content given in pieces, of whichever standards it is."""
    report = Report()
    examination = Examination(schemas, report, sinks)
    cutter = Cutter(DIALECTS, MOST_BYTES)
    at_byte = 0
    try:
        for piece in pieces:
            for token in cutter.feed(piece):
                examination.take(token)
                at_byte = token.end
        for token in cutter.finish():
            examination.take(token)
    except DataError:
        examination.refused(at_byte)
    if not report.interchanges and not report.faults:
        report.errors.clear()  # all of it is junk
        report.warnings = 0
        report.add(finding("envelope", "", 0, level="interchange", found="no interchange", offset=0,
                           expected="an ISA segment, UNA, UNB or UIB, or STX"))  # fmt: skip
    return report


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of a file, a piece at a time."""
    while piece := file.read(_PIECE):
        yield piece


def examine_path(path: Path, schemas: Schemas, sinks: Sequence[Sink] = ()) -> Report:
    """The report on the file at ``path``."""
    with path.open("rb") as file:
        return examine(pieces_of(file), schemas, sinks)
