"""Systems reached over SFTP: one SSH connection per named system, shared by every source and target that names it.

It is made when it is first needed and again after it was lost. The server must show the host key that ``known_hosts``
has for it; there is no way to switch that off. Neither the user's own SSH settings nor an agent are looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from waypost.core.errors import (
    AuthorisationRefused,
    ConfigurationRefused,
    EndpointError,
    EndpointTimeout,
    EndpointUnavailable,
)
from waypost.core.event import EndpointFound, EndpointLost
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Duration, Option, OptionFault, Secret

T = TypeVar("T")
DEFAULT_PORT = 22
KEEPALIVE_SECONDS = 15
_CONNECT, _ANSWER = Duration(10), Duration(30)


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpConnectionOptions:
    address: Annotated[str, Option("Server as host or host:port.", example="sftp.acme.example:22")]
    user: Annotated[str, Option("User to log in as.", example="waypost")]
    known_hosts: Annotated[
        str,
        Option("File with the server's public host key, in the form of OpenSSH's known_hosts.", "keys/known_hosts"),
    ]
    password: Annotated[Secret | None, Option("Password of the user.")] = None
    key_file: Annotated[str, Option("File with the user's private key.", example="keys/acme")] = ""
    key_passphrase: Annotated[Secret | None, Option("Passphrase of the private key.")] = None
    connect_seconds: Annotated[Duration, Option("Longest wait for a login.", minimum=0.1)] = _CONNECT
    timeout_seconds: Annotated[Duration, Option("Longest wait for one answer of the server.", minimum=0.1)] = _ANSWER

    def faults(self) -> Iterator[OptionFault]:
        host, port = split_address(self.address)
        if not host or port == 0:
            yield OptionFault("address", f"found {self.address!r}", "host or host:port", "leave out sftp:// and paths")
        if not self.user:
            yield OptionFault("user", "found an empty user", "the user to log in as")
        if self.password is None and not self.key_file:
            yield OptionFault("password", "neither 'password' nor 'key_file' is set", "one of them")
        if self.key_passphrase is not None and not self.key_file:
            yield OptionFault("key_passphrase", "there is no 'key_file' it could open", "both, or none")


def split_address(address: str) -> tuple[str, int]:
    """Host and port; port 0 where it is none. ``[::1]:22`` for IPv6."""
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        host, port = address, str(DEFAULT_PORT)
    good = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    bare = host.removeprefix("[").removesuffix("]")
    plain = bare and not any(c in "/@ \t" for c in bare) and (":" not in bare or host.startswith("["))
    return (bare if plain else ""), int(port) if good else 0


@registry.register(
    "connection",
    "sftp",
    options=SftpConnectionOptions,
    example="{address: 'sftp.acme.example:22', user: waypost, key_file: keys/acme, known_hosts: keys/known_hosts}",
)
class SftpConnection:
    """A server that speaks SFTP."""

    def __init__(self, options: SftpConnectionOptions, grants: Grants) -> None:
        self.options, self._grants = options, grants
        self._host, self._port = split_address(options.address)
        self.where = f"sftp://{options.user}@{options.address}"
        self._ssh: Any = None
        self._sftp: Any = None
        self._connecting = asyncio.Lock()
        self._was_lost = False

    async def open(self) -> None:
        """Nothing yet: the first call logs in."""

    async def check(self) -> None:
        """Log in and ask where we are."""
        await self.call(self.where, "look at", lambda sftp: sftp.realpath("."))

    async def close(self) -> None:
        ssh, self._ssh, self._sftp = self._ssh, None, None
        if ssh is not None:
            ssh.close()
            try:
                async with asyncio.timeout(1):
                    await ssh.wait_closed()
            except (TimeoutError, OSError):
                ssh.abort()

    async def call(self, where: str, act: str, do: Callable[[Any], Awaitable[T]]) -> T:
        """What ``do`` makes of an SFTP client, within ``timeout_seconds``. Only ``SftpMissing`` and ``SftpExists``
        and the endpoint errors come out; ``act`` and ``where`` say what was wanted."""
        import asyncssh

        client = await self._client()
        try:
            async with asyncio.timeout(self.options.timeout_seconds):
                return await do(client)
        except asyncssh.SFTPError as error:
            if isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection):
                raise self._lost(client, where, error.reason) from error
            raise _refusal(error, where, act, self.options.user) from error
        except (asyncssh.Error, OSError) as error:
            if isinstance(error, TimeoutError):
                self._drop(client, f"no answer within {self.options.timeout_seconds:g} s")
                raise EndpointTimeout(
                    f"cannot {act}: no answer within {self.options.timeout_seconds:g} s", where=where,
                    remedy="check the server and the line; it may have been done there",
                ) from error  # fmt: skip
            raise self._lost(client, where, str(error)) from error

    def is_current(self, client: Any) -> bool:
        """Whether what was opened with ``client`` is still open."""
        return client is self._sftp

    def place(self, path: str) -> str:
        """How ``path`` is named in outcomes and errors."""
        return f"{self.where}/{path.lstrip('/')}" if not path.startswith("/") else f"{self.where}/{path}"

    # ── the login ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _client(self) -> Any:
        async with self._connecting:
            if self._sftp is not None and self._ssh.is_closed():
                self._drop(self._sftp, "the server closed the connection")
            if self._sftp is None:
                self._ssh, self._sftp = await self._log_in()
                if self._was_lost:
                    self._was_lost = False
                    self._grants.events.emit(EndpointFound(endpoint=self.where))
            return self._sftp

    async def _log_in(self) -> tuple[Any, Any]:
        import asyncssh

        options = self.options
        known_hosts = self._file("known_hosts", options.known_hosts)
        key_file = self._file("key_file", options.key_file) if options.key_file else None
        ssh = None
        try:
            async with asyncio.timeout(options.connect_seconds):
                ssh = await asyncssh.connect(
                    self._host, self._port, username=options.user, known_hosts=str(known_hosts), config=None,
                    password=options.password.reveal() if options.password else None,
                    client_keys=[str(key_file)] if key_file else None, agent_path=None, gss_host=None,
                    passphrase=options.key_passphrase.reveal() if options.key_passphrase else None,
                    keepalive_interval=KEEPALIVE_SECONDS, keepalive_count_max=3,
                )  # fmt: skip
                return ssh, await ssh.start_sftp_client()
        except BaseException as error:
            if ssh is not None:
                ssh.abort()
            if not isinstance(error, asyncssh.Error | OSError | ValueError):
                raise
            raise self._login_refused(error) from error

    def _file(self, option: str, name: str) -> Path:
        path = self._grants.root / name
        try:
            path.open("rb").close()
        except OSError as error:
            remedy = f"fetch it: ssh-keyscan -p {self._port} {self._host} > {name}, and compare its fingerprint"
            raise ConfigurationRefused(
                f"{option} {name!r} cannot be read: {(error.strerror or '').lower()}", where=self.where,
                remedy=remedy if option == "known_hosts" else "put the private key there, readable by us alone",
            ) from error  # fmt: skip
        return path

    def _login_refused(self, error: BaseException) -> EndpointError:
        import asyncssh

        if isinstance(error, asyncssh.HostKeyNotVerifiable):
            return ConfigurationRefused(
                "the server shows another host key than known_hosts has", where=self.where,
                expected=f"the key in {self.options.known_hosts}",
                remedy="ask its owner; replace the key only when they confirm the new fingerprint",
            )  # fmt: skip
        if isinstance(error, asyncssh.PermissionDenied):
            return AuthorisationRefused(
                f"user {self.options.user!r} is not let in", where=self.where,
                remedy="check user and password, or that the public key is known there",
            )  # fmt: skip
        if isinstance(error, asyncssh.KeyImportError | asyncssh.KeyEncryptionError):
            return ConfigurationRefused(
                f"key_file {self.options.key_file!r} cannot be used", where=self.where,
                expected="a private key in OpenSSH or PEM form", remedy="check key_passphrase",
            )  # fmt: skip
        if isinstance(error, asyncssh.KeyExchangeFailed):
            return ConfigurationRefused(
                f"no common way to encrypt: {error.reason}", where=self.where, remedy="ask its owner to update it"
            )
        cause = "no login in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        return EndpointUnavailable(
            f"cannot log in: {cause}", where=self.where, remedy="check that the server runs and can be reached"
        )

    def _lost(self, client: Any, where: str, cause: str) -> EndpointUnavailable:
        self._drop(client, cause)
        return EndpointUnavailable(
            f"the connection was lost: {cause}", where=where, remedy="check the server and the line; it is retried"
        )

    def _drop(self, client: Any, cause: str) -> None:
        """Give up the connection ``client`` belongs to, unless another has taken its place already."""
        if client is self._sftp and self._ssh is not None:
            ssh, self._ssh, self._sftp = self._ssh, None, None
            ssh.abort()
            self._was_lost = True
            self._grants.events.emit(EndpointLost(endpoint=self.where, cause=cause))


class SftpMissing(EndpointUnavailable):
    """The file or folder is not there."""

    code = "endpoint-missing"


class SftpRefused(EndpointUnavailable):
    """The server refused without saying why; among other things because the name is taken."""

    code = "endpoint-refused"


class SftpUnsupported(ConfigurationRefused):
    """The server does not know this request."""

    code = "configuration-unsupported"


def _refusal(error: Any, where: str, act: str, user: str) -> EndpointError:
    import asyncssh

    said = f"cannot {act}: {str(error.reason).lower()}"
    if isinstance(error, asyncssh.SFTPNoSuchFile | asyncssh.SFTPNoSuchPath | asyncssh.SFTPNotADirectory):
        return SftpMissing(said, where=where, remedy="create the folder there, or correct the path")
    if isinstance(error, asyncssh.SFTPPermissionDenied | asyncssh.SFTPWriteProtect):
        return AuthorisationRefused(said, where=where, remedy=f"let user {user!r} {act} it there")
    if isinstance(error, asyncssh.SFTPNoSpaceOnFilesystem | asyncssh.SFTPQuotaExceeded):
        return EndpointUnavailable(said, where=where, remedy="ask its owner to free space; it is retried")
    if isinstance(error, asyncssh.SFTPOpUnsupported):
        return SftpUnsupported(said, where=where, remedy="this server cannot do it")
    return SftpRefused(said, where=where, remedy="check space, quota and permissions there; it is retried")
