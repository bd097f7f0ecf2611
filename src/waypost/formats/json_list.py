"""Cuts the items of one list out of a JSON text as it is read, holding no more than one item.

Inside an item only its brackets and texts are looked at: reading it decides whether it is JSON. Of what stands around
the list the structure is followed, to find the list and to notice when the text ends too early.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto

import msgspec

from waypost.core.component import Slice
from waypost.core.errors import DataError
from waypost.formats.line import too_large

DEPTH = 512
BEHIND, NEXT, OVER, END = b"behind", b"next", b"over", b"end"
"""Contexts of slices, which say what comes behind it: a comma or the end of the list, an item, what stands around the
list, nothing."""
_TEXT = rb'"[^"\\]*(?:\\.[^"\\]*)*("?)'  # the group is empty where the text goes on in the next piece
_OUTER = re.compile(_TEXT + rb"|[{}\[\]:,]", re.DOTALL)
_INNER = re.compile(_TEXT + rb"|[{}\[\]]", re.DOTALL)
_TO_BRACKET = re.compile(rb'[^"{}\[\]]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^"{}\[\]]*)*([{}\[\]])', re.DOTALL)
"""From outside a text to behind the next bracket, over whole texts; what it reads decides at each byte what comes next,
so that a failure costs no more than the bytes it looked at."""
_REST = re.compile(_TEXT[1:], re.DOTALL)
_BLANK = re.compile(rb"[ \t\r\n]*")
_WORD = re.compile(rb'[^ \t\r\n,\[\]{}"]+')
_BOM = b"\xef\xbb\xbf"


class _At(Enum):
    OUTSIDE = auto()
    ITEM = auto()
    """An item is expected, or the end."""
    INSIDE = auto()
    """Within an item that has brackets, or a text."""
    BEHIND = auto()
    """Behind an item: a comma is expected, or the end."""


class ListFramer:
    """One record for each item of the list at ``path``; of a text without members the list is the text itself.

    Refused is a text without that list, with two of them, or that ends before everything is closed.
    """

    def __init__(self, path: Sequence[str], limit_bytes: int, offset: int, context: bytes) -> None:
        self._path, self._limit = list(path), limit_bytes
        self._data, self._base, self._pos = b"", offset, 0
        self._start, self._depth, self._in_text = 0, 0, False
        self._refused: DataError | None = None
        self._at, self._found, self._begun = _At.OUTSIDE, False, False
        self._stack: list[str | None] = []
        """The member one is in, per object around; None for lists."""
        self._key: str | None = None
        self._after_comma = self._missing_comma = self._something = False
        if context:
            self._found = self._begun = True
            self._stack = [] if context == END else list(self._path)
            self._after_comma = context == NEXT
            self._at = {BEHIND: _At.BEHIND, NEXT: _At.ITEM}.get(context, _At.OUTSIDE)

    def feed(self, data: bytes) -> Sequence[Slice]:
        return self._cut(data, last=False)

    def finish(self) -> Sequence[Slice]:
        return self._cut(b"", last=True)

    def _cut(self, data: bytes, *, last: bool) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        slices: list[Slice] = []
        self._data += data
        while not self._refused and self._step(slices, last):
            pass
        if last and not self._refused:
            self._end(slices)
        kept = self._start if self._at is _At.INSIDE else self._pos
        self._data, self._base = self._data[kept:], self._base + kept
        self._pos, self._start = self._pos - kept, self._start - kept
        if self._refused and not slices:
            raise self._refused
        return slices

    def _step(self, slices: list[Slice], last: bool) -> bool:
        """One step on; False when more is needed."""
        if self._at is _At.OUTSIDE:
            return self._outside()
        if self._at is _At.INSIDE:
            return self._inside(slices)
        blank = _BLANK.match(self._data, self._pos)
        self._pos = blank.end() if blank else self._pos
        first = self._data[self._pos : self._pos + 1]
        if not first:
            return False
        if first in (b",", b"]") and (self._at is _At.BEHIND or (first == b"]" and not self._after_comma)):
            self._pos += 1
            self._after_comma = first == b","
            self._at = _At.ITEM if first == b"," else _At.OUTSIDE
            return True
        fault = "" if self._at is _At.ITEM else "there is no comma before this item"
        if first in (b",", b"]", b"}"):
            at, self._pos = self._pos, self._pos + 1
            fault = fault if first == b"}" else f"nothing stands before this {first.decode()!r}"
            self._at, context = {
                b"]": (_At.OUTSIDE, OVER), b",": (_At.ITEM, NEXT), b"}": (_At.BEHIND, BEHIND),
            }[first]  # fmt: skip
            self._after_comma = first == b","
            slices.append(self._slice(at, self._pos, fault or "a bracket that closes nothing", context))
            return True
        if first in (b"{", b"[", b'"'):
            self._start, self._at, self._depth, self._in_text = self._pos, _At.INSIDE, 0, False
            self._missing_comma = bool(fault)
            return True
        return self._word(slices, fault, last)

    def _word(self, slices: list[Slice], fault: str, last: bool) -> bool:
        word = _WORD.match(self._data, self._pos)
        end = word.end() if word else self._pos + 1
        if end - self._pos > self._limit:
            self._refuse_large(self._pos)
            return False
        if end == len(self._data):
            if not last:
                return False
            fault = fault or "the content ends within its list"
        at, self._pos, self._at = self._pos, end, _At.BEHIND
        ended = end == len(self._data)  # then it is the last
        slices.append(self._slice(at, end, fault, END if ended else BEHIND))
        if ended:
            self._at, self._stack = _At.OUTSIDE, []
        return True

    def _inside(self, slices: list[Slice]) -> bool:
        """On to the end of an item with brackets, or a text."""
        data = self._data
        if self._in_text:
            rest = _REST.match(data, self._pos)
            closed = rest is not None and bool(rest[1])
            self._pos, self._in_text = rest.end() if rest else self._pos, not closed
            if closed and not self._depth:
                return self._item(slices)
            if not closed:
                return self._more_of_item()
        while self._depth or data[self._pos] != 0x22:
            quick = _TO_BRACKET.match(data, self._pos)
            if quick is None:
                break
            self._pos = quick.end()
            self._depth += 1 if quick[1] in (b"{", b"[") else -1
            if self._depth <= 0:
                return self._item(slices)
        for token in _INNER.finditer(data, self._pos):
            first, end = data[token.start()], token.end()
            if first == 0x22:
                if not token[1]:
                    self._pos, self._in_text = end, True
                    return self._more_of_item()
            else:
                self._depth += 1 if first in b"{[" else -1
            if self._depth <= 0:
                self._pos = end
                return self._item(slices)
        self._pos = len(data)
        return self._more_of_item()

    def _item(self, slices: list[Slice]) -> bool:
        if self._pos - self._start > self._limit:
            self._refuse_large(self._start)
            return False
        fault = "there is no comma before this item" if self._missing_comma else ""
        slices.append(self._slice(self._start, self._pos, fault, BEHIND))
        self._at = _At.BEHIND
        return True

    def _more_of_item(self) -> bool:
        if len(self._data) - self._start > self._limit:
            self._refuse_large(self._start)
        return False

    def _outside(self) -> bool:
        """On through what stands around the list."""
        while not self._refused:
            if self._begun and not self._stack:
                return self._nothing_more()
            token = _OUTER.search(self._data, self._pos)
            if token is None:
                self._something = self._something or bool(self._data[self._pos :].removeprefix(_BOM).strip())
                self._pos = len(self._data)
                return False
            text, self._something = token[0], True
            if text[0] == 0x22:
                if len(text) > self._limit:
                    self._refuse_large(token.start())
                    return False
                if not token[1]:
                    self._pos = token.start()
                    return False
            self._pos = token.end()
            if self._follow(text):
                return True
        return False

    def _nothing_more(self) -> bool:
        blank = _BLANK.match(self._data, self._pos)
        self._pos = blank.end() if blank else self._pos
        if self._pos < len(self._data):
            self._refuse(f"there is more behind the end, at byte {self._base + self._pos}", "one JSON text")
        return False

    def _follow(self, token: bytes) -> bool:
        """Take in a token outside the list; True where the list begins."""
        first = token[0]
        if first == 0x22:
            self._key = _text(token)
        elif first == 0x3A and self._stack:  # a colon
            self._stack[-1] = self._key
        elif first in b"}]" and self._stack:
            self._stack.pop()
        elif first in b"{[":
            if first == 0x5B and self._stack == self._path:
                return self._list_begins()
            self._begun = True
            self._stack.append(None)
            if len(self._stack) > DEPTH:
                self._refuse(f"nested too deep before byte {self._base + self._pos}", f"at most {DEPTH} levels")
        return False

    def _list_begins(self) -> bool:
        if self._found:
            self._refuse(f"a second list at {self._named()}, at byte {self._base + self._pos - 1}", "one")
            return False
        self._found = self._begun = True
        self._at, self._after_comma = _At.ITEM, False
        return True

    def _end(self, slices: list[Slice]) -> None:
        """The content is over."""
        if self._at is _At.INSIDE and len(self._data) > self._start:
            slices.append(self._slice(self._start, len(self._data), "the content ends within this item", END))
            self._at, self._pos, self._stack = _At.OUTSIDE, len(self._data), []
        elif self._at is not _At.OUTSIDE or (self._found and (self._stack or self._data[self._pos :].strip())):
            self._refuse("the content ends before everything in it is closed", "a whole JSON text")
        elif not self._found and (self._begun or self._something):
            self._refuse(f"there is no list at {self._named()}", "the list whose items are the records")

    def _slice(self, start: int, end: int, fault: str, context: bytes) -> Slice:
        return Slice(self._base + start, self._base + end, self._data[start:end], fault, context)

    def _named(self) -> str:
        return repr(".".join(self._path)) if self._path else "the beginning"

    def _refuse_large(self, start: int) -> None:
        self._refused = too_large(self._base + start, self._limit)

    def _refuse(self, found: str, expected: str) -> None:
        remedy = "have the sender correct it, or name the list with `records`"
        self._refused = DataError(found, where="the content", expected=expected, remedy=remedy, code="json-list")


def _text(token: bytes) -> str:
    try:
        return msgspec.json.decode(token, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
        return ""
