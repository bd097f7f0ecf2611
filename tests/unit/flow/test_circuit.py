"""One circuit a connection: when it opens, how long, and who may try."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from waypost.core.clock import ManualClock, SeededRandom
from waypost.core.component import Outbound, Outcome
from waypost.core.errors import ContractError, EndpointUnavailable
from waypost.core.event import Events
from waypost.core.traits import Repetition, TargetTraits
from waypost.flow.declared.definition import RetryOptions
from waypost.flow.delivery.circuit import THRESHOLD, Circuit
from waypost.flow.delivery.lane import Lane


def circuit(clock: ManualClock) -> Circuit:
    return Circuit("erp", clock, SeededRandom(1), Events())


def opened(clock: ManualClock) -> Circuit:
    made = circuit(clock)
    for _ in range(THRESHOLD):
        made.failed("down")
    return made


def test_failures_of_what_was_sent_before_it_opened_do_not_make_the_pause_longer() -> None:
    made = opened(ManualClock())
    before = made.wait_seconds()
    for _ in range(10):
        assert made.failed("down") is False
    assert made.wait_seconds() == before <= 1.0


async def test_each_failed_probe_makes_the_pause_longer() -> None:
    clock = ManualClock()
    made = opened(clock)
    for _ in range(3):
        await clock.advance(made.wait_seconds())
        assert made.begin() is True
        made.failed("still down")
    assert made.wait_seconds() > 3.0


def test_a_probe_that_says_nothing_of_the_endpoint_lets_the_next_one_go() -> None:
    made = opened(ManualClock())
    made.begin()
    made.end_probe()
    assert not made.probing


class _Endpoint:
    """A target that waits to be told what becomes of each message."""

    def __init__(self) -> None:
        self.sent: list[asyncio.Future[Outcome]] = []

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def send(self, batch: Sequence[Outbound]) -> Sequence[Outcome]:
        self.sent += [asyncio.get_running_loop().create_future() for _ in batch]
        return [await future for future in self.sent[-len(batch) :]]

    def all_fail(self) -> None:
        down = Outcome.failed(EndpointUnavailable("down", where="erp"))
        for future in self.sent:
            if not future.done():
                future.set_result(down)


class _Journal:
    def append_later(self, records: Sequence[Any]) -> None: ...


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def lane(clock: ManualClock, endpoint: _Endpoint, messages: int) -> Lane:
    made = Lane(
        "orders", "erp", target=endpoint, traits=TargetTraits(repetition=Repetition.RECOGNISED, batch=1, concurrency=8),
        retry=RetryOptions(), circuit=circuit(clock), shard=_Journal(), clock=clock, random=SeededRandom(2),  # type: ignore[arg-type]
        events=Events(), rebuild=None,  # type: ignore[arg-type]
    )  # fmt: skip
    outbounds = [
        Outbound(message_id=n.to_bytes(16, "big"), body=b"", idempotency_key=str(n), received_at=0)
        for n in range(messages)
    ]
    made.add(range(messages), [0] * messages, outbounds)
    return made


async def test_an_open_circuit_lets_one_probe_at_a_time_through_and_not_before_its_pause() -> None:
    clock, endpoint = ManualClock(), _Endpoint()
    sending = lane(clock, endpoint, 40)
    task = asyncio.ensure_future(sending.run())
    await turns()
    assert len(endpoint.sent) == 8
    endpoint.all_fail()
    await turns()
    assert len(endpoint.sent) == 8, "sent before the pause was over"
    for probes in (1, 2, 3):
        await clock.advance(sending.circuit.wait_seconds() + 0.000_001)
        await turns()
        assert len(endpoint.sent) == 8 + probes
        endpoint.all_fail()
        await turns()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_probe_refused_for_its_own_sake_shows_that_the_endpoint_is_there() -> None:
    clock, endpoint = ManualClock(), _Endpoint()
    sending = lane(clock, endpoint, 40)
    task = asyncio.ensure_future(sending.run())
    await turns()
    endpoint.all_fail()
    await turns()
    await clock.advance(sending.circuit.wait_seconds() + 0.000_001)
    await turns()
    endpoint.sent[-1].set_result(Outcome.failed(ContractError("no such article")))
    await turns()
    assert sending.circuit.closed
    assert len(endpoint.sent) > 9
    endpoint.all_fail()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
