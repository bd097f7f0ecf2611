"""What becomes of a delivery over HTTP, by what the system answers or fails to answer."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from waypost.connectors.http_connection import HttpConnection, HttpConnectionOptions
from waypost.connectors.http_requester import HttpRequester, HttpRequesterOptions
from waypost.connectors.http_status import retry_after_seconds
from waypost.connectors.http_target import HttpTarget, HttpTargetOptions, target_traits
from waypost.core.component import Outbound, Outcome, Request
from waypost.core.errors import (
    AuthorisationRefused,
    ConfigurationRefused,
    ContractError,
    DataError,
    EndpointTimeout,
    EndpointUnavailable,
    ErrorClass,
)
from waypost.core.grants import Connection, Grants
from waypost.core.spec import ConnectionRef, Duration, Secret, Size
from waypost.core.traits import Repetition
from waypost.testing.stand_in import outbound

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ERP = ConnectionRef("erp")


class Scripted:
    """A server that keeps the requests it got and answers with given bytes; without any it hangs up."""

    def __init__(self, answer: bytes | None = b"", *, hang: bool = False) -> None:
        self.answer, self.hang, self.heads, self.bodies = answer, hang, list[str](), list[bytes]()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                self.heads.append(head)
                size = head.lower().partition("content-length: ")[2].partition("\r\n")[0]
                self.bodies.append(await reader.readexactly(int(size or 0)))
                if self.hang:
                    await reader.read()
                if not self.answer:
                    break
                writer.write(self.answer)


def http(status: int, body: bytes = b"", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\n{headers}content-length: {len(body)}\r\n\r\n".encode() + body


@contextlib.asynccontextmanager
async def serving(talk: Talk, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[Grants]:
    talks: list[asyncio.Task[None]] = []

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())  # type: ignore[arg-type]
        try:
            await talk(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(attend, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    scheme = "https" if tls else "http"
    made = replace(HttpConnectionOptions(address=f"{scheme}://127.0.0.1:{port}/api"), **options)
    grants = Grants(root=Path(), name="side")
    pool = HttpConnection(made, grants)
    await pool.open()
    try:
        yield replace(grants, connections={"erp": Connection(name="erp", kind="http", options=made, pool=pool)})
    finally:
        await pool.close()
        await asyncio.gather(*talks)
        server.close()
        await server.wait_closed()


async def send(grants: Grants, message: Outbound | None = None, **options: Any) -> Outcome:
    target = HttpTarget(replace(HttpTargetOptions(connection=ERP, path="/orders"), **options), grants)
    await target.open()
    (outcome,) = await target.send([message or outbound(1, b"{}")])
    return outcome


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_a_success_is_delivered(status: int) -> None:
    async with serving(Scripted(http(status))) as grants:
        outcome = await send(grants)
    assert outcome.delivered and outcome.status == str(status) and outcome.address.endswith("/api/orders")


@pytest.mark.parametrize(
    ("status", "error_class", "why"),
    [
        (408, ErrorClass.TRANSIENT, "it gave up waiting for us"),
        (425, ErrorClass.TRANSIENT, "too early"),
        (429, ErrorClass.TRANSIENT, "too many"),
        (500, ErrorClass.TRANSIENT, "its own failure"),
        (503, ErrorClass.TRANSIENT, "not now"),
        (599, ErrorClass.TRANSIENT, "an unknown failure of its own"),
        (401, ErrorClass.AUTHORISATION, "who we are"),
        (403, ErrorClass.AUTHORISATION, "what we may"),
        (301, ErrorClass.CONFIGURATION, "it moved, and redirects are not followed"),
        (404, ErrorClass.CONFIGURATION, "a fixed path that is not there"),
        (405, ErrorClass.CONFIGURATION, "a method it does not know"),
        (415, ErrorClass.CONFIGURATION, "a content type it never takes"),
        (501, ErrorClass.CONFIGURATION, "never implemented"),
        (400, ErrorClass.CONTRACT, "it did not like the message"),
        (409, ErrorClass.CONTRACT, "it is there already"),
        (413, ErrorClass.CONTRACT, "this message is too large"),
        (422, ErrorClass.CONTRACT, "it understood and refused"),
    ],
)
async def test_a_refusal_is_classed_by_its_status(status: int, error_class: ErrorClass, why: str) -> None:
    headers = "location: http://elsewhere.example/\r\n" if status == 301 else ""
    async with serving(Scripted(http(status, b"because", headers))) as grants:
        outcome = await send(grants)
    assert (outcome.delivered, outcome.error_class, outcome.in_doubt) == (False, error_class, False), why
    assert outcome.answer == b"because" and str(status) in outcome.error


async def test_a_gateway_that_gave_up_waiting_leaves_the_delivery_in_doubt() -> None:
    async with serving(Scripted(http(504))) as grants:
        assert (await send(grants)).in_doubt


async def test_not_found_on_a_path_made_from_the_message_is_about_the_message() -> None:
    async with serving(Scripted(http(404))) as grants:
        outcome = await send(grants, outbound(1, b"{}", keys={"po": "47/11"}), path="/orders/{keys.po}")
    assert outcome.error_class is ErrorClass.CONTRACT and outcome.address.endswith("/orders/47%2F11")


async def test_a_key_the_message_does_not_have_is_its_fault_and_nothing_is_sent() -> None:
    server = Scripted(http(200))
    async with serving(server) as grants:
        outcome = await send(grants, path="/orders/{keys.po}")
    assert (outcome.error_class, server.heads) == (ErrorClass.DATA, [])


async def test_an_accepted_status_is_a_success() -> None:
    async with serving(Scripted(http(409))) as grants:
        assert (await send(grants, accept_status=(409,))).delivered


@pytest.mark.parametrize("said", ["120", "Fri, 31 Dec 1999 23:59:59 GMT", "999999999999", "soon", "-1"])
async def test_retry_after_is_honoured_up_to_a_day(said: str) -> None:
    async with serving(Scripted(http(503, b"", f"retry-after: {said}\r\n"))) as grants:
        outcome = await send(grants)
    assert outcome.retry_after_seconds == {"120": 120.0, "999999999999": 86_400.0}.get(said, 0.0)


def test_retry_after_may_be_a_date() -> None:
    now = 946_684_799 - 30  # 30 s before the date below
    headers = {"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}
    assert retry_after_seconds(headers, now * 1_000_000) == 30.0


async def test_a_refused_connection_means_nothing_happened() -> None:
    async with serving(Scripted(http(200))) as grants:
        pass
    pool = HttpConnection(grants.connections["erp"].options, grants)
    await pool.open()
    try:
        with pytest.raises(EndpointUnavailable, match="cannot connect"):
            await pool.call("POST", "/orders", body=b"{}", limit_bytes=10)
    finally:
        await pool.close()


async def test_no_answer_in_time_leaves_the_delivery_in_doubt() -> None:
    async with serving(Scripted(hang=True), timeout_seconds=Duration(0.1)) as grants:
        outcome = await send(grants)
    assert outcome.in_doubt and outcome.error_class is ErrorClass.TRANSIENT and "within 0.1 s" in outcome.error


async def test_a_connection_lost_after_sending_leaves_the_delivery_in_doubt() -> None:
    server = Scripted(None)
    async with serving(server) as grants:
        outcome = await send(grants)
    assert outcome.in_doubt and len(server.heads) == 1


@pytest.mark.parametrize("answer", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 X\r\nx: " + b"a" * 70_000 + b"\r\n\r\n"])
async def test_an_answer_that_is_no_http_leaves_the_delivery_in_doubt(answer: bytes) -> None:
    async with serving(Scripted(answer)) as grants:
        assert (await send(grants)).in_doubt


async def test_an_answer_that_breaks_off_after_a_success_is_a_success() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 201 X\r\ncontent-length: 100\r\n\r\nabc")
        writer.close()

    async with serving(talk) as grants:
        outcome = await send(grants)
    assert outcome.delivered and outcome.answer == b"abc"


async def test_an_answer_is_kept_up_to_its_limit() -> None:
    async with serving(Scripted(http(200, b"x" * 5_000_000))) as grants:
        outcome = await send(grants, answer_limit_bytes=Size(1000))
    assert outcome.delivered and outcome.answer == b"x" * 1000


async def test_every_try_carries_the_same_idempotency_key_and_the_bytes_as_they_are() -> None:
    server = Scripted(http(200))
    async with serving(server) as grants:
        await send(grants, outbound(7, b"\r\n\x00"), idempotency_header="X-Once", headers={"x-a": Secret("b" * 9)})
    assert "\r\nX-Once: kit-7.0.target.0\r\n" in server.heads[0] and "x-a: bbbbbbbbb" in server.heads[0]
    assert server.bodies == [b"\r\n\x00"] and server.heads[0].startswith("POST /api/orders HTTP/1.1")


async def test_secrets_that_come_back_are_not_kept() -> None:
    said = http(
        200, b"you sent Bearer canary-1", "x-echo: canary-1\r\nset-cookie: sid=1\r\nx-auth-token: 5\r\netag: 7\r\n"
    )
    async with serving(Scripted(said), bearer=Secret("canary-1")) as grants:
        outcome = await send(grants)
    assert outcome.answer == b"you sent Bearer ***"
    assert outcome.answer_headers == {"x-echo": "***", "etag": "7", "content-length": "24"}


async def test_user_and_password_are_sent_as_basic_authentication() -> None:
    server = Scripted(http(200))
    async with serving(server, user="ann", password=Secret("pw")) as grants:
        await send(grants)
    assert "authorization: basic yw5uonb3" in server.heads[0].lower()


async def test_cookies_are_not_kept() -> None:
    server = Scripted(http(200, b"", "set-cookie: sid=1; path=/\r\n"))
    async with serving(server) as grants:
        await send(grants)
        await send(grants)
    assert "cookie" not in server.heads[1].lower()


async def test_a_certificate_of_nobody_known_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    server = Scripted(http(200))
    async with serving(server, self_signed(tmp_path)) as grants:
        outcome = await send(grants)
    assert (outcome.error_class, server.heads) == (ErrorClass.CONFIGURATION, [])
    assert "certificate" in outcome.error and not outcome.in_doubt


async def test_an_authority_of_ones_own_is_trusted(tmp_path: Path) -> None:
    context = self_signed(tmp_path)
    async with serving(Scripted(http(200)), context, ca_file=str(tmp_path / "cert.pem")) as grants:
        assert (await send(grants)).delivered


async def test_an_expired_certificate_is_waited_for(tmp_path: Path) -> None:
    context = self_signed(tmp_path, days=-1)
    async with serving(Scripted(http(200)), context, ca_file=str(tmp_path / "cert.pem")) as grants:
        outcome = await send(grants)
    assert outcome.error_class is ErrorClass.TRANSIENT and "expired" in outcome.error


async def test_an_authority_file_that_is_none_is_named(tmp_path: Path) -> None:
    options = HttpConnectionOptions(address="https://erp.example", ca_file="none.pem")
    with pytest.raises(ConfigurationRefused, match=r"'none\.pem'"):
        await HttpConnection(options, Grants(root=tmp_path)).open()


@pytest.mark.parametrize(
    ("options", "repetition"),
    [
        ({}, Repetition.DUPLICATES),
        ({"idempotency_header": "Idempotency-Key"}, Repetition.RECOGNISED),
        ({"method": "PUT", "path": "/orders/{keys.po}"}, Repetition.SAME_PLACE),
        ({"method": "PUT"}, Repetition.DUPLICATES),
    ],
)
def test_the_promise_follows_from_the_options(options: dict[str, Any], repetition: Repetition) -> None:
    traits = target_traits(replace(HttpTargetOptions(connection=ERP, path="/orders", concurrency=3), **options))
    assert (traits.repetition, traits.concurrency, traits.batch) == (repetition, 3, 1)


@pytest.mark.parametrize("headers", [{"x\r\ny": "1"}, {"x": "1\r\ny: 2"}, {"": "1"}, {"x": Secret("\n")}])
def test_a_header_that_would_split_the_request_is_a_fault(headers: dict[str, Any]) -> None:
    options = HttpTargetOptions(connection=ERP, path="/orders", headers=headers)
    assert [fault.option for fault in options.faults()] == ["headers"]


async def test_a_connection_that_is_not_one_of_http_is_said() -> None:
    with pytest.raises(ConfigurationRefused, match="'erp' is not one over HTTP"):
        await HttpTarget(HttpTargetOptions(connection=ERP, path="/x"), Grants(root=Path())).open()


# ── requester ────────────────────────────────────────────────────────────────────────────────────────────────────


async def ask(grants: Grants, parameters: dict[str, Any], **options: Any) -> Any:
    requester = HttpRequester(replace(HttpRequesterOptions(connection=ERP, path="/prices"), **options), grants)
    await requester.open()
    (answer,) = await requester.ask([Request(parameters=parameters)])
    return answer


async def test_numbers_of_an_answer_are_exact() -> None:
    async with serving(Scripted(http(200, b'{"a":0.1000,"b":12345678901234567890123}'))) as grants:
        answer = await ask(grants, {})
    assert str(answer) == "{'a': Decimal('0.1000'), 'b': 12345678901234567890123}"


async def test_parameters_left_over_go_into_the_query() -> None:
    server = Scripted(http(200, b"1"))
    async with serving(server) as grants:
        await ask(grants, {"sku": "a/b", "n": [1, 2], "x": None, "y": True, "z": "&ü"}, path="/prices/{sku}")
    assert server.heads[0].startswith("GET /api/prices/a%2Fb?n=1&n=2&y=true&z=%26%C3%BC HTTP/1.1")


async def test_parameters_of_a_post_are_its_json_body() -> None:
    server = Scripted(http(200, b"1"))
    async with serving(server) as grants:
        await ask(grants, {"sku": "a", "n": [1]}, method="POST")
    assert server.bodies == [b'{"sku":"a","n":[1]}']


@pytest.mark.parametrize("answer", [http(404), http(204), http(200), http(200, b" ")])
async def test_not_found_and_nothing_are_none(answer: bytes) -> None:
    async with serving(Scripted(answer)) as grants:
        assert await ask(grants, {}) is None


@pytest.mark.parametrize("answer", [http(400), http(422), http(200, b"<xml/>"), http(200, b"[" * 5000)])
async def test_a_request_refused_for_its_own_sake_fails_alone(answer: bytes) -> None:
    async with serving(Scripted(answer)) as grants:
        assert isinstance(await ask(grants, {}), ContractError)


async def test_an_answer_above_the_limit_is_not_taken() -> None:
    async with serving(Scripted(http(200, b"1" * 100))) as grants:
        answer = await ask(grants, {}, answer_limit_bytes=Size(10))
    assert isinstance(answer, ContractError) and "10 bytes" in str(answer)


async def test_a_nested_parameter_cannot_stand_in_a_query() -> None:
    async with serving(Scripted(http(200))) as grants:
        assert isinstance(await ask(grants, {"a": {"b": 1}}), DataError)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http(500), EndpointUnavailable),
        (http(401), AuthorisationRefused),
        (http(302), ConfigurationRefused),
        (None, EndpointTimeout),
    ],
)
async def test_what_concerns_the_system_is_raised(answer: bytes | None, error: type[Exception]) -> None:
    async with serving(Scripted(answer)) as grants:
        with pytest.raises(error):
            await ask(grants, {}, method="POST")


def self_signed(folder: Path, days: int = 1) -> ssl.SSLContext:
    """A server's context with a certificate for 127.0.0.1 that is its own authority, written to ``cert.pem``."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "waypost test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=3))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
