"""TLS of connections over HTTP: whom they trust, and how they show who we are to a server that asks for it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from waypost.core.errors import ConfigurationRefused
from waypost.core.grants import Grants
from waypost.core.spec import Secret

_REFUSALS = (
    "CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE", "BAD_CERTIFICATE", "UNSUPPORTED_CERTIFICATE", "CERTIFICATE_REVOKED",
    "CERTIFICATE_EXPIRED", "CERTIFICATE_UNKNOWN", "UNKNOWN_CA", "ACCESS_DENIED",
)  # fmt: skip
"""Ends of OpenSSL's names of the alerts by which a server refuses a client's certificate, or the lack of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """What a connection says of its TLS. ``certificate`` and ``key`` are there both, or neither."""

    ca_file: str = ""
    certificate: str = ""
    """A file of the project, as PEM, with what leads to its authority behind it if need be."""
    key: Secret | None = None
    password: Secret | None = None

    def context(self, grants: Grants, address: str) -> ssl.SSLContext | None:
        """What to connect with; None for the system's own way. ``ConfigurationRefused`` for files that are none."""
        if not self.ca_file and not self.certificate:
            return None
        made = self._trusting(grants, address)
        if self.certificate and self.key is not None:
            self._known_by(made, grants, address)
        return made

    def _trusting(self, grants: Grants, address: str) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=str(grants.root / self.ca_file) if self.ca_file else None)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationRefused(
                f"ca_file {self.ca_file!r} cannot be used: {error}", where=address,
                expected="a PEM file of certificates",
            ) from None  # fmt: skip

    def _known_by(self, context: ssl.SSLContext, grants: Grants, address: str) -> None:
        """The library reads certificate and key from a file alone: it is one in memory, which has no name."""
        if grants.read_file is None or self.key is None:
            raise ConfigurationRefused(f"no file {self.certificate!r} is granted", where=address)
        password = self.password.reveal() if self.password is not None else ""
        descriptor = os.memfd_create("client certificate", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(grants.read_file(self.certificate) + b"\n" + self.key.reveal().encode())
            context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=lambda: password)
        except (OSError, ssl.SSLError, ValueError) as error:
            found = getattr(error, "reason", None) or str(error)
            raise ConfigurationRefused(
                f"client_certificate {self.certificate!r} cannot be used with its key: {found}", where=address,
                expected="a PEM certificate, its own private key as PEM, and its password if it has one",
            ) from None  # fmt: skip
        finally:
            os.close(descriptor)


def client_refused(error: BaseException, where: str) -> ConfigurationRefused | None:
    """The error of a server that will not have us by our certificate; it has done nothing of what we asked."""
    for cause in _causes(error):
        reason = str(getattr(cause, "reason", None) or "") if isinstance(cause, ssl.SSLError) else ""
        if "ALERT" in reason and reason.endswith(_REFUSALS):
            return ConfigurationRefused(
                f"it refuses our client certificate, or that we have none: {reason.lower().replace('_', ' ')}",
                where=where, expected="a client certificate it knows",
                remedy="name ours with client_certificate and client_key, and have its owner take it in",
            )  # fmt: skip
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        inner = getattr(error, "os_error", None)
        if isinstance(inner, BaseException):
            yield inner
        error = error.__cause__ or error.__context__
