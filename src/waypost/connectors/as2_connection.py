"""Trading partners reached over AS2 (RFC 4130): their address, both sides' certificates, how messages are protected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from waypost.connectors.as2_archive import As2Archive
from waypost.connectors.as2_caller import why_not_known
from waypost.connectors.as2_credential import As2OurKeyOptions, As2TheirCertificateOptions, CredentialFiles
from waypost.connectors.http_connection import HttpAnswer, HttpConnection, HttpConnectionOptions
from waypost.core.content import Content, Spool
from waypost.core.errors import ConfigurationRefused
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Duration, Option, OptionFault, ProjectPath, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from waypost.as2.certificate import Credential
    from waypost.as2.header import ReceiptRequest
    from waypost.as2.incoming import Terms
    from waypost.as2.outgoing import BuiltContent, Document

_ANSWER, _CONNECT, _RECEIPT = Duration(120), Duration(10), Duration(300)
DIGESTS = Literal["none", "sha-1", "sha-224", "sha-256", "sha-384", "sha-512"]
_CIPHERS = {"3des": "tripledes_3key"}
CIPHERS = Literal["none", "3des", "aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-gcm", "aes192-gcm", "aes256-gcm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class As2ConnectionOptions:
    address: Annotated[str, Option("Where the partner takes messages.", example="https://as2.acme.example/as2")]
    us: Annotated[str, Option("Our AS2 name, exactly as the partner has it.", example="WAYPOST")]
    them: Annotated[str, Option("The partner's AS2 name.", example="ACME")]
    our_certificates: Annotated[
        tuple[As2OurKeyOptions, ...], Option("Our certificates with their keys; the first that can be used is.")
    ]
    their_certificates: Annotated[
        tuple[As2TheirCertificateOptions, ...], Option("The partner's certificates: these are trusted, and no others.")
    ]
    sign: Annotated[DIGESTS, Option("Digest of our signatures.")] = "sha-256"
    encrypt: Annotated[CIPHERS, Option("Cipher of what we send.")] = "aes256-cbc"
    compress: Annotated[
        Literal["none", "before-sign", "before-encrypt"], Option("Where what we send is compressed.")
    ] = "none"
    pss: Annotated[bool, Option("Whether our signatures are RSA-PSS.", advanced=True)] = False
    oaep: Annotated[bool, Option("Whether keys are encrypted by RSA-OAEP.", advanced=True)] = False
    opaque: Annotated[bool, Option("Whether the signature holds the content.", advanced=True)] = False
    base64: Annotated[bool, Option("Whether what we send is in base 64.", advanced=True)] = False
    old_digest_names: Annotated[bool, Option("Whether to write sha1 for sha-1, and so on.", advanced=True)] = False
    legacy: Annotated[bool, Option("Whether SHA-1 and triple DES are allowed, both ways.", advanced=True)] = False
    mic_as_received: Annotated[
        bool, Option("Whether line ends are left alone before the check, as some partners do.", advanced=True)
    ] = False
    require_signed: Annotated[bool, Option("Whether what comes must be signed.")] = True
    require_encrypted: Annotated[bool, Option("Whether what comes must be encrypted.")] = True
    receipt: Annotated[
        Literal["sync", "async", "none"],
        Option("Receipts we ask for: in the answer, in a request of its own, or none."),
    ] = "sync"
    signed_receipt: Annotated[bool, Option("Whether receipts must be signed.")] = True
    receipt_address: Annotated[
        str, Option("Where asynchronous receipts come to: the path of an as2 source.", example="https://us.example/as2")
    ] = ""
    receipt_seconds: Annotated[
        Duration, Option("Wait for an asynchronous receipt before the message is sent again.", minimum=0.1)
    ] = _RECEIPT
    receipts_to: Annotated[
        tuple[str, ...],
        Option("Addresses the partner may have its asynchronous receipts sent to; without any, only `address`'s host."),
    ] = ()
    archive: Annotated[
        str, Option("Folder of what was sent and received with its receipts, relative to the project.")
    ] = "as2-archive"
    spool: Annotated[
        str, Option("Folder of messages larger than 1 MiB while they come or go, relative to the project.")
    ] = "as2-spool"
    user: Annotated[str, Option("User of basic authentication.")] = ""
    password: Annotated[Secret | None, Option("Password of basic authentication.")] = None
    ca_file: Annotated[str, Option("PEM file of the authorities to trust in place of the system's.")] = ""
    client_certificate: Annotated[
        ProjectPath | None, Option("Our TLS certificate for a partner's server that asks for one, PEM.")
    ] = None
    client_key: Annotated[Secret | None, Option("Its private key as PEM.")] = None
    client_key_password: Annotated[Secret | None, Option("Password of that key.")] = None
    their_client_certificates: Annotated[
        tuple[As2TheirCertificateOptions, ...],
        Option("TLS certificates one of which the partner must show when it calls; needs `client_certificate_header`."),
    ] = ()
    connect_seconds: Annotated[Duration, Option("Longest wait for a connection.", minimum=0.01)] = _CONNECT
    timeout_seconds: Annotated[
        Duration, Option("Longest wait for a whole answer; a second more for each 100 kB sent.", minimum=0.01)
    ] = _ANSWER

    def faults(self) -> Iterator[OptionFault]:
        yield from self._http().faults()
        for name in ("us", "them"):
            if not 1 <= len(getattr(self, name)) <= 128 or not getattr(self, name).isascii():
                yield OptionFault(name, f"found {getattr(self, name)!r}", "1 to 128 ASCII characters")
        if self.us == self.them:
            yield OptionFault("them", "both sides have the same name", "the partner's own AS2 name")
        if not self.our_certificates and (self.sign != "none" or self.require_encrypted):
            yield OptionFault("our_certificates", "there is none", "one to sign and decrypt with")
        if not self.their_certificates and (self.encrypt != "none" or self.require_signed):
            yield OptionFault("their_certificates", "there is none", "one to verify and encrypt with")
        if not self.legacy and (self.sign == "sha-1" or self.encrypt == "3des"):
            option = "sign" if self.sign == "sha-1" else "encrypt"
            yield OptionFault(option, f"{getattr(self, option)} is legacy", "a stronger one", "or say legacy: true")
        if (self.receipt == "async") != bool(self.receipt_address):
            expected = "receipt: async together with receipt_address"
            yield OptionFault("receipt_address", "one without the other", expected)

    def _http(self) -> HttpConnectionOptions:
        return HttpConnectionOptions(
            address=self.address, user=self.user, password=self.password, ca_file=self.ca_file,
            client_certificate=self.client_certificate, client_key=self.client_key,
            client_key_password=self.client_key_password,
            connect_seconds=self.connect_seconds, timeout_seconds=self.timeout_seconds,
        )  # fmt: skip


@registry.register(
    "connection",
    "as2",
    options=As2ConnectionOptions,
    example=(
        "{address: 'https://as2.acme.example/as2', us: WAYPOST, them: ACME, "
        "our_certificates: [{certificate: partners/us.pem, key: secret}], "
        "their_certificates: [{certificate: partners/acme.pem}]}"
    ),
)
class As2Connection:
    """A trading partner that exchanges documents over AS2."""

    def __init__(self, options: As2ConnectionOptions, grants: Grants) -> None:
        self.options, self._grants = options, grants
        self.archive = As2Archive(grants.root / options.archive)
        self.spool = Spool(grants.root / options.spool)
        self.http = HttpConnection(options._http(), grants)
        self._ours: tuple[Credential, ...] = ()
        self._theirs: tuple[Credential, ...] = ()
        self._callers: tuple[Credential, ...] = ()

    @property
    def address(self) -> str:
        return self.http.address

    async def open(self) -> None:
        """Read the certificates and make the pool. ``ConfigurationRefused`` for a certificate or key that is none."""
        if not self._ours and not self._theirs:
            grants = self._grants
            files = CredentialFiles(grants.root, grants.read_file, f"connection {grants.name}")
            self._ours = tuple(map(files.ours, self.options.our_certificates))
            self._theirs = tuple(map(files.theirs, self.options.their_certificates))
            self._callers = tuple(map(files.theirs, self.options.their_client_certificates))
        await self.http.open()

    async def check(self) -> None:
        """Read the certificates and ask for the address; any answer will do."""
        await self.open()
        await self.http.check()

    async def close(self) -> None:
        await self.http.close()

    def now(self) -> datetime:
        """The time by the granted clock."""
        return datetime.fromtimestamp(self._grants.clock.now() / 1_000_000, UTC)

    def build(self, document: Document) -> BuiltContent:
        """The protected body of a message. Blocks. ``EndpointUnavailable`` when the spool has no room."""
        from waypost.as2.outgoing import Maker

        maker = Maker(
            protection=self._protection(), ours=self._ours, partner=self._theirs, now=self.now(), spool=self.spool
        )
        return maker.build(document)

    def terms(self, *, receipt: bool = False, content_bytes: int = 0) -> Terms:
        """What is asked of a message that comes in, of at most ``content_bytes``, or of a receipt."""
        from waypost.as2.incoming import Terms
        from waypost.as2.limits import LIMITS, Limits

        options = self.options
        return Terms(
            ours=self._ours, partner=self._theirs, now=self.now(), legacy=options.legacy,
            require_signed=options.signed_receipt if receipt else options.require_signed,
            require_encrypted=options.require_encrypted and not receipt, mic_as_received=options.mic_as_received,
            limits=Limits(content=content_bytes) if content_bytes else LIMITS,
        )  # fmt: skip

    def why_not_caller(self, headers: Mapping[str, str], header: str) -> str:
        """Why a request does not come from the partner by its TLS certificate; empty if it does, or need not say."""
        return why_not_known(headers, header, self._callers, self.now()) if self._callers else ""

    def http_to(self, address: str) -> HttpConnection:
        """Another address of the partner, for an asynchronous receipt: without the password of the first."""
        https = address.startswith("https:")
        options = replace(
            self.options._http(), address=address, user="", password=None,
            client_certificate=self.options.client_certificate if https else None,
            client_key=self.options.client_key if https else None,
        )  # fmt: skip
        return HttpConnection(options, self._grants)

    @property
    def ours(self) -> tuple[Credential, ...]:
        """Our certificates with their keys."""
        return self._ours

    def receipt_request(self) -> ReceiptRequest | None:
        """The receipt we ask for."""
        from waypost.as2.header import ReceiptRequest

        options = self.options
        if options.receipt == "none":
            return None
        spelled = self._protection().spelled
        digest = self._digest() if options.sign != "none" else None
        return ReceiptRequest(
            signed=options.signed_receipt, signed_required=options.signed_receipt,
            micalgs=(spelled(digest),) if digest else ("sha-256", "sha256"), micalg_required=False,
            address=options.receipt_address,
        )  # fmt: skip

    async def post(self, headers: Mapping[str, str], body: Content) -> HttpAnswer:
        """Send a message to the partner's address."""
        return await self.http.send_content(
            headers, body, limit_bytes=1 << 20, timeout_seconds=self.options.timeout_seconds + body.size / 100_000
        )

    def _digest(self) -> Any:
        from waypost.as2.algorithm import Digest

        return Digest(self.options.sign)

    def _protection(self) -> Any:
        from waypost.as2.algorithm import Cipher
        from waypost.as2.outgoing import Compression, Protection

        options = self.options
        cipher = _CIPHERS.get(options.encrypt, options.encrypt.replace("-", "_"))
        return Protection(
            sign=None if options.sign == "none" else self._digest(), pss=options.pss, opaque=options.opaque,
            encrypt=None if options.encrypt == "none" else Cipher(cipher),
            oaep=options.oaep,
            compress=Compression(options.compress), transfer_encoding="base64" if options.base64 else "binary",
            old_digest_names=options.old_digest_names, legacy=options.legacy,
        )  # fmt: skip


def as2_connection(name: str, grants: Grants) -> As2Connection:
    """The partner behind a connection's name."""
    connection = grants.connections.get(name)
    if connection is None or not isinstance(connection.pool, As2Connection):
        raise ConfigurationRefused(
            f"connection {name!r} is not one over AS2", where=grants.name or "as2",
            expected="a connection of kind as2 in connections.yaml",
        )  # fmt: skip
    return connection.pool
