"""What a source promises, chosen by its traits."""

from __future__ import annotations

import asyncio
import contextlib
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

import pytest

from waypost.core.component import Delivery
from waypost.core.errors import EndpointError, EndpointUnavailable
from waypost.core.grants import Grants
from waypost.core.traits import SourceTraits
from waypost.testing.component_suite import AWKWARD_BODIES, MIB, ComponentSuite, patiently
from waypost.testing.stand_in import CommittedPositions, bodies_of, next_delivery, numbered_bodies, parse_options


class SourceSuite(ComponentSuite):
    """A source. Hook: ``put`` makes the outside system offer bodies; it runs beside ``receive`` and may last until
    they are accepted or rejected (a request that waits for its answer)."""

    kind = "source"
    takes_empty: ClassVar[bool] = True
    opaque: ClassVar[bool] = True
    """Whether bodies come byte for byte as they were put; else ``seen_as`` says what is expected."""
    large_bytes: ClassVar[int] = 48 * MIB
    names_what_lies: ClassVar[bool] = False
    """Whether it says at each look what lies there (``Positions.present``)."""

    async def put(self, bodies: Sequence[bytes]) -> None:
        raise NotImplementedError

    def seen_as(self, bodies: Sequence[bytes]) -> Sequence[Any]:
        """What ``bodies`` look like when received, where the source is not opaque."""
        return bodies

    def read_back(self, body: bytes) -> Any:
        """A received body in the form ``seen_as`` gives."""
        return body

    @contextlib.asynccontextmanager
    async def offered(self, bodies: Sequence[bytes]) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.put(bodies))
        try:
            yield
            async with asyncio.timeout(self.limit_seconds):
                await task
        finally:
            task.cancel()

    async def take(self, source: Any, count: int, grants: Grants) -> list[Any]:
        """Receive, commit and accept until ``count`` bodies came."""
        taken: list[Any] = []
        while len(taken) < count:
            delivery = await next_delivery(source)
            taken += map(self.read_back, await bodies_of(delivery))
            await self.settle(delivery, grants)
        return taken

    async def settle(self, delivery: Delivery, grants: Grants) -> None:
        assert isinstance(grants.positions, CommittedPositions)
        grants.positions.commit(delivery)
        await delivery.accept()

    async def assert_nothing_is_offered(self, source: Any) -> None:
        """Look twice; a source that never says "nothing" is given a moment."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                for _ in range(2):
                    delivery = await source.receive()
                    assert delivery is None, f"offered again: {delivery.arrival or delivery.records}"

    @pytest.mark.parametrize("why", AWKWARD_BODIES)
    async def test_a_body_arrives_byte_for_byte(self, options: Any, grants: Grants, why: str) -> None:
        if not self.opaque:
            pytest.skip("this source makes its bodies itself")
        async with self.opened(options, grants) as source, self.offered([AWKWARD_BODIES[why]]):
            assert await self.take(source, 1, grants) == [AWKWARD_BODIES[why]]

    async def test_an_empty_body_arrives(self, options: Any, grants: Grants) -> None:
        if not (self.opaque and self.takes_empty):
            pytest.skip("this source has no empty bodies")
        async with self.opened(options, grants) as source, self.offered([b""]):
            assert await self.take(source, 1, grants) == [b""]

    async def test_bodies_arrive_once_and_in_order(self, options: Any, grants: Grants) -> None:
        bodies = numbered_bodies(5)
        async with self.opened(options, grants) as source, self.offered(bodies):
            taken, expected = await self.take(source, 5, grants), list(self.seen_as(bodies))
            if not self.traits(options).ordered:
                taken, expected = sorted(taken), sorted(expected)
            assert taken == expected
            await self.assert_nothing_is_offered(source)

    async def test_what_was_accepted_is_not_offered_to_the_next_process(self, options: Any, grants: Grants) -> None:
        bodies = numbered_bodies(3)
        async with self.opened(options, grants) as source, self.offered(bodies):
            await self.take(source, 3, grants)
        async with self.opened(options, grants) as source:
            await self.assert_nothing_is_offered(source)

    async def test_what_was_committed_before_a_crash_is_not_offered_again(self, options: Any, grants: Grants) -> None:
        traits: SourceTraits = self.traits(options)
        if not traits.redelivers or traits.replies:
            pytest.skip("nothing is offered twice here")
        async with self.opened(options, grants) as source, self.offered(numbered_bodies(1)):
            delivery = await next_delivery(source)
            assert isinstance(grants.positions, CommittedPositions)
            grants.positions.commit(delivery)
        async with self.opened(options, grants) as source:
            await self.assert_nothing_is_offered(source)

    async def test_what_lies_there_is_named_as_it_arrives(self, options: Any, grants: Grants) -> None:
        if not self.names_what_lies:
            pytest.skip("this source does not say what lies there")
        async with self.opened(options, grants) as source, self.offered(numbered_bodies(1)):
            delivery = await next_delivery(source)
            assert isinstance(grants.positions, CommittedPositions)
            assert delivery.arrival is not None
            assert grants.positions.named == {delivery.arrival.name}
            await self.settle(delivery, grants)

    async def test_what_was_rejected_is_offered_again(self, options: Any, grants: Grants) -> None:
        if not self.traits(options).redelivers:
            pytest.skip("traits: does not redeliver")
        bodies = numbered_bodies(1)
        async with self.opened(options, grants) as source, self.offered(bodies):
            delivery = await next_delivery(source)
            await delivery.reject(EndpointUnavailable("the store is busy", where="kit"))
            assert await self.take(source, 1, grants) == list(self.seen_as(bodies))

    async def test_accepting_twice_is_harmless(self, options: Any, grants: Grants) -> None:
        async with self.opened(options, grants) as source, self.offered(numbered_bodies(1)):
            delivery = await next_delivery(source)
            await self.settle(delivery, grants)
            await delivery.accept()
            await self.assert_nothing_is_offered(source)

    async def test_content_can_be_read_from_an_offset(self, options: Any, grants: Grants) -> None:
        if not self.traits(options).resumes:
            pytest.skip("traits: does not resume")
        async with self.opened(options, grants) as source, self.offered([b"0123456789"]):
            delivery = await next_delivery(source)
            assert b"".join([piece async for piece in delivery.read(4)]) == b"456789"
            assert b"".join([piece async for piece in delivery.read(10)]) == b""
            await self.settle(delivery, grants)

    async def test_large_content_is_read_in_bounded_memory(self, options: Any, grants: Grants) -> None:
        if not self.traits(options).resumes:
            pytest.skip("traits: bodies are held whole")
        async with self.opened(options, grants) as source, self.offered([bytes(self.large_bytes)]):
            delivery, size = await next_delivery(source), 0
            tracemalloc.start()
            try:
                async for piece in delivery.read(0):
                    assert len(piece) <= MIB, "a piece is larger than 1 MiB"
                    size += len(piece)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert size == self.large_bytes
            assert peak < 16 * MIB, f"{peak >> 20} MiB were held at once"
            await self.settle(delivery, grants)

    async def test_a_cancelled_receive_loses_nothing(self, options: Any, grants: Grants) -> None:
        bodies = numbered_bodies(1)
        async with self.opened(options, grants) as source:
            await self.assert_nothing_is_offered(source)
            waiting = asyncio.ensure_future(source.receive())
            await asyncio.sleep(0)
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                assert await waiting is None
            async with self.offered(bodies):
                assert await self.take(source, 1, grants) == list(self.seen_as(bodies))

    async def test_closing_ends_a_waiting_receive(self, options: Any, grants: Grants) -> None:
        async with self.opened(options, grants) as source:
            await self.assert_nothing_is_offered(source)
            waiting = asyncio.ensure_future(source.receive())
            await asyncio.sleep(0)
            async with asyncio.timeout(self.limit_seconds):
                await source.close()
                with contextlib.suppress(EndpointError):
                    assert await waiting is None

    async def test_a_system_that_is_not_there_is_said_in_time(self, absent: Any, absent_grants: Grants) -> None:
        if absent is None:
            pytest.skip("there is no outside system")
        self.assert_unavailable(await self.refusal(absent, absent_grants, lambda side: side.receive()))

    async def test_a_restarted_system_is_read_again(self, options: Any, grants: Grants) -> None:
        if not self.restartable:
            pytest.skip("the system cannot be restarted")
        async with self.opened(options, grants) as source:
            await self.assert_nothing_is_offered(source)
            await self.stop_system()
            with contextlib.suppress(EndpointError, TimeoutError):
                async with asyncio.timeout(1):
                    await source.receive()
            await self.start_system()
            async with self.offered(numbered_bodies(1)):
                assert await patiently(lambda: self.take(source, 1, grants)) == list(self.seen_as(numbered_bodies(1)))

    def test_no_secret_shows_in_the_options(self, options: Any) -> None:
        self.assert_no_secret(parse_options(self.component, options))
