"""Answers steps that leave a content in the store and fetch it again: the granted view of the store's check room."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

from waypost.core.component import Request
from waypost.core.errors import ConfigurationRefused, DataError, EndpointUnavailable, WaypostError
from waypost.flow.batch.effects import pack_answer, unpack_answer


class Contents(Protocol):
    """Where contents are left: ``store.check_room.CheckRoom``, or memory."""

    def put(self, content: bytes, keep_seconds: int) -> str: ...

    def get(self, ticket: str) -> bytes: ...


class CheckRoomView:
    """What a step is granted (``core.grants.CheckRoom``): to fetch a document by its ticket, and nothing else."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    def redeem(self, ticket: str) -> Any:
        return unpack_answer(self._contents.get(ticket))


class CheckIn:
    """A ``Requester`` that leaves ``content`` for ``keep_seconds`` and answers with the ticket. Where ``ticket`` is
    asked for, it says how large the content is."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    async def open(self) -> None:
        """A store is there wherever something runs."""

    async def ask(self, batch: Sequence[Request]) -> Sequence[Any]:
        return await asyncio.to_thread(lambda: [self._answer(request) for request in batch])

    def _answer(self, request: Request) -> Any:
        asked = request.parameters
        try:
            if "ticket" in asked:
                return {"bytes": len(self._contents.get(str(asked["ticket"])))}
            content = pack_answer(asked["content"])
            return {"ticket": self._contents.put(content, int(asked["keep_seconds"])), "bytes": len(content)}
        except WaypostError as error:
            return error
        except OSError as error:
            raise EndpointUnavailable(f"the content cannot be kept: {error.strerror}", where="the store",
                                      remedy="make room on its disk") from error  # fmt: skip
        except (TypeError, ValueError, OverflowError) as error:
            return DataError(f"the content cannot be kept: {error}", code="claim-check")

    async def close(self) -> None:
        """Nothing to close."""


class NoContents:
    """Where there is no store nothing can be left."""

    def put(self, content: bytes, keep_seconds: int) -> str:
        raise ConfigurationRefused("there is no store to leave a content in", where="claim_check")

    def get(self, ticket: str) -> bytes:
        raise ConfigurationRefused("there is no store to redeem a ticket from", where="claim_redeem")


class MemoryContents:
    """Contents left for as long as this object lives, for tests of flows."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def put(self, content: bytes, keep_seconds: int) -> str:
        ticket = f"test-{hashlib.blake2b(content, digest_size=4).hexdigest()}"
        self._contents[ticket] = content
        return ticket

    def get(self, ticket: str) -> bytes:
        if ticket not in self._contents:
            raise DataError(f"{ticket[:100]!r} is no ticket", expected="what claim_check gave", code="claim-check")
        return self._contents[ticket]
