"""Uvicorn's HTTP/1.1 protocol with limits for callers that are slow or send too much before their body begins.

Imported only when a listener opens: it needs uvicorn and httptools.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """What a caller may take before the body: bytes of request line and headers, and seconds to send them."""

    head_bytes: int
    head_seconds: float


def limited_protocol(limits: HeadLimits, refuse: Callable[[int, str], bytes]) -> type[HttpToolsProtocol]:
    """The protocol class that keeps ``limits``; ``refuse`` makes the whole bytes of a refusal. Each scope carries its
    request cycle as ``waypost.cycle``: it knows whether the caller is gone."""

    class LimitedProtocol(HttpToolsProtocol):
        head_open = True
        unfinished_bytes = 0
        header_bytes = 0
        unsent = 0
        refused = False
        head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._arm()

        def connection_lost(self, exc: Exception | None) -> None:
            self._disarm()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            went_on = self.head_open
            super().data_received(data)
            if not self.head_open or self.transport.is_closing():
                return
            self.unfinished_bytes += len(data) if went_on else 0
            if self.unfinished_bytes > limits.head_bytes:
                self._refuse(431, f"the headers are larger than {limits.head_bytes} bytes")
            elif self.head_timer is None:
                self._arm()

        def on_message_begin(self) -> None:
            self.head_open, self.unfinished_bytes, self.header_bytes = True, 0, 0
            super().on_message_begin()

        def on_header(self, name: bytes, value: bytes) -> None:
            self.header_bytes += len(name) + len(value)
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self.head_open = False
            self._disarm()
            if len(self.url) + self.header_bytes > limits.head_bytes:
                self._refuse(431, f"the headers are larger than {limits.head_bytes} bytes")
            if not self.refused:
                super().on_headers_complete()
                self.scope["waypost.cycle"] = self.cycle  # type: ignore[typeddict-unknown-key]

        def on_body(self, body: bytes) -> None:
            if not self.refused:
                super().on_body(body)

        def on_message_complete(self) -> None:
            if not self.refused:
                super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            self._refuse(400, "what was received is not an HTTP/1.1 request")

        def timeout_keep_alive_handler(self) -> None:
            """Close when idle; a caller that reads its answer goes on, one that stopped reading is cut off."""
            unsent = self.transport.get_write_buffer_size()
            if unsent and unsent == self.unsent:
                self.transport.abort()
            elif unsent:
                self.unsent = unsent
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )
            else:
                super().timeout_keep_alive_handler()

        def _arm(self) -> None:
            self.head_timer = self.loop.call_later(limits.head_seconds, self._too_slow)

        def _disarm(self) -> None:
            if self.head_timer is not None:
                self.head_timer.cancel()
                self.head_timer = None

        def _too_slow(self) -> None:
            self.head_timer = None
            self._refuse(408, f"the headers were not complete within {limits.head_seconds:g} seconds")

        def _refuse(self, status: int, detail: str) -> None:
            self.refused = True
            if not self.transport.is_closing():
                self.transport.write(refuse(status, detail))
                self.transport.close()

    return LimitedProtocol
