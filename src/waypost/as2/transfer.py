"""Transfer encodings of MIME, undone and put on piece by piece."""

from __future__ import annotations

import base64
import binascii
import quopri
from collections.abc import Iterable, Iterator, Mapping

from waypost.as2.failure import As2Error, Disposition
from waypost.as2.mime import Entity
from waypost.core.content import Content, Spool

_BROKEN = Disposition.UNEXPECTED_PROCESSING_ERROR
_SPACE = b" \t\r\n\v\f"
_LINE, _LINES = 57, 4096
"""Bytes on a line of base 64, and lines encoded at once."""
_LONGEST = 1 << 20
"""A line of quoted-printable; the standard allows 76 characters."""


def decoded(entity: Entity, spool: Spool) -> Content:
    """The body without its transfer encoding."""
    match entity.transfer_encoding:
        case "base64":
            return spool.keep(_from_base64(entity.body.pieces()))
        case "quoted-printable":
            return spool.keep(_from_quoted_printable(entity.body.pieces()))
        case "" | "7bit" | "8bit" | "binary":
            return entity.body
    raise As2Error(_BROKEN, f"found transfer encoding {entity.transfer_encoding[:40]!r}", expected="base64 or binary")


def cms_bytes(entity: Entity, spool: Spool) -> Content:
    """The CMS structure in a body. HTTP has no transfer encoding, so partners say base64 and send binary, and the
    other way round: DER begins with a SEQUENCE (0x30) and a length that is no base64 character."""
    start = entity.body.read(0, 2)
    if start[:1] == b"\x30" and start[1:2] >= b"\x80":
        return entity.body
    if entity.transfer_encoding == "base64" or start in (b"MI", b"MD"):
        return spool.keep(_from_base64(entity.body.pieces()))
    return entity.body


def from_base64(text: bytes) -> bytes:
    """Decode; line ends and missing padding are let pass, anything else is refused."""
    return b"".join(_from_base64([text]))


def _from_base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    kept, padding = b"", b""
    for piece in pieces:
        text = kept + padding + piece.translate(None, _SPACE)
        kept = text.rstrip(b"=")
        padding = text[len(kept) :][:1]
        if b"=" in kept:
            raise As2Error(_BROKEN, "the content is not base64 (there is more after its end)")
        whole = len(kept) // 4 * 4
        yield _four_by_four(kept[:whole])
        kept = kept[whole:]
    yield _four_by_four(kept + b"=" * (-len(kept) % 4))


def _four_by_four(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise As2Error(_BROKEN, f"the content is not base64 ({error})") from error


def _from_quoted_printable(pieces: Iterable[bytes]) -> Iterator[bytes]:
    kept = b""
    for piece in pieces:
        lines, end, kept = (kept + piece).rpartition(b"\n")
        if len(kept) > _LONGEST:
            raise As2Error(_BROKEN, f"a line of quoted-printable takes more than {_LONGEST} bytes", expected="76")
        yield quopri.decodestring(lines + end)
    yield quopri.decodestring(kept)


def encoded(headers: Mapping[str, str], content: Content, spool: Spool) -> Content:
    """``content`` in the transfer encoding the headers name."""
    if headers.get("Content-Transfer-Encoding") != "base64":
        return content
    at_once = _LINE * _LINES
    pieces = (content.read(at, at_once) for at in range(0, content.size, at_once))
    return spool.keep(base64.encodebytes(piece).replace(b"\n", b"\r\n") for piece in pieces)
