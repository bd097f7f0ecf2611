"""Deliveries that may have happened: intents, time-outs, possible duplicates, and targets that can be asked."""

from __future__ import annotations

import pytest

from tests.unit.flow.lane_bench import AWAY, LATE, LaneBench
from waypost.core.component import Outcome
from waypost.core.traits import Repetition
from waypost.store.record import Intended, unpack_refs


@pytest.mark.parametrize("raised", [True, False], ids=["raised", "as an outcome"])
async def test_a_time_out_makes_the_next_try_a_possible_duplicate(raised):
    bench = LaneBench(1, batch=1, repetition=Repetition.DUPLICATES)
    bench.target.down = LATE if raised else None
    bench.target.answers = {} if raised else {1: [LATE, Outcome(delivered=True)]}
    bench.add(1)
    await bench.run()
    bench.target.down = None
    await bench.run(30)
    assert [message.possible_duplicate for send in bench.target.sends for message in send] == [False, True]
    assert bench.bodies() == {1: b"1"}
    await bench.stop()


async def test_an_intent_is_journaled_before_each_send_to_a_target_that_duplicates():
    bench = LaneBench(8, batch=1, repetition=Repetition.DUPLICATES)
    seen = []
    bench.target.on_send = lambda batch: seen.append(
        {ref for record in bench.shard.of(Intended) for ref in unpack_refs(record.refs)} >= {int(batch[0].body)}
    )
    bench.add(*range(1, 30), key=0)
    bench.target.gate.clear()
    await bench.run()
    assert len(bench.shard.of(Intended)) == 8
    bench.target.gate.set()
    await bench.run()
    assert seen == [True] * 29
    await bench.stop()


@pytest.mark.parametrize("repetition", [Repetition.SAME_PLACE, Repetition.RECOGNISED])
async def test_a_target_that_knows_a_repetition_needs_no_intent(repetition):
    bench = LaneBench(8, repetition=repetition)
    bench.add(1, 2)
    await bench.run()
    assert bench.shard.of(Intended) == []
    await bench.stop()


async def test_what_is_in_doubt_is_asked_about_before_it_is_sent():
    bench = LaneBench(1, batch=10, repetition=Repetition.ASKED)
    bench.target.found = {1: Outcome(delivered=True, address="order 88")}
    bench.add(1, 2, 3)
    bench.lane.doubt(1)
    bench.lane.doubt(2)
    await bench.run()
    assert bench.target.asked == [1, 2]
    assert bench.target.sent == [2, 3]
    assert sorted(bench.delivered()) == [1, 2, 3]
    assert [message.possible_duplicate for send in bench.target.sends for message in send] == [False, False]
    await bench.stop()


async def test_a_time_out_at_a_target_that_can_be_asked_is_resolved():
    bench = LaneBench(1, batch=1, repetition=Repetition.ASKED)
    bench.target.answers[1] = [LATE]
    bench.target.found = {1: Outcome(delivered=True)}
    bench.add(1)
    await bench.run(10)
    assert bench.target.sent == [1]
    assert bench.target.asked == [1]
    assert bench.delivered() == [1]
    await bench.stop()


async def test_a_target_that_cannot_be_asked_now_is_asked_later():
    bench = LaneBench(1, batch=1, repetition=Repetition.ASKED)
    answer = bench.target.resolve

    async def away(batch):
        bench.target.resolve = answer
        raise AWAY

    bench.target.resolve = away
    bench.target.found = {1: Outcome(delivered=True)}
    bench.add(1)
    bench.lane.doubt(1)
    await bench.run(10)
    assert bench.target.sent == []
    assert bench.delivered() == [1]
    await bench.stop()


async def test_after_an_unclean_stop_what_was_open_may_be_a_duplicate_and_what_came_later_is_none():
    bench = LaneBench(1, batch=1)
    bench.add(1, 2)
    bench.lane.suspect_below = 3
    bench.add(3)
    await bench.run()
    assert [message.possible_duplicate for send in bench.target.sends for message in send] == [True, True, False]
    await bench.stop()
