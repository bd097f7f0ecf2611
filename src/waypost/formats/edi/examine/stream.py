"""Cuts a stream of bytes into segments, a block at a time; knows at which byte each of them begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO

from waypost.formats.edi.examine.release import hide, show
from waypost.formats.edi.schema.pattern import Marks

_TRIVIA = " \t\r\n\x00\x1a\ufeff"
_LINE_END = re.compile("[\r\n]+")
SMALL, LARGE = 1 << 16, 1 << 20
MOST_BYTES = 64 << 20


@dataclass(slots=True)
class Block:
    """Whole segments that follow each other. ``texts`` are without trivia and with hidden releases, ``raw`` as read."""

    start: int
    texts: list[str]
    raw: list[str]
    marks: Marks
    encoding: str
    complete: bool
    """Whether nothing comes behind it."""
    _starts: list[int] | None = None

    def bytes(self, count: int) -> int:
        """How many bytes the first ``count`` segments are."""
        return self.width("".join(f"{piece}{self.marks.segment}" for piece in self.raw[:count]))

    def offset(self, index: int) -> int:
        """The byte at which segment ``index`` begins, trivia before it skipped."""
        if self._starts is None:
            size = self.width(self.marks.segment)
            self._starts = [*accumulate((self.width(piece) + size for piece in self.raw), initial=self.start)]
        piece = self.raw[index] if index < len(self.raw) else ""
        return self._starts[index] + self.width(piece[: len(piece) - len(piece.lstrip(_TRIVIA))])

    def width(self, text: str) -> int:
        """The number of bytes ``text`` was written with."""
        return len(show(text, self.marks).encode(self.encoding))


class ByteStream:
    """The bytes of a file that were read and not yet used; ``start`` is the offset of the first of them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.data, self.start, self.ended = b"", 0, False
        self._block_bytes = SMALL

    def more(self, size: int) -> None:
        """Has at least ``size`` bytes, or all there are."""
        while len(self.data) < size and not self.ended:
            read = self._file.read(max(size - len(self.data), SMALL))
            self.ended = not read
            self.data += read

    def skip(self, count: int) -> None:
        """Lets go of bytes that were used."""
        self.data = self.data[count:]
        self.start += count

    def restart(self) -> None:
        """Begins with small blocks again: the separators may change soon."""
        self._block_bytes = SMALL

    def block(self, marks: Marks, encoding: str, least: int) -> Block | None:
        """The whole segments of the next bytes, more than ``least`` bytes of them where there are; None at the end.
        The bytes stay until they are skipped."""
        size = max(self._block_bytes, 2 * least)
        self._block_bytes = min(2 * self._block_bytes, LARGE)
        while True:
            self.more(size)
            content = self.data[:size] if len(self.data) > size else self.data
            at_end = self.ended and len(self.data) <= size
            cut = content.rfind(marks.segment.encode(encoding)) + len(marks.segment.encode(encoding))
            if not at_end and cut > 0:
                content = content[: self._unreleased(content, cut, marks, encoding)]
            if at_end or (cut > 0 and content):
                return self._cut(content, marks, encoding, at_end) if content else None
            size *= 2
            if size > 2 * MOST_BYTES:  # no terminator in sight
                return self._cut(content, marks, encoding, False)

    def _unreleased(self, content: bytes, cut: int, marks: Marks, encoding: str) -> int:
        """``cut``, or the end of an earlier segment where the terminator before ``cut`` is released."""
        end, release = marks.segment.encode(encoding), marks.release.encode(encoding)
        while release and cut > 0:
            head = content[: cut - len(end)]
            if (len(head) - len(head.rstrip(release))) % 2 == 0:
                break
            cut = content.rfind(end, 0, cut - len(end)) + len(end)
        return max(cut, 0)

    def _cut(self, content: bytes, marks: Marks, encoding: str, complete: bool) -> Block:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            encoding = "latin-1"
            text = content.decode(encoding)
        raw = hide(text, marks).split(marks.segment)
        if not raw[-1].strip(_TRIVIA):
            raw.pop()
        texts = raw
        if "\n" in text or "\r" in text or "\ufeff" in text:
            texts = [piece.lstrip(_TRIVIA) for piece in raw]
            if any("\n" in piece or "\r" in piece for piece in texts):
                texts = [_LINE_END.sub("", piece) for piece in texts]  # lines broken every 80 characters
        return Block(self.start, texts, raw, marks, encoding, complete)
