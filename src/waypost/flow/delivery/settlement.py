"""The books of one lane: what waits, what was tried, what is in doubt, and what each outcome of a send means.

A failure that says the endpoint is away puts the batch back and waits for the circuit, using up no attempts; a failure
of one message blocks only its key.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from waypost.core.clock import MICROSECONDS, Clock, Random
from waypost.core.component import BATCH_FAILED, Alike, Outbound, Outcome
from waypost.core.errors import EndpointError, ErrorClass
from waypost.core.event import DeliveryFailed as DeliveryFailedEvent
from waypost.core.event import Events, FlowStopped, MessageDied, MessageParked, MessagesDelivered
from waypost.core.message import id_text
from waypost.core.traits import Repetition
from waypost.flow.declared.definition import RetryOptions
from waypost.flow.delivery.backlog import Backlog
from waypost.flow.delivery.circuit import Circuit, backoff
from waypost.flow.delivery.numbering import Numbering
from waypost.flow.delivery.stamping import Stamping
from waypost.store.protocol import Shard
from waypost.store.record import (
    AnyRecord,
    Bodies,
    Delivered,
    DeliveryFailed,
    OutboundBody,
    State,
    pack_refs,
)

AnswerKeys = Callable[[Outcome], Iterable[tuple[str, str]]]
Watch = Callable[[int, Outcome], None]
Entry = tuple[int, int]
"""An output: its reference and the hash of its ordering key."""

_pack = msgspec.msgpack.Encoder().encode


class Settlement:
    """What a lane knows of its outputs. All of it is derived: the journal has what must last."""

    def __init__(
        self, flow: str, name: str, *, traits: Any, retry: RetryOptions, circuit: Circuit, shard: Shard,
        clock: Clock, random: Random, events: Events, answer_keys: AnswerKeys | None = None,
    ) -> None:  # fmt: skip
        self.flow, self.name, self.traits, self.retry, self.answer_keys = flow, name, traits, retry, answer_keys
        self.circuit, self.shard, self.clock, self.random, self.events = circuit, shard, clock, random, events
        self.backlog = Backlog()
        self.held = ""
        """Why nothing is sent: said by a person, or by a failure only a person can mend."""
        self.watch: Watch | None = None
        self.numbering: Numbering | None = None
        self.stamping: Stamping | None = None
        """Where there is one, the bytes of what is sent are journaled before it is tried."""
        self.suspect_below = 0
        """After an unclean stop: outputs before this one may have arrived, though no record says they were sent."""
        self._doubtful: set[int] = set()
        self._unsure: set[int] = set()
        """Those of the doubtful whose target must be asked before they are sent."""
        self._taken_away: dict[int, State] = {}
        """What a person decided on outputs in flight, for the case that they do not arrive."""
        self._fresh: dict[int, Outbound] = {}
        self._attempts: dict[int, int] = {}
        self._waiting: list[tuple[float, int, int]] = []
        self._singly = 0

    def doubt(self, ref: int) -> None:
        """An output may have arrived before; a target that can be asked is asked before it is sent again."""
        self._doubtful.add(ref)
        if self.traits.repetition is Repetition.ASKED:
            self._unsure.add(ref)

    def _suspect(self, ref: int) -> bool:
        return ref < self.suspect_below or ref in self._doubtful

    def _settle(
        self,
        refs: Sequence[int],
        keys: Sequence[int],
        batch: Sequence[Outbound],
        outcomes: Sequence[Outcome],
        took_us: int,
    ) -> None:
        if isinstance(outcomes, Alike) or all(outcome.delivered for outcome in outcomes):
            self.circuit.succeeded()
            self._delivered(refs, keys, outcomes, took_us)
            return
        good = [i for i, outcome in enumerate(outcomes) if outcome.delivered]
        if good:
            self.circuit.succeeded()
            self._delivered([refs[i] for i in good], [keys[i] for i in good], [outcomes[i] for i in good], took_us)
        failed = [e for e in zip(refs, keys, batch, outcomes, strict=True) if not e[3].delivered]
        if len(refs) > 1 and any(outcome.error_code == BATCH_FAILED for *_, outcome in failed):
            self._put_back([ref for ref, *_ in failed], [key for _, key, *_ in failed])
            self._singly += len(failed)
            return
        self._failures(failed)

    def _failures(self, failed: Sequence[tuple[int, int, Outbound, Outcome]]) -> None:
        """In order; an entry beside an earlier one of its key that is still to be sent waits behind it."""
        back: list[Entry] = []
        stopped: set[int] = set()
        blocked: set[int] = set()
        for ref, key, out, outcome in failed:
            if ref in self._taken_away:
                self._end_taken_away(ref, 0 if key in blocked else key, out, outcome)
            elif key and key in blocked:
                self.backlog.behind(ref, key)
            elif outcome.error_class is ErrorClass.CONFIGURATION or (key and key in stopped):
                back.append((ref, key))
                stopped.add(key)
                self._stop_for(outcome.error)
            else:
                self._failed(ref, key, out, outcome)
                if ref in self._attempts:
                    blocked.add(key)
        if back:
            self._put_back(*zip(*back, strict=True))

    def _end_taken_away(self, ref: int, key: int, out: Outbound, outcome: Outcome) -> None:
        """It did not arrive, and a person had decided on it meanwhile: that holds."""
        state, attempt = self._taken_away[ref], self._attempts.get(ref, 0) + 1
        self._journal_failure(ref, out if state is State.PARKED else None, outcome, state, attempt, 0)
        self._forget(ref)
        self.backlog.release(key)

    def _delivered(self, refs: Sequence[int], keys: Sequence[int], outcomes: Sequence[Outcome], took_us: int) -> None:
        record = self._delivered_record(refs, outcomes, took_us)
        self.shard.append_later([record, *(self.numbering.over(refs) if self.numbering else ())])
        for ref in refs:
            self._fresh.pop(ref, None)
        self.backlog.release_all(keys)
        if self._attempts or self._doubtful or self._taken_away:
            for ref in refs:
                self._forget(ref)
        self.events.emit(MessagesDelivered(flow=self.flow, target=self.name, messages=len(refs)))
        if self.watch:
            for ref, outcome in zip(refs, outcomes, strict=True):
                self.watch(ref, outcome)

    def _delivered_record(self, refs: Sequence[int], outcomes: Sequence[Outcome], took_us: int) -> Delivered:
        packed, now, suspect = pack_refs(list(refs)), self.clock.now(), self._any_suspect(refs)
        if isinstance(outcomes, Alike):
            offsets = pack_refs(list(outcomes.offsets))
            return Delivered(
                packed,
                now,
                took_us,
                (outcomes.address,),
                (outcomes.status,),
                possible_duplicate=suspect,
                offsets=offsets,
            )
        first = outcomes[0]
        alike = all(o.address == first.address and o.status == first.status for o in outcomes)
        answered = any(o.answer for o in outcomes)
        found: list[tuple[str, int, str]] = []
        if self.answer_keys and answered:
            found = [(name, at, value) for at, o in enumerate(outcomes) for name, value in self.answer_keys(o)]
        return Delivered(
            packed, now, took_us,
            (first.address,) if alike else tuple(o.address for o in outcomes),
            (first.status,) if alike else tuple(o.status for o in outcomes),
            tuple(o.answer for o in outcomes) if answered else (),
            _pack([dict(o.answer_headers) for o in outcomes]) if any(o.answer_headers for o in outcomes) else b"",
            tuple(found), suspect,
        )  # fmt: skip

    def _failed(self, ref: int, key: int, out: Outbound, outcome: Outcome) -> None:
        error_class = outcome.error_class or ErrorClass.BUG
        if error_class is ErrorClass.AUTHORISATION:
            self.circuit.failed(outcome.error, at_once=True)
            self._retry(ref, key, out, outcome, counts=False)
        elif error_class is ErrorClass.TRANSIENT:
            self._retry(ref, key, out, outcome, counts=self.circuit.failed(outcome.error))
        else:
            state = State.PARKED if error_class is ErrorClass.BUG else State.DEAD
            if error_class in (ErrorClass.DATA, ErrorClass.CONTRACT):
                self.circuit.succeeded()
            self._fail(ref, key, out, outcome, state)

    def _retry(self, ref: int, key: int, out: Outbound, outcome: Outcome, *, counts: bool) -> None:
        attempt = self._attempts.get(ref, 0) + (1 if counts else 0)
        if attempt >= self.retry.attempts:
            self._fail(ref, key, out, outcome, State.DEAD)
            return
        wait = max(
            backoff(max(1, attempt), self.retry.first, self.retry.limit, self.random), outcome.retry_after_seconds
        )
        first_failure = ref not in self._attempts
        self._attempts[ref] = attempt
        if outcome.in_doubt:
            self.doubt(ref)
        self._journal_failure(ref, out if first_failure else None, outcome, State.RETRYING, attempt, wait)
        self.backlog.block(key)
        heapq.heappush(self._waiting, (self.clock.monotonic() + wait, ref, key))
        self.events.emit(
            DeliveryFailedEvent(
                flow=self.flow, target=self.name, message=id_text(out.message_id), attempt=attempt, cause=outcome.error
            )
        )

    def _fail(self, ref: int, key: int, out: Outbound | None, outcome: Outcome, state: State) -> None:
        attempt = self._attempts.get(ref, 0) + 1
        self._journal_failure(ref, out if ref not in self._attempts else None, outcome, state, attempt, 0)
        self._forget(ref)
        self.backlog.release(key)
        message = id_text(out.message_id) if out else f"output {ref}"
        event = MessageDied if state is State.DEAD else MessageParked
        self.events.emit(event(flow=self.flow, message=message, place=self.name, cause=outcome.error))
        if self.watch:
            self.watch(ref, outcome)

    def _journal_failure(
        self, ref: int, out: Outbound | None, outcome: Outcome, state: State, attempt: int, wait: float
    ) -> None:
        now = self.clock.now()
        records: list[AnyRecord] = [
            DeliveryFailed(
                ref, now, attempt, int(state), now + int(wait * MICROSECONDS) if wait else 0,
                str(outcome.error_class or ""), outcome.error_code, outcome.error,
                outcome.address, outcome.status, outcome.answer, outcome.in_doubt,
            )
        ]  # fmt: skip
        if out is not None and self.stamping is None:
            records.append(_body_record(ref, out))
        self.shard.append_later(records)

    def _endpoint_failed(
        self, refs: Sequence[int], keys: Sequence[int], batch: Sequence[Outbound], error: EndpointError
    ) -> None:
        """The endpoint itself failed: nothing is wrong with the messages, and they use up no attempts."""
        if error.error_class is ErrorClass.CONFIGURATION:
            self._put_back(refs, keys)
            self._stop_for(str(error))
            return
        self.circuit.failed(str(error), at_once=True)
        outcome = Outcome.failed(error)
        if outcome.in_doubt:
            unsaid = (
                []
                if self.stamping
                else [(ref, out) for ref, out in zip(refs, batch, strict=True) if ref not in self._doubtful]
            )
            self.shard.append_later([_body_record(ref, out) for ref, out in unsaid])
            for ref in refs:
                self.doubt(ref)
        self._fresh.clear()
        told = refs if self.traits.needs_intent and not outcome.in_doubt else refs[:1]
        for ref in told:
            if ref not in self._taken_away:
                wait = self.circuit.wait_seconds()
                self._journal_failure(ref, None, outcome, State.RETRYING, self._attempts.get(ref, 0), wait)
        attempt = self._attempts.get(refs[0], 0)
        self._put_back(refs, keys)
        self.events.emit(
            DeliveryFailedEvent(
                flow=self.flow,
                target=self.name,
                message=id_text(batch[0].message_id),
                attempt=attempt,
                cause=str(error),
            )
        )

    def _stop_for(self, cause: str) -> None:
        if not self.held:
            self.held = f"stopped: {cause}"
            self.events.emit(FlowStopped(flow=f"{self.flow}/{self.name}", cause=cause))

    def _put_back(self, refs: Sequence[int], keys: Sequence[int]) -> None:
        kept = [(ref, key) for ref, key in zip(refs, keys, strict=True) if ref not in self._taken_away]
        for ref, key in zip(refs, keys, strict=True):
            if ref in self._taken_away:
                self._forget(ref)
                self.backlog.release(key)
        self.backlog.put_back([ref for ref, _ in kept], [key for _, key in kept])

    def _any_suspect(self, refs: Sequence[int]) -> bool:
        if self.suspect_below and any(ref < self.suspect_below for ref in refs):
            return True
        return bool(self._doubtful) and not self._doubtful.isdisjoint(refs)

    def _forget(self, ref: int) -> None:
        self._fresh.pop(ref, None)
        self._attempts.pop(ref, None)
        self._doubtful.discard(ref)
        self._unsure.discard(ref)
        self._taken_away.pop(ref, None)


def _body_record(ref: int, out: Outbound) -> OutboundBody:
    return OutboundBody(ref, out.content_type, Bodies(len(out.body).to_bytes(4, "little"), out.body))
