"""A lane on a bench: a paper shard, a target that does as it is told, a clock that moves when told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from waypost.core.clock import ManualClock, SeededRandom
from waypost.core.component import BATCH_FAILED, Outbound, Outcome
from waypost.core.errors import (
    AuthorisationRefused,
    BugError,
    ConfigurationRefused,
    ContractError,
    DataError,
    EndpointTimeout,
    EndpointUnavailable,
    ErrorClass,
    WaypostError,
)
from waypost.core.event import Event, Events
from waypost.core.traits import Repetition, TargetTraits
from waypost.flow.declared.definition import RetryOptions
from waypost.flow.delivery.circuit import Circuit
from waypost.flow.delivery.lane import Lane
from waypost.store.record import (
    AnyRecord,
    Decided,
    Delivered,
    DeliveryFailed,
    Intended,
    OutboundBody,
    State,
    pack_refs,
    unpack_refs,
)

AWAY = EndpointUnavailable("connection refused", where="erp")
LATE = EndpointTimeout("no answer after 30 s", where="erp")
STRANGER = AuthorisationRefused("401", where="erp")
MISSET = ConfigurationRefused("no such path", where="erp")
BAD = DataError("amount is missing", where="erp")
REFUSED = ContractError("order is closed", where="erp")
BROKEN = BugError("boom", where="erp")
BATCH = Outcome(delivered=False, error="one of them", error_class=ErrorClass.DATA, error_code=BATCH_FAILED)
Answer = Outcome | WaypostError
"""What becomes of one message: an outcome, or an error as an outcome."""


def away_for(seconds: float) -> Outcome:
    return Outcome(
        delivered=False, error="slow down", error_class=ErrorClass.TRANSIENT, retry_after_seconds=seconds
    )  # fmt: skip


@dataclass
class PaperShard:
    """Keeps what is appended, in order; what is appended later is safe with the next append."""

    records: list[AnyRecord] = field(default_factory=list)
    safe: int = 0
    """How many of the records a crash leaves."""
    number: int = 0
    secret: bytes = b""
    fault: WaypostError | None = None

    async def append(self, records: Sequence[AnyRecord]) -> None:
        if self.fault is not None:
            raise self.fault
        self.records += records
        self.safe = len(self.records)

    def append_later(self, records: Sequence[AnyRecord]) -> None:
        self.records += records

    def crash(self, lost: int) -> list[AnyRecord]:
        """Lose up to ``lost`` of the records that are not safe; which they were."""
        kept = max(self.safe, len(self.records) - lost)
        gone, self.records, self.safe = self.records[kept:], self.records[:kept], kept
        return gone

    def left(self) -> dict[int, AnyRecord]:
        """What was said last of each output: all that a restart knows."""
        said: dict[int, AnyRecord] = {}
        for record in self.records:
            match record:
                case Delivered() | Intended() | Decided():
                    said |= dict.fromkeys(unpack_refs(record.refs), record)
                case DeliveryFailed():
                    said[record.ref] = record
        return said

    def of(self, kind: type) -> list[Any]:
        return [record for record in self.records if isinstance(record, kind)]


@dataclass
class ScriptedTarget:
    """``answers`` has, per output, what each try says, the last for good; without any it is delivered. An error in
    ``down`` is raised for whole sends. While ``gate`` is clear sends wait in flight. Asked, it says what arrived, and
    what ``found`` says."""

    answers: dict[int, list[Answer]] = field(default_factory=dict)
    down: WaypostError | Exception | None = None
    found: dict[int, Outcome] = field(default_factory=dict)
    sends: list[list[Outbound]] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    arrived: list[int] = field(default_factory=list)
    closed: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    flying: list[int] = field(default_factory=list)
    on_send: Callable[[Sequence[Outbound]], None] = lambda batch: None

    def __post_init__(self) -> None:
        self.gate.set()

    async def open(self) -> None:
        pass

    all_or_nothing = False
    """Whether a send of several keeps the promise of ``TargetTraits.batch``."""

    async def send(self, batch: Sequence[Outbound]) -> Sequence[Outcome]:
        self.sends.append(list(batch))
        self.on_send(batch)
        numbers = [number_of(message) for message in batch]
        self.flying += numbers
        await self.gate.wait()
        for number in numbers:
            self.flying.remove(number)
        if self.down is not None:
            raise self.down
        said = [self._said(number) for number in numbers]
        if any(outcome.error_code == BATCH_FAILED for outcome in said):
            said = [BATCH] * len(said)
        elif self.all_or_nothing and not all(outcome.delivered for outcome in said):
            said = [BATCH if outcome.delivered else outcome for outcome in said]
        self.arrived += [number for number, outcome in zip(numbers, said, strict=True) if outcome.delivered]
        return said

    def _said(self, number: int) -> Outcome:
        script = self.answers.get(number)
        if not script:
            return Outcome(delivered=True, address="there")
        answer = script.pop(0) if len(script) > 1 else script[0]
        return answer if isinstance(answer, Outcome) else Outcome.failed(answer)

    async def resolve(self, batch: Sequence[Outbound]) -> Sequence[Outcome | None]:
        numbers = [number_of(message) for message in batch]
        self.asked += numbers
        arrived = Outcome(delivered=True)
        return [self.found.get(number) or (arrived if number in self.arrived else None) for number in numbers]

    async def close(self) -> None:
        self.closed = True

    @property
    def sent(self) -> list[int]:
        """Every output that was sent, in order, repetitions included."""
        return [number_of(message) for batch in self.sends for message in batch]


def number_of(message: Outbound) -> int:
    return int(message.body)


def outbound(number: int) -> Outbound:
    return Outbound(
        message_id=number.to_bytes(16, "big"), body=str(number).encode(), idempotency_key=f"k{number}", received_at=1
    )


class LaneBench:
    """Runs one lane. ``key_of`` gives an output's ordering key: its last decimal digit unless told otherwise."""

    def __init__(
        self, concurrency: int = 1, batch: int = 10, repetition: Repetition = Repetition.SAME_PLACE, attempts: int = 3
    ) -> None:
        self.clock, self.events, self.shard = ManualClock(), Events(), PaperShard()
        self.told: list[Event] = []
        self.events.subscribe(self.told.append)
        self.target = ScriptedTarget()
        self.rebuilt: list[int] = []
        self._traits = TargetTraits(repetition=repetition, batch=batch, concurrency=concurrency)
        self._attempts = attempts
        self._begin()

    def _begin(self) -> None:
        self.circuit = Circuit("erp", self.clock, SeededRandom(1), self.events)
        self.lane = Lane(
            "orders", "erp", target=self.target, traits=self._traits, retry=RetryOptions(attempts=self._attempts),
            circuit=self.circuit, shard=self.shard, clock=self.clock, random=SeededRandom(2), events=self.events,
            rebuild=self._rebuild,
        )  # fmt: skip
        self.task: asyncio.Task[None] | None = None

    async def crash(self, lost: int, keys: Mapping[int, int]) -> set[int]:
        """The process dies and loses some of what was not safe; another goes on with what the journal says, as
        ``recover_rows`` does. ``keys`` are those of all outputs. Gives the outputs whose deliveries were forgotten."""
        tasks = [*self.lane._tasks, *([self.task] if self.task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.target.flying = []
        gone = self.shard.crash(lost)
        held, said = self.lane.held, self.shard.left()
        self._begin()
        self.lane.held = held if held == "paused" else ""
        for ref, key in sorted(keys.items()):
            self._recover(ref, key, said.get(ref))
        return {ref for record in gone if isinstance(record, Delivered) for ref in unpack_refs(record.refs)}

    def _recover(self, ref: int, key: int, said: AnyRecord | None) -> None:
        open_again = said is None or isinstance(said, Intended) or (isinstance(said, Decided) and not said.state)
        if isinstance(said, DeliveryFailed) and said.state == State.RETRYING:
            self.lane.add_waiting(ref, key, said.attempt, said.next_at)
        elif open_again:
            self.lane.add((ref,), (key,))
        else:
            return
        if isinstance(said, Intended) or (isinstance(said, DeliveryFailed) and said.code == EndpointTimeout.code):
            self.lane.doubt(ref)
        if not self.lane.traits.needs_intent:
            self.lane.suspect_below = max(self.lane.suspect_below, ref + 1)

    def decide(self, number: int, state: State) -> None:
        """Journal what a person decided on an output."""
        self.shard.records.append(Decided(pack_refs([number]), state, self.clock.now(), "ann", "", "test"))
        self.shard.safe = len(self.shard.records)

    async def _rebuild(self, refs: Sequence[int]) -> Mapping[int, Outbound | WaypostError]:
        self.rebuilt += refs
        return {ref: outbound(ref) for ref in refs}

    def add(self, *numbers: int, key: int | None = None) -> None:
        """Outputs ``1 …``; those of the same last digit have the same key."""
        keys = [number % 10 if key is None else key for number in numbers]
        self.lane.add(numbers, keys, [outbound(number) for number in numbers])

    async def run(self, seconds: float = 0.0) -> None:
        """Let the lane do what it can, then ``seconds`` pass, in small steps."""
        if self.task is None:
            self.task = asyncio.create_task(self.lane.run())
        await self.turn()
        left = seconds
        while left > 0:
            await self.clock.advance(min(0.5, left))
            await self.turn()
            left -= 0.5

    async def turn(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def stop(self) -> None:
        await self.lane.stop()
        if self.task is not None:
            await self.task

    def delivered(self) -> list[int]:
        """Every output journaled as delivered, in order."""
        return [ref for record in self.shard.of(Delivered) for ref in unpack_refs(record.refs)]

    def states(self) -> dict[int, list[State]]:
        """The states that failures were journaled with, per output."""
        told: dict[int, list[State]] = {}
        for record in self.shard.of(DeliveryFailed):
            told.setdefault(record.ref, []).append(State(record.state))
        return told

    def bodies(self) -> dict[int, bytes]:
        """The outbound bodies that were journaled."""
        return {record.ref: record.bodies.data for record in self.shard.of(OutboundBody)}
