"""Cuts the records out of an XML content of any length, holding one record at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from waypost.core.component import Slice
from waypost.core.errors import DataError
from waypost.formats.line import too_large
from waypost.formats.xml_looked import Looked
from waypost.formats.xml_markup import CLOSING, DEPTH, TAG, TAG_BYTES, encoding_fault, local, long_tag, no_doctype
from waypost.formats.xml_markup import too_deep as nested_too_deep

_BOM = b"\xef\xbb\xbf"
_CONTEXT_BYTES = 1 << 16
_ENDS = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}


class XmlFramer:
    """One slice an element on the path; the context is the XML declaration and the start tags around it.

    ``path`` are local names from the root; a single one is met at any depth, ``*`` is any name. A record ends where
    the element that begins it ends; whether it is sound inside is for ``decode`` to say. What stands around the
    records must nest, and has no document type; its text is a gap.
    """

    def __init__(
        self, path: tuple[bytes, ...], limit_bytes: int, offset: int, context: bytes,
        missed: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """``missed`` hears what was found in place of records, where there are none in all the content."""
        self._path, self._limit, self._missed = path, limit_bytes, missed
        self._looked = None if offset or context else Looked(path)
        self._held = bytearray()
        self._base = offset  # of the first byte held
        self._at = 0  # what lies before was looked at
        self._declaration, self._stack = split_context(context)
        self._known: bytes | None = None  # the context, until the stack changes
        self._longest = 0  # bytes of the longest mark within a record
        self._until = b""  # the end of the comment, CDATA section or instruction that is being passed over
        self._inside = 0  # how many elements of the record's own name are open; 0 outside a record
        self._record = 0  # where the record begins
        self._marks: re.Pattern[bytes] = _marks(b"")
        self._refused: DataError | None = None

    def feed(self, data: bytes) -> Sequence[Slice]:
        slices: list[Slice] = []
        if not self._refused:
            self._held += data
            self._run(slices)
        if self._refused and not slices:
            raise self._refused
        return slices

    def finish(self) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        if self._inside:
            rest = bytes(self._held[self._record :])
            start = self._base + self._record
            self._held, self._stack, self._inside = bytearray(), [], 0
            said = f"record at byte {start}: the content ends within it; expected it complete; have it sent again"
            return (Slice(start, start + len(rest), rest, said),)  # nothing is open behind it
        if self._stack or self._until or self._held[self._at :].strip():
            within = f" within <{self._stack[-1][0].decode('utf-8', 'replace')[:40]}>" if self._stack else ""
            self._refuse(f"the content ends{within}", self._base + len(self._held), "every element closed")
            assert self._refused
            raise self._refused
        if self._looked is not None and (found := self._looked.found):
            if self._looked.astray:
                self._refuse(found, 0, f"elements at {b'/'.join(self._path).decode()!r}", "check `records`")
                assert self._refused
                raise self._refused
            self._missed(found)
            self._looked = None
        return ()

    # ── one step at a time ───────────────────────────────────────────────────────────────────────────────────────

    def _run(self, slices: list[Slice]) -> None:
        try:
            while self._step(slices):
                pass
            if self._inside and len(self._held) - self._record > self._limit:
                raise too_large(self._base + self._record, self._limit)
        except DataError as refusal:
            self._refused, self._held, self._inside = refusal, bytearray(), 0
            return
        keep = self._record if self._inside else self._at
        del self._held[:keep]
        self._base, self._at, self._record = self._base + keep, self._at - keep, 0

    def _step(self, slices: list[Slice]) -> bool:
        """Look at one mark; False when more bytes are needed."""
        if self._until:
            return self._pass_over()
        return self._within(slices) if self._inside else self._around(slices)

    def _pass_over(self) -> bool:
        end = self._held.find(self._until, self._at)
        if end < 0:
            self._at = max(self._at, len(self._held) - len(self._until) + 1)
            return False
        self._at, self._until = end + len(self._until), b""
        return True

    def _within(self, slices: list[Slice]) -> bool:
        mark = self._marks.search(self._held, self._at)
        if mark is None:
            last = self._held.rfind(b"<", max(self._at, len(self._held) - self._longest))
            self._at = len(self._held) if last < 0 else last  # the next bytes may make a mark of it
            return False
        found = bytes(mark[0])
        if found in _ENDS:
            self._at, self._until = mark.end(), _ENDS[found]
            return True
        if found.startswith(b"</"):
            end = self._held.find(b">", mark.end())
            if end < 0:
                self._at = mark.start()
                return self._bounded(mark.start())
            self._inside, self._at = self._inside - 1, end + 1
        else:
            tag = TAG.match(self._held, mark.start())
            if tag is None and self._held.find(b"<", mark.end()) < 0:
                self._at = mark.start()
                return self._bounded(mark.start())
            self._at = tag.end() if tag else mark.end()
            self._inside += 0 if tag and tag[2].endswith(b"/") else 1
        if not self._inside:
            self._end_record(slices)
        return True

    def _around(self, slices: list[Slice]) -> bool:
        held = self._held
        if self._base == 0 and self._at == 0:
            if held.startswith(_BOM):
                self._at = len(_BOM)
            elif _BOM.startswith(held):
                return False
        start = held.find(b"<", self._at)
        end = len(held) if start < 0 else start
        if not self._stack and (text := held[self._at : end].lstrip()):
            self._refuse_text(bytes(text[:40]), self._base + end - len(text))
        self._at = end
        if start < 0:
            return False
        return self._markup(start, slices)

    def _markup(self, start: int, slices: list[Slice]) -> bool:
        held = self._held
        begin = bytes(held[start : start + 9])
        if begin.startswith((b"<?", b"<!")):
            return self._declare(start, begin)
        if begin.startswith(b"</"):
            closing = CLOSING.match(held, start)
            if closing is None:
                return self._incomplete(start, b">")
            self._close(closing[1], start)
            self._at = closing.end()
            return True
        tag = TAG.match(held, start)
        if tag is None:
            return self._incomplete(start, b"<")
        self._at = tag.end()
        self._open(tag, start, slices)
        return True

    def _declare(self, start: int, begin: bytes) -> bool:
        if begin.startswith(b"<?"):
            if not self._stack and b"<?xml".startswith(begin[:5]):
                if len(begin) < 6:
                    return False
                if begin[5:6].isspace():
                    return self._xml_declaration(start)
            self._at, self._until = start + 2, b"?>"
            return True
        for opening in (b"<!--", b"<![CDATA["):
            if begin.startswith(opening) and (self._stack or opening == b"<!--"):
                self._at, self._until = start + len(opening), _ENDS[opening]
                return True
            if begin != opening and opening.startswith(begin):
                return False
        if b"<!DOCTYPE".startswith(begin):
            if len(begin) < 9:
                return False
            raise no_doctype(f"byte {self._base + start}")
        raise self._malformed(start)

    def _xml_declaration(self, start: int) -> bool:
        end = self._held.find(b"?>", start)
        if end < 0:
            return self._bounded(start)
        declaration = bytes(self._held[start : end + 2])
        if len(declaration) > 200:
            raise self._malformed(start)
        if fault := encoding_fault(declaration):
            raise fault
        self._declaration, self._at, self._known = declaration, end + 2, None
        return True

    def _open(self, tag: re.Match[bytes], start: int, slices: list[Slice]) -> None:
        name, empty = bytes(tag[1]), tag[2].endswith(b"/")
        record = self._is_record(name)
        if self._looked is not None:
            self._looked = None if record else self._looked.at([opened for opened, _ in self._stack], name)
        if record:
            self._record, self._inside, self._marks = start, 0 if empty else 1, _marks(name)
            self._longest = len(name) + 10
            if empty:
                self._end_record(slices)
        elif not empty:
            self._stack.append((name, bytes(tag[0])))
            self._known = None
            if len(self._stack) > DEPTH:
                raise nested_too_deep(f"byte {self._base + start}")
            if sum(len(text) for _, text in self._stack) > _CONTEXT_BYTES:
                raise long_tag(f"byte {self._base + start}")

    def _is_record(self, name: bytes) -> bool:
        path = self._path
        if len(path) == 1:
            return path[0] in (b"*", local(name))
        if len(self._stack) != len(path) - 1:
            return False
        names = [local(opened) for opened, _ in self._stack] + [local(name)]
        return all(step in (b"*", found) for step, found in zip(path, names, strict=True))

    def _close(self, name: bytes, start: int) -> None:
        if not self._stack or self._stack[-1][0] != name:
            raise self._malformed(start)
        self._stack.pop()
        self._known = None

    def _end_record(self, slices: list[Slice]) -> None:
        data = bytes(self._held[self._record : self._at])
        start = self._base + self._record
        if len(data) > self._limit:
            raise too_large(start, self._limit)
        slices.append(Slice(start, start + len(data), data, "", self._context))

    @property
    def _context(self) -> bytes:
        if self._known is None:
            self._known = self._declaration + b"".join(text for _, text in self._stack)
        return self._known

    # ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _incomplete(self, start: int, next_mark: bytes) -> bool:
        """A tag that did not match: False when its end is still to come, else it is malformed."""
        if self._held.find(next_mark, start + 1) >= 0:
            raise self._malformed(start)
        self._at = start
        return self._bounded(start)

    def _bounded(self, start: int) -> bool:
        if len(self._held) - start > TAG_BYTES:
            raise long_tag(f"byte {self._base + start}")
        return False

    def _malformed(self, start: int) -> DataError:
        return DataError("markup that is not XML, or closes what is not open", where=f"byte {self._base + start}",
                         expected="well-formed XML, each element closed by its own name",
                         remedy="have the sender correct it", code="xml-syntax")  # fmt: skip

    def _refuse_text(self, text: bytes, position: int) -> None:
        if text.startswith((b"\xff", b"\xfe")):
            raise DataError(f"byte 0x{text[0]:02x}, as UTF-16 begins", where=f"byte {position}",
                            expected="UTF-8 for records", remedy="have the sender write UTF-8",
                            code="xml-encoding")  # fmt: skip
        raise DataError("text outside the root element", where=f"byte {position}", expected="XML",
                        remedy="check that the content is XML", code="xml-syntax")  # fmt: skip

    def _refuse(self, found: str, position: int, expected: str, remedy: str = "have it sent again") -> None:
        self._refused = DataError(found, where=f"byte {position}", expected=expected, remedy=remedy,
                                  code="xml-syntax")  # fmt: skip


def split_context(context: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The XML declaration of a context, and the (name, start tag) of each element around its records."""
    declaration, _, tags = context.rpartition(b"?>") if context.startswith(b"<?xml") else (b"", b"", context)
    return declaration + b"?>" * bool(declaration), [(bytes(tag[1]), bytes(tag[0])) for tag in TAG.finditer(tags)]


def _marks(name: bytes) -> re.Pattern[bytes]:
    """What matters within a record that began with ``name``: its own tags, and what may hold text looking like them."""
    return re.compile(rb"<!--|<!\[CDATA\[|<\?|</?%b(?=[\s/>])" % re.escape(name))
