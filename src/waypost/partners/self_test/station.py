"""The station that takes test messages over AS2: opened, answered by a receipt, looked at, and let go.

The certificates are those of the partner's own connection. What is not signed by the partner is refused, whatever the
agreement asks for: the signature is what stands for the token. Nothing is kept in the archive.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from waypost.core.errors import DataError
from waypost.core.grants import Grants, HttpRequest, HttpResponse
from waypost.core.problem import problem
from waypost.flow.declared.definition import Project
from waypost.flow.declared.service import SelfTestOptions
from waypost.partners.certificate import as2_connections
from waypost.partners.self_test.bench import Bench
from waypost.partners.self_test.child import Report

if TYPE_CHECKING:
    from waypost.connectors.as2_answer import Asked
    from waypost.connectors.as2_connection import As2Connection
    from waypost.partners.self_test.rate import Rate

_MOST_KEPT = 32 << 20
"""Bytes of reports kept of all partners together."""


class Station:
    """Takes test messages; ``last`` is the last report of each partner."""

    def __init__(
        self, options: SelfTestOptions, running: Callable[[], Project], grants: Grants, bench: Bench, rate: Rate
    ) -> None:  # fmt: skip
        self._options, self._running, self._grants = options, running, grants
        self._bench, self._rate = bench, rate
        self.last: dict[str, Report] = {}

    async def take(self, request: HttpRequest) -> HttpResponse:
        """Answer one message."""
        from waypost.as2.failure import As2Error
        from waypost.connectors.as2_answer import As2Answers, Asked

        try:
            asked = Asked.of(request)
        except As2Error as error:
            return problem(400, str(error))
        name = request.parameters.get("partner", "")
        connection = self._connection(name, asked)
        if connection is None:
            return As2Answers(self._grants).unknown(asked)
        if asked.head.receipt is not None and asked.head.receipt.address:
            return problem(400, "the test station gives receipts in the answer alone: ask for a synchronous one")
        seconds = self._rate.wait(f"{name} over AS2")  # not the count of those with a token
        if seconds:
            return problem(429, f"more than {self._options.per_minute} files in a minute",
                           headers={"retry-after": str(int(seconds) + 1)})  # fmt: skip
        return await self._opened(name, connection, asked)

    def _connection(self, name: str, asked: Asked) -> As2Connection | None:
        """The partner's own connection with the names of both sides."""
        project = self._running()
        partner = project.partners.get(name)
        if partner is None or partner.options.self_test is None:
            return None
        for each in as2_connections(partner, project):
            granted = self._grants.connections.get(each)
            pool: Any = granted.pool if granted is not None else None
            if pool is not None and (pool.options.them, pool.options.us) == (asked.head.sender, asked.head.receiver):
                found: As2Connection = pool
                return found
        return None

    async def _opened(self, name: str, connection: As2Connection, asked: Asked) -> HttpResponse:
        from waypost.as2.failure import As2Error, Disposition

        await connection.open()
        try:
            opened = await asyncio.to_thread(asked.opened, connection, int(self._options.limit_bytes))
            if opened.verified is None:
                raise As2Error(Disposition.INSUFFICIENT_MESSAGE_SECURITY, "the message is not signed",
                               expected="a message signed by the partner")  # fmt: skip
        except As2Error as error:
            return await self._receipt(connection, asked, error.disposition, None, str(error))
        content = b"".join(document.content.whole() for document in opened.documents)
        file = next((one.filename for one in opened.documents if one.filename), "") or asked.head.subject
        try:
            report = await self._bench.look(name, file, content, self._running().files)
        except DataError as error:
            return await self._receipt(connection, asked, Disposition.UNEXPECTED_PROCESSING_ERROR, None, str(error))
        self._keep(name, report)
        wanted = asked.head.receipt.micalgs if asked.head.receipt is not None else ()
        mic = opened.mic(wanted, legacy=connection.options.legacy)
        said = f"test station: {report.summary}; the report: {self._options.path}/{name}/as2/report"
        return await self._receipt(connection, asked, Disposition.PROCESSED, mic, said)

    def _keep(self, name: str, report: Report) -> None:
        self.last.pop(name, None)
        self.last[name] = report
        while len(self.last) > 1 and sum(map(_size, self.last.values())) > _MOST_KEPT:
            self.last.pop(next(iter(self.last)))

    async def _receipt(
        self, connection: As2Connection, asked: Asked, disposition: Any, mic: Any, text: str
    ) -> HttpResponse:  # fmt: skip
        from waypost.as2.receipt import Answer, write_receipt

        if asked.head.receipt is None:
            return HttpResponse(200) if disposition.accepted else problem(400, text)
        answer = Answer(disposition=disposition, mic=mic, text=text)
        headers, body = await asyncio.to_thread(
            write_receipt, asked.head, answer, ours=connection.ours, now=connection.now(),
            message_id=f"<{uuid.uuid4()}@self-test>", legacy=connection.options.legacy,
        )  # fmt: skip
        return HttpResponse(200, body, headers)


def _size(report: Report) -> int:
    return len(report.page) + len(report.text) + len(report.data)
