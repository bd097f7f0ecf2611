"""What a lane makes of a target's answers: order per key, retries, circuit, dead letters."""

from __future__ import annotations

import pytest

from tests.unit.flow.lane_bench import (
    AWAY,
    BAD,
    BATCH,
    BROKEN,
    MISSET,
    REFUSED,
    STRANGER,
    LaneBench,
    away_for,
)
from waypost.core.component import Outcome
from waypost.core.errors import BugError, CommitFailed, StoreFull
from waypost.core.event import CircuitClosed, CircuitOpened, FlowStopped, MessageDied, MessageParked
from waypost.core.traits import Repetition
from waypost.store.record import State

BOTH = pytest.mark.parametrize("concurrency", [1, 8])


@BOTH
async def test_outputs_of_one_key_arrive_in_order(concurrency):
    bench = LaneBench(concurrency)
    bench.add(11, 12, 21, 22, 31, 32)
    await bench.run()
    assert [n for n in bench.target.arrived if n % 10 == 1] == [11, 21, 31]
    assert sorted(bench.delivered()) == [11, 12, 21, 22, 31, 32]
    assert bench.lane.idle
    await bench.stop()


@BOTH
async def test_a_failing_message_holds_back_its_key_alone(concurrency):
    bench = LaneBench(concurrency, batch=1)
    bench.target.answers[11] = [AWAY, AWAY, Outcome(delivered=True)]
    bench.add(11, 12, 21, 31, 22)
    await bench.run()
    assert bench.target.arrived == [12, 22]
    await bench.run(10)
    assert bench.target.arrived == [12, 22, 11, 21, 31]
    await bench.stop()


@BOTH
async def test_messages_of_one_key_that_fail_together_keep_their_order(concurrency):
    bench = LaneBench(concurrency, batch=10)
    for number in (11, 21, 31):
        bench.target.answers[number] = [AWAY, Outcome(delivered=True)]
    bench.add(11, 21, 31)
    await bench.run(60)
    assert bench.target.arrived == [11, 21, 31]
    assert bench.lane.idle
    await bench.stop()


async def test_a_message_that_dies_beside_a_waiting_one_does_not_free_its_key():
    bench = LaneBench(1, batch=10)
    bench.target.answers = {11: [AWAY, Outcome(delivered=True)], 21: [BAD]}
    bench.add(11, 21)
    await bench.run()
    bench.add(31)
    await bench.run()
    assert bench.target.arrived == []
    await bench.run(10)
    assert bench.target.arrived == [11, 31]
    assert bench.states()[21] == [State.DEAD]
    await bench.stop()


@BOTH
async def test_a_retry_that_finds_the_endpoint_away_keeps_its_turn(concurrency):
    bench = LaneBench(concurrency, batch=1)
    bench.target.answers[11] = [AWAY, Outcome(delivered=True)]
    bench.add(11, 21)
    await bench.run()
    bench.target.down = AWAY
    await bench.run(3)
    bench.target.down = None
    await bench.run(60)
    assert bench.target.arrived == [11, 21]
    assert bench.lane.idle
    await bench.stop()


async def test_a_batch_that_failed_because_of_one_goes_singly():
    bench = LaneBench(1, batch=10)
    bench.add(1, 2, 3)
    for number in (1, 2, 3):
        bench.target.answers[number] = [BATCH, Outcome(delivered=True)]
    bench.target.answers[2] = [BATCH, BAD]
    await bench.run()
    assert [len(send) for send in bench.target.sends] == [3, 1, 1, 1]
    assert bench.target.arrived == [1, 3]
    assert bench.states() == {2: [State.DEAD]}
    await bench.stop()


@BOTH
async def test_an_endpoint_that_is_away_uses_up_no_attempts(concurrency):
    bench = LaneBench(concurrency, batch=2, attempts=2)
    bench.target.down = AWAY
    bench.add(11, 12, 21, 13)
    await bench.run(3600)
    assert bench.lane.open_count == 4
    assert State.DEAD not in {state for states in bench.states().values() for state in states}
    bench.target.down = None
    await bench.run(61)
    assert sorted(bench.target.arrived) == [11, 12, 13, 21]
    assert bench.target.arrived.index(11) < bench.target.arrived.index(21)
    assert any(isinstance(event, CircuitClosed) for event in bench.told)
    await bench.stop()


async def test_an_open_circuit_lets_one_probe_through_at_a_time():
    bench = LaneBench(8, batch=1)
    bench.target.down = AWAY
    bench.add(*range(1, 9))
    await bench.run()
    before = len(bench.target.sends)
    bench.target.gate.clear()
    await bench.run(5)
    assert len(bench.target.sends) == before + 1
    bench.target.gate.set()
    await bench.stop()


async def test_sends_that_were_in_flight_when_the_circuit_opened_do_not_lengthen_its_pause():
    bench = LaneBench(8, batch=1)
    bench.target.down = AWAY
    bench.add(*range(1, 9))
    await bench.run()
    assert bench.circuit.openings == 1
    assert [event.seconds for event in bench.told if isinstance(event, CircuitOpened)] == [
        pytest.approx(bench.circuit.wait_seconds())
    ]
    await bench.stop()


@pytest.mark.parametrize("answer", [BROKEN, MISSET], ids=["a bug", "a wrong setting"])
async def test_a_probe_that_says_nothing_about_the_endpoint_blocks_nobody(answer):
    bench = LaneBench(8, batch=1)
    bench.target.down = AWAY
    bench.add(1, 2)
    await bench.run()
    bench.target.down, bench.target.answers = None, {1: [answer], 2: [answer]}
    await bench.run(30)
    assert not bench.circuit.probing
    await bench.stop()


async def test_attempts_used_up_make_a_dead_letter():
    bench = LaneBench(1, batch=1, attempts=3)
    bench.target.answers[1] = [AWAY]
    bench.add(1)
    await bench.run(60)
    assert bench.target.sent == [1, 1, 1]
    assert bench.states() == {1: [State.RETRYING, State.RETRYING, State.DEAD]}
    assert [event.message for event in bench.told if isinstance(event, MessageDied)]
    await bench.stop()


@pytest.mark.parametrize("error", [BAD, REFUSED])
async def test_a_message_that_is_at_fault_is_dead_at_once(error):
    bench = LaneBench(1)
    bench.target.answers[1] = [error]
    bench.add(1, 2)
    await bench.run()
    assert bench.states() == {1: [State.DEAD]}
    assert bench.bodies() == {1: b"1"}
    assert bench.circuit.closed
    await bench.stop()


async def test_a_target_that_raises_parks_what_it_was_sent():
    bench = LaneBench(1, batch=1)
    bench.target.down = KeyError("sku")
    bench.add(1)
    await bench.run()
    assert bench.states() == {1: [State.PARKED]}
    assert "KeyError: 'sku'" in next(event.cause for event in bench.told if isinstance(event, MessageParked))
    await bench.stop()


async def test_an_outcome_too_few_is_a_bug_of_the_target():
    bench = LaneBench(1, batch=2)

    async def forgetful(batch):
        return [Outcome(delivered=True)]

    bench.target.send = forgetful
    bench.add(1, 2)
    await bench.run()
    assert bench.states() == {1: [State.PARKED], 2: [State.PARKED]}
    await bench.stop()


async def test_refused_authorisation_opens_the_circuit_and_uses_no_attempts():
    bench = LaneBench(1, batch=1, attempts=2)
    bench.target.answers[1] = [STRANGER] * 6 + [Outcome(delivered=True)]
    bench.add(1)
    await bench.run()
    assert not bench.circuit.closed
    await bench.run(300)
    assert bench.target.arrived == [1]
    assert bench.circuit.closed
    await bench.stop()


@BOTH
@pytest.mark.parametrize("raised", [True, False], ids=["raised", "as outcomes"])
async def test_a_wrong_setting_stops_the_lane_until_it_is_resumed(concurrency, raised):
    bench = LaneBench(concurrency)
    bench.target.down = MISSET if raised else None
    if not raised:
        bench.target.answers = {n: [MISSET] for n in (11, 21, 12)}
    bench.add(11, 21, 12)
    await bench.run(600)
    assert bench.lane.held.startswith("stopped: erp: no such path")
    assert [event.cause for event in bench.told if isinstance(event, FlowStopped)] == ["erp: no such path"]
    assert bench.lane.open_count == 3
    bench.target.down, bench.target.answers = None, {}
    bench.lane.resume()
    await bench.run()
    assert sorted(bench.target.arrived) == [11, 12, 21]
    assert bench.target.arrived.index(11) < bench.target.arrived.index(21)
    await bench.stop()


async def test_a_target_that_names_a_time_is_left_alone_until_then():
    bench = LaneBench(1, batch=1)
    bench.target.answers[1] = [away_for(120), Outcome(delivered=True)]
    bench.add(1)
    await bench.run(119)
    assert bench.target.sent == [1]
    await bench.run(2)
    assert bench.target.arrived == [1]
    await bench.stop()


async def test_the_bytes_of_a_delivery_are_journaled_at_its_first_failure():
    bench = LaneBench(1, batch=1)
    bench.target.answers[1] = [AWAY, AWAY, Outcome(delivered=True)]
    bench.add(1, 2)
    await bench.run(30)
    assert bench.bodies() == {1: b"1"}
    assert [message.attempt for send in bench.target.sends for message in send if message.body == b"1"] == [1, 2, 3]
    await bench.stop()


# ── the store's troubles ──


async def test_a_full_disk_delays_what_needs_an_intent():
    bench = LaneBench(1, batch=1, repetition=Repetition.DUPLICATES)
    bench.shard.fault = StoreFull("no room")
    bench.add(1)
    await bench.run(5)
    assert bench.target.sent == []
    bench.shard.fault = None
    await bench.run(5)
    assert bench.delivered() == [1]
    await bench.stop()


@BOTH
async def test_a_failed_commit_of_an_intent_ends_the_lane_and_sends_nothing(concurrency):
    bench = LaneBench(concurrency, batch=1, repetition=Repetition.DUPLICATES)
    bench.shard.fault = CommitFailed("EIO")
    bench.add(1)
    await bench.run()
    with pytest.raises(CommitFailed):
        await bench.task
    assert bench.target.sent == []


@BOTH
async def test_what_cannot_be_recomputed_is_parked_and_frees_its_key(concurrency):
    bench = LaneBench(concurrency)

    async def rebuild(refs):
        return {ref: BugError("other bytes") for ref in refs}

    bench.lane.rebuild = rebuild
    bench.lane.add((11,), (1,))
    bench.add(21)
    await bench.run()
    assert bench.states() == {11: [State.PARKED]}
    assert bench.target.arrived == [21]
    await bench.stop()


@BOTH
async def test_an_output_that_ended_elsewhere_frees_its_key(concurrency):
    bench = LaneBench(concurrency)

    async def rebuild(refs):
        return {}

    bench.lane.rebuild = rebuild
    bench.lane.add((11,), (1,))
    bench.add(21)
    await bench.run()
    assert bench.target.arrived == [21]
    assert bench.lane.idle
    await bench.stop()


async def test_a_target_that_is_away_holds_no_bodies_in_memory():
    bench = LaneBench()
    bench.target.down = AWAY
    bench.add(1, 2, 3)
    await bench.run()
    bench.add(4, 5)
    assert not bench.lane._fresh
    bench.target.down = None
    await bench.run(60)
    assert sorted(bench.delivered()) == [1, 2, 3, 4, 5]
    assert set(bench.rebuilt) == {1, 2, 3, 4, 5}
    await bench.stop()
