"""Open an AS2 message: decrypt, decompress and verify in whatever order the sender wrapped it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from waypost.as2.algorithm import Cipher, Digest, preferred_digest
from waypost.as2.certificate import Credential
from waypost.as2.compression import decompress
from waypost.as2.envelope import Opener, decrypt
from waypost.as2.failure import As2Error, Disposition, reading
from waypost.as2.hollow import kind_of
from waypost.as2.limits import LIMITS, Limits
from waypost.as2.mic import Mic, mic_of
from waypost.as2.mime import Entity, canonical, entity_of, parse_entity, signed_forms, split_parts
from waypost.as2.outgoing import Document, Payload
from waypost.as2.signature import Verified, Verifier, verify
from waypost.as2.transfer import cms_bytes, decoded
from waypost.core.content import Content, Spool

_BROKEN = Disposition.UNEXPECTED_PROCESSING_ERROR
_CMS_TYPES = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_Kind = TypeVar("_Kind", bound="OpenedContent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an agreement asks of messages that come in, and what they are opened with, at one moment."""

    ours: Sequence[Credential]
    partner: Sequence[Credential]
    now: datetime
    require_signed: bool = True
    require_encrypted: bool = True
    legacy: bool = False
    mic_as_received: bool = False
    """Never bring line ends into canonical form before the check; some partners do not."""
    limits: Limits = LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedContent:
    """A message that was opened. ``documents`` are one unless the sender attached more."""

    documents: tuple[Document, ...]
    verified: Verified | None = None
    cipher: Cipher | None = None
    compressed: bool = False
    covered: Content = field(repr=False, default_factory=Content)
    """The bytes the message integrity check covers."""

    def mic(self, wanted: Sequence[str] = (), *, legacy: bool = False) -> Mic | None:
        """The check, by the first digest the sender asks for that we can do, else by the one it signed with; None
        where it insists on digests of which we can do none."""
        chosen = preferred_digest(wanted, legacy=legacy)
        if chosen is None and wanted:
            return None
        name, digest = chosen or ("", self.verified.digest if self.verified else Digest.SHA256)
        return mic_of(self.covered, digest, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(OpenedContent):
    """A message that was opened in memory."""

    @property
    def parts(self) -> tuple[Payload, ...]:
        """Its documents."""
        return tuple(
            Payload(content=d.content.whole(), content_type=d.content_type, filename=d.filename) for d in self.documents
        )

    @property
    def checked(self) -> bytes:
        """What the check covers."""
        return self.covered.whole()


@dataclass(slots=True)
class _Opening:
    """What was found while the layers came off."""

    terms: Terms
    spool: Spool
    verified: Verified | None = None
    cipher: Cipher | None = None
    compressed: bool = False

    def off(self, entity: Entity) -> Entity | None:
        """What is inside the outermost layer; None if this is the payload."""
        kind = entity.content_type
        if kind.value == "multipart/signed":
            return self._signed(entity)
        if kind.value in _CMS_TYPES:
            structure = cms_bytes(entity, self.spool)
            with reading(_BROKEN, "the CMS content"):
                content_type = kind_of(structure)
            return self._cms(content_type, structure)
        return None

    def _signed(self, entity: Entity) -> Entity:
        parts = split_parts(entity, self.terms.limits)
        if len(parts) != 2:
            raise As2Error(_BROKEN, f"found {len(parts)} parts in multipart/signed", expected="content and signature")
        signature = cms_bytes(parse_entity(parts[1], self.terms.limits), self.spool)
        return self._verify(signature, signed_forms(parts[0], self.spool))

    def _verify(self, signature: Content, forms: Iterable[Content] | None) -> Entity:
        self._once(self.verified is not None, "signed")
        terms = self.terms
        verifier = Verifier(credentials=terms.partner, now=terms.now, limits=terms.limits, legacy=terms.legacy)
        self.verified = verify(signature, forms, verifier, self.spool)
        return parse_entity(self.verified.content, terms.limits)

    def _cms(self, content_type: str, structure: Content) -> Entity:
        terms = self.terms
        if content_type == "signed_data":
            return self._verify(structure, None)
        if content_type == "compressed_data":
            self._once(self.compressed, "compressed")
            self.compressed = True
            return parse_entity(decompress(structure, terms.limits, self.spool), terms.limits)
        if content_type in ("enveloped_data", "authenticated_enveloped_data"):
            self._once(self.cipher is not None, "encrypted")
            opener = Opener(credentials=terms.ours, now=terms.now, limits=terms.limits, legacy=terms.legacy)
            content, self.cipher = decrypt(structure, opener, self.spool)
            return parse_entity(content, terms.limits)
        raise As2Error(_BROKEN, f"found CMS content {content_type!r}", expected="signed, encrypted or compressed data")

    def _once(self, again: bool, what: str) -> None:
        if again:
            raise As2Error(_BROKEN, f"the message is {what} twice", expected="each layer once")


def open_content(headers: Iterable[tuple[str, str]], body: Content, terms: Terms, spool: Spool) -> OpenedContent:
    """Open a message of any size and hold it to the terms; what comes out of it is in the spool. Every fault of its
    bytes is an ``As2Error``; ``EndpointUnavailable`` when the spool has no room."""
    return _opened(headers, body, terms, spool, OpenedContent)


def open_message(headers: Iterable[tuple[str, str]], body: bytes, terms: Terms) -> Opened:
    """Open a message that is in memory."""
    return _opened(headers, Content.of(body), terms, Spool(), Opened)


def _opened(headers: Iterable[tuple[str, str]], body: Content, terms: Terms, spool: Spool, kind: type[_Kind]) -> _Kind:
    limits = terms.limits
    if body.size > limits.content:
        raise As2Error(_BROKEN, f"the body takes {body.size} bytes", expected=f"at most {limits.content}")
    entity, opening = entity_of(headers, body, limits), _Opening(terms, spool)
    while (inside := opening.off(entity)) is not None:  # ends, since each layer is taken off once
        entity = inside
    _hold_to(terms, opening)
    return kind(
        documents=tuple(_documents(entity, limits, spool)),
        verified=opening.verified,
        cipher=opening.cipher,
        compressed=opening.compressed,
        covered=_covered(entity, opening),
    )


def _hold_to(terms: Terms, opening: _Opening) -> None:
    missing = [
        what
        for what, required, there in (
            ("signed", terms.require_signed, opening.verified),
            ("encrypted", terms.require_encrypted, opening.cipher),
        )
        if required and there is None
    ]
    if missing:
        raise As2Error(
            Disposition.INSUFFICIENT_MESSAGE_SECURITY, f"the message is not {' and not '.join(missing)}",
            expected="what the agreement asks for",
        )  # fmt: skip


def _covered(entity: Entity, opening: _Opening) -> Content:
    """What the integrity check covers: RFC 4130 section 7.3.1, RFC 5402 section 4."""
    if opening.verified is not None:
        return opening.verified.content
    if opening.cipher is None and not opening.compressed:
        return entity.body
    if opening.terms.mic_as_received or entity.transfer_encoding == "binary":
        return entity.raw
    return canonical(entity.raw, opening.spool)


def _documents(entity: Entity, limits: Limits, spool: Spool) -> Iterable[Document]:
    if entity.content_type.value in ("multipart/related", "multipart/mixed"):
        for part in split_parts(entity, limits):
            yield _document(parse_entity(part, limits), spool)
    else:
        yield _document(entity, spool)


def _document(entity: Entity, spool: Spool) -> Document:
    return Document(
        content=decoded(entity, spool),
        content_type=entity.get("content-type") or "application/octet-stream",
        filename=entity.filename,
    )
