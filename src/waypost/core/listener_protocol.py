"""Uvicorn's HTTP/1.1 protocol with limits for callers that send too slowly, read too slowly, or send too much.

Imported only when a listener opens: it needs uvicorn and httptools.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerLimits:
    """Bytes of request line and headers; seconds to send those, to send a body, and to take 64 KiB of an answer."""

    head_bytes: int
    head_seconds: float
    body_seconds: float
    take_seconds: float


PROGRESS_BYTES = 1 << 20
"""Of a body that goes to a spool, so much must come within ``body_seconds``, again and again."""


class LimitedProtocol(HttpToolsProtocol):
    """Keeps ``limits``; ``refusal`` makes the whole bytes of a refusal."""

    limits: CallerLimits
    refusal: Callable[[int, str], bytes]
    head_open = True
    body_open = False
    unfinished_bytes = 0
    body_bytes = 0
    header_bytes = 0
    refused = False
    send_timer: asyncio.TimerHandle | None = None
    take_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_more(self.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        self.resume_writing()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        head_went_on = self.head_open
        super().data_received(data)
        if not self.head_open and not self.body_open:
            return
        self.unfinished_bytes += len(data) if head_went_on else 0
        if self.head_open and self.unfinished_bytes > self.limits.head_bytes:
            self._refuse(431, f"the headers are larger than {self.limits.head_bytes} bytes")
        elif self.send_timer is None:
            self._expect_more(self.limits.head_seconds if self.head_open else self.limits.body_seconds)

    def on_message_begin(self) -> None:
        self.head_open, self.unfinished_bytes, self.header_bytes = True, 0, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.header_bytes += len(name) + len(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self.head_open, self.body_open, self.body_bytes = False, True, 0
        self._expect_nothing()
        if len(self.url) + self.header_bytes > self.limits.head_bytes:
            self._refuse(431, f"the headers are larger than {self.limits.head_bytes} bytes")
        if not self.refused:
            super().on_headers_complete()
            self.scope["waypost.cycle"] = self.cycle  # type: ignore[typeddict-unknown-key]
            # A refused caller may leave out the body it announced; what it sends next would be read as that body.
            self.cycle.keep_alive = self.cycle.keep_alive and not self.expect_100_continue

    def on_body(self, body: bytes) -> None:
        if self.refused:
            return
        super().on_body(body)
        self.body_bytes += len(body)
        if self.body_bytes >= PROGRESS_BYTES and self.scope.get("waypost.spooled"):
            # A large body may take long, as long as it comes on; it is on disk, and takes no memory meanwhile.
            self.body_bytes = 0
            self._expect_nothing()

    def on_message_complete(self) -> None:
        self.body_open = False
        self._expect_nothing()
        if not self.refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._close_when_taken()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "what was received is not an HTTP/1.1 request")

    def pause_writing(self) -> None:
        super().pause_writing()
        self.take_timer = self.loop.call_later(self.limits.take_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        if self.take_timer is not None:
            self.take_timer.cancel()
            self.take_timer = None
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        if self.flow.write_paused:
            self._close_when_taken()
        elif self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _close_when_taken(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _expect_more(self, seconds: float) -> None:
        self.send_timer = self.loop.call_later(seconds, self._too_slow, seconds)

    def _expect_nothing(self) -> None:
        if self.send_timer is not None:
            self.send_timer.cancel()
            self.send_timer = None

    def _too_slow(self, seconds: float) -> None:
        self.send_timer = None
        if self.flow.read_paused:
            self._expect_more(seconds)
        elif self.body_open and self.cycle.response_complete:
            self.transport.abort()
        else:
            self._refuse(408, f"the request was not complete within {seconds:g} seconds")

    def _refuse(self, status: int, detail: str) -> None:
        self.refused = True
        self._expect_nothing()
        if not self.transport.is_closing():
            self.transport.write(self.refusal(status, detail))
            self.transport.close()
            self._close_when_taken()


def limited_protocol(limits: CallerLimits, refuse: Callable[[int, str], bytes]) -> type[HttpToolsProtocol]:
    """The protocol class that keeps ``limits``; ``refuse`` makes the whole bytes of a refusal. Each scope carries its
    request cycle as ``waypost.cycle``: it knows whether the caller is gone."""
    return type("Limited", (LimitedProtocol,), {"limits": limits, "refusal": staticmethod(refuse)})
