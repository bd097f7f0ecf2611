"""MIME entities as bytes: headers, parts and transfer encodings, read within limits and never rewritten.

The exact bytes matter, because signatures and message integrity checks are made over them; so a part is a slice of
what came in. Lines may end in CR LF or LF; what is written ends in CR LF.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from waypost.as2.failure import As2Error, Disposition
from waypost.as2.limits import Limits

_BROKEN = Disposition.UNEXPECTED_PROCESSING_ERROR
_HEADERS_END = re.compile(rb"\r?\n\r?\n|\A\r?\n")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_FIELD = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*:[ \t]*(.*)", re.DOTALL)
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))')
_BARE_LF = re.compile(rb"(?<!\r)\n")


@dataclass(frozen=True, slots=True)
class Structured:
    """A header such as ``multipart/signed; micalg=sha-256``: value in lower case, parameters by lower-case name."""

    value: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def structured(text: str) -> Structured:
    """Read one structured header. Comments are not understood; RFC 2231 continuations are not joined."""
    value = text.partition(";")[0].strip().lower()
    found: dict[str, str] = {}
    for name, quoted, token in _PARAMETER.findall(text):
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted else token.strip())
    return Structured(value, found)


@dataclass(frozen=True, slots=True)
class Entity:
    """One MIME entity. ``raw`` is all of it, ``body`` what follows the blank line, still in its transfer encoding."""

    headers: tuple[tuple[str, str], ...]
    raw: bytes
    body: bytes

    def get(self, name: str) -> str:
        """The first header of that name; empty if there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def content_type(self) -> Structured:
        return structured(self.get("content-type") or "text/plain")

    @property
    def transfer_encoding(self) -> str:
        return self.get("content-transfer-encoding").strip().lower()

    @property
    def filename(self) -> str:
        """The last component of the file name the sender gave, without control characters; may be empty."""
        disposition = structured(self.get("content-disposition")).parameters
        name = disposition.get("filename") or self.content_type.parameters.get("name", "")
        if not name and "'" in disposition.get("filename*", ""):
            name = unquote(disposition["filename*"].rpartition("'")[2], errors="replace")
        name = re.split(r"[/\\]", name)[-1]
        return "".join(c for c in name if c.isprintable()).strip(". ")[:255]


def entity_of(headers: Iterable[tuple[str, str]], body: bytes, limits: Limits) -> Entity:
    """The entity an HTTP request is: its headers apart from its body. ``raw`` is the body alone."""
    kept = tuple(headers)
    check_headers(kept, limits)
    return Entity(kept, body, body)


def check_headers(headers: tuple[tuple[str, str], ...], limits: Limits) -> None:
    """Refuse more headers than the limits allow."""
    if len(headers) > limits.fields or sum(len(n) + len(v) for n, v in headers) > limits.headers:
        raise As2Error(
            _BROKEN, "there are too many headers", expected=f"at most {limits.fields} in {limits.headers} bytes"
        )


def parse_entity(data: bytes, limits: Limits) -> Entity:
    """Read an entity: headers to the first blank line, then the body."""
    end = _HEADERS_END.search(data, 0, limits.headers)
    if end is None:
        if len(data) > limits.headers:
            raise As2Error(_BROKEN, f"no blank line in the first {limits.headers} bytes", expected="MIME headers")
        head, body = data, b""
    else:
        head, body = data[: end.start()], data[end.end() :]
    headers = tuple(_fields(head.decode("latin-1")))
    check_headers(headers, limits)
    return Entity(headers, data, body)


def _fields(head: str) -> Iterator[tuple[str, str]]:
    for line in re.split(r"\r?\n", _FOLD.sub("", head)):
        if not line:
            continue
        match = _FIELD.fullmatch(line)
        if match is None:
            raise As2Error(_BROKEN, f"found {line[:40]!r} among the headers", expected="'Name: value'")
        yield match[1], match[2].strip()


def split_parts(entity: Entity, limits: Limits) -> list[bytes]:
    """The parts of a multipart, as exact slices: the line end before a delimiter belongs to the delimiter."""
    boundary = entity.content_type.parameters.get("boundary", "")
    if not boundary or len(boundary) > 200:  # RFC 2046 allows 70; partners have been seen with more
        raise As2Error(_BROKEN, f"found boundary {boundary[:40]!r}", expected="a boundary of 1 to 200 characters")
    parts, start = [], -1
    for before, after, last in _delimiters(entity.body, b"--" + boundary.encode("latin-1", "replace")):
        if start >= 0:
            parts.append(entity.body[start : max(start, before)])
        if last:
            return parts
        if len(parts) >= limits.parts:
            raise As2Error(_BROKEN, f"found more than {limits.parts} parts", expected="fewer parts in a multipart")
        start = after
    raise As2Error(_BROKEN, "the multipart does not end", expected=f"a last line --{boundary}--")


def _delimiters(body: bytes, mark: bytes) -> Iterator[tuple[int, int, bool]]:
    """Where the line before each delimiter ends, where the next line begins, and whether it closes the multipart."""
    rest_of_line = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")
    at = body.find(mark)
    while at >= 0:
        rest = rest_of_line.match(body, at + len(mark))
        if rest and (at == 0 or body[at - 1 : at] == b"\n"):
            before = at - 2 if body[at - 2 : at] == b"\r\n" else at - 1
            yield before, rest.end(), bool(rest[1])
        at = body.find(mark, at + len(mark))


def decoded(entity: Entity) -> bytes:
    """The body without its transfer encoding."""
    match entity.transfer_encoding:
        case "base64":
            return from_base64(entity.body)
        case "quoted-printable":
            return quopri.decodestring(entity.body)
        case "" | "7bit" | "8bit" | "binary":
            return entity.body
    raise As2Error(_BROKEN, f"found transfer encoding {entity.transfer_encoding[:40]!r}", expected="base64 or binary")


def from_base64(text: bytes) -> bytes:
    """Decode; line ends and missing padding are let pass, anything else is refused."""
    plain = b"".join(text.split()).rstrip(b"=")
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        raise As2Error(_BROKEN, f"the content is not base64 ({error})") from error


def cms_bytes(entity: Entity) -> bytes:
    """The CMS structure in a body. HTTP has no transfer encoding, so partners say base64 and send binary, and the
    other way round: DER begins with a SEQUENCE (0x30) and a length that is no base64 character."""
    if entity.body[:1] == b"\x30" and entity.body[1:2] >= b"\x80":
        return entity.body
    if entity.transfer_encoding == "base64" or entity.body[:2] in (b"MI", b"MD"):
        return from_base64(entity.body)
    return entity.body


def canonical(data: bytes) -> bytes:
    """``data`` with every line ended by CR LF."""
    return _BARE_LF.sub(b"\r\n", data)


def signed_forms(part: bytes) -> Iterator[bytes]:
    """What may have been signed, the likeliest first: the part as it came, in canonical form, and either without its
    last line end, which libas2 and others leave out where the part is a multipart itself."""
    yield part
    ended = canonical(part)
    if ended != part:
        yield ended
    if ended.endswith(b"\r\n"):
        yield ended[:-2]


def encoded(headers: Mapping[str, str], content: bytes) -> bytes:
    """``content`` in the transfer encoding the headers name."""
    if headers.get("Content-Transfer-Encoding") == "base64":
        return base64.encodebytes(content).replace(b"\n", b"\r\n")
    return content


def write_multipart(parts: Iterable[bytes]) -> tuple[str, bytes]:
    """A boundary no part holds, and the multipart made with it."""
    kept = list(parts)
    boundary = f"=_{secrets.token_hex(16)}"
    while any(boundary.encode() in part for part in kept):
        boundary = f"=_{secrets.token_hex(16)}"
    mark = b"--" + boundary.encode()
    return boundary, b"".join(mark + b"\r\n" + part + b"\r\n" for part in kept) + mark + b"--\r\n"
