"""Systems reached over HTTP: one pooled client per connection, shared by every target and requester that names it."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from waypost.connectors.http_guard import denied, guarded_resolver, is_denied
from waypost.connectors.http_tls import Tls, client_refused
from waypost.core.content import Content
from waypost.core.errors import ConfigurationRefused, EndpointError, EndpointTimeout, EndpointUnavailable
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Duration, Option, OptionFault, ProjectPath, Secret

if TYPE_CHECKING:
    import aiohttp

_KEPT_BACK = ("set-cookie", "authorization", "www-authenticate", "proxy-")
_KEPT_BACK_WORDS = ("token", "secret", "api-key", "apikey", "session", "password")
_CONNECT, _ANSWER = Duration(5), Duration(30)
_WHOLE_BYTES = 1 << 18
_CERTIFICATE_EXPIRED = 10
"""OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConnectionOptions:
    address: Annotated[str, Option("Base URL; paths of targets are added to it.", example="https://erp.example/api")]
    user: Annotated[str, Option("User of basic authentication.")] = ""
    password: Annotated[Secret | None, Option("Password of basic authentication.")] = None
    bearer: Annotated[Secret | None, Option("Token sent as a bearer token.")] = None
    headers: Annotated[dict[str, Secret], Option("Secret headers sent with every request, such as an API key.")] = (
        field(default_factory=dict)
    )
    connect_seconds: Annotated[Duration, Option("Longest wait for a connection.", minimum=0.01)] = _CONNECT
    timeout_seconds: Annotated[Duration, Option("Longest wait for a whole answer.", minimum=0.01)] = _ANSWER
    pool: Annotated[int, Option("Most connections at once.", minimum=1, maximum=1000)] = 16
    ca_file: Annotated[
        str, Option("PEM file of the authorities to trust in place of the system's, relative to the project.")
    ] = ""
    client_certificate: Annotated[
        ProjectPath | None,
        Option("Our certificate for a server that asks for one, PEM, a file of the project.", example="tls/us.pem"),
    ] = None
    client_key: Annotated[Secret | None, Option("Its private key as PEM.")] = None
    client_key_password: Annotated[Secret | None, Option("Password of that key.")] = None

    def faults(self) -> Iterator[OptionFault]:
        yield from _address_faults(self.address)
        if (self.password is not None) != bool(self.user):
            yield OptionFault("user" if self.user else "password", "user without password, or the other way round")
        if self.bearer is not None and self.user:
            yield OptionFault("bearer", "both a bearer token and a user", "one way to authenticate")
        for name, value in self.headers.items():
            if not _is_header(name, value.reveal()):
                yield OptionFault("headers", f"header {name!r} cannot be sent", "a token and a value on one line")
        if (self.client_certificate is None) != (self.client_key is None):
            option = "client_key" if self.client_key is None else "client_certificate"
            yield OptionFault(option, "one without the other", "client_certificate together with client_key")
        elif self.client_certificate is not None and not self.address.startswith("https:"):
            yield OptionFault("client_certificate", f"the address is {self.address!r}", "https, or no certificate")

    def tls(self) -> Tls:
        """Whom it trusts and how it shows who we are."""
        return Tls(
            ca_file=self.ca_file, certificate=self.client_certificate or "", key=self.client_key,
            password=self.client_key_password,
        )  # fmt: skip


def _address_faults(address: str) -> Iterator[OptionFault]:
    expected = "https://host or http://host:port, with a path if need be"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        yield OptionFault("address", f"{error}", expected)
        return
    if parts.scheme not in ("http", "https") or not host or port == 0 or parts.query or parts.fragment:
        yield OptionFault("address", f"found {address!r}", expected)
    if parts.username or parts.password:
        yield OptionFault("address", "a user or password in the address", expected, "use the options user and password")
    if any(ch.isspace() or not ch.isprintable() or ch == "\\" for ch in address):
        yield OptionFault("address", f"found {address!r}", expected)
    if is_denied(host):
        yield OptionFault("address", f"{host} is where machines get credentials", "the address of a system")


def _is_header(name: str, value: str) -> bool:
    token = name.replace("-", "").replace("_", "")
    return token.isascii() and token.isalnum() and value.isprintable() and value.isascii()


def header_faults(headers: Mapping[str, str | Secret]) -> Iterator[OptionFault]:
    """What is wrong with fixed headers of a target."""
    for name, value in headers.items():
        if not _is_header(name, value.reveal() if isinstance(value, Secret) else value):
            yield OptionFault("headers", f"header {name!r} cannot be sent", "a token and a value on one line")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a system said. ``body`` ends at the limit; ``cut`` says that there was more. No secret of ours is in it."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    cut: bool = False


@dataclass(slots=True)
class _Progress:
    sent: bool = False


@registry.register(
    "connection",
    "http",
    options=HttpConnectionOptions,
    example="{address: 'https://erp.example/api', timeout_seconds: 10s}",
)
class HttpConnection:
    """A system with an HTTP interface."""

    def __init__(self, options: HttpConnectionOptions, grants: Grants) -> None:
        self.options, self._grants = options, grants
        self.address = options.address.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self._secrets = _secrets(options)

    async def open(self) -> None:
        """Make the pool, unless it is there; nothing is sent. ``ConfigurationRefused`` for an address that must not be
        asked."""
        import aiohttp

        if self._session is not None:
            return
        host = urlsplit(self.address).hostname or ""
        if is_denied(host):
            raise denied(host, host)
        options = self.options
        connector = aiohttp.TCPConnector(
            limit=options.pool,
            resolver=guarded_resolver(),
            ssl=options.tls().context(self._grants, self.address) or True,
            keepalive_timeout=15,
        )
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_note_sent)
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), headers=_own_headers(options),
            timeout=aiohttp.ClientTimeout(total=options.timeout_seconds, sock_connect=options.connect_seconds),
            trace_configs=[trace], trust_env=False,
        )  # fmt: skip

    async def check(self) -> None:
        """Ask for the address itself; any answer will do."""
        await self.call("HEAD", "", limit_bytes=0)

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None,
        limit_bytes: int,
    ) -> HttpAnswer:  # fmt: skip
        """Ask once. ``path`` is already percent-encoded. Raises ``EndpointUnavailable`` when nothing was sent,
        ``EndpointTimeout`` when it may have been done there."""
        return await self._ask(method, path, headers, _sendable(body), limit_bytes, self.options.timeout_seconds)

    async def send_content(
        self, headers: Mapping[str, str], content: Content, *, limit_bytes: int, timeout_seconds: float
    ) -> HttpAnswer:
        """Post content of any size, piece by piece, with its length. Errors as of ``call``."""
        headers = {**headers, "Content-Length": str(content.size)}
        return await self._ask("POST", "", headers, _sent_in_pieces(content), limit_bytes, timeout_seconds)

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str] | None, data: Any, limit_bytes: int, seconds: float
    ) -> HttpAnswer:
        import aiohttp
        from yarl import URL

        if self._session is None:
            raise EndpointUnavailable("the connection is closed", where=self.address, remedy="open it first")
        progress = _Progress()
        try:
            async with self._session.request(
                method, URL(self.address + path, encoded=True), data=data, headers=headers,
                allow_redirects=False, trace_request_ctx=progress,
                timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=self.options.connect_seconds),
            ) as response:  # fmt: skip
                said, cut = await _read(response, limit_bytes)
                return HttpAnswer(response.status, self._scrub(said), self._shown(response.headers.items()), cut)
        except aiohttp.InvalidURL:
            raise ConfigurationRefused(f"no usable URL: {path!r}", where=self.address) from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._lost(error, f"{method} {self.address}{path}", progress.sent, seconds) from None

    def _lost(self, error: BaseException, where: str, sent: bool, seconds: float) -> EndpointError:
        refused = _certificate_error(error, where) or client_refused(error, where)
        if refused is not None:
            return refused
        cause = self._scrub_text(str(error)) or type(error).__name__
        timed_out = isinstance(error, asyncio.TimeoutError)
        if not sent:
            found = "no connection in time" if timed_out else f"cannot connect: {cause}"
            return EndpointUnavailable(found, where=where, remedy="check that the system runs and can be reached")
        found = f"no answer within {seconds:g} s" if timed_out else f"connection lost: {cause}"
        return EndpointTimeout(found, where=where, expected="an answer", remedy="it may have been done there")

    def _shown(self, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        shown: dict[str, str] = {}
        for raw, value in headers:
            name = raw.lower()
            if name.startswith(_KEPT_BACK) or any(word in name for word in _KEPT_BACK_WORDS):
                continue
            said = self._scrub_text(value)
            shown[name] = f"{shown[name]}, {said}" if name in shown else said
        return shown

    def _scrub(self, data: bytes) -> bytes:
        for secret in self._secrets:
            data = data.replace(secret, b"***")
        return data

    def _scrub_text(self, text: str) -> str:
        return self._scrub(text.encode("utf-8", "replace")).decode("utf-8", "replace")


def _sendable(body: bytes | None) -> bytes | io.BytesIO | None:
    """A large body goes out in pieces, so that the event loop is not held."""
    return io.BytesIO(body) if body is not None and len(body) > _WHOLE_BYTES else body


async def _sent_in_pieces(content: Content) -> AsyncIterator[bytes]:
    for piece in content.pieces():
        yield piece


async def _note_sent(session: Any, context: Any, params: Any) -> None:
    context.trace_request_ctx.sent = True


async def _read(response: aiohttp.ClientResponse, limit: int) -> tuple[bytes, bool]:
    """Up to ``limit`` bytes. An answer that breaks off after its status counts as cut: what it says has happened."""
    import aiohttp

    parts: list[bytes] = []
    size = 0
    try:
        async for part in response.content.iter_any():
            parts.append(part[: limit - size])
            size += len(part)
            if size > limit:
                response.close()
                return b"".join(parts), True
    except (aiohttp.ClientPayloadError, ConnectionError, TimeoutError):
        response.close()
        return b"".join(parts), True
    return b"".join(parts), False


def _own_headers(options: HttpConnectionOptions) -> dict[str, str]:
    headers = {"user-agent": "waypost", **{name: value.reveal() for name, value in options.headers.items()}}
    if options.bearer is not None:
        headers["authorization"] = f"Bearer {options.bearer.reveal()}"
    elif options.password is not None:
        headers["authorization"] = f"Basic {_basic(options)}"
    return headers


def _basic(options: HttpConnectionOptions) -> str:
    password = options.password.reveal() if options.password else ""
    return base64.b64encode(f"{options.user}:{password}".encode()).decode()


def _secrets(options: HttpConnectionOptions) -> tuple[bytes, ...]:
    """What must not come back in an answer, longest first; shorter than 4 characters would garble any text."""
    found = [value.reveal() for value in (options.password, options.bearer, *options.headers.values()) if value]
    found += [_basic(options)] if options.password else []
    return tuple(sorted((text.encode() for text in found if len(text) >= 4), key=len, reverse=True))


def _certificate_error(error: BaseException, where: str) -> EndpointError | None:
    """A certificate that is not trusted is a matter of settings; one that ran out will be renewed over there."""
    import aiohttp

    if not isinstance(error, aiohttp.ClientConnectorCertificateError):
        return None
    cause: Any = error.certificate_error
    found = f"its certificate is refused: {getattr(cause, 'verify_message', cause)}"
    if getattr(cause, "verify_code", 0) == _CERTIFICATE_EXPIRED:
        return EndpointUnavailable(found, where=where, remedy="ask its owner to renew it")
    return ConfigurationRefused(
        found, where=where, expected="a certificate for this host from a trusted authority",
        remedy="correct the address, or name the authority with ca_file",
    )  # fmt: skip
