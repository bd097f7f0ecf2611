"""Typed events, past tense: components and engine emit them; only subscribers log, count or trace.

An event owns its metric name, its level and its sentence, so no two places word the same fact differently.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Level(StrEnum):
    """Whether a person must act: ``error`` yes, ``warning`` soon, ``info`` no."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. ``metric`` is the counter it adds ``amount`` to."""

    metric: ClassVar[str] = ""
    level: ClassVar[Level] = Level.INFO
    sentence: ClassVar[str] = ""

    def __str__(self) -> str:
        return self.sentence.format(**{name: getattr(self, name) for name in self.__dataclass_fields__})


Subscriber = Callable[[Event], None]


class Events:
    """Hands each event to every subscriber, in the order they subscribed; a subscriber must not block."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        self._subscribers.append(subscriber)

    def emit(self, event: Event) -> None:
        for subscriber in self._subscribers:
            subscriber(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointLost(Event):
    """A connection stopped answering."""

    metric = "waypost_endpoint_lost_total"
    level = Level.WARNING
    sentence = "lost {endpoint}: {cause}"
    endpoint: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFound(Event):
    """A connection answers again."""

    metric = "waypost_endpoint_found_total"
    sentence = "{endpoint} answers again"
    endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAccepted(Event):
    """Messages of a flow are durable."""

    metric = "waypost_messages_accepted_total"
    sentence = "{flow}: accepted {messages} messages"
    flow: str
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReleased(Event):
    """A boundary let members of a group go."""

    metric = "waypost_groups_released_total"
    sentence = "{flow}: {step} released {members} messages of group {key!r}: {reason}"
    flow: str
    step: str
    key: str
    members: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesDelivered(Event):
    """A target took messages."""

    metric = "waypost_messages_delivered_total"
    sentence = "{flow}: {target} took {messages} messages"
    flow: str
    target: str
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed(Event):
    """A target did not take a message; what happens next follows from the error's class."""

    metric = "waypost_delivery_failures_total"
    level = Level.WARNING
    sentence = "{flow}: {target} did not take {message}, attempt {attempt}: {cause}"
    flow: str
    target: str
    message: str
    attempt: int
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDied(Event):
    """A message went to the Dead Letter Channel."""

    metric = "waypost_messages_dead_total"
    level = Level.ERROR
    sentence = "{flow}: {message} is a dead letter at {place}: {cause}"
    flow: str
    message: str
    place: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageParked(Event):
    """A message waits for a person."""

    metric = "waypost_messages_parked_total"
    level = Level.ERROR
    sentence = "{flow}: {message} is parked at {place}: {cause}"
    flow: str
    message: str
    place: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitOpened(Event):
    """A connection failed so often that nothing is sent there for a while."""

    metric = "waypost_circuits_opened_total"
    level = Level.ERROR
    sentence = "{connection}: circuit open for {seconds:.0f} s after {failures} failures: {cause}"
    connection: str
    failures: int
    seconds: float
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitClosed(Event):
    """A connection is used again."""

    metric = "waypost_circuits_closed_total"
    sentence = "{connection}: circuit closed"
    connection: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalCompleted(Event):
    """Every message of a file, interchange or poll is durable."""

    metric = "waypost_arrivals_completed_total"
    sentence = "{flow}: {name} arrived with {records} records"
    flow: str
    name: str
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalRefused(Event):
    """A file or interchange could not be taken in to its end; the records before the fault are accepted."""

    metric = "waypost_arrivals_refused_total"
    level = Level.ERROR
    sentence = "{flow}: {name} was refused: {cause}"
    flow: str
    name: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsMissed(Event):
    """A content has no record where they were looked for, and something else there."""

    metric = "waypost_records_missed_total"
    level = Level.WARNING
    sentence = "{flow}: a content without records at {path!r}: {found}"
    flow: str
    path: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderRefused(Event):
    """What came over a connection is no message, or none that is taken; its sender may try again."""

    metric = "waypost_senders_refused_total"
    level = Level.WARNING
    sentence = "{flow}: refused what {peer} sent: {cause}"
    flow: str
    peer: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePaused(Event):
    """A source reads no further until work is done."""

    metric = "waypost_source_pauses_total"
    level = Level.WARNING
    sentence = "{flow}: source paused: {cause}"
    flow: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUnfinished(Event):
    """A run that was to end by itself ended though something is not done, because nothing could move."""

    metric = "waypost_runs_unfinished_total"
    level = Level.ERROR
    sentence = "{place}: {found}; {remedy}"
    place: str
    found: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerDied(Event):
    """A worker process ended and is started again."""

    metric = "waypost_worker_deaths_total"
    level = Level.ERROR
    sentence = "worker {worker} ended with {code}; starting it again"
    worker: int
    code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgementMissing(Event):
    """What a partner owed us, or we owed it, did not come by its deadline."""

    metric = "waypost_acknowledgements_missing_total"
    level = Level.ERROR
    sentence = "{partner}: no {what} of {number} ({direction}) by its deadline, message {message}"
    partner: str
    what: str
    number: str
    direction: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgementLate(Event):
    """It came, after its deadline."""

    metric = "waypost_acknowledgements_late_total"
    level = Level.WARNING
    sentence = "{partner}: {what} of {number} ({direction}) came late, message {message}"
    partner: str
    what: str
    number: str
    direction: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgementRejected(Event):
    """An acknowledgement rejects what was sent, or part of it."""

    metric = "waypost_acknowledgements_rejected_total"
    level = Level.ERROR
    sentence = "{partner}: {what} of {number} ({direction}) says {verdict}, reasons {codes}, message {message}"
    partner: str
    what: str
    number: str
    direction: str
    message: str
    verdict: str
    codes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgementRepeated(Event):
    """The same was acknowledged again."""

    metric = "waypost_acknowledgements_duplicate_total"
    level = Level.WARNING
    sentence = "{partner}: {what} of {number} ({direction}) came again as {again}, message {message}"
    partner: str
    what: str
    number: str
    direction: str
    message: str
    again: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgementUnmatched(Event):
    """An acknowledgement names nothing that was sent."""

    metric = "waypost_acknowledgements_unmatched_total"
    level = Level.WARNING
    sentence = "{partner}: {what} names {number}, which was never sent, message {message}"
    partner: str
    what: str
    number: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStopped(Event):
    """A flow stopped itself."""

    metric = "waypost_flow_stops_total"
    level = Level.ERROR
    sentence = "{flow}: stopped: {cause}"
    flow: str
    cause: str
