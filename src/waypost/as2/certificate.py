"""Certificates of both sides: two or more at once, each with the time in which it is used.

Trust is by the certificate itself: a partner's signature is accepted from the certificates its agreement lists, and
from no other, whoever issued them and whatever the message brings along. The same windows hold in all six uses:
sign, encrypt, verify, decrypt, sign a receipt, verify a receipt. The order of a list is the order of preference, so a
change of certificate is: the new one first, used from a date; the old one second, used until a later date.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from waypost.core.errors import ConfigurationRefused


class Use(StrEnum):
    """What a certificate is needed for; both signatures need ``digitalSignature``, both ciphers ``keyEncipherment``."""

    SIGN = "sign"
    VERIFY = "verify"
    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One RSA certificate; with ``key`` where it is ours. The times narrow the validity of the certificate."""

    certificate: x509.Certificate
    key: RSAPrivateKey | None = None
    use_from: datetime | None = None
    use_until: datetime | None = None

    @property
    def public_key(self) -> RSAPublicKey:
        key = self.certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise ConfigurationRefused("its key is not RSA", where=f"certificate {self}", expected="an RSA certificate")
        return key

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_identifiers(self) -> frozenset[bytes]:
        """The identifiers of its key (RFC 5280 section 4.2.1.2): the one it states, and the SHA-1 of the key."""
        plain = self.public_key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
        found = {hashlib.sha1(plain, usedforsecurity=False).digest()}
        with contextlib.suppress(x509.ExtensionNotFound):  # stating one is optional
            extension = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
            found.add(extension.value.digest)
        return frozenset(found)

    def __str__(self) -> str:
        return f"{self.certificate.subject.rfc4514_string()} (serial {self.certificate.serial_number:x})"

    def why_not(self, use: Use, now: datetime) -> str:
        """The reason it cannot be used for ``use`` at ``now``; empty if it can."""
        if use in (Use.SIGN, Use.DECRYPT) and self.key is None:
            return "has no private key"
        if now < self.certificate.not_valid_before_utc:
            return f"is not valid before {self.certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        if now > self.certificate.not_valid_after_utc:
            return f"expired at {self.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        if self.use_from is not None and now < self.use_from:
            return f"is not used before {self.use_from:%Y-%m-%d %H:%M}"
        if self.use_until is not None and now >= self.use_until:
            return f"is not used since {self.use_until:%Y-%m-%d %H:%M}"
        return "" if self._allows(use) else f"does not allow to {use} by its key usage"

    def _allows(self, use: Use) -> bool:
        try:
            usage = self.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        except x509.ExtensionNotFound:
            return True
        if use in (Use.SIGN, Use.VERIFY):
            return usage.digital_signature or usage.content_commitment
        return usage.key_encipherment


def load_credential(
    certificate: bytes, key: bytes | None = None, *, password: bytes | None = None,
    use_from: datetime | None = None, use_until: datetime | None = None,
) -> Credential:  # fmt: skip
    """Read a certificate (PEM or DER) and its private key (PEM). ``ConfigurationRefused`` where they do not fit."""
    try:
        pem = b"-----BEGIN" in certificate
        read = x509.load_pem_x509_certificate(certificate) if pem else x509.load_der_x509_certificate(certificate)
        private = load_pem_private_key(key, password) if key is not None else None
    except (ValueError, TypeError) as error:
        raise ConfigurationRefused(
            f"it cannot be read ({error})", where="as2 certificate or key", expected="PEM or DER, the key as PEM"
        ) from error
    if private is not None and not isinstance(private, RSAPrivateKey):
        raise ConfigurationRefused("the key is not RSA", where="as2 key", expected="an RSA private key")
    found = Credential(certificate=read, key=private, use_from=use_from, use_until=use_until)
    if private is not None and private.public_key().public_numbers() != found.public_key.public_numbers():
        raise ConfigurationRefused(
            "the private key is of another certificate", where=f"certificate {found}", expected="its own key"
        )
    return found


def usable(credentials: Sequence[Credential], use: Use, now: datetime) -> Iterator[Credential]:
    """Those that can be used now, the preferred one first."""
    return (credential for credential in credentials if not credential.why_not(use, now))


def choose(credentials: Sequence[Credential], use: Use, now: datetime) -> Credential:
    """The one to sign or encrypt with. ``ConfigurationRefused`` tells of each why it cannot be used."""
    chosen = next(usable(credentials, use, now), None)
    if chosen is None:
        raise ConfigurationRefused(
            f"no certificate to {use} with: {reasons(credentials, use, now) or 'none is configured'}",
            where="as2", remedy="add a certificate that is valid now",
        )  # fmt: skip
    return chosen


def reasons(credentials: Sequence[Credential], use: Use, now: datetime) -> str:
    """Of each certificate that cannot be used, why."""
    found = ((credential, credential.why_not(use, now)) for credential in credentials)
    return ", ".join(f"{credential} {why}" for credential, why in found if why)
