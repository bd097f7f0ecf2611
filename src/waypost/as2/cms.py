"""The one door to the ASN.1 library, and what every CMS structure (RFC 5652) of AS2 has in common."""

from __future__ import annotations

import contextlib
from typing import Any

from asn1crypto import algos, cms, core, x509

from waypost.as2.certificate import Credential

__all__ = [
    "Algos",
    "Asn1",
    "Cms",
    "Core",
    "asn1_certificate",
    "content_info",
    "described",
    "issuer_and_serial",
    "load",
    "make_ready",
    "names",
]

Algos, Cms, Core = algos, cms, core
Asn1 = Any
"""An object of the ASN.1 library, which knows no types."""


def make_ready(kind: Any) -> None:
    """Set a class of the library and all below it up, once and now.

    The library does so when a class is first used, and without a lock: a thread that comes in meanwhile finds half of
    a class and reads sound content as damaged. After this, messages may be opened in any number of threads.
    """
    # A CHOICE of nothing complains, when its class is ready; so does a class that is only inherited from.
    with contextlib.suppress(ValueError, TypeError):
        kind()
    for below in kind.__subclasses__():
        make_ready(below)


make_ready(core.Asn1Value)


def load(der: bytes) -> tuple[str, Any]:
    """The type and the content of a ContentInfo, in DER or BER. Damage shows here or where a field is read, as one of
    the errors that ``failure.reading`` turns into an ``As2Error``."""
    info = cms.ContentInfo.load(der)
    return info["content_type"].native, info["content"]


def content_info(kind: str, content: Any) -> bytes:
    """The DER of a ContentInfo."""
    return bytes(cms.ContentInfo({"content_type": kind, "content": content}).dump())


def asn1_certificate(credential: Credential) -> Any:
    """A certificate as the ASN.1 library holds it."""
    return x509.Certificate.load(credential.der)


def issuer_and_serial(credential: Credential) -> Any:
    """How CMS names a certificate."""
    read = asn1_certificate(credential)
    return cms.IssuerAndSerialNumber({"issuer": read.issuer, "serial_number": read.serial_number})


def names(identifier: Any, credential: Credential) -> bool:
    """Whether a signer or recipient identifier names that certificate."""
    if identifier.name == "issuer_and_serial_number":
        named, own = identifier.chosen, asn1_certificate(credential)
        same = named["serial_number"].native == credential.certificate.serial_number
        return bool(same and named["issuer"].dump() == own.issuer.dump())
    return identifier.chosen.native in credential.key_identifiers


def described(identifier: Any) -> str:
    """A signer or recipient identifier for people."""
    if identifier.name == "issuer_and_serial_number":
        named = identifier.chosen
        return f"{named['issuer'].human_friendly[:200]} (serial {named['serial_number'].native:x})"
    return f"key {identifier.chosen.native.hex()[:64]}"
