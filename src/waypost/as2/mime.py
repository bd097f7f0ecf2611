"""MIME entities: headers and parts, read within limits and never rewritten, however large.

The exact bytes matter, because signatures and message integrity checks are made over them; so a part is a slice of
what came in. Lines may end in CR LF or LF; what is written ends in CR LF.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from waypost.as2.failure import As2Error, Disposition
from waypost.as2.limits import Limits
from waypost.core.content import Content, Spool

_BROKEN = Disposition.UNEXPECTED_PROCESSING_ERROR
_HEADERS_END = re.compile(rb"\r?\n\r?\n|\A\r?\n")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_FIELD = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*:[ \t]*(.*)", re.DOTALL)
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))')
_BARE_LF = re.compile(rb"(?<!\r)\n")
_REST_OF_LINE = re.compile(rb"(--)?[ \t]*(\r?\n|\Z)")
_REST_BYTES, _FALSE_DELIMITERS = 200, 10_000


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
    raw: Content
    body: Content

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


def entity_of(headers: Iterable[tuple[str, str]], body: Content, limits: Limits) -> Entity:
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


def parse_entity(data: Content, limits: Limits) -> Entity:
    """Read an entity: headers to the first blank line, then the body."""
    start = data.read(0, limits.headers)
    end = _HEADERS_END.search(start)
    if end is None:
        if data.size > limits.headers:
            raise As2Error(_BROKEN, f"no blank line in the first {limits.headers} bytes", expected="MIME headers")
        head, body = start, Content()
    else:
        head, body = start[: end.start()], data.part(end.end())
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


def split_parts(entity: Entity, limits: Limits) -> list[Content]:
    """The parts of a multipart, as exact slices: the line end before a delimiter belongs to the delimiter."""
    boundary = entity.content_type.parameters.get("boundary", "")
    if not boundary or len(boundary) > 200:  # RFC 2046 allows 70; partners have been seen with more
        raise As2Error(_BROKEN, f"found boundary {boundary[:40]!r}", expected="a boundary of 1 to 200 characters")
    parts, start = [], -1
    for before, after, last in _delimiters(entity.body, b"--" + boundary.encode("latin-1", "replace")):
        if start >= 0:
            parts.append(entity.body.part(start, max(start, before)))
        if last:
            return parts
        if len(parts) >= limits.parts:
            raise As2Error(_BROKEN, f"found more than {limits.parts} parts", expected="fewer parts in a multipart")
        start = after
    raise As2Error(_BROKEN, "the multipart does not end", expected=f"a last line --{boundary}--")


def _delimiters(body: Content, mark: bytes) -> Iterator[tuple[int, int, bool]]:
    """Where the line before each delimiter ends, where the next line begins, and whether it closes the multipart."""
    false = 0
    for at in body.find(mark):
        before = body.read(max(0, at - 2), min(at, 2))
        rest = _rest_of_line(body, at + len(mark))
        if rest is not None and (at == 0 or before.endswith(b"\n")):
            yield at - (2 if before == b"\r\n" else 1), at + len(mark) + rest.end(), bool(rest[1])
            continue
        false += 1
        if false > _FALSE_DELIMITERS:
            raise As2Error(_BROKEN, "the boundary is all over the content", expected="a boundary no part holds")


def _rest_of_line(body: Content, at: int) -> re.Match[bytes] | None:
    """What ends the line of a delimiter; the end of what was read is not taken for the end of the body."""
    found = _REST_OF_LINE.match(body.read(at, _REST_BYTES))
    return found if found is not None and (found[2] or at + found.end() == body.size) else None


def canonical(content: Content, spool: Spool) -> Content:
    """``content`` with every line ended by CR LF; itself where all are."""
    ended = spool.keep(canonical_pieces(content.pieces()))
    return content if ended.size == content.size else ended


def canonical_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of a content with every line ended by CR LF."""
    last = b"\n"
    for piece in pieces:
        yield _BARE_LF.sub(b"\r\n", last + piece)[len(_BARE_LF.sub(b"\r\n", last)) :]
        last = piece[-1:] or last


def signed_forms(part: Content, spool: Spool) -> Iterator[Content]:
    """What may have been signed, the likeliest first: the part as it came, in canonical form, and either without its
    last line end, which libas2 and others leave out where the part is a multipart itself."""
    yield part
    ended = canonical(part, spool)
    if ended is not part:
        yield ended
    if ended.read(max(0, ended.size - 2), 2) == b"\r\n":
        yield ended.part(0, ended.size - 2)


def write_multipart(parts: Iterable[Content]) -> tuple[str, Content]:
    """A boundary no part holds, and the multipart made with it."""
    kept = list(parts)
    boundary = f"=_{secrets.token_hex(16)}"
    while any(next(part.find(boundary.encode()), None) is not None for part in kept):
        boundary = f"=_{secrets.token_hex(16)}"
    mark = b"--" + boundary.encode()
    pieces = [piece for part in kept for piece in (Content.of(mark + b"\r\n"), part, Content.of(b"\r\n"))]
    return boundary, Content.joined([*pieces, Content.of(mark + b"--\r\n")])
