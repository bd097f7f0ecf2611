"""The message: an immutable body with its identity, and the ids it is known by.

Ids are UUIDv7 (RFC 9562 section 5.7) held as 16 bytes. A batch takes one *block*: its first id ends in 16 zero
bits and message ``i`` of the batch is ``first + i``, so the id of a message names its batch too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from random import Random as Mersenne
from typing import Any

import msgspec

from waypost.core.clock import Clock, Random

BLOCK = 1 << 16
"""How many ids a block holds, and so the most messages of one batch."""

NO_HEADERS: Mapping[str, str] = {}


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message between two steps.

    ``body`` is the document as the format decoded it (or bytes where the flow has no format). ``headers`` came from
    outside: never trusted, never control. A step must not change ``body`` in place; it returns another message.
    ``received_at`` is UTC microseconds and is what ``now()`` means inside a flow.
    """

    id: bytes
    body: Any
    received_at: int
    content_type: str = ""
    headers: Mapping[str, str] = NO_HEADERS
    ordering_key: str = ""
    correlation_id: bytes = b""
    causation_id: bytes = b""

    def with_body(self, body: Any, content_type: str = "") -> Message:
        """The same message, translated: identity, headers and correlation stay."""
        return Message(
            self.id, body, self.received_at, content_type or self.content_type,
            self.headers, self.ordering_key, self.correlation_id, self.causation_id,
        )  # fmt: skip

    def derive(self, step: str, ordinal: int, body: Any) -> Message:
        """Child number ``ordinal`` made by ``step``: its id follows from parent, step and ordinal, never fresh."""
        return Message(
            child_id(self.id, step, ordinal), body, self.received_at, self.content_type,
            self.headers, self.ordering_key, self.correlation_id or self.id, self.id,
        )  # fmt: skip


class Ids:
    """Hands out id blocks that rise with time and never repeat within one store."""

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock, self._last_ms, self._counter = clock, 0, 0
        self._tails = Mersenne(random.bits(256))

    def block(self) -> int:
        """The first id of a fresh block, as an integer whose last 16 bits are zero."""
        ms = self._clock.now() // 1000
        if ms > self._last_ms:
            self._last_ms, self._counter = ms, 0
        else:
            self._counter += 1
            if self._counter > 0xFFF:
                self._last_ms, self._counter = self._last_ms + 1, 0
        tail = self._tails.getrandbits(46) << 16
        return (self._last_ms << 80) | (7 << 76) | (self._counter << 64) | (2 << 62) | tail


def id_at(first: int, index: int) -> bytes:
    """The id of message ``index`` of the batch whose block begins at ``first``."""
    return (first + index).to_bytes(16, "big")


def block_of(message_id: bytes) -> tuple[int, int]:
    """``(first id of the block, index in it)`` of a message id that was handed out by a block."""
    number = int.from_bytes(message_id, "big")
    return number & ~(BLOCK - 1), number & (BLOCK - 1)


def child_id(parent: bytes, step: str, ordinal: int) -> bytes:
    """A UUIDv8 that depends on its arguments alone, so that recomputing a split gives the same children.

    The first 48 bits are the parent's time, which keeps children beside their parent when sorted.
    """
    digest = hashlib.blake2b(parent + step.encode() + ordinal.to_bytes(4, "big"), digest_size=10).digest()
    number = int.from_bytes(parent[:6] + digest, "big")
    return (number & ~(0xF << 76) & ~(0x3 << 62) | (8 << 76) | (2 << 62)).to_bytes(16, "big")


def id_text(message_id: bytes) -> str:
    """The usual text of an id: ``018f3c1e-7a2b-7000-8000-000000010000``."""
    h = message_id.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def is_id(text: str) -> bool:
    """Whether ``text`` is the text of an id."""
    return len(text) == 36 and all(c in "0123456789abcdef-" for c in text)


def parse_id(text: str) -> bytes:
    """The 16 bytes of an id's text. Raises ``ValueError`` for anything else."""
    raw = bytes.fromhex(text.replace("-", ""))
    if len(raw) != 16:
        raise ValueError(f"{text!r} is not a message id")
    return raw
