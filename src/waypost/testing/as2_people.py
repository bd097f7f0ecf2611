"""Two trading partners with certificates, for tests of AS2."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from waypost.as2.certificate import Credential
from waypost.as2.incoming import Terms
from waypost.as2.outgoing import Payload

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDER = Payload(
    content=b"ISA*00*~\nGS*PO~\r\n\x00\xff--IEA*1~", content_type="application/edi-x12", filename="po 1.edi"
)
"""Line ends of both kinds, bytes of no text, and what looks like a delimiter."""


@cache
def make_credential(name: str, *, serial: int = 1, days: int = 365, usage: str = "") -> Credential:
    """A self-signed certificate with its key, valid from a day before ``NOW``; ``usage`` restricts it to one."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = NOW - timedelta(days=1)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(serial).not_valid_before(start).not_valid_after(start + timedelta(days=days))
    )  # fmt: skip
    if usage:
        builder = builder.add_extension(_key_usage(usage), critical=True)
    return Credential(certificate=builder.sign(key, hashes.SHA256()), key=key)


def _key_usage(only: str) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: name == only for name in names})


ACME = make_credential("acme", serial=11)
GLOBEX = make_credential("globex", serial=22)


def public(credential: Credential) -> Credential:
    """What the other side has of it."""
    return Credential(certificate=credential.certificate)


def terms(**changed: object) -> Terms:
    """Globex receives from Acme; nothing is required and everything is allowed unless said."""
    given: dict[str, object] = {
        "ours": (GLOBEX,), "partner": (public(ACME),), "now": NOW, "require_signed": False,
        "require_encrypted": False, "legacy": True,
    }  # fmt: skip
    return Terms(**{**given, **changed})  # type: ignore[arg-type]
