"""Send messages to a system over HTTP, one request each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec

from waypost.connectors.http_connection import HttpAnswer, HttpConnection, header_faults
from waypost.connectors.http_path import PathTemplate
from waypost.connectors.http_status import refusal_of, retry_after_seconds
from waypost.core.component import Outbound, Outcome
from waypost.core.errors import ConfigurationRefused, WaypostError
from waypost.core.grants import Grants
from waypost.core.message import id_text
from waypost.core.registry import registry
from waypost.core.spec import ConnectionRef, Option, OptionFault, Secret, Size
from waypost.core.traits import Repetition, TargetTraits

_LIMIT = Size(64 << 10)
_NAMES = ("message_id", "idempotency_key", "ordering_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTargetOptions:
    connection: Annotated[ConnectionRef, Option("The system, as named in connections.yaml.", kinds=("http",))]
    path: Annotated[
        str, Option("Path below the connection's address; {keys.NAME} puts in a business key.", example="/sales-orders")
    ]
    method: Annotated[Literal["POST", "PUT", "PATCH"], Option("Request method.")] = "POST"
    headers: Annotated[dict[str, str | Secret], Option("Fixed headers of every request.")] = field(default_factory=dict)
    idempotency_header: Annotated[
        str, Option("Header that carries the idempotency key, where the system honours one.", example="Idempotency-Key")
    ] = ""
    accept_status: Annotated[
        tuple[int, ...], Option("Further statuses that mean success, such as 409 for one that is there already.")
    ] = ()
    answer_limit_bytes: Annotated[Size, Option("How much of an answer is kept.", maximum=1 << 24)] = _LIMIT
    concurrency: Annotated[int, Option("Most requests at once.", minimum=1, maximum=1000)] = 8

    def faults(self) -> Iterator[OptionFault]:
        yield from PathTemplate(self.path).faults("path", lambda n: n in _NAMES or n.startswith("keys."))
        yield from header_faults(self.headers)
        if self.idempotency_header:
            yield from header_faults({self.idempotency_header: ""})


def target_traits(options: HttpTargetOptions) -> TargetTraits:
    """A key the system honours makes repetitions harmless; so does PUT to a path that names the thing (RFC 9110
    section 9.2.2)."""
    repetition = Repetition.DUPLICATES
    if options.method == "PUT" and PathTemplate(options.path).names:
        repetition = Repetition.SAME_PLACE
    if options.idempotency_header:
        repetition = Repetition.RECOGNISED
    return TargetTraits(repetition=repetition, batch=1, concurrency=options.concurrency, answers=True)


def connection_of(name: str, grants: Grants) -> HttpConnection:
    """The pool behind a connection's name."""
    connection = grants.connections.get(name)
    if connection is None or not isinstance(connection.pool, HttpConnection):
        raise ConfigurationRefused(
            f"connection {name!r} is not one over HTTP",
            where=grants.name or "http",
            expected="a connection of kind http in connections.yaml",
        )
    return connection.pool


@registry.register(
    "target",
    "http",
    options=HttpTargetOptions,
    traits=TargetTraits(repetition=Repetition.DUPLICATES, batch=1, concurrency=8, answers=True),
    traits_for=target_traits,
    example="{connection: erp, path: '/sales-orders/{keys.po}', method: PUT}",
)
class HttpTarget:
    """Send each message as the body of a request."""

    def __init__(self, options: HttpTargetOptions, grants: Grants) -> None:
        self._options, self._grants = options, grants
        self._path = PathTemplate(options.path)
        self._headers = {
            name: value.reveal() if isinstance(value, Secret) else value for name, value in options.headers.items()
        }
        self._pool: HttpConnection | None = None

    async def open(self) -> None:
        self._pool = connection_of(self._options.connection, self._grants)
        await self._pool.open()

    async def send(self, batch: Sequence[Outbound]) -> Sequence[Outcome]:
        return [await self._send(message) for message in batch]

    async def close(self) -> None:
        """The pool belongs to the connection."""

    async def _send(self, message: Outbound) -> Outcome:
        pool = self._pool or connection_of(self._options.connection, self._grants)
        address = pool.address + self._path.text
        try:
            path = self._path.fill(lambda name: _value(message, name))
            address = pool.address + path
            answer = await pool.call(
                self._options.method, path, headers=self._headers_of(message), body=message.body,
                limit_bytes=self._options.answer_limit_bytes,
            )  # fmt: skip
        except WaypostError as error:
            return Outcome.failed(error, address=address)
        return self._outcome(answer, address)

    def _headers_of(self, message: Outbound) -> dict[str, str]:
        headers = {"content-type": message.content_type or "application/octet-stream", **self._headers}
        if self._options.idempotency_header:
            headers[self._options.idempotency_header] = message.idempotency_key
        return headers

    def _outcome(self, answer: HttpAnswer, address: str) -> Outcome:
        status = str(answer.status)
        if 200 <= answer.status < 300 or answer.status in self._options.accept_status:
            return Outcome(
                delivered=True, address=address, status=status, answer=answer.body, answer_headers=answer.headers
            )
        where = f"{self._options.method} {address}"
        error = refusal_of(answer.status, where=where, path_names_thing=bool(self._path.names))
        failed = Outcome.failed(error, address=address, status=status, answer=answer.body)
        wait = retry_after_seconds(answer.headers, self._grants.clock.now())
        return msgspec.structs.replace(failed, answer_headers=answer.headers, retry_after_seconds=wait)


def _value(message: Outbound, name: str) -> str | None:
    if name == "message_id":
        return id_text(message.message_id)
    if name.startswith("keys."):
        return message.keys.get(name.removeprefix("keys."))
    return str(getattr(message, name))
