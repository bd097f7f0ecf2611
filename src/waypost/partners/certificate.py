"""The certificates exchanged with a partner, both sides': what each is, and whether it can be used, now and until it is
followed by another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from waypost.agreements.load import Partner
from waypost.connectors.as2_credential import (
    As2OurKeyOptions,
    As2TheirCertificateOptions,
    CredentialFiles,
    moment,
)
from waypost.core.errors import ConfigurationRefused
from waypost.flow.declared.definition import Project

Side = Literal["partner", "us"]
Use = Literal["verify", "encrypt", "tls", "sign", "decrypt"]
SOON = timedelta(days=30)
OVERLAP = timedelta(days=7)
"""A successor that is used at least so long beside the one before needs no appointment to the minute."""
LEAST_BITS = 2048
_WEAK = frozenset({"md5", "sha1"})


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was looked at; ``verdict`` is ok, warn or fail."""

    verdict: Literal["ok", "warn", "fail"]
    subject: str
    found: str
    remedy: str = ""

    def data(self) -> dict[str, str]:
        """As plain data."""
        return {"verdict": self.verdict, "subject": self.subject, "found": self.found, "remedy": self.remedy}


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate of a side, where it is named, and what it is used for in which time. ``chain`` are further ones in
    its file; ``key`` says whether our private key is its own, None where none is given."""

    side: Side
    file: str
    source: str
    uses: tuple[Use, ...]
    certificate: x509.Certificate | None
    problem: str = ""
    chain: tuple[x509.Certificate, ...] = ()
    use_from: datetime | None = None
    use_until: datetime | None = None
    key: bool | None = None

    @property
    def begins(self) -> datetime:
        """The first moment it can be used."""
        assert self.certificate is not None
        return max(filter(None, (self.certificate.not_valid_before_utc, self.use_from)))

    @property
    def ends(self) -> datetime:
        """The last moment it can be used."""
        assert self.certificate is not None
        return min(filter(None, (self.certificate.not_valid_after_utc, self.use_until)))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as people compare it: ``AB:CD:…``; empty where it cannot be read."""
        return "" if self.certificate is None else _colons(self.certificate.fingerprint(hashes.SHA256()))

    def data(self) -> dict[str, Any]:
        """As plain data."""
        made: dict[str, Any] = {"side": self.side, "file": self.file, "named_in": self.source, "uses": list(self.uses)}
        one = self.certificate
        if one is None:
            return {**made, "problem": self.problem}
        return {
            **made, "subject": one.subject.rfc4514_string(), "issuer": one.issuer.rfc4514_string(),
            "serial": f"{one.serial_number:x}", "sha256": self.fingerprint,
            "sha1": _colons(one.fingerprint(hashes.SHA1())),
            "valid_from": _day(one.not_valid_before_utc), "valid_until": _day(one.not_valid_after_utc),
            "used_from": _day(self.begins), "used_until": _day(self.ends), "key": key_of(one),
        }  # fmt: skip


def held(partner: Partner, project: Project) -> list[Held]:
    """The certificates named in the partner's file, and those of its connections over AS2."""
    made = [
        _read("partner", str(one.file), partner.file.name, project.files.get(one.file), tuple(one.uses),
              moment(one.valid_from), _end(one.valid_until))
        for one in partner.options.certificates
    ]  # fmt: skip
    for name in as2_connections(partner, project):
        options, files = project.connections[name].use.options, files_of(project, name)
        for ours in options.our_certificates:
            made.append(_with_key(_named("us", ours, files, ("sign", "decrypt")), ours, files))
        for theirs in options.their_certificates:
            made.append(_named("partner", theirs, files, ("verify", "encrypt")))
    return made


def files_of(project: Project, connection: str) -> CredentialFiles:
    """What reads the certificates and keys that a connection names."""

    def read_file(path: str) -> bytes:
        if path not in project.files:
            raise ConfigurationRefused("there is no such file in the project", where=f"connection {connection}")
        return project.files[path]

    return CredentialFiles(project.root, read_file, f"connection {connection}")


def as2_connections(partner: Partner, project: Project) -> list[str]:
    """The AS2 connections of a partner's endpoints."""
    named = [str(one.connection) for one in partner.options.endpoints.values() if one.connection is not None]
    return [name for name in dict.fromkeys(named)
            if name in project.connections and project.connections[name].use.component.name == "as2"]  # fmt: skip


def checked(certificates: Sequence[Held], now: datetime) -> list[Checked]:
    """Everything there is to say about them at ``now``."""
    made = [one for each in certificates for one in _alone(each, now, certificates)]
    for side in ("partner", "us"):
        for use in ("verify", "encrypt", "tls", "sign", "decrypt"):
            made += _lasting([one for one in certificates if one.side == side and use in one.uses
                              and one.certificate is not None], side, use, now)  # fmt: skip
    return made + list(_same(certificates))


def _alone(one: Held, now: datetime, all_: Sequence[Held]) -> Iterator[Checked]:
    """One certificate by itself."""
    subject = f"{one.side} {one.file}"
    if one.certificate is None:
        yield Checked("fail", subject, one.problem, "put a certificate there, PEM or DER")
        return
    yield _validity(one, subject, now)
    yield _strength(one.certificate, subject)
    missing = [use for use in one.uses if not _allows(one.certificate, use)]
    if missing:
        yield Checked("fail", subject, f"its key usage does not allow to {' or '.join(missing)}",
                      "ask for one with digital signature and key encipherment")  # fmt: skip
    else:
        yield Checked("ok", subject, "its key usage allows what it is used for")
    yield _chain(one, subject, all_)
    if one.key is not None:
        yield Checked("ok" if one.key else "fail", subject, "the private key is its own" if one.key else
                      "the private key is missing or of another certificate", "" if one.key else
                      "correct the key in the connection")  # fmt: skip


def _validity(one: Held, subject: str, now: datetime) -> Checked:
    assert one.certificate is not None
    until = one.certificate.not_valid_after_utc
    if one.ends <= one.begins:
        return Checked("fail", subject, "the time it is used in lies outside of its validity",
                       f"use it between {_day(one.certificate.not_valid_before_utc)} and {_day(until)}")  # fmt: skip
    if now > until:
        return Checked("fail", subject, f"expired on {_day(until)}", "exchange a new one")
    if now > one.ends:
        return Checked("ok", subject, f"no longer used since {_day(one.ends)}", "it can be removed")
    if now < one.begins:
        return Checked("ok", subject, f"used from {_day(one.begins)} on, until {_day(one.ends)}")
    if until - now < SOON:
        return Checked("warn", subject, f"expires on {_day(until)}, in {(until - now).days} days",
                       "exchange the next one now")  # fmt: skip
    return Checked("ok", subject, f"valid until {_day(until)}, used until {_day(one.ends)}")


def _strength(one: x509.Certificate, subject: str) -> Checked:
    key, digest = one.public_key(), one.signature_hash_algorithm
    if isinstance(key, RSAPublicKey) and key.key_size < LEAST_BITS:
        return Checked("fail", subject, f"its key has {key.key_size} bits", f"at least {LEAST_BITS}")
    if not isinstance(key, RSAPublicKey):
        return Checked("fail", subject, f"its key is {key_of(one)}", "an RSA key: AS2 signs and encrypts with it")
    if digest is not None and digest.name in _WEAK:
        return Checked("warn", subject, f"it is signed with {digest.name}", "ask for one signed with SHA-256")
    return Checked("ok", subject, f"{key_of(one)}, signed with {digest.name if digest else 'its own algorithm'}")


def key_of(one: x509.Certificate) -> str:
    """Kind and size of a key."""
    key = one.public_key()
    if isinstance(key, RSAPublicKey):
        return f"RSA {key.key_size}"
    return f"EC {key.curve.name}" if isinstance(key, EllipticCurvePublicKey) else type(key).__name__


def _allows(one: x509.Certificate, use: Use) -> bool:
    try:
        usage = one.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return True
    if use in ("encrypt", "decrypt"):
        return usage.key_encipherment
    return usage.digital_signature or usage.content_commitment


def _chain(one: Held, subject: str, all_: Sequence[Held]) -> Checked:
    """Whether it was issued by one that is here. Trust does not hang on it: a partner is trusted by the certificate."""
    certificate = one.certificate
    assert certificate is not None
    if certificate.issuer == certificate.subject:
        good = _issued(certificate, certificate)
        return Checked("ok" if good else "fail", subject, "self-signed" if good else "its own signature is wrong",
                       "" if good else "ask for it again: it was changed on its way")  # fmt: skip
    around = [*one.chain, *(other.certificate for other in all_ if other.certificate is not None)]
    issuers = [other for other in around if other.subject == certificate.issuer]
    if not issuers:
        return Checked("ok", subject, f"issued by {certificate.issuer.rfc4514_string()}, which is not here",
                       "it is trusted by itself; compare its fingerprint by telephone")  # fmt: skip
    if any(_issued(certificate, issuer) for issuer in issuers):
        return Checked("ok", subject, f"issued by {certificate.issuer.rfc4514_string()}")
    return Checked("fail", subject, "its issuer here did not sign it", "ask for the certificate and its chain again")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _lasting(among: Sequence[Held], side: str, use: str, now: datetime) -> Iterator[Checked]:
    """Whether there is one for a use at every moment from now on, until the last one ends, and how they overlap."""
    line = sorted((one for one in among if one.ends > max(one.begins, now)), key=lambda one: (one.begins, one.ends))
    if not among:
        return
    subject = f"{side}, to {use}"
    if not line or line[0].begins > now:
        since = f" before {_day(line[0].begins)}" if line else ""
        yield Checked("fail", subject, f"none can be used now{since}", "exchange one that is valid now")
    if not line:
        return
    last = line[0]
    for one in line[1:]:
        if one.begins > last.ends:
            yield Checked("fail", subject, f"none from {_day(last.ends)} to {_day(one.begins)}",
                          f"use {one.file} earlier, or {last.file} longer")  # fmt: skip
        elif one.ends > last.ends:
            both = last.ends - one.begins
            verdict: Literal["ok", "warn"] = "ok" if both >= OVERLAP else "warn"
            yield Checked(verdict, subject, f"{last.file} is followed by {one.file}: both are used for {both.days} days"
                          f" from {_day(one.begins)}", "" if verdict == "ok" else
                          f"use both for at least {OVERLAP.days} days")  # fmt: skip
        last = max(last, one, key=lambda each: each.ends)
    if last.ends - now < SOON:
        yield Checked(
            "warn", subject, f"nothing follows the one that ends on {_day(last.ends)}", "exchange the next one"
        )


def _same(certificates: Sequence[Held]) -> Iterator[Checked]:
    """Whether the partner's file and the connections mean the same certificates."""
    named = {one.fingerprint for one in certificates if one.side == "partner" and not one.source.startswith("conn")}
    used = {one.fingerprint: one for one in certificates if one.side == "partner" and one.source.startswith("conn")}
    if not named or not used:
        return
    for fingerprint, one in used.items():
        if fingerprint not in named:
            yield Checked("fail", f"partner {one.file}", f"{one.source} trusts it, the partner's file does not name it",
                          "name the same certificates in both")  # fmt: skip


def _named(
    side: Side, given: As2OurKeyOptions | As2TheirCertificateOptions, files: CredentialFiles, uses: tuple[Use, ...]
) -> Held:
    """One that a connection names, in the project or on the machine."""
    file = given.certificate_file if given.certificate is None else str(given.certificate)
    try:
        data = files.certificate(given)
    except ConfigurationRefused as error:
        return Held(side, file, files.where, uses, None, error.found)
    return _read(side, file, files.where, data, uses, moment(given.use_from), moment(given.use_until))


def _read(
    side: Side, file: str, source: str, data: bytes | None, uses: tuple[Use, ...],
    use_from: datetime | None, use_until: datetime | None,
) -> Held:  # fmt: skip
    if data is None:
        return Held(side, file, source, uses, None, "there is no such file in the project")
    try:
        every = (x509.load_pem_x509_certificates(data) if b"-----BEGIN" in data
                 else [x509.load_der_x509_certificate(data)])  # fmt: skip
    except ValueError as error:
        return Held(side, file, source, uses, None, f"it cannot be read: {str(error).partition(chr(10))[0][:120]}")
    return Held(side, file, source, uses, every[0], "", tuple(every[1:]), use_from, use_until)


def _with_key(one: Held, ours: As2OurKeyOptions, files: CredentialFiles) -> Held:
    if one.certificate is None:
        return one
    password = ours.password.reveal().encode() if ours.password is not None else None
    try:
        key: Any = load_pem_private_key(files.key(ours), password)
        mine: Any = one.certificate.public_key()
        fits = key.public_key().public_numbers() == mine.public_numbers()
    except (ValueError, TypeError, ConfigurationRefused):  # no key, another kind of key, or none that can be read
        fits = False
    return replace(one, key=fits)


def _end(day: str) -> datetime | None:
    """The end of the last day."""
    begun = moment(day)
    return begun and begun + timedelta(days=1)


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")


def _colons(digest: bytes) -> str:
    return ":".join(f"{byte:02X}" for byte in digest)
