"""A lane under any order of adding, answers, failures, time and decisions: order per key, nothing lost or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.flow.lane_bench import AWAY, BAD, BATCH, BROKEN, LATE, MISSET, STRANGER, Answer, LaneBench
from waypost.core.component import Outcome
from waypost.core.traits import Repetition
from waypost.store.record import State

T = TypeVar("T")
KEYS = 2
SCRIPTS = st.lists(st.sampled_from([AWAY, AWAY, AWAY, LATE, BAD, BROKEN, MISSET, STRANGER, BATCH]), max_size=2)


class Dispatch(RuleBasedStateMachine):
    """Outputs are numbered from 1; the model knows for each key which were added, in order, and what a person said."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.count = 0
        self.keys: dict[int, int] = {}
        self.cancelled: set[int] = set()
        self.late: set[int] = set()
        """Outputs a person wanted after all: others may have passed them by."""
        self.again: set[int] = set()
        """Outputs a person wanted though they had ended: they may arrive twice."""
        self.in_flight_when_cancelled: set[int] = set()
        self.wanted_before_a_death: set[int] = set()
        """What a person wanted again of what had ended, before the process died: the journal does not say that it may
        have arrived (known limits)."""
        self.paused = False
        self.wrong: list[str] = []

    @initialize(
        concurrency=st.sampled_from([1, 8]), batch=st.sampled_from([1, 4]), repetition=st.sampled_from(Repetition)
    )
    def build(self, concurrency: int, batch: int, repetition: Repetition) -> None:
        self.bench = LaneBench(concurrency, batch, repetition, attempts=3)
        self.bench.target.on_send, self.bench.target.all_or_nothing = self._watch, True
        self._do(self.bench.run())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def _watch(self, batch: object) -> None:
        sent = [int(message.body) for message in batch]  # type: ignore[attr-defined]
        flying = [*self.bench.target.flying, *sent]
        if self.paused:
            self.wrong.append(f"sent though nothing was to be: {sent}")
        if unwanted := (self.cancelled - self.in_flight_when_cancelled) & set(sent):
            self.wrong.append(f"sent though cancelled: {unwanted}")
        for message in batch:  # type: ignore[attr-defined]
            number = int(message.body)
            unmarked = number in self.bench.target.arrived and not message.possible_duplicate
            if unmarked and number not in self.wanted_before_a_death:
                self.wrong.append(f"sent again, and not marked as a possible duplicate: {number}")
        if len(flying) != len(set(flying)):
            self.wrong.append(f"an output is in flight twice: {flying}")
        keys = [self.keys[number] for number in flying if self.keys[number]]
        if len(keys) != len(set(keys)) and self.bench.lane.traits.concurrency > 1:
            self.wrong.append(f"two outputs of a key are in flight: {flying}")

    @rule(outputs=st.lists(st.tuples(st.integers(0, KEYS), SCRIPTS), min_size=1, max_size=6))
    def add(self, outputs: list[tuple[int, list[Answer]]]) -> None:
        for key, failures in outputs:
            self.count += 1
            self.keys[self.count] = key
            self.bench.target.answers[self.count] = [*failures, Outcome(delivered=True)]
            self.bench.add(self.count, key=key)
        self._do(self.bench.run())

    @rule(error=st.sampled_from([None, AWAY, LATE, STRANGER]))
    def endpoint(self, error: object) -> None:
        self.bench.target.down = error  # type: ignore[assignment]

    @rule(flying=st.booleans())
    def hold_in_flight(self, flying: bool) -> None:
        (self.bench.target.gate.clear if flying else self.bench.target.gate.set)()
        self._do(self.bench.run())

    @rule(seconds=st.sampled_from([0.5, 5, 100]))
    def time_passes(self, seconds: float) -> None:
        self._do(self.bench.run(seconds))

    @precondition(lambda self: self.count)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, self.count))
        if number in self.bench.target.arrived or number in self._ended():
            return
        if number in self.bench.lane._flying:
            self.in_flight_when_cancelled.add(number)
        self.bench.decide(number, State.CANCELLED)
        self.bench.lane.drop([(number, self.keys[number])], State.CANCELLED)
        self.cancelled.add(number)
        self._do(self.bench.run())

    @precondition(lambda self: self.count)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, self.count))
        if number in self.bench.target.arrived or number in self._ended():
            self.again.add(number)
        if number in self.cancelled or number in self.again:
            self.late.add(number)
        self.bench.decide(number, State.OPEN)
        self.bench.lane.restore([(number, self.keys[number])])
        self.cancelled.discard(number)
        self._do(self.bench.run())

    @rule(held=st.booleans())
    def pause(self, held: bool) -> None:
        self.bench.lane.hold("paused") if held else self.bench.lane.resume()
        self.paused = held
        self._do(self.bench.run())

    @rule(lost=st.sampled_from([0, 1, 3]))
    def the_process_dies(self, lost: int) -> None:
        self.wanted_before_a_death = set(self.again)
        forgotten = self._do(self.bench.crash(lost, self.keys))
        self.again |= forgotten
        self.in_flight_when_cancelled = set()
        self._do(self.bench.run())

    @invariant()
    def nothing_is_in_flight_beside_its_like(self) -> None:
        assert not self.wrong

    @invariant()
    def order_is_kept_per_key(self) -> None:
        for key in range(1, KEYS + 1):
            first = dict.fromkeys(self.bench.target.arrived)
            arrived = [n for n in first if self.keys[n] == key and n not in self.late]
            assert arrived == sorted(arrived), f"key {key} arrived as {arrived}"

    @invariant()
    def nothing_arrives_twice_unasked(self) -> None:
        once = [n for n in self.bench.target.arrived if n not in self.again]
        assert len(once) == len(set(once))

    def teardown(self) -> None:
        if not hasattr(self, "bench"):
            return
        try:
            self._everything_ends()
        finally:
            self._do(self.bench.stop())
            self.loop.close()

    def _everything_ends(self) -> None:
        """Once the endpoint answers and nobody holds anything back, every output has ended, and as it should."""
        bench = self.bench
        bench.target.down, bench.target.answers = None, {}
        bench.target.gate.set()
        bench.lane.resume()
        self.paused = False
        self._do(bench.run(700))
        assert bench.lane.idle, f"{bench.lane.open_count} left"
        assert bench.lane.open_count == 0
        assert not bench.lane.backlog._void
        assert not bench.lane.backlog._busy
        missing = set(self.keys) - set(bench.delivered()) - self._ended() - self.cancelled
        assert not missing, f"lost: {missing}"

    def _ended(self) -> set[int]:
        """Outputs that were dead or parked at some time."""
        return {n for n, states in self.bench.states().items() if {State.DEAD, State.PARKED} & set(states)}


TestDispatch = Dispatch.TestCase
TestDispatch.settings = settings(
    max_examples=60,
    print_blob=False,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
