"""TLS client certificates over AS2: ours for a server that asks for it, the partner's bound to the partner."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tests.peers.as2 import ACME, FILES, OTHER, WAYPOST, Acme, connection, key_pem, now, pem
from tests.peers.as2_kit import source_of
from tests.peers.tls_proxy import HEADER, tls_proxy
from tests.unit.connectors.test_http_target import self_signed
from waypost.as2.certificate import Credential
from waypost.as2.header import Head, ReceiptRequest, write_head
from waypost.as2.outgoing import Payload, Protection, build
from waypost.connectors.as2_caller import why_not_known
from waypost.connectors.as2_connection import As2Connection
from waypost.connectors.as2_target import As2Target
from waypost.core.errors import ConfigurationRefused, ErrorClass
from waypost.core.grants import Connection, Grants
from waypost.core.listener import Listener
from waypost.core.registry import registry
from waypost.core.spec import Secret
from waypost.testing.as2_people import make_credential, public
from waypost.testing.connector_kit import CommittedPositions, outbound, parse_options

OUR_TLS = make_credential("waypost tls", serial=41, days=36_500)
THEIR_TLS = make_credential("acme tls", serial=42, days=36_500)
CLIENT = {"client_certificate": "tls/us.pem", "client_key": Secret(key_pem(OUR_TLS))}
FOUND = {**FILES, "tls/us.pem": pem(OUR_TLS), "tls/acme.pem": pem(THEIR_TLS), "tls/other.pem": pem(OTHER)}


def options(address: str, **changes: Any) -> Any:
    component = registry.find("connection", "as2")
    assert component is not None
    return parse_options(component, connection(address, timeout_seconds="5s", **changes))


def granted(root: Path, address: str, **changes: Any) -> Grants:
    base = Grants(root=root, name="acme", flow="kit", positions=CommittedPositions(), read_file=FOUND.__getitem__)
    given = options(address, **changes)
    pool = As2Connection(given, base)
    return replace(base, connections={"acme": Connection(name="acme", kind="as2", options=given, pool=pool)})


async def outcome_of(grants: Grants) -> Any:
    component = registry.find("target", "as2")
    assert component is not None
    target = As2Target(parse_options(component, {"connection": "acme"}), grants)
    await target.open()
    try:
        (outcome,) = await target.send([outbound(1, b"an order")])
        return outcome
    finally:
        await target.close()
        await grants.connections["acme"].pool.close()


@contextlib.asynccontextmanager
async def acme(root: Path, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> AsyncIterator[tuple[Acme, str]]:
    """ACME, behind TLS that lets in who has our certificate."""
    context = self_signed(root)
    context.maximum_version = version
    partner = Acme()
    await partner.start()
    try:
        async with tls_proxy(partner.address, context, [pem(OUR_TLS)]) as address:
            yield partner, address
    finally:
        await partner.stop()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2], ids=["1.3", "1.2"])
async def test_a_server_that_asks_for_our_certificate_gets_it(tmp_path: Path, version: ssl.TLSVersion) -> None:
    async with acme(tmp_path, version) as (partner, address):
        outcome = await outcome_of(granted(tmp_path, address, ca_file="cert.pem", **CLIENT))
    assert outcome.delivered and partner.bodies == [b"an order"]


@contextlib.contextmanager
def asking(root: Path, version: ssl.TLSVersion) -> Iterator[str]:
    """A server that wants our certificate and says why it hangs up, as OpenSSL's servers do."""
    context = self_signed(root)
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=pem(OUR_TLS).decode())

    def attend(listening: socket.socket) -> None:
        plain, _ = listening.accept()
        plain.settimeout(10)
        with plain, contextlib.suppress(OSError):
            talk = context.wrap_socket(
                plain, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
            )
            try:
                talk.do_handshake()
            finally:
                bare = socket.socket(fileno=talk.detach())
                bare.settimeout(10)
                with bare:
                    bare.shutdown(socket.SHUT_WR)
                    while bare.recv(4096):
                        pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=attend, args=(listening,))
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}/as2"
        thread.join(20)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2], ids=["1.3", "1.2"])
async def test_a_server_that_says_it_wants_one_is_a_matter_of_settings(tmp_path: Path, version: ssl.TLSVersion) -> None:
    with asking(tmp_path, version) as address:
        outcome = await outcome_of(granted(tmp_path, address, ca_file="cert.pem"))
    assert not outcome.delivered and outcome.error_class is ErrorClass.CONFIGURATION, outcome
    assert "refuses our client certificate, or that we have none" in outcome.error


async def test_a_server_that_hangs_up_without_a_word_is_no_delivery(tmp_path: Path) -> None:
    """It looks like any connection that was lost."""
    async with acme(tmp_path) as (partner, address):
        outcome = await outcome_of(granted(tmp_path, address, ca_file="cert.pem"))
    assert not outcome.delivered and partner.bodies == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_certificate": "tls/us.pem"}, "one without the other"),
        ({"client_key": Secret("x")}, "one without the other"),
        ({**CLIENT, "address": "http://acme.example/as2"}, "the address is"),
    ],
)
def test_half_of_a_client_certificate_is_a_fault(changes: Any, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        options(**{"address": "https://acme.example/as2", **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"client_key": Secret(key_pem(OTHER))},
        {"client_key": Secret("no key")},
        {"client_certificate": "partners/us.pem"},
    ],
    ids=["of another", "none", "another certificate"],
)
async def test_a_key_that_does_not_fit_is_named_and_not_shown(tmp_path: Path, changes: Any) -> None:
    pool = granted(tmp_path, "https://acme.example/as2", **{**CLIENT, **changes}).connections["acme"].pool
    with pytest.raises(ConfigurationRefused, match="cannot be used with its key") as refused:
        await pool.open()
    assert "PRIVATE" not in str(refused.value)


# ── who calls us ──


@contextlib.asynccontextmanager
async def us(root: Path, **changes: Any) -> AsyncIterator[str]:
    """Our source behind a proxy with TLS that lets in ACME and somebody else."""
    listener = Listener()
    await listener.open()
    changes = {"their_client_certificates": [{"certificate": "tls/acme.pem"}], **changes}
    grants = replace(granted(root, "http://127.0.0.1:1/as2", **changes), listener=listener)
    source = source_of({"path": "/as2", "connections": ["acme"], "client_certificate_header": HEADER}, grants)
    await source.open()
    try:
        known = [pem(THEIR_TLS), pem(OTHER)]
        async with tls_proxy(f"{listener.address}/as2", self_signed(root), known) as address, taking(source):
            yield address
    finally:
        await source.close()
        await listener.close()
        await grants.connections["acme"].pool.close()


@contextlib.asynccontextmanager
async def taking(source: Any) -> AsyncIterator[None]:
    """Every document that comes is durable at once."""

    async def take() -> None:
        while (delivery := await source.receive()) is not None:
            await delivery.accept()

    task = asyncio.create_task(take())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def called(address: str, root: Path, credential: Credential, **headers: str) -> tuple[int, str]:
    """ACME's message, over TLS with this client certificate."""
    context = ssl.create_default_context(cafile=str(root / "cert.pem"))
    (root / "client.pem").write_bytes(pem(credential) + key_pem(credential).encode())
    context.load_cert_chain(root / "client.pem")
    built = build(Payload(content=b"an order"), Protection(), ours=(ACME,), partner=(public(WAYPOST),), now=now())
    asked = ReceiptRequest(signed=True, micalgs=("sha-256",))
    head = Head(sender="ACME Corp", receiver="WAYPOST", message_id="<1@acme>", receipt=asked)
    given = {**write_head(head), **built.headers, **headers}
    async with aiohttp.ClientSession() as session:
        post = session.post(address, data=built.body, headers=given, ssl=context)
        async with post as answer:
            return answer.status, (await answer.read()).decode("latin-1")


async def test_a_partner_is_let_in_by_its_own_certificate(tmp_path: Path) -> None:
    async with us(tmp_path) as address:
        status, said = await called(address, tmp_path, THEIR_TLS)
    assert status == 200 and "processed" in said


async def test_the_certificate_of_somebody_else_is_refused_before_the_message_is_opened(tmp_path: Path) -> None:
    async with us(tmp_path) as address:
        status, said = await called(address, tmp_path, OTHER)
    assert (status, "its client certificate is not the partner's" in said) == (403, True)
    assert not (tmp_path / "as2-archive").exists()


async def test_a_caller_cannot_say_another_certificate_than_it_shows(tmp_path: Path) -> None:
    async with us(tmp_path) as address:
        status, _ = await called(address, tmp_path, OTHER, **{HEADER: rfc9440(THEIR_TLS)})
    assert status == 403


async def test_a_partner_without_client_certificates_needs_none(tmp_path: Path) -> None:
    async with us(tmp_path, their_client_certificates=[]) as address:
        status, said = await called(address, tmp_path, OTHER)
    assert status == 200 and "processed" in said


async def test_a_source_that_could_not_see_the_certificate_does_not_open(tmp_path: Path) -> None:
    listener = Listener()
    await listener.open()
    changes = {"their_client_certificates": [{"certificate": "tls/acme.pem"}]}
    grants = replace(granted(tmp_path, "http://127.0.0.1:1/as2", **changes), listener=listener)
    source = source_of({"path": "/as2", "connections": ["acme"]}, grants)
    try:
        with pytest.raises(ConfigurationRefused, match="client_certificate_header"):
            await source.open()
    finally:
        await source.close()
        await listener.close()
        await grants.connections["acme"].pool.close()


def rfc9440(credential: Credential) -> str:
    return f":{base64.b64encode(credential.der).decode()}:"


def nginx(credential: Credential) -> str:
    return quote(pem(credential).decode())


NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (rfc9440(THEIR_TLS), ""),
        (nginx(THEIR_TLS), ""),
        ("", "showed no client certificate"),
        (rfc9440(OTHER), "not the partner's"),
        (nginx(OTHER), "not the partner's"),
        (f"{rfc9440(OTHER)}, {rfc9440(THEIR_TLS)}", "holds no certificate"),
        (nginx(OTHER) + quote("\n") + nginx(THEIR_TLS), "holds no certificate"),
        ("::", "holds no certificate"),
        (":%%%:", "holds no certificate"),
        ("(null)", "holds no certificate"),
        (":" + "A" * 40_000 + ":", "holds no certificate"),
    ],
)
def test_the_certificate_is_read_as_proxies_write_it(shown: str, said: str) -> None:
    found = why_not_known({"client-cert": shown}, HEADER, [public(THEIR_TLS)], NOW)
    assert (found == "") if said == "" else said in found


def test_two_client_certificates_hold_each_in_its_time() -> None:
    change = NOW + timedelta(days=30)
    old, new = replace(public(OTHER), use_until=change), replace(public(THEIR_TLS), use_from=change)
    for credential, at, known in (
        (OTHER, NOW, True),
        (THEIR_TLS, NOW, False),
        (OTHER, change, False),
        (THEIR_TLS, change, True),
    ):
        found = why_not_known({"client-cert": rfc9440(credential)}, HEADER, [new, old], at)
        assert (found == "") is known, found
