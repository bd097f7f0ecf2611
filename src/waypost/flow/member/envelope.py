"""What is journaled of a message at a boundary: its document with what the engine knows of it besides.

A *member* is the message as it came to the boundary, accepted by the worker that owns its group. A *released* message
is what the boundary made. Which of the two a load is, and at which step, is said by ``Load.stage``, which the engine
alone sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from waypost.core.component import Outbound
from waypost.core.key import ordering_hash
from waypost.core.message import NO_HEADERS, Message, id_at
from waypost.flow.member.codec import CONTENT_TYPE, read, write

AT, AFTER = "at ", "after "
"""How a stage begins that waits at a boundary, or goes on after it."""
MEMBER, RELEASED = "member", "released"
"""The origins of what boundaries accept."""
_GROUP = " (group)"


def at(step: str) -> str:
    """The stage of members of a boundary."""
    return AT + step


def after(step: str) -> str:
    """The stage of what a boundary released."""
    return AFTER + step


def group_target(step: str) -> str:
    """The name under which a member's one output row stands: it is delivered when its group releases it."""
    return step + _GROUP


def branch_of(step: str, name: str) -> str:
    """The name under which the requester of a branch of a boundary is found."""
    return f"{step}/{name}"


def correlation_hash(step: str, key: str, secret: bytes) -> int:
    """What members are placed by: its slot says which worker owns the group."""
    return ordering_hash(key or f"step {step}", secret)


class Envelope(msgspec.Struct, omit_defaults=True):
    """``key`` is the correlation key, ``order`` the ordering key (both as text), ``to`` the targets meant."""

    body: msgspec.Raw
    key: str = ""
    order: str = ""
    keys: dict[str, list[str]] = {}
    to: list[str] = []


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Envelope).decode


def member_bytes(out: Outbound, key: str) -> bytes:
    """An output to a boundary as its member."""
    keys = {name: [value] for name, value in out.keys.items()}
    return _encode(Envelope(msgspec.Raw(out.body), key, out.ordering_key, keys))


def released_bytes(body: Any, key: str, order: str, keys: Mapping[str, list[str]], to: Sequence[str]) -> bytes:
    """A message a boundary made. Raises ``TypeError`` for a document that has no bytes."""
    return _encode(Envelope(msgspec.Raw(write(body)), key, order, dict(keys), list(to)))


def opened(raw: bytes) -> Envelope:
    """What ``member_bytes`` or ``released_bytes`` wrote."""
    return _decode(raw)


def body_of(raw: bytes, stage: str) -> bytes:
    """The document in what was accepted: where the engine wrote it, without what it wrote around it."""
    return bytes(opened(raw).body) if stage else raw


class Enveloped(Protocol):
    """Enveloped messages on their way: a ``Load``."""

    raws: list[bytes]
    causes: list[bytes]
    stage: str

    def headers_of(self, index: int) -> Mapping[str, str]: ...


_CARRIED_ELSEWHERE = Envelope(msgspec.Raw(b"null"))
"""In the place of a message whose batch was divided when the number of workers changed: another shard has it."""


class Unpacked(msgspec.Struct):
    """A load of enveloped messages; ``indices`` are those that are here. ``order`` is as in ``Accepted``; ``keys`` has,
    per name, the values of each."""

    indices: list[int]
    messages: list[Message]
    order: list[int]
    keys: dict[str, list[tuple[str, ...]]]
    envelopes: list[Envelope]


def unpacked(load: Enveloped, first: int, moment: int, secret: bytes) -> Unpacked:
    """The messages of a load, ids from ``first`` on. Depends on its arguments alone."""
    step = load.stage.removeprefix(AT).removeprefix(AFTER)
    envelopes = [_decode(raw) if raw else _CARRIED_ELSEWHERE for raw in load.raws]
    here = [index for index, raw in enumerate(load.raws) if raw]
    names = dict.fromkeys(name for envelope in envelopes for name in envelope.keys)
    member = load.stage.startswith(AT)
    order = [
        correlation_hash(step, e.key, secret) if member else ordering_hash(e.order, secret) if e.order else 0
        for e in envelopes
    ]
    return Unpacked(
        here,
        [_message(load, index, envelopes[index], first, moment) for index in here],
        order if any(order) else [],
        {name: [tuple(e.keys.get(name, ())) for e in envelopes] for name in names},
        envelopes,
    )


def _message(load: Enveloped, index: int, envelope: Envelope, first: int, moment: int) -> Message:
    cause = load.causes[index] if load.causes else b""
    return Message(
        id_at(first, index), read(envelope.body), moment, CONTENT_TYPE, load.headers_of(index) or NO_HEADERS,
        envelope.order, cause, cause,
    )  # fmt: skip
