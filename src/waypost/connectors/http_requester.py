"""Ask a system over HTTP and take its JSON answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

import msgspec

from waypost.connectors.http_connection import HttpAnswer, HttpConnection, header_faults
from waypost.connectors.http_path import PathTemplate
from waypost.connectors.http_status import refusal_of
from waypost.connectors.http_target import connection_of
from waypost.core.component import Request
from waypost.core.errors import ContractError, DataError, EndpointError, EndpointUnavailable, MessageError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import ConnectionRef, Option, OptionFault, Secret, Size

_LIMIT = Size(1 << 20)
_LONGEST_NUMBER = 1000
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequesterOptions:
    connection: Annotated[ConnectionRef, Option("The system, as named in connections.yaml.", kinds=("http",))]
    path: Annotated[
        str,
        Option(
            "Path below the connection's address; {NAME} puts in a parameter, the other parameters go into the query "
            "(GET) or the JSON body (POST).",
            example="/prices/{sku}",
        ),
    ]
    method: Annotated[Literal["GET", "POST"], Option("Request method; a POST must change nothing there.")] = "GET"
    headers: Annotated[dict[str, str | Secret], Option("Fixed headers of every request.")] = field(default_factory=dict)
    answer_limit_bytes: Annotated[Size, Option("Largest answer taken.", maximum=1 << 26)] = _LIMIT
    concurrency: Annotated[int, Option("Most requests at once.", minimum=1, maximum=1000)] = 8

    def faults(self) -> Iterator[OptionFault]:
        yield from PathTemplate(self.path).faults("path")
        yield from header_faults(self.headers)


@registry.register(
    "requester", "http", options=HttpRequesterOptions, example="{connection: prices, path: '/prices/{sku}'}"
)
class HttpRequester:
    """Ask for JSON; 404 and an empty answer mean that nothing was found."""

    def __init__(self, options: HttpRequesterOptions, grants: Grants) -> None:
        self._options, self._grants = options, grants
        self._path = PathTemplate(options.path)
        self._headers = {"accept": "application/json"} | {
            name: value.reveal() if isinstance(value, Secret) else value for name, value in options.headers.items()
        }
        self._places = asyncio.Semaphore(options.concurrency)

    @staticmethod
    def parameters(options: HttpRequesterOptions) -> frozenset[str]:
        """What must be given to ask; others go into the query or the body."""
        return frozenset(PathTemplate(options.path).names)

    async def open(self) -> None:
        await connection_of(self._options.connection, self._grants).open()

    async def ask(self, batch: Sequence[Request]) -> Sequence[Any]:
        """Many at once; the first ``EndpointError`` ends the batch."""
        pool = connection_of(self._options.connection, self._grants)
        tasks = [asyncio.ensure_future(self._ask(pool, request.parameters)) for request in batch]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def close(self) -> None:
        """The pool belongs to the connection."""

    async def _ask(self, pool: HttpConnection, parameters: Mapping[str, Any]) -> Any:
        try:
            path = self._path.fill(lambda name: _text(parameters.get(name)))
            rest = {name: value for name, value in parameters.items() if name not in self._path.names}
            headers, body = dict(self._headers), None
            if self._options.method == "POST":
                body, headers["content-type"] = _encode(rest), "application/json"
            elif rest:
                path += ("&" if "?" in path else "?") + urlencode(_pairs(rest), quote_via=quote)
        except MessageError as error:
            return error
        async with self._places:
            answer = await pool.call(
                self._options.method, path, headers=headers, body=body, limit_bytes=self._options.answer_limit_bytes
            )
        return self._read(answer, f"{self._options.method} {pool.address}{self._path.text}")

    def _read(self, answer: HttpAnswer, where: str) -> Any:
        if answer.status in (204, 404):
            return None
        if not 200 <= answer.status < 300:
            error = refusal_of(answer.status, where=where, path_names_thing=True)
            if isinstance(error, EndpointError):
                raise error
            return error
        if answer.cut and len(answer.body) < self._options.answer_limit_bytes:
            raise EndpointUnavailable("the answer broke off", where=where, remedy="it is asked again")
        if answer.cut:
            limit = self._options.answer_limit_bytes
            return ContractError(
                f"the answer is larger than {limit} bytes", where=where, remedy="ask for less, or raise the limit"
            )
        if not answer.body.strip():
            return None
        try:
            return _decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return ContractError(f"the answer is not JSON: {error}", where=where, expected="application/json")


def _text(value: Any) -> str | None:
    """A parameter as it stands in a URL."""
    if value is None or isinstance(value, dict | list):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < _LONGEST_NUMBER:
        return format(value, "f")
    return str(value)


def _pairs(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Query pairs; a list repeats its name, null is left out."""
    pairs: list[tuple[str, str]] = []
    for name, value in parameters.items():
        for item in value if isinstance(value, list) else [value]:
            text = _text(item)
            if text is None and item is not None:
                raise DataError(f"parameter {name!r} is nested", where="query", expected="a text, number or list")
            if text is not None:
                pairs.append((name, text))
    return pairs
