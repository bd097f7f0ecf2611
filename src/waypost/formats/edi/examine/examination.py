"""Examines a file: finds its interchanges, follows their envelopes, holds each message against its schema.

Messages are looked at one by one and let go; memory stays bounded whatever the file's size. Nothing a file holds
raises: what is wrong is a finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Protocol

from waypost.formats.edi.examine.report import Report, SetCount, located
from waypost.formats.edi.examine.stream import MOST_BYTES, Block, ByteStream
from waypost.formats.edi.finding import Finding, finding
from waypost.formats.edi.schema.load import Library
from waypost.formats.edi.schema.model import Schema
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.schema.validator import Validator


@dataclass(frozen=True, slots=True)
class Start:
    """An interchange found in the bytes: how it is separated, and where its first segment begins in them."""

    at: int
    marks: Marks
    encoding: str


@dataclass(slots=True)
class Level:
    """An envelope that is open: its header's elements, where it stands, how many things it holds."""

    tag: str
    row: list[str]
    offset: int
    excerpt: str
    count: int = 0


class Syntax(Protocol):
    """What differs between standards. ``control`` are the tags of envelopes; ``starts`` the first three bytes."""

    name: str
    control: frozenset[str]
    opener: str
    closer: str
    interchange: tuple[str, str]
    group: tuple[str, str]

    def find(self, data: bytes, ended: bool) -> Start | None: ...
    def identity(self, row: list[str], group: list[str]) -> tuple[str, ...]: ...
    def schema_names(self, row: list[str], group: list[str], marks: Marks) -> tuple[str, str, list[str]]: ...
    def control_number(self, row: list[str]) -> str: ...
    def surplus(self, row: list[str], count: int) -> int: ...
    def closing(self, level: Level, row: list[str], groups: int) -> list[Finding]: ...
    def trailer(self, header: list[str], row: list[str], count: int, excess: int) -> list[Finding]: ...


@dataclass(slots=True)
class Examination:
    """One file being looked at."""

    syntax: Syntax
    schemas: Schemas
    report: Report
    open: dict[str, Level] = field(default_factory=dict)
    groups: int = 0

    def run(self, stream: ByteStream, start: Start) -> None:
        """From one interchange to the next until separators change or the file ends."""
        stream.skip(start.at)
        least = 0
        while block := stream.block(start.marks, start.encoding, least):
            used, over = self._block(block)
            if not used and not over and block.texts:
                if not block.complete and least <= MOST_BYTES:
                    least = 2 * len(stream.data)
                    continue
                used = len(block.texts)
                self._unfinished(block)
            least = 0
            rest = block.complete and used == len(block.texts)
            stream.skip(len(stream.data) if rest else block.bytes(used))
            if over or rest:
                break
        self._end_levels()
        stream.restart()

    def _block(self, block: Block) -> tuple[int, bool]:
        """How many segments were used, and whether the interchange's separators may no longer hold."""
        texts, control, mark = block.texts, self.syntax.control, block.marks.element
        marked = [n for n, text in enumerate(texts) if text[:2] in _BEGINNINGS]
        index, number = 0, 0
        while number < len(marked):
            at = marked[number]
            tag = texts[at].partition(mark)[0]
            if tag not in control:
                number += 1
                continue
            if at > index:
                self._between(block, index, at)
            if tag == self.syntax.opener:
                ends = number + 1
                while ends < len(marked) and texts[marked[ends]].partition(mark)[0] not in control:
                    ends += 1
                if ends == len(marked):
                    return at, False
                end = marked[ends]
                closes = texts[end].partition(mark)[0] == self.syntax.closer
                self._message(block, at, end, closes)
                index, number = (end + 1, ends + 1) if closes else (end, ends)
                continue
            if self._envelope(block, at, tag):
                return at + 1, True
            index, number = at + 1, number + 1
        if index < len(texts):
            self._between(block, index, len(texts))
        return len(texts), False

    def _message(self, block: Block, at: int, end: int, closes: bool) -> None:
        """One message, from its header at ``at`` to its trailer at ``end``; or to where its trailer should be."""
        mark = block.marks.element
        header = block.texts[at].split(mark)
        group = self.open.get(self.syntax.group[0])
        for level in self.open.values():
            level.count += 1
        checked = self.schemas.validator(self.syntax, header, group.row if group else [], block.marks)
        counted = self.report.sets.setdefault(
            (checked.message, checked.version), SetCount(checked.message, checked.version, checked.name)
        )
        counted.received += 1
        self.report.version = self.report.version or checked.version
        body = block.texts[at + 1 : end]
        found: list[Finding] = []
        excess = 0
        if counted.received == 1 and (notice := checked.notice(header[0])):
            self._say(notice, block, at, checked.message)
        if checked.validator is None:
            pass
        elif not checked.validator.accepts(body):
            surplus = self.syntax.surplus(block.texts[end].split(mark), end - at + 1) if closes else 0
            found, excess = checked.validator.findings(body, surplus)
            if checked.instead_of:
                found = [doubted(one) for one in found]
        if closes:
            trailer = block.texts[end].split(mark)
            ended = self.syntax.trailer(header, trailer, end - at + 1, excess)
            if any(f.code == "segment-count" for f in ended):  # a total wrong for the same reason says nothing more
                found = [f for f in found if f.code != "total"]
            found += ended
        else:
            found.append(finding("trailer-missing", header[0], end - at + 1, level="transaction",
                                 found=f"no {self.syntax.closer}", expected=self.syntax.closer))  # fmt: skip
        if not any(f.severity == "error" for f in found):
            counted.accepted += 1
        for one in found:
            self.report.add(
                located(one, block, at + one.position - 1), checked.message, self.syntax.control_number(header)
            )

    def _envelope(self, block: Block, at: int, tag: str) -> bool:
        """Opens or closes an envelope; whether an interchange ended there."""
        row = block.texts[at].split(block.marks.element)
        for first, last in (self.syntax.interchange, self.syntax.group):
            if tag == first:
                if first == self.syntax.interchange[0]:
                    self._end_levels()
                    self.report.interchanges += 1
                    self.groups = 0
                elif first in self.open:
                    self._unclosed(self.open.pop(first))
                if first == self.syntax.group[0]:
                    self.report.groups += 1
                    self.groups += 1
                self.open[first] = Level(first, row, block.offset(at), block.texts[at][:80])
            elif tag == last:
                if first == self.syntax.interchange[0] and (group := self.open.pop(self.syntax.group[0], None)):
                    self._unclosed(group)
                level = self.open.pop(first, None)
                if level is None:
                    self._say(
                        finding("envelope", tag, 1, level="interchange", found=f"{tag} without {first}"), block, at
                    )
                else:
                    for one in self.syntax.closing(level, row, self.groups):
                        self._say(one, block, at)
                return first == self.syntax.interchange[0]
        return False

    def _between(self, block: Block, start: int, end: int) -> None:
        """Segments outside any message."""
        texts = [text for text in block.texts[start:end] if text.strip()]
        if texts and self.open:
            self._say(finding("envelope-junk", texts[0].split(block.marks.element)[0][:12], 1, level="interchange",
                              found=f"{len(texts)} segments outside a message"), block, start)  # fmt: skip

    def _unfinished(self, block: Block) -> None:
        """The file, or the patience, ends inside a message."""
        if not block.complete:
            self._say(finding("message-too-large", block.texts[0][:3], 1, level="transaction",
                              found=f"more than {MOST_BYTES} bytes in one message"), block, 0)  # fmt: skip
            return
        tags = [text.partition(block.marks.element)[0] for text in block.texts]
        self._message(block, tags.index(self.syntax.opener), len(tags), False)

    def _end_levels(self) -> None:
        for level in reversed(list(self.open.values())):
            self._unclosed(level)
        self.open.clear()

    def _unclosed(self, level: Level) -> None:
        outer = level.tag == self.syntax.interchange[0]
        closer = (self.syntax.interchange if outer else self.syntax.group)[1]
        code = "interchange-trailer-missing" if outer else "group-trailer-missing"
        one = finding(code, level.tag, 1, level="interchange" if outer else "group", found=f"no {closer}",
                      expected=closer,
                      offset=level.offset, excerpt=level.excerpt)  # fmt: skip
        self.report.add(one, "", self.syntax.control_number(level.row))

    def _say(self, one: Finding, block: Block, at: int, message: str = "") -> None:
        self.report.add(located(one, block, at), message)


_BEGINNINGS = frozenset({"IS", "GS", "ST", "SE", "GE", "IE", "TA", "UN"})


@dataclass(frozen=True, slots=True)
class Checked:
    """What a message is held against; ``validator`` is None where there is no schema called ``name``. ``instead_of``
    is the schema that is not there, where that of the nearest version stands in for it."""

    message: str
    version: str
    name: str
    validator: Validator | None
    instead_of: str = ""

    def notice(self, tag: str) -> Finding | None:
        """What the first message of its kind is told about its schema."""
        if self.validator is None:
            return finding("no-schema", tag, 1, level="transaction", severity="warning",
                           found=f"no schema for {self.message} in {self.version}",
                           expected=f"a schema called {self.name}")  # fmt: skip
        if self.instead_of:
            return finding("schema-nearest", tag, 1, level="transaction", severity="warning",
                           found=f"no schema {self.instead_of}; checked by {self.name}",
                           expected="one of the version the message names")  # fmt: skip
        return None


_STABLE = frozenset({
    "segment-unknown", "segment-missing", "element-missing", "element-character", "element-date", "element-time",
})  # fmt: skip
"""What is as wrong in one version as in the next. Lengths, repetition, codes, order and conditions change."""


def doubted(one: Finding) -> Finding:
    """A finding by the schema of another version: a warning where versions differ in such things."""
    return one if one.code in _STABLE else replace(one, severity="warning")


class Schemas:
    """Finds and keeps the validators a file needs. ``given`` is used for every message it describes."""

    def __init__(self, library: Library, given: Schema | None = None) -> None:
        self._library, self._given = library, given
        self._found: dict[tuple[str, str, Marks], Checked] = {}
        self._seen: dict[tuple[Any, ...], Checked] = {}

    def validator(self, syntax: Syntax, header: list[str], group: list[str], marks: Marks) -> Checked:
        """The validator for the message whose header and group are given."""
        seen = (*syntax.identity(header, group), marks)
        found = self._seen.get(seen)
        if found is None:
            if len(self._seen) > 256:  # versions and separators come from outside
                self._seen.clear()
            found = self._seen[seen] = self._find(syntax, header, group, marks)
        return found

    def _find(self, syntax: Syntax, header: list[str], group: list[str], marks: Marks) -> Checked:
        message, version, names = syntax.schema_names(header, group, marks)
        if self._given is not None and self._given.message in (message, ""):
            return self._checked(message, version, self._given, marks)
        for name in names:
            schema = self._library.schema(name)
            if schema is not None:
                return self._checked(message, version, schema, marks)
        nearest = self._library.nearest(names[-1]) if names else None
        if nearest is not None:
            return replace(self._checked(message, version, nearest, marks), instead_of=names[-1])
        return Checked(message, version, names[0] if names else "", None)

    def _checked(self, message: str, version: str, schema: Schema, marks: Marks) -> Checked:
        key = (message, schema.name, marks)
        if key not in self._found:
            self._found[key] = Checked(message, version, schema.name, Validator(schema, marks))
        return self._found[key]


def examine(file: BinaryIO, syntaxes: Mapping[str, Syntax], schemas: Schemas) -> Report:
    """The report on a file of any of ``syntaxes``."""
    stream, report = ByteStream(file), Report()
    while True:
        stream.more(1 << 16)
        starts = [
            (start.at, name, start) for name, s in syntaxes.items() if (start := s.find(stream.data, stream.ended))
        ]
        if not starts:
            if stream.ended:
                break
            stream.skip(max(len(stream.data) - 4096, 0))
            stream.more(1 << 17)
            continue
        _, name, start = min(starts, key=lambda s: s[0])
        report.standard = report.standard or name
        Examination(syntaxes[name], schemas, report).run(stream, start)
    if not report.interchanges and not report.faults:
        report.add(finding("envelope", "", 0, level="interchange", found="no interchange", offset=0,
                           expected="an ISA segment, or UNA or UNB"))  # fmt: skip
    return report
