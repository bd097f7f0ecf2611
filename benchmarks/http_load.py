"""Callers of an HTTP source: keep-alive connections on bare asyncio protocols, so that they cost little themselves.

``python -m benchmarks.http_load PORT SECONDS CONNECTIONS [RATE]`` prints JSON. Without a rate every connection sends
its next order when its answer is there; with one, orders are due at fixed times whatever happened to those before, and
say in ``created`` when they were due, in UTC microseconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque

from benchmarks.bench import percentile
from benchmarks.project import order

HEAD = b"POST /orders HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Caller(asyncio.Protocol):
    """One connection: one request in the air at a time."""

    def __init__(self, load: Load) -> None:
        self.load, self.sent, self.buffer = load, 0.0, b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.load.idle(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.load.lost += 1

    def send(self, body: bytes) -> None:
        self.sent = time.perf_counter()
        self.transport.write(HEAD % len(body) + body)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if len(rest) < length:
            return
        self.buffer = b""
        self.load.answered(head[9:12], time.perf_counter() - self.sent)
        self.load.idle(self)


class Load:
    """What all callers do together."""

    def __init__(self, seconds: float, rate: float) -> None:
        self.seconds, self.rate = seconds, rate
        self.times: list[float] = []
        self.refused = self.lost = self.number = 0
        self.due: deque[int] = deque()
        self.free: deque[Caller] = deque()
        self.end = 0.0

    def idle(self, caller: Caller) -> None:
        if self.rate:
            self.free.append(caller)
            self._match()
        elif time.perf_counter() < self.end:
            caller.send(self._order(""))

    def answered(self, status: bytes, took: float) -> None:
        self.times.append(took)
        self.refused += status[:1] != b"2"

    def _order(self, created: str) -> bytes:
        self.number += 1
        return order(self.number, created=created or "2026-11-20T10:00:00Z")

    def _match(self) -> None:
        while self.due and self.free:
            self.free.popleft().send(self._order(str(self.due.popleft())))

    async def pace(self) -> None:
        """Make orders due, in steps of a millisecond at least."""
        begun, made = time.perf_counter(), 0
        wall = time.time_ns() // 1000
        while (passed := time.perf_counter() - begun) < self.seconds:
            while made < passed * self.rate:
                self.due.append(wall + int(made / self.rate * 1e6))
                made += 1
            self._match()
            await asyncio.sleep(max(0.001, made / self.rate - passed))


async def call(port: int, seconds: float, connections: int, rate: float) -> dict[str, float]:
    """Run the load; what came of it."""
    loop = asyncio.get_running_loop()
    load = Load(seconds, rate)
    begun = time.perf_counter()
    load.end = begun + seconds
    callers = [(await loop.create_connection(lambda: Caller(load), "127.0.0.1", port)) for _ in range(connections)]
    await (load.pace() if rate else asyncio.sleep(seconds))
    took = time.perf_counter() - begun
    count, times = len(load.times), list(load.times)
    for transport, _ in callers:
        transport.close()
    return {
        "rate": count / took, "answered": count, "refused": load.refused, "p50_ms": 1000 * percentile(times, 50),
        "p99_ms": 1000 * percentile(times, 99),
    }  # fmt: skip


if __name__ == "__main__":
    port, seconds, connections, *more = sys.argv[1:]
    print(json.dumps(asyncio.run(call(int(port), float(seconds), int(connections), float(*more or (0,))))))
