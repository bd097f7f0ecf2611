"""The protocols a component implements, and the small values it exchanges with the engine.

Acknowledgement is in the type: a source yields a ``Delivery`` and hears ``accept`` only after the commit that holds
everything it brought. Steps do no I/O: one that needs an answer from outside returns a request, the engine asks,
records the answer as an effect, and hands it back; recomputing substitutes the record.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol, overload, runtime_checkable

import msgspec

from waypost.core.errors import ErrorClass, WaypostError
from waypost.core.finding import Finding
from waypost.core.message import NO_HEADERS, Message

# ── sources ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One file, interchange or poll. ``identity`` differs when content of the same name is other content
    (size, mtime, inode, digest of the prefix: durability rule 13). ``size`` is -1 when unknown."""

    name: str
    identity: str
    size: int = -1
    headers: Mapping[str, str] = NO_HEADERS
    content_type: str = ""


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """One ready record of a source that is no stream of bytes: a row, a request, a tick.
    ``position`` is where its partition stands once this record is accepted; positions of a partition rise as text
    compares, or are '' where the source keeps none."""

    body: bytes
    position: str = ""
    headers: Mapping[str, str] = NO_HEADERS
    content_type: str = ""


class Delivery(Protocol):
    """What ``Source.receive`` yields: records, or one content to be cut by the flow's format. Exactly one of
    ``accept`` and ``reject`` is awaited, once."""

    partition: str
    """The part of the source this belongs to; order and positions hold within it."""
    arrival: Arrival | None
    """The arrival this is (part of), or None where the source has none (a request, a message)."""
    records: Sequence[Received] | None
    """The records, or None when ``read`` must be used."""

    def read(self, offset: int) -> AsyncIterator[bytes]:
        """The content from byte ``offset`` on, in pieces of at most 1 MiB."""
        ...

    async def accept(self) -> None:
        """Everything brought is durable: acknowledge, move or delete it. Must be safe to repeat."""
        ...

    async def reject(self, cause: WaypostError) -> None:
        """Nothing was accepted; offer it again later, or set it aside when ``cause`` can never change."""
        ...

    async def answer(self, answers: Sequence[Answer]) -> None:
        """For sources with ``replies``: what the flow answers to each record, after ``accept``."""
        ...


@runtime_checkable
class NamedDelivery(Delivery, Protocol):
    """A delivery whose sender wants to know under which ids its records are kept."""

    def identify(self, message_ids: Sequence[bytes]) -> None:
        """The id of each record, in order; called once, after the commit and before ``accept``."""
        ...


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow answers to a waiting caller."""

    ok: bool
    body: bytes = b""
    content_type: str = ""
    error: str = ""
    error_class: ErrorClass | None = None
    message_id: str = ""


class Source(Protocol):
    """The consuming side of a connector. Built as ``cls(options, grants)``; all methods run on the event loop."""

    async def open(self) -> None:
        """Make ready. ``EndpointError`` when the system is not there; the engine tries again later."""
        ...

    async def receive(self) -> Delivery | None:
        """The next delivery. A polling source returns None when a look found nothing; another waits. Cancellable."""
        ...

    async def close(self) -> None:
        """Let go of everything; safe to call twice and while ``receive`` waits."""
        ...


@runtime_checkable
class TimedSource(Source, Protocol):
    """A source with a timetable people may deviate from. What they say is journaled before it is ``told``."""

    def would_skip(self) -> tuple[str, str]:
        """The next moment that may be left out ('' = none), and what to tell for that."""
        ...

    def would_run(self) -> tuple[str, str]:
        """The moment that a run by hand would name, and what to tell for it."""
        ...

    def told(self, said: str) -> None:
        """All that was said and still holds; also before ``open``, after a restart."""
        ...


# ── targets and requesters ───────────────────────────────────────────────────────────────────────────────────────


class Outbound(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message as it leaves. ``idempotency_key`` is the same for every try and resend of these bytes;
    ``keys`` are the business keys of the message; ``received_at`` (UTC µs) is what names made from dates use, so a
    second try makes the same name. ``possible_duplicate``: the process died before the outcome of an earlier try was
    durable. ``sequence``: the durable number of this delivery at its target (1 …) where the target's traits say
    ``numbered``, the same at every try; else 0."""

    message_id: bytes
    body: bytes
    idempotency_key: str
    received_at: int
    content_type: str = ""
    ordering_key: str = ""
    attempt: int = 1
    possible_duplicate: bool = False
    sequence: int = 0
    headers: Mapping[str, str] = NO_HEADERS
    keys: Mapping[str, str] = NO_HEADERS
    document: Any = None
    """The document ``body`` was encoded from, where the target's traits say ``reads_document``; never bytes to send."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What happened to one outbound message. ``address`` is where exactly it went; ``answer`` what the system said
    (to a limit), ``answer_headers`` without secrets."""

    delivered: bool
    address: str = ""
    status: str = ""
    answer: bytes = b""
    answer_headers: Mapping[str, str] = NO_HEADERS
    error: str = ""
    error_class: ErrorClass | None = None
    error_code: str = ""
    in_doubt: bool = False
    retry_after_seconds: float = 0.0

    @staticmethod
    def failed(error: WaypostError, *, address: str = "", status: str = "", answer: bytes = b"") -> Outcome:
        return Outcome(
            delivered=False, address=address, status=status, answer=answer, error=str(error),
            error_class=error.error_class, error_code=error.code, in_doubt=error.code == "endpoint-timeout",
        )  # fmt: skip


class Alike(Sequence[Outcome]):
    """Outcomes of a batch that was delivered in one go: all at ``address``, each at its own of the ``offsets`` there.
    One is made when it is looked at."""

    __slots__ = ("address", "offsets", "status")

    def __init__(self, address: str, status: str, offsets: Sequence[int]) -> None:
        self.address, self.status, self.offsets = address, status, offsets

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, at: int) -> Outcome: ...
    @overload
    def __getitem__(self, at: slice) -> Alike: ...
    def __getitem__(self, at: int | slice) -> Outcome | Alike:
        if isinstance(at, slice):
            return Alike(self.address, self.status, self.offsets[at])
        return Outcome(delivered=True, address=placed_at(self.address, self.offsets[at]), status=self.status)


def placed_at(address: str, offset: int) -> str:
    """The address of what lies at an offset of a file."""
    return f"{address}@{offset}"


BATCH_FAILED = "batch-failed"
"""``Outcome.error_code`` of every message of a batch of several of which nothing happened because of one of them:
send them again one by one, at once; it says nothing about the endpoint."""


class Target(Protocol):
    """The producing side of a connector."""

    async def open(self) -> None: ...

    async def send(self, batch: Sequence[Outbound]) -> Sequence[Outcome]:
        """Deliver, at most ``traits.batch`` messages, and say of each what happened, in the order given. A batch of
        several is all or nothing. A failure is an outcome, or an ``EndpointError`` raised for the whole batch."""
        ...

    async def close(self) -> None: ...


class ResolvingTarget(Target, Protocol):
    """A target whose traits say ``Repetition.ASKED``."""

    async def resolve(self, batch: Sequence[Outbound]) -> Sequence[Outcome | None]:
        """For deliveries in doubt after a crash: the outcome of each that happened, None for one that did not."""
        ...


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A question to the outside. Equal requests have equal ``key`` bytes: their digest is the effect's identity.
    ``parameters`` are what a requester needs; plain JSON values and Decimals only."""

    parameters: Mapping[str, Any]


class Requester(Protocol):
    """The asking side of a connector."""

    async def open(self) -> None:
        """Make ready; called before every ``ask``, so cheap when it is ready."""
        ...

    async def ask(self, batch: Sequence[Request]) -> Sequence[Any]:
        """The answer to each request as plain JSON data (Decimals allowed), in the order given; None = not found. A
        ``MessageError`` *instance* in the place of each refused for its own sake; what concerns the system as a whole
        is raised as an ``EndpointError``."""
        ...

    async def close(self) -> None: ...


# ── formats ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Slice(msgspec.Struct, frozen=True, gc=False):
    """A record cut out of a content. ``start`` and ``end`` are absolute byte offsets, the record's bytes are
    ``data``; what lies between two slices is a gap. ``fault`` is set when the framer knows the record is broken:
    it is accepted all the same and goes to dead letters. ``context`` is what the record needs besides its own bytes
    (CSV header, EDI envelope): the same object for neighbours that share it, so a batch ends where it changes.
    ``unit`` is where the whole that the record is part of (an interchange) begins, for formats that tell a repetition
    of it from its other parts; ``CONTINUED`` is that of the slice before, and a batch ends where it changes."""

    start: int
    end: int
    data: bytes
    fault: str = ""
    context: bytes = b""
    unit: int = -1


CONTINUED = -2
"""``Slice.unit`` where reading was resumed within a whole whose beginning the framer did not see."""


class Framer(Protocol):
    """Cuts one content into records, streaming. ``core.cutting`` drives it."""

    def feed(self, data: bytes) -> Sequence[Slice]:
        """The records completed by ``data``; records of one call may differ in context. Raises ``DataError`` when a
        record exceeds the limit, after the records before it were returned, and from then on at every call."""
        ...

    def finish(self) -> Sequence[Slice]:
        """The records left at the end of the content."""
        ...


class Format(Protocol):
    """Bytes ↔ document."""

    content_type: str

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        """A framer for one content, resuming at ``offset``, the end of a slice, with the ``context`` of that slice."""
        ...

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        """The document of each record; a ``DataError`` *instance* in the place of each that has none."""
        ...

    def encode(self, documents: Sequence[Any]) -> Sequence[bytes]:
        """The bytes of each document; a ``DataError`` instance in the place of each that cannot be written.
        Equal documents give equal bytes, in any process."""
        ...


@runtime_checkable
class LocatingFormat(Format, Protocol):
    """A format that knows where in a record's bytes each value stands."""

    def locate(
        self, data: bytes, context: bytes, paths: Sequence[tuple[str | int | None, ...]]
    ) -> Sequence[tuple[int, int] | None]:
        """For each place of the record's document (names, and numbers of items), the bytes it was read from: where
        they begin and end in ``data``; None for what stands in no bytes of it. Reads the record anew: for those who
        ask about one message, never for those who process it."""
        ...


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Dropped(msgspec.Struct, frozen=True):
    """The message ends here by rule."""

    reason: str = ""
    duplicate_of: str = ""


class Split(msgspec.Struct, frozen=True):
    """The message becomes these children (made with ``Message.derive``)."""

    children: tuple[Message, ...]


class Routed(msgspec.Struct, frozen=True):
    """The message goes to these targets and to no others; it does not pass later steps. ``reason`` tells a person
    why, where options alone do not."""

    message: Message
    targets: tuple[str, ...]
    reason: str = ""


class Tapped(msgspec.Struct, frozen=True):
    """The message goes on, and a copy of it goes to these targets."""

    message: Message
    targets: tuple[str, ...]


class Noted(msgspec.Struct, frozen=True):
    """The message goes on; what was found in it, and does not end it, is recorded beside it."""

    message: Message
    findings: tuple[Finding, ...]


class Failed(msgspec.Struct, frozen=True):
    """The message cannot pass. The error's class decides between dead letter and parked."""

    error: WaypostError


Result = Message | Dropped | Split | Routed | Tapped | Noted | Failed


class Step(Protocol):
    """One pattern. Pure: the result of a message depends on that message and the options alone, not on its
    neighbours, the time, chance, or what came before. Built as ``cls(options, grants)``."""

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        """One result per message, in order. Must not raise for a message's content (return ``Failed``); what it
        raises all the same is run again one by one and is a bug of the step."""
        ...


class AskingStep(Protocol):
    """A step that needs an answer from outside; still pure between request and answer."""

    def request(self, batch: Sequence[Message]) -> Sequence[Request | Failed | None]:
        """What to ask for each message; None asks nothing and passes the message with answer None."""
        ...

    def process_answered(self, batch: Sequence[Message], answers: Sequence[Any]) -> Sequence[Result]:
        """As ``Step.process``, with the answer to each message's request."""
        ...


class OpeningStep(AskingStep, Protocol):
    """A step of the kind ``asks`` that no file names."""

    name: str
    asks: str


@runtime_checkable
class OpeningFormat(Format, Protocol):
    """A format that has every message looked at before the steps of its flow."""

    def opening(self, flow: str) -> OpeningStep | None:
        """The step of a flow whose contents it reads; None where its options ask for none."""
        ...
