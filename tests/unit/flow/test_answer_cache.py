"""Kept answers: never older than said, never more than said, and never mistaken for asked ones."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from waypost.core.clock import ManualClock
from waypost.core.component import Request
from waypost.core.errors import ContractError, EndpointUnavailable
from waypost.core.spec import Duration, Size
from waypost.flow.batch.answer_cache import AnswerCache, CachingRequester
from waypost.flow.batch.effects import Aged, age_of, pack_answer, unpack_answer
from waypost.steps.enrich import CacheOptions


class System:
    """Answers with how often it was asked for each thing."""

    def __init__(self) -> None:
        self.asked: list[list[Any]] = []
        self.down = False
        self.answers: dict[Any, Any] = {}

    async def open(self) -> None:
        if self.down:
            raise EndpointUnavailable("away")

    async def ask(self, batch: Sequence[Request]) -> Sequence[Any]:
        self.asked.append([request.parameters["k"] for request in batch])
        return [self.answers.get(request.parameters["k"], len(self.asked)) for request in batch]

    async def close(self) -> None:
        pass


class Bench:
    """A system behind a cache."""

    def __init__(self, **options: Any) -> None:
        self.clock, self.system, self.cache = ManualClock(), System(), AnswerCache()
        bounds = CacheOptions(**{"seconds": Duration(60), **options})
        self.requester = CachingRequester(self.system, self.cache, bounds, self.clock.now)

    async def ask(self, *keys: Any) -> list[Any]:
        return list(await self.requester.ask([Request(parameters={"k": key}) for key in keys]))


async def test_an_answer_serves_until_it_is_too_old_and_tells_its_age() -> None:
    bench = Bench()
    assert await bench.ask("a") == [1]
    await bench.clock.advance(59.5)
    assert await bench.ask("a") == [Aged(1, 59_500_000)]
    await bench.clock.advance(0.5)
    assert await bench.ask("a") == [2]


async def test_a_batch_asks_once_for_what_it_asks_several_times() -> None:
    bench = Bench()
    await bench.ask("a")
    assert await bench.ask("b", "a", "b") == [2, Aged(1, 0), 2]
    assert bench.system.asked == [["a"], ["b"]]


async def test_what_was_used_least_lately_goes_first() -> None:
    bench = Bench(entries=2)
    await bench.ask("a", "b")
    await bench.ask("a")
    await bench.ask("c")
    await bench.ask("a", "b")
    assert bench.system.asked == [["a", "b"], ["c"], ["b"]]


async def test_answers_take_no_more_memory_than_they_may() -> None:
    bench = Bench(bytes=Size(3000))
    bench.system.answers = {n: "x" * 500 for n in range(100)} | {"huge": "x" * 5000}
    await bench.ask(*range(100), "huge")
    assert len(bench.cache.entries) == 4 and bench.cache.size <= 3000
    await bench.ask("huge")
    assert bench.system.asked[-1] == ["huge"]


async def test_a_missing_answer_is_asked_for_again_unless_it_may_be_kept() -> None:
    for seconds, times in ((0, 2), (5, 1)):
        bench = Bench(missing_seconds=Duration(seconds))
        bench.system.answers = {"a": None}
        await bench.ask("a")
        await bench.clock.advance(4)
        assert [getattr(found, "answer", found) for found in await bench.ask("a")] == [None]
        assert len(bench.system.asked) == times
    await bench.clock.advance(2)
    await bench.ask("a")
    assert len(bench.system.asked) == 2


async def test_a_refusal_is_never_kept() -> None:
    bench = Bench()
    bench.system.answers = {"a": ContractError("no")}
    await bench.ask("a")
    bench.system.answers = {}
    assert await bench.ask("a") == [2]


async def test_what_is_kept_serves_while_the_system_is_away_and_the_rest_waits() -> None:
    bench = Bench()
    await bench.ask("a")
    bench.system.down = True
    assert await bench.ask("a") == [Aged(1, 0)]
    with pytest.raises(EndpointUnavailable):
        await bench.ask("a", "b")


async def test_a_person_s_fresh_question_passes_over_what_is_kept_and_renews_it() -> None:
    bench = Bench()
    await bench.ask("a")
    assert list(await bench.requester.anew.ask([Request(parameters={"k": "a"})])) == [2]
    assert await bench.ask("a") == [Aged(2, 0)]


async def test_a_clock_that_goes_back_makes_no_answer_younger() -> None:
    bench = Bench()
    await bench.ask("a")
    bench.clock._now -= 3_600_000_000
    assert await bench.ask("a") == [2]


async def test_a_message_cannot_change_what_is_kept_for_others() -> None:
    bench = Bench()
    bench.system.answers = {"a": {"list": [1]}}
    (await bench.ask("a"))[0]["list"].append(2)
    (await bench.ask("a"))[0].answer["list"].append(3)
    assert (await bench.ask("a"))[0].answer == {"list": [1]}


@pytest.mark.parametrize("answer", [None, 5, {"a": [Decimal("1.50")]}, Decimal("1.5"), "text", [], b"bytes"])
def test_the_age_is_recorded_beside_the_answer_and_read_apart(answer: Any) -> None:
    packed = pack_answer(Aged(answer, 59_500_000))
    assert (unpack_answer(packed), age_of(packed)) == (answer, 59_500_000)
    assert (unpack_answer(pack_answer(answer)), age_of(pack_answer(answer))) == (answer, None)
