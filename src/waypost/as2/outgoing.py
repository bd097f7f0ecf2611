"""Build the body of an AS2 message: compressed, signed and encrypted in the order an agreement asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from waypost.as2.algorithm import Cipher, Digest
from waypost.as2.certificate import Credential, Use, choose
from waypost.as2.compression import compress
from waypost.as2.envelope import encrypt
from waypost.as2.mic import Mic, mic_of
from waypost.as2.mime import write_multipart
from waypost.as2.signature import sign
from waypost.as2.transfer import encoded
from waypost.core.content import Content, Spool
from waypost.core.errors import ConfigurationRefused

TransferEncoding = Literal["binary", "base64"]


class Compression(StrEnum):
    """Where in the order of things a message is compressed. Without a signature both places are the same."""

    NONE = "none"
    BEFORE_SIGN = "before-sign"
    BEFORE_ENCRYPT = "before-encrypt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document on its way, with its media type and the file name to offer; the bytes are never rewritten."""

    content: Content
    content_type: str = "application/octet-stream"
    filename: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A document that is in memory."""

    content: bytes
    content_type: str = "application/octet-stream"
    filename: str = ""

    @property
    def document(self) -> Document:
        return Document(content=Content.of(self.content), content_type=self.content_type, filename=self.filename)


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """How messages to a partner are protected. ``legacy`` allows SHA-1 and triple DES."""

    sign: Digest | None = Digest.SHA256
    pss: bool = False
    opaque: bool = False
    """The signature holds the content, in place of standing beside it in a multipart."""
    encrypt: Cipher | None = Cipher.AES256_CBC
    oaep: bool = False
    compress: Compression = Compression.NONE
    transfer_encoding: TransferEncoding = "binary"
    old_digest_names: bool = False
    """Write ``sha1`` and ``sha256`` where RFC 5751 has ``sha-1`` and ``sha-256``."""
    legacy: bool = False

    def __post_init__(self) -> None:
        for algorithm in (self.sign, self.encrypt):
            if algorithm is not None and algorithm.legacy and not self.legacy:
                raise ConfigurationRefused(
                    f"{algorithm.value} is a legacy algorithm", where="as2 protection",
                    expected="a stronger one", remedy="or allow legacy algorithms for this partner",
                )  # fmt: skip

    @property
    def compresses_after_signing(self) -> bool:
        return self.sign is not None and self.compress is Compression.BEFORE_ENCRYPT

    def spelled(self, digest: Digest) -> str:
        return digest.short if self.old_digest_names else digest.value


@dataclass(frozen=True, slots=True)
class BuiltContent:
    """A message body, its MIME headers, and the check the receipt must give back."""

    headers: Mapping[str, str]
    body: Content
    mic: Mic


@dataclass(frozen=True, slots=True)
class Built:
    """A message with its body in memory."""

    headers: Mapping[str, str]
    body: bytes
    mic: Mic


@dataclass(frozen=True, slots=True)
class _Part:
    """An entity being built; ``body`` is in its transfer encoding."""

    headers: Mapping[str, str]
    body: Content

    @property
    def raw(self) -> Content:
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return Content.joined([Content.of(head.encode("ascii") + b"\r\n"), self.body])


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """What messages are built with at one moment; what is made on the way goes to the spool."""

    protection: Protection
    ours: Sequence[Credential]
    partner: Sequence[Credential]
    now: datetime
    spool: Spool
    mic_digest: Digest = Digest.SHA256

    def build(self, document: Document) -> BuiltContent:
        """The body of a message. ``mic_digest`` is the one asked for where nothing is signed.

        Which bytes the check covers is said by RFC 4130 section 7.3.1 and RFC 5402 section 4: what is signed; else the
        whole entity; of a message that is not protected at all, the content without headers.
        """
        protection, described = self.protection, _described(document)
        if not protection.sign and not protection.encrypt and protection.compress is Compression.NONE:
            mic = mic_of(document.content, self.mic_digest, protection.spelled(self.mic_digest))
            return BuiltContent(described, document.content, mic)
        part = self._part(described, document.content)
        checked, digest = part.raw, self.mic_digest
        if protection.compress is not Compression.NONE and not protection.compresses_after_signing:
            part = self._compressed(part)
        if protection.sign:
            checked, digest = part.raw, protection.sign
            part = self._signed(part, protection.sign)
            if protection.compresses_after_signing:
                part = self._compressed(part)
        if protection.encrypt:
            part = self._encrypted(part, protection.encrypt)
        return BuiltContent(part.headers, part.body, mic_of(checked, digest, protection.spelled(digest)))

    def _part(self, headers: Mapping[str, str], content: Content) -> _Part:
        return _part(headers, content, self.protection.transfer_encoding, self.spool)

    def _cms_part(self, kind: str, structure: Content) -> _Part:
        suffix = "z" if "comp" in kind else "m"
        headers = {
            "Content-Type": f"application/pkcs7-mime; smime-type={kind}; name=smime.p7{suffix}",
            "Content-Disposition": f"attachment; filename=smime.p7{suffix}",
        }
        return self._part(headers, structure)

    def _compressed(self, part: _Part) -> _Part:
        return self._cms_part("compressed-data", compress(part.raw, self.spool))

    def _encrypted(self, part: _Part, cipher: Cipher) -> _Part:
        recipient = choose(self.partner, Use.ENCRYPT, self.now)
        kind = "authEnveloped-data" if cipher.authenticated else "enveloped-data"
        return self._cms_part(kind, encrypt(part.raw, recipient, cipher, self.spool, oaep=self.protection.oaep))

    def _signed(self, part: _Part, digest: Digest) -> _Part:
        protection, signer = self.protection, choose(self.ours, Use.SIGN, self.now)
        signature = sign(part.raw, signer, digest, now=self.now, pss=protection.pss, detached=not protection.opaque)
        if protection.opaque:
            return self._cms_part("signed-data", signature)
        return _beside(part.raw, signature, protection.spelled(digest), protection.transfer_encoding, self.spool)


def build(
    payload: Payload, protection: Protection, *, ours: Sequence[Credential], partner: Sequence[Credential],
    now: datetime, mic_digest: Digest = Digest.SHA256,
) -> Built:  # fmt: skip
    """A message in memory. See ``Maker.build``."""
    maker = Maker(
        protection=protection, ours=ours, partner=partner, now=now, mic_digest=mic_digest, spool=Spool()
    )  # fmt: skip
    built = maker.build(payload.document)
    return Built(built.headers, built.body.whole(), built.mic)


def _described(payload: Document) -> dict[str, str]:
    headers = {"Content-Type": _one_line(payload.content_type) or "application/octet-stream"}
    if payload.filename:
        name = _one_line(payload.filename).replace("\\", "_").replace('"', "_")
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return headers


def _one_line(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else "_" for c in text).strip()


def _part(headers: Mapping[str, str], content: Content, encoding: TransferEncoding, spool: Spool) -> _Part:
    headers = {**headers, "Content-Transfer-Encoding": encoding}
    return _Part(headers, encoded(headers, content, spool))


def _beside(content: Content, signature: Content, micalg: str, encoding: TransferEncoding, spool: Spool) -> _Part:
    headers = {
        "Content-Type": "application/pkcs7-signature; name=smime.p7s",
        "Content-Disposition": "attachment; filename=smime.p7s",
    }
    boundary, body = write_multipart([content, _part(headers, signature, encoding, spool).raw])
    kind = 'multipart/signed; protocol="application/pkcs7-signature"'
    return _Part({"Content-Type": f'{kind}; micalg={micalg}; boundary="{boundary}"'}, body)


def signed_entity(
    headers: Mapping[str, str], body: Content, *, signer: Credential, digest: Digest, micalg: str, now: datetime
) -> BuiltContent:
    """An entity with a signature beside it, as receipts are signed. The signature is in base64."""
    content = _Part(headers, body).raw
    part = _beside(content, sign(content, signer, digest, now=now), micalg, "base64", Spool())
    return BuiltContent(part.headers, part.body, mic_of(content, digest, micalg))
