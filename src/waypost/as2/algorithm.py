"""The algorithms of AS2, under every name partners give them.

Legacy algorithms (SHA-1, triple DES) are used and accepted only where an agreement says so. MD5 and RC2 never are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from enum import StrEnum

from waypost.as2.failure import As2Error, Disposition
from waypost.core.content import Content


class Digest(StrEnum):
    """A hash, by the name RFC 5751 gives it in ``micalg``."""

    SHA1 = "sha-1"
    SHA224 = "sha-224"
    SHA256 = "sha-256"
    SHA384 = "sha-384"
    SHA512 = "sha-512"

    @property
    def short(self) -> str:
        """Without the hyphen, as hashlib, ASN.1 and older partners write it."""
        return self.value.replace("-", "")

    @property
    def legacy(self) -> bool:
        return self is Digest.SHA1

    def of(self, content: Content) -> bytes:
        """The digest of a content, however large."""
        made = hashlib.new(self.short)
        for piece in content.pieces():
            made.update(piece)
        return made.digest()


class Cipher(StrEnum):
    """A content encryption, by its name in ASN.1."""

    TRIPLE_DES = "tripledes_3key"
    AES128_CBC = "aes128_cbc"
    AES192_CBC = "aes192_cbc"
    AES256_CBC = "aes256_cbc"
    AES128_GCM = "aes128_gcm"
    AES192_GCM = "aes192_gcm"
    AES256_GCM = "aes256_gcm"

    @property
    def key_bytes(self) -> int:
        return 24 if self is Cipher.TRIPLE_DES else int(self.value[3:6]) // 8

    @property
    def block_bytes(self) -> int:
        return 8 if self is Cipher.TRIPLE_DES else 16

    @property
    def authenticated(self) -> bool:
        """GCM: what was changed on the way does not decrypt."""
        return self.value.endswith("gcm")

    @property
    def legacy(self) -> bool:
        return self is Cipher.TRIPLE_DES


_PLAIN = {digest.short: digest for digest in Digest}


def find_digest(name: str) -> Digest | None:
    """The digest a partner means by ``sha1``, ``SHA-1``, ``rsa-sha256`` or ``sha_256``; None for any other."""
    return _PLAIN.get(re.sub(r"[-_ ]", "", name.strip().lower()).removeprefix("rsa"))


def allowed_digest(name: str, *, legacy: bool) -> Digest:
    """The digest a signature uses; an ``As2Error`` where it is too weak for the agreement."""
    digest = find_digest(name)
    if digest is None or (digest.legacy and not legacy):
        raise As2Error(
            Disposition.INSUFFICIENT_MESSAGE_SECURITY,
            f"the signature uses {name!r}",
            expected=", ".join(d for d in Digest if legacy or not d.legacy),
            remedy="agree on a stronger digest with the partner" if digest is None else "or allow legacy algorithms",
        )
    return digest


def allowed_cipher(name: str, *, legacy: bool) -> Cipher:
    """The cipher an envelope uses; an ``As2Error`` where it is too weak for the agreement."""
    found = name if name in set(Cipher) else ""
    if not found or (Cipher(found).legacy and not legacy):
        raise As2Error(
            Disposition.INSUFFICIENT_MESSAGE_SECURITY,
            f"the message is encrypted with {name!r}",
            expected=", ".join(c for c in Cipher if legacy or not c.legacy),
            remedy="or allow legacy algorithms" if found else "agree on one of these with the partner",
        )
    return Cipher(found)


def preferred_digest(wanted: Sequence[str], *, legacy: bool) -> tuple[str, Digest] | None:
    """The first digest of a partner's list we can do, with the spelling the partner used; None if there is none."""
    for name in wanted:
        digest = find_digest(name)
        if digest is not None and (legacy or not digest.legacy):
            return name.strip(), digest
    return None
