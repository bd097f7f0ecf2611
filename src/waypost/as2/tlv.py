"""BER and DER (X.690) read from content of any size: elements by where they begin and end, never their insides.

Damage is a ``ValueError``. Depth, numbers and sizes are bounded, so that hostile input costs little time and memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from waypost.core.content import Content

SEQUENCE, SET, OCTETS, CONSTRUCTED_OCTETS = 0x30, 0x31, 0x04, 0x24
_DEPTH = 32
_WINDOW = 64 << 10
_ENDS_KNOWN = 1000
_FREE_ELEMENTS, _MEAN_BYTES = 10_000, 64
"""So many elements in a row may be of any size; beyond, they must be of some bytes on average."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element: where its header begins, its value, and the next element. ``indefinite`` ends by two zero bytes,
    which are not of the value."""

    tag: int
    at: int
    start: int
    end: int
    following: int
    indefinite: bool

    @property
    def constructed(self) -> bool:
        return bool(self.tag & 0x20)


class Reader:
    """Reads elements of one content, through a window of it."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self._window, self._base = b"", 0
        self._ends: dict[int, int] = {}

    def element(self, at: int, end: int, depth: int = 0) -> Element:
        """The element that begins at ``at``, of which the end is looked for where it does not say it."""
        tag, start, length = self._header(at)
        if length is None:
            if not tag & 0x20 or depth >= _DEPTH:
                raise ValueError("elements without a length are nested too deep, or are not constructed")
            if at not in self._ends:
                stop = self._end_of_indefinite(start, end, depth + 1)
                if len(self._ends) >= _ENDS_KNOWN:
                    return Element(tag, at, start, stop, stop + 2, True)
                self._ends[at] = stop
            return Element(tag, at, start, self._ends[at], self._ends[at] + 2, True)
        if start + length > end:
            raise ValueError("an element is longer than what holds it")
        return Element(tag, at, start, start + length, start + length, False)

    def children(self, parent: Element, most: int) -> list[Element]:
        """The elements inside one, at most ``most`` of them."""
        found: list[Element] = []
        at = parent.start
        while at < parent.end:
            if len(found) == most:
                raise ValueError(f"more than {most} elements")
            found.append(self.element(at, parent.end))
            at = found[-1].following
        return found

    def raw(self, element: Element) -> bytes:
        """An element with its header."""
        return self.content.read(element.at, element.following - element.at)

    def octet_pieces(self, element: Element) -> Iterator[tuple[int, int]]:
        """Where the bytes of an octet string are, whose pieces may be octet strings themselves."""
        if not element.constructed:
            yield element.start, element.end
            return
        open_, at, count, size = [element], element.start, 0, 0
        while at < element.end or len(open_) > 1:
            inner = open_[-1]
            if at >= inner.end and not inner.indefinite:
                if at > inner.end:
                    raise ValueError("a piece of the content is longer than what holds it")
                open_.pop()
                continue
            tag, start, length = self._header(at)
            end = start + (length or 0)
            if tag == 0 and length == 0 and inner.indefinite and len(open_) > 1:
                open_.pop()
            elif end > element.end:
                raise ValueError("a piece of the content is longer than what holds it")
            elif tag == CONSTRUCTED_OCTETS and len(open_) < _DEPTH:
                open_.append(Element(tag, at, start, end, end, length is None))
                end = start
            elif tag == OCTETS and length is not None:
                yield start, end
                count, size = count + 1, size + length
                _not_too_small(count, size)
            else:
                raise ValueError("a piece of the content is no octet string")
            at = end

    def _end_of_indefinite(self, at: int, end: int, depth: int) -> int:
        """Where the two zero bytes are that end an element whose value begins at ``at``."""
        begun, count = at, 0
        while at + 2 <= end:
            tag, _, length = self._header(at)
            if tag == 0 and length == 0:
                return at
            at = self.element(at, end, depth).following
            count += 1
            _not_too_small(count, at - begun)
        raise ValueError("an element without a length does not end")

    def _header(self, at: int) -> tuple[int, int, int | None]:
        """The tag, where the value begins, and its length; None where the end must be looked for."""
        offset = at - self._base
        if offset < 0 or offset + 12 > len(self._window):
            self._window, self._base, offset = self.content.read(at, _WINDOW), at, 0
        head = self._window[offset : offset + 12]
        if len(head) < 2 or head[0] & 0x1F == 0x1F:
            raise ValueError("an element breaks off, or has a tag that CMS does not know")
        first = head[1]
        if first < 0x80:
            return head[0], at + 2, first
        count = first & 0x7F
        if count == 0:
            return head[0], at + 2, None
        if count > 8 or len(head) < 2 + count:
            raise ValueError("a length of more than eight bytes, or one that breaks off")
        return head[0], at + 2 + count, int.from_bytes(head[2 : 2 + count], "big")


def _not_too_small(count: int, size: int) -> None:
    if count > _FREE_ELEMENTS and size < count * _MEAN_BYTES:
        raise ValueError("it is cut into very many small elements")


def header(tag: int, length: int) -> bytes:
    """The DER header of an element."""
    if length < 0x80:
        return bytes((tag, length))
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size
