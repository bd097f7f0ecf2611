"""CMS structures whose content stays where it is: the ASN.1 library sees them with an empty content.

The content of an envelope, a signature or a compression may be larger than the memory. What is around it is small, and
is all the library needs. So a structure is read *hollow*, its content apart, in whatever pieces it was cut (BER); and
it is written hollow, with lengths that hold for a content of a known size (DER), which goes between head and tail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from waypost.as2 import cms
from waypost.as2.failure import As2Error, Disposition
from waypost.as2.tlv import CONSTRUCTED_OCTETS, OCTETS, SEQUENCE, SET, Element, Reader, header
from waypost.core.content import Content, Spool

_EXPLICIT = 0xA0
_IMPLICIT_OCTETS = 0x80
_CHILDREN = 16
_MEMBERS = 1000
_FEW = 64
"""Pieces of a content that may be spans of a rope; more are copied together."""


@dataclass(frozen=True, slots=True)
class Octets:
    """An octet string inside a larger content, in pieces."""

    reader: Reader
    element: Element

    def pieces(self) -> Iterator[bytes]:
        """Its bytes."""
        for start, end in self.reader.octet_pieces(self.element):
            yield from self.reader.content.part(start, end).pieces()

    def content(self, spool: Spool) -> Content:
        """Its bytes as content of its own."""
        found: list[Content] = []
        for start, end in self.reader.octet_pieces(self.element):
            if len(found) == _FEW:
                return spool.keep(self.pieces())
            found.append(self.reader.content.part(start, end))
        return Content.joined(found)


@dataclass(frozen=True, slots=True)
class Hollow:
    """A ContentInfo without the content in its heart. ``levels`` are the elements around it, the innermost first: tag,
    what stands before it there, what after."""

    kind: str
    levels: tuple[tuple[int, bytes, bytes], ...]
    octets: Octets | None

    def around(self, size: int) -> tuple[bytes, bytes]:
        """What comes before and after a content of that size, in DER."""
        head, tail = b"", b""
        for tag, before, after in self.levels:
            inside = len(before) + len(head) + size + len(tail) + len(after)
            head, tail = header(tag, inside) + before + head, tail + after
        return head, tail

    @property
    def structure(self) -> cms.Asn1:
        """The structure with an empty content. Damage shows where a field is read."""
        return cms.load(b"".join(self.around(0)))[1]


def kind_of(content: Content) -> str:
    """What a ContentInfo holds: ``signed_data``, ``enveloped_data``, …"""
    reader = Reader(content)
    return _kind(reader, _outer(reader)[0])


def wrapped(kind: str, structure: cms.Asn1, content: Content) -> Content:
    """A ContentInfo in DER: ``structure``, made with an empty content, around this one."""
    hollow = hollow_of(kind, structure)
    head, tail = hollow.around(content.size)
    return Content.joined([Content.of(head), content, Content.of(tail)])


def hollow_of(kind: str, structure: cms.Asn1) -> Hollow:
    """A structure made with an empty content."""
    der = Content.of(cms.content_info(kind, structure))
    return read_hollow(der, (kind,), der.size, Disposition.UNEXPECTED_PROCESSING_ERROR)


def read_hollow(content: Content, kinds: tuple[str, ...], most_bytes: int, disposition: Disposition) -> Hollow:
    """Read one of ``kinds``. An ``As2Error`` for another, and where all but the content takes more than
    ``most_bytes``; a ``ValueError`` for damage."""
    reader = Reader(content)
    named, wrapped = _outer(reader)
    kind = _kind(reader, named)
    if kind not in kinds:
        raise As2Error(disposition, f"found CMS content {kind!r}", expected=kinds[0])
    (body,) = reader.children(wrapped, 1)
    room = _Room(reader, most_bytes, disposition)
    before, after, heart, skip = b"", b"", None, 1 if kind == "compressed_data" else 0
    for child in reader.children(body, _CHILDREN):
        if child.tag == SEQUENCE and heart is None and skip == 0:
            heart = child
            continue
        skip -= child.tag == SEQUENCE and heart is None
        room.check_members(child)
        before, after = (before + room.raw(child), after) if heart is None else (before, after + room.raw(child))
    if heart is None:
        raise ValueError("there is no content")
    levels, octets = _heart(reader, room, heart, explicit=kind in ("signed_data", "compressed_data"))
    outer = ((SEQUENCE, before, after), (_EXPLICIT, b"", b""), (SEQUENCE, reader.raw(named), b""))
    return Hollow(kind, (*levels, *outer), octets)


def _heart(
    reader: Reader, room: _Room, heart: Element, *, explicit: bool
) -> tuple[tuple[tuple[int, bytes, bytes], ...], Octets | None]:
    """The innermost levels, down to the octet string, if there is one."""
    parts = reader.children(heart, 3)
    if len(parts) > 1 and parts[-1].tag & 0xDF == _IMPLICIT_OCTETS:
        before = b"".join(room.raw(part) for part in parts[:-1])
        if not explicit:
            return ((_IMPLICIT_OCTETS, b"", b""), (SEQUENCE, before, b"")), Octets(reader, parts[-1])
        (inner,) = reader.children(parts[-1], 1)
        if inner.tag not in (OCTETS, CONSTRUCTED_OCTETS):
            raise ValueError("the content is no octet string")
        levels = ((OCTETS, b"", b""), (_EXPLICIT, b"", b""), (SEQUENCE, before, b""))
        return levels, Octets(reader, inner)
    return ((SEQUENCE, b"".join(room.raw(part) for part in parts), b""),), None


def _outer(reader: Reader) -> tuple[Element, Element]:
    info = reader.element(0, reader.content.size)
    named, wrapped = reader.children(info, 2)
    if info.tag != SEQUENCE or wrapped.tag != _EXPLICIT:
        raise ValueError("it is no ContentInfo")
    return named, wrapped


def _kind(reader: Reader, named: Element) -> str:
    if named.following - named.at > _FEW:
        raise ValueError("the type of the content is too long")
    return str(cms.Cms.ContentType.load(reader.raw(named)).native)


class _Room:
    """What may still be read of a structure."""

    def __init__(self, reader: Reader, most_bytes: int, disposition: Disposition) -> None:
        self._reader, self._left, self._most, self._disposition = reader, most_bytes, most_bytes, disposition

    def raw(self, element: Element) -> bytes:
        self._left -= element.following - element.at
        if self._left < 0:
            raise As2Error(
                self._disposition, f"certificates, recipients and signers take more than {self._most} bytes",
                expected="a few",
            )  # fmt: skip
        return self._reader.raw(element)

    def check_members(self, element: Element) -> None:
        """Refuse a set of very many before the library makes objects of them."""
        if element.tag == SET and element.following - element.at <= self._left:
            try:
                self._reader.children(element, _MEMBERS)
            except ValueError as error:
                raise As2Error(
                    self._disposition, f"the recipients or signers cannot be read ({error})", expected="a few"
                ) from error
