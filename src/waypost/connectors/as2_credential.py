"""The certificates and keys of AS2 connections: where they are named, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from waypost.core.errors import ConfigurationRefused
from waypost.core.spec import Option, OptionFault, ProjectPath, Secret

if TYPE_CHECKING:
    from waypost.as2.certificate import Credential


@dataclass(frozen=True, slots=True, kw_only=True)
class As2OurKeyOptions:
    certificate: Annotated[
        ProjectPath | None, Option("Our certificate, PEM or DER, a file of the project.", example="partners/us.pem")
    ] = None
    certificate_file: Annotated[str, Option("In its place: a file of this machine, read when it is needed.")] = ""
    key: Annotated[Secret | None, Option("Its private key as PEM: a secret of the environment.")] = None
    key_file: Annotated[str, Option("In its place: a file of this machine that holds the key as PEM.")] = ""
    password: Annotated[Secret | None, Option("Password of the key.")] = None
    use_from: Annotated[str, Option("Moment from which it is used, UTC.", example="2026-12-01T00:00")] = ""
    use_until: Annotated[str, Option("Moment from which it is no longer used, UTC.")] = ""

    def faults(self) -> Iterator[OptionFault]:
        yield from _one_of("certificate", self.certificate, "certificate_file", self.certificate_file)
        yield from _one_of("key", self.key, "key_file", self.key_file)
        yield from _window_faults(self.use_from, self.use_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class As2TheirCertificateOptions:
    certificate: Annotated[
        ProjectPath | None,
        Option("The partner's certificate, PEM or DER, a file of the project.", example="partners/acme.pem"),
    ] = None
    certificate_file: Annotated[str, Option("In its place: a file of this machine, read when it is needed.")] = ""
    use_from: Annotated[str, Option("Moment from which it is used, UTC.")] = ""
    use_until: Annotated[str, Option("Moment from which it is no longer used, UTC.")] = ""

    def faults(self) -> Iterator[OptionFault]:
        yield from _one_of("certificate", self.certificate, "certificate_file", self.certificate_file)
        yield from _window_faults(self.use_from, self.use_until)


def _one_of(name: str, value: object, other: str, path: str) -> Iterator[OptionFault]:
    if (value is None) == (not path):
        found = f"neither {name} nor {other}" if value is None else f"both {name} and {other}"
        yield OptionFault(name, found, "one of them")


def _window_faults(use_from: str, use_until: str) -> Iterator[OptionFault]:
    for name, text in (("use_from", use_from), ("use_until", use_until)):
        try:
            moment(text)
        except ValueError:
            yield OptionFault(name, f"found {text!r}", "a date or moment, such as 2026-12-01T00:00")


def moment(text: str) -> datetime | None:
    """A moment in UTC; None for ''. ``ValueError`` for what is none."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CredentialFiles:
    """Reads them: files of the project, or of the machine, relative to the project's folder ``root``. Every fault is a
    ``ConfigurationRefused`` that names ``where``."""

    root: Path
    read_file: Callable[[str], bytes] | None
    where: str

    def ours(self, given: As2OurKeyOptions) -> Credential:
        """A certificate of ours with its key."""
        from waypost.as2.certificate import load_credential

        password = given.password.reveal().encode() if given.password is not None else None
        return load_credential(
            self.certificate(given), self.key(given), password=password,
            use_from=moment(given.use_from), use_until=moment(given.use_until),
        )  # fmt: skip

    def theirs(self, given: As2TheirCertificateOptions) -> Credential:
        """A certificate of the partner."""
        from waypost.as2.certificate import load_credential

        return load_credential(
            self.certificate(given), use_from=moment(given.use_from), use_until=moment(given.use_until)
        )

    def certificate(self, given: As2OurKeyOptions | As2TheirCertificateOptions) -> bytes:
        """The bytes of a certificate."""
        if given.certificate is None:
            return self._machine_file(given.certificate_file)
        if self.read_file is None:
            raise ConfigurationRefused(f"no file {given.certificate!r} is granted", where=self.where)
        return self.read_file(given.certificate)

    def key(self, given: As2OurKeyOptions) -> bytes:
        """The private key of one of ours, as PEM."""
        return given.key.reveal().encode() if given.key is not None else self._machine_file(given.key_file)

    def _machine_file(self, path: str) -> bytes:
        try:
            return (self.root / path).read_bytes()
        except OSError as error:
            raise ConfigurationRefused(
                f"{path}: {error.strerror}", where=self.where, expected="a file that can be read"
            ) from None
