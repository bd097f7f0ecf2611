"""What a target and a requester promise, chosen by their traits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import pytest

from waypost.core.component import Outbound, Outcome, Request
from waypost.core.errors import EndpointError, EndpointUnavailable
from waypost.core.grants import Grants
from waypost.core.traits import Repetition, TargetTraits
from waypost.testing.component_suite import AWKWARD_BODIES, MIB, ComponentSuite, patiently
from waypost.testing.stand_in import again, numbered_bodies, outbound, parse_options


class TargetSuite(ComponentSuite):
    """A target. Hook: ``landed`` says what the outside system holds."""

    kind = "target"
    takes_any_body: ClassVar[bool] = True
    """Whether any bytes are taken as they are; else override ``outbounds`` to make what it takes."""
    large_bytes: ClassVar[int] = 8 * MIB

    async def landed(self) -> Sequence[Any]:
        raise NotImplementedError

    def as_landed(self, messages: Sequence[Outbound]) -> Sequence[Any]:
        """What ``landed`` shows once ``messages`` were delivered, in that order."""
        return [message.body for message in messages]

    def outbounds(self, count: int) -> list[Outbound]:
        """Distinct messages this target takes, always the same ones."""
        return [outbound(n, body) for n, body in enumerate(numbered_bodies(count))]

    def refused(self) -> Outbound | None:
        """A message this target refuses for its own sake, where there is one."""
        return None

    async def deliver(self, target: Any, messages: Sequence[Outbound], size: int) -> list[Outcome]:
        """Send in batches of at most ``size``, one after the other."""
        outcomes: list[Outcome] = []
        for start in range(0, len(messages), size):
            batch = messages[start : start + size]
            said = await target.send(batch)
            assert len(said) == len(batch), "one outcome per message"
            outcomes += said
        return outcomes

    async def assert_landed(self, messages: Sequence[Outbound], options: Any) -> None:
        landed, expected = list(await self.landed()), list(self.as_landed(messages))
        if not self.traits(options).ordered:
            landed, expected = sorted(landed, key=repr), sorted(expected, key=repr)
        assert landed == expected

    @pytest.mark.parametrize("why", AWKWARD_BODIES)
    async def test_a_body_lands_byte_for_byte(self, options: Any, grants: Grants, why: str) -> None:
        if not self.takes_any_body:
            pytest.skip("this target writes documents, not bytes")
        message = outbound(0, AWKWARD_BODIES[why])
        async with self.opened(options, grants) as target:
            await self.deliver(target, [message], 1)
            await self.assert_landed([message], options)

    @pytest.mark.parametrize("size", [0, "large"])
    async def test_empty_and_large_bodies_land(self, options: Any, grants: Grants, size: Any) -> None:
        if not self.takes_any_body:
            pytest.skip("this target writes documents, not bytes")
        message = outbound(0, bytes(self.large_bytes if size else 0))
        async with self.opened(options, grants) as target:
            outcomes = await self.deliver(target, [message], 1)
            assert outcomes[0].delivered, outcomes
            await self.assert_landed([message], options)

    async def test_a_batch_lands_whole_and_in_order_with_an_outcome_each(self, options: Any, grants: Grants) -> None:
        messages, traits = self.outbounds(12), self.traits(options)
        async with self.opened(options, grants) as target:
            outcomes = await self.deliver(target, messages, traits.batch)
            assert all(outcome.delivered and outcome.address for outcome in outcomes), outcomes
            await self.assert_landed(messages, options)
        self.assert_no_secret(*outcomes)

    async def test_sends_in_flight_at_once_all_land(self, options: Any, grants: Grants) -> None:
        traits: TargetTraits = self.traits(options)
        messages = self.outbounds(traits.concurrency)
        async with self.opened(options, grants) as target:
            said = await asyncio.gather(*(target.send([message]) for message in messages))
            assert all(outcomes[0].delivered for outcomes in said)
            assert len(await self.landed()) == len(self.as_landed(messages))

    async def test_a_repeated_delivery_shows_once(self, options: Any, grants: Grants) -> None:
        messages, traits = self.outbounds(6), self.traits(options)
        if traits.repetition not in (Repetition.SAME_PLACE, Repetition.RECOGNISED):
            pytest.skip(f"traits: a repetition is {traits.repetition}")
        async with self.opened(options, grants) as target:
            await self.deliver(target, messages[:4], traits.batch)
            outcomes = await self.deliver(target, [again(m) for m in messages[2:]], traits.batch)
            assert all(outcome.delivered for outcome in outcomes)
        async with self.opened(options, grants) as target:
            outcomes = await self.deliver(target, [again(m) for m in messages], max(1, traits.batch // 2))
            assert all(outcome.delivered for outcome in outcomes)
            await self.assert_landed(messages, options)

    async def test_a_cancelled_send_can_be_repeated(self, options: Any, grants: Grants) -> None:
        traits, (message, *_) = self.traits(options), self.outbounds(1)
        if traits.repetition not in (Repetition.SAME_PLACE, Repetition.RECOGNISED):
            pytest.skip(f"traits: a repetition is {traits.repetition}")
        async with self.opened(options, grants) as target:
            sending = asyncio.ensure_future(target.send([message]))
            await asyncio.sleep(0)
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
            assert (await self.deliver(target, [again(message)], 1))[0].delivered
            await self.assert_landed([message], options)

    async def test_resolve_knows_what_happened_and_what_did_not(self, options: Any, grants: Grants) -> None:
        traits, messages = self.traits(options), self.outbounds(2)
        if traits.repetition is not Repetition.ASKED:
            pytest.skip(f"traits: a repetition is {traits.repetition}")
        async with self.opened(options, grants) as target:
            await self.deliver(target, messages[:1], 1)
        async with self.opened(options, grants) as target:
            happened, not_happened = await target.resolve([again(m) for m in messages])
            assert happened is not None and happened.delivered
            assert not_happened is None

    async def test_a_refused_message_is_named_and_the_others_are_as_said(self, options: Any, grants: Grants) -> None:
        refused, (first, last), traits = self.refused(), self.outbounds(2), self.traits(options)
        if refused is None:
            pytest.skip("this target refuses no message for its own sake")
        async with self.opened(options, grants) as target:
            outcomes = await self.deliver(target, [first, refused, last], traits.batch)
            assert not outcomes[1].delivered and outcomes[1].error and outcomes[1].error_class is not None
            delivered = [m for m, o in zip([first, refused, last], outcomes, strict=True) if o.delivered]
            await self.assert_landed(delivered, options)
        self.assert_no_secret(*outcomes)

    async def test_a_system_that_is_not_there_is_said_in_time(self, absent: Any, absent_grants: Grants) -> None:
        if absent is None:
            pytest.skip("there is no outside system")
        message = self.outbounds(1)
        self.assert_unavailable(await self.refusal(absent, absent_grants, lambda side: side.send(message)))

    async def test_a_restarted_system_is_written_again(self, options: Any, grants: Grants) -> None:
        if not self.restartable:
            pytest.skip("the system cannot be restarted")
        (message,) = self.outbounds(1)
        async with self.opened(options, grants) as target:
            await self.stop_system()
            try:
                assert not (await target.send([message]))[0].delivered
            except EndpointError as error:
                self.assert_no_secret(error)
            await self.start_system()

            async def send() -> Any:
                (outcome,) = await target.send([again(message)])
                if not outcome.delivered:
                    raise EndpointUnavailable(outcome.error)
                return outcome

            await patiently(send)
            await self.assert_landed([message], options)

    def test_no_secret_shows_in_the_options(self, options: Any) -> None:
        self.assert_no_secret(parse_options(self.component, options))


class RequesterSuite(ComponentSuite):
    """A requester. Hook: ``questions`` gives requests and the answers they must have."""

    kind = "requester"

    def questions(self) -> Iterable[tuple[Request, Any]]:
        raise NotImplementedError

    async def test_answers_come_in_the_order_of_the_requests(self, options: Any, grants: Grants) -> None:
        pairs = list(self.questions())
        assert pairs, "give at least one question"
        async with self.opened(options, grants) as requester:
            for order in (pairs, pairs[::-1], pairs[:1]):
                assert list(await requester.ask([request for request, _ in order])) == [answer for _, answer in order]

    async def test_a_system_that_is_not_there_is_said_in_time(self, absent: Any, absent_grants: Grants) -> None:
        if absent is None:
            pytest.skip("there is no outside system")
        request = next(iter(self.questions()))[0]
        self.assert_unavailable(await self.refusal(absent, absent_grants, lambda side: side.ask([request])))

    async def test_a_restarted_system_is_asked_again(self, options: Any, grants: Grants) -> None:
        if not self.restartable:
            pytest.skip("the system cannot be restarted")
        request, answer = next(iter(self.questions()))
        async with self.opened(options, grants) as requester:
            await self.stop_system()
            with pytest.raises(EndpointError):
                await requester.ask([request])
            await self.start_system()
            assert list(await patiently(lambda: requester.ask([request]))) == [answer]
