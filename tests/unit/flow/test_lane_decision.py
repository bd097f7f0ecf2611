"""A person's decisions on outputs in every place of a lane where they can be."""

from __future__ import annotations

import pytest

from tests.unit.flow.lane_bench import AWAY, LaneBench
from waypost.core.component import Outcome
from waypost.store.record import State

BOTH = pytest.mark.parametrize("concurrency", [1, 8])


async def _ready(bench):
    """21 is next, nothing is in flight."""
    bench.lane.hold("paused")
    bench.add(21, 31, 12)
    await bench.run()


async def _held_behind_its_key(bench):
    bench.target.answers[11] = [AWAY, Outcome(delivered=True)]
    bench.add(11)
    await bench.run()
    bench.add(21, 31, 12)
    await bench.run()


async def _waiting(bench):
    bench.target.answers[21] = [AWAY, Outcome(delivered=True)]
    bench.add(21)
    await bench.run()
    bench.add(31, 12)
    await bench.run()


async def _put_back(bench):
    bench.target.down = AWAY
    bench.add(21, 31, 12)
    await bench.run()
    bench.target.down = None


PLACES = pytest.mark.parametrize("place", [_ready, _held_behind_its_key, _waiting, _put_back])


@BOTH
@PLACES
async def test_a_cancelled_output_is_not_sent_and_holds_back_nothing(place, concurrency):
    bench = LaneBench(concurrency, batch=1)
    await place(bench)
    tries = bench.target.sent.count(21)
    bench.lane.drop([(21, 1)], State.CANCELLED)
    bench.lane.resume()
    await bench.run(30)
    assert bench.target.sent.count(21) == tries
    assert {31, 12} <= set(bench.target.arrived)
    assert bench.lane.idle
    await bench.stop()


@BOTH
@PLACES
async def test_a_held_and_released_output_is_sent_once(place, concurrency):
    bench = LaneBench(concurrency, batch=1)
    await place(bench)
    bench.lane.drop([(21, 1)], State.PARKED)
    bench.lane.restore([(21, 1)])
    bench.lane.resume()
    await bench.run(30)
    assert bench.target.arrived.count(21) == 1
    assert {12, 21, 31} <= set(bench.delivered())
    assert bench.lane.idle
    await bench.stop()


@BOTH
@pytest.mark.parametrize("place", [_ready, _held_behind_its_key])
async def test_a_released_output_that_was_not_passed_by_keeps_its_place(place, concurrency):
    bench = LaneBench(concurrency, batch=1)
    await place(bench)
    bench.lane.drop([(21, 1)], State.PARKED)
    bench.lane.restore([(21, 1)])
    bench.lane.resume()
    await bench.run(30)
    assert [n for n in bench.target.arrived if n in (21, 31)] == [21, 31]
    await bench.stop()


@BOTH
async def test_a_retry_asked_for_by_a_person_comes_at_once_and_keeps_the_order(concurrency):
    bench = LaneBench(concurrency, batch=1)
    await _waiting(bench)
    bench.lane.restore([(21, 1)])
    await bench.run()
    assert bench.target.arrived == [12, 21, 31]
    await bench.stop()


@BOTH
async def test_what_is_in_flight_may_arrive_though_it_was_cancelled(concurrency):
    bench = LaneBench(concurrency, batch=1)
    bench.target.gate.clear()
    bench.add(21, 31)
    await bench.run()
    bench.lane.drop([(21, 1)], State.CANCELLED)
    bench.target.gate.set()
    await bench.run()
    assert bench.delivered() == [21, 31]
    await bench.stop()


@BOTH
@pytest.mark.parametrize("state", [State.CANCELLED, State.PARKED])
@pytest.mark.parametrize("raised", [True, False], ids=["endpoint away", "refused"])
async def test_what_was_taken_away_in_flight_and_fails_is_not_tried_again(concurrency, state, raised):
    bench = LaneBench(concurrency, batch=1)
    bench.target.gate.clear()
    bench.target.down = AWAY if raised else None
    bench.target.answers[21] = [AWAY]
    bench.add(21, 31)
    await bench.run()
    bench.lane.drop([(21, 1)], state)
    bench.target.gate.set()
    await bench.run()
    bench.target.down = None
    await bench.run(30)
    assert bench.target.sent.count(21) == 1
    assert bench.target.arrived == [31]
    assert set(bench.states().get(21, [state])) == {state}
    assert bench.lane.idle
    await bench.stop()


async def test_a_release_while_it_is_in_flight_does_not_send_it_twice():
    bench = LaneBench(8, batch=1)
    bench.target.gate.clear()
    bench.add(21)
    await bench.run()
    bench.lane.drop([(21, 1)], State.PARKED)
    bench.lane.restore([(21, 1)])
    bench.target.gate.set()
    await bench.run(30)
    assert bench.target.sent == [21]
    await bench.stop()


@BOTH
async def test_messages_released_together_keep_their_order_though_one_had_lost_its_place(concurrency):
    bench = LaneBench(concurrency, batch=1)
    bench.target.down = AWAY
    bench.add(11, 12, 21, 31)
    await bench.run()
    bench.lane.drop([(11, 1), (21, 1)], State.PARKED)
    await bench.run(3)
    bench.lane.restore([(11, 1), (21, 1)])
    bench.target.down = None
    await bench.run(60)
    assert [n for n in bench.target.arrived if n % 10 == 1] == [11, 21, 31]
    await bench.stop()


async def test_an_output_that_ended_is_sent_again_as_a_possible_duplicate():
    bench = LaneBench(1)
    bench.add(21)
    await bench.run()
    bench.lane.restore([(21, 1)])
    await bench.run()
    assert [message.possible_duplicate for send in bench.target.sends for message in send] == [False, True]
    assert bench.rebuilt == [21]
    await bench.stop()


async def test_a_paused_lane_sends_nothing_not_even_what_is_due():
    bench = LaneBench(1, batch=1)
    await _waiting(bench)
    bench.lane.hold("paused")
    sent = list(bench.target.sent)
    await bench.run(600)
    bench.add(99)
    await bench.run()
    assert bench.target.sent == sent
    bench.lane.resume()
    await bench.run()
    assert set(bench.target.arrived) == {12, 21, 31, 99}
    await bench.stop()
