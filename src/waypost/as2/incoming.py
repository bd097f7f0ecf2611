"""Open an AS2 message: decrypt, decompress and verify in whatever order the sender wrapped it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from waypost.as2 import cms
from waypost.as2.algorithm import Cipher, Digest, preferred_digest
from waypost.as2.certificate import Credential
from waypost.as2.compression import decompress
from waypost.as2.envelope import Opener, decrypt
from waypost.as2.failure import As2Error, Disposition, reading
from waypost.as2.limits import LIMITS, Limits
from waypost.as2.mic import Mic, mic_of
from waypost.as2.mime import (
    Entity,
    canonical,
    cms_bytes,
    decoded,
    entity_of,
    parse_entity,
    signed_forms,
    split_parts,
)
from waypost.as2.outgoing import Payload
from waypost.as2.signature import Verified, Verifier, verify

_BROKEN = Disposition.UNEXPECTED_PROCESSING_ERROR
_CMS_TYPES = ("application/pkcs7-mime", "application/x-pkcs7-mime")


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
class Opened:
    """A message that was opened. ``parts`` are its documents, one unless the sender attached more."""

    parts: tuple[Payload, ...]
    verified: Verified | None = None
    cipher: Cipher | None = None
    compressed: bool = False
    checked: bytes = field(repr=False, default=b"")
    """The bytes the message integrity check covers."""

    def mic(self, wanted: Sequence[str] = (), *, legacy: bool = False) -> Mic | None:
        """The check, by the first digest the sender asks for that we can do, else by the one it signed with; None
        where it insists on digests of which we can do none."""
        chosen = preferred_digest(wanted, legacy=legacy)
        if chosen is None and wanted:
            return None
        name, digest = chosen or ("", self.verified.digest if self.verified else Digest.SHA256)
        return mic_of(self.checked, digest, name)


@dataclass(slots=True)
class _Opening:
    """What was found while the layers came off."""

    terms: Terms
    verified: Verified | None = None
    cipher: Cipher | None = None
    compressed: bool = False

    def off(self, entity: Entity) -> Entity | None:
        """What is inside the outermost layer; None if this is the payload."""
        kind = entity.content_type
        if kind.value == "multipart/signed":
            return self._signed(entity)
        if kind.value in _CMS_TYPES:
            der = cms_bytes(entity)
            with reading(_BROKEN, "the CMS content"):
                content_type, _ = cms.load(der)
            return self._cms(str(content_type), der)
        return None

    def _signed(self, entity: Entity) -> Entity:
        parts = split_parts(entity, self.terms.limits)
        if len(parts) != 2:
            raise As2Error(_BROKEN, f"found {len(parts)} parts in multipart/signed", expected="content and signature")
        return self._verify(cms_bytes(parse_entity(parts[1], self.terms.limits)), signed_forms(parts[0]))

    def _verify(self, der: bytes, forms: Iterable[bytes] | None) -> Entity:
        self._once(self.verified is not None, "signed")
        terms = self.terms
        verifier = Verifier(credentials=terms.partner, now=terms.now, limits=terms.limits, legacy=terms.legacy)
        self.verified = verify(der, forms, verifier)
        return parse_entity(self.verified.content, terms.limits)

    def _cms(self, content_type: str, der: bytes) -> Entity:
        terms = self.terms
        if content_type == "signed_data":
            return self._verify(der, None)
        if content_type == "compressed_data":
            self._once(self.compressed, "compressed")
            self.compressed = True
            return parse_entity(decompress(der, terms.limits), terms.limits)
        if content_type in ("enveloped_data", "authenticated_enveloped_data"):
            self._once(self.cipher is not None, "encrypted")
            opener = Opener(credentials=terms.ours, now=terms.now, limits=terms.limits, legacy=terms.legacy)
            content, self.cipher = decrypt(der, opener)
            return parse_entity(content, terms.limits)
        raise As2Error(_BROKEN, f"found CMS content {content_type!r}", expected="signed, encrypted or compressed data")

    def _once(self, again: bool, what: str) -> None:
        if again:
            raise As2Error(_BROKEN, f"the message is {what} twice", expected="each layer once")


def open_message(headers: Iterable[tuple[str, str]], body: bytes, terms: Terms) -> Opened:
    """Open a message and hold it to the terms. Every fault, whatever the bytes, is an ``As2Error``."""
    limits = terms.limits
    if len(body) > limits.content:
        raise As2Error(_BROKEN, f"the body takes {len(body)} bytes", expected=f"at most {limits.content}")
    entity, opening = entity_of(headers, body, limits), _Opening(terms)
    while (inside := opening.off(entity)) is not None:  # ends, since each layer is taken off once
        entity = inside
    _hold_to(terms, opening)
    return Opened(
        parts=tuple(_payloads(entity, limits)),
        verified=opening.verified,
        cipher=opening.cipher,
        compressed=opening.compressed,
        checked=_checked(entity, opening),
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


def _checked(entity: Entity, opening: _Opening) -> bytes:
    """What the integrity check covers: RFC 4130 section 7.3.1, RFC 5402 section 4."""
    if opening.verified is not None:
        return opening.verified.content
    if opening.cipher is None and not opening.compressed:
        return entity.body
    if opening.terms.mic_as_received or entity.transfer_encoding == "binary":
        return entity.raw
    return canonical(entity.raw)


def _payloads(entity: Entity, limits: Limits) -> Iterable[Payload]:
    if entity.content_type.value in ("multipart/related", "multipart/mixed"):
        for part in split_parts(entity, limits):
            yield _payload(parse_entity(part, limits))
    else:
        yield _payload(entity)


def _payload(entity: Entity) -> Payload:
    return Payload(
        content=decoded(entity),
        content_type=entity.get("content-type") or "application/octet-stream",
        filename=entity.filename,
    )
