"""Certificates exchanged with a partner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from waypost.partners.certificate import Checked, Held, checked

NOW = datetime.now(UTC).replace(microsecond=0)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
USES = ("verify", "encrypt")


def certificate(
    name: str = "acme", days: tuple[int, int] = (-10, 365), key: object = KEY, issuer: str = "", by: object = None,
    usage: tuple[bool, bool] | None = None,
) -> x509.Certificate:  # fmt: skip
    """One valid from the first to the last of ``days`` from now; ``usage``: digital signature, key encipherment."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issued = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or name)])
    built = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issued).public_key(key.public_key())
        .serial_number(7).not_valid_before(NOW + timedelta(days=days[0])).not_valid_after(NOW + timedelta(days=days[1]))
    )  # fmt: skip
    if usage is not None:
        extension = x509.KeyUsage(usage[0], False, usage[1], False, False, False, False, False, False)
        built = built.add_extension(extension, critical=True)
    return built.sign(by or key, hashes.SHA256())


def one(made: x509.Certificate | None = None, file: str = "acme.pem", **more: object) -> Held:
    return Held("partner", file, "partners/acme.yaml", USES, made or certificate(), **more)


def told(*held: Held) -> list[Checked]:
    return [each for each in checked(held, NOW) if each.verdict != "ok"]


def test_a_sound_certificate_gives_nothing_to_do() -> None:
    assert told(one()) == []
    assert len(one().fingerprint) == 95


@pytest.mark.parametrize(
    ("held", "verdict", "says"),
    [
        (one(certificate(days=(-30, -1))), "fail", "expired on"),
        (one(certificate(days=(2, 365))), "fail", "none can be used now"),
        (one(certificate(days=(-30, 5))), "warn", "expires on"),
        (one(certificate(usage=(True, False))), "fail", "does not allow to encrypt"),
        (one(certificate(usage=(False, True))), "fail", "does not allow to verify"),
        (one(certificate(key=rsa.generate_private_key(public_exponent=65537, key_size=1024))), "fail", "1024 bits"),
        (one(certificate(key=ec.generate_private_key(ec.SECP256R1()))), "fail", "EC secp256r1"),
        (one(certificate(by=OTHER)), "fail", "its own signature is wrong"),
        (one(certificate(issuer="ca"), chain=(certificate("ca", key=OTHER),)), "fail", "its issuer here did not sign"),
        (one(use_from=NOW + timedelta(days=400)), "fail", "lies outside of its validity"),
        (Held("partner", "gone.pem", "x", USES, None, "there is no such file"), "fail", "there is no such file"),
        (one(key=False), "fail", "the private key is missing or of another"),
    ],
    ids=["expired", "not yet", "soon", "cannot encrypt", "cannot verify", "small key", "no RSA", "forged",
         "false chain", "window", "missing", "key"],
)  # fmt: skip
def test_what_is_wrong_with_a_certificate_is_said(held: Held, verdict: str, says: str) -> None:
    found = [each for each in told(held) if says in each.found]
    assert found and found[0].verdict == verdict and found[0].remedy


def test_a_certificate_issued_by_one_that_is_here_is_fine() -> None:
    assert told(one(certificate(issuer="ca", by=OTHER), chain=(certificate("ca", key=OTHER),))) == []
    assert told(one(certificate(issuer="ca", by=OTHER))) == []


def test_a_gap_between_two_certificates_is_found_and_so_is_a_short_overlap() -> None:
    first = one(certificate(days=(-300, 60)))
    gap = told(first, one(certificate(days=(90, 400)), "next.pem"))
    assert {each.subject for each in gap if each.verdict == "fail"} == {"partner, to verify", "partner, to encrypt"}
    short = told(first, one(certificate(days=(58, 400)), "next.pem"))
    assert {each.verdict for each in short} == {"warn"} and "both are used for 2 days" in short[0].found
    assert told(first, one(certificate(days=(30, 400)), "next.pem")) == []


def test_a_connection_that_trusts_another_certificate_than_the_partner_s_file_is_found() -> None:
    used = Held("partner", "other.pem", "connection acme", USES, certificate("other", key=OTHER))
    assert any("does not name it" in each.found for each in told(one(), used))
