"""A group as the engine keeps it: what its step remembers, who waits in it, which timers run.

Who waits is said by the members' own output rows; the rest is one value in the state of the step, written whole with
every change and small.
"""

from __future__ import annotations

from typing import Any

import msgspec

from waypost.flow.batch.effects import pack_answer, unpack_answer

_HASH = 16


class Held(msgspec.Struct):
    """``refs`` are the output rows of the members, in the order they came; below 0 those of members on their way into
    the journal. ``opened_at`` is when the oldest of them came, 0 for none. ``old_timers``: as the journal has them."""

    key: str
    hash: int
    refs: list[int]
    size: int = 0
    opened_at: int = 0
    state: Any = None
    timers: dict[str, int] = {}
    asks: dict[str, str] = {}
    old_timers: dict[str, int] = {}
    stored: bool = False

    @property
    def name(self) -> str:
        return state_name(self.hash, self.key)

    def packed(self) -> bytes:
        """What the journal keeps; b'' for a group that is forgotten."""
        if not self.refs and self.state is None and not self.timers:
            return b""
        return pack_answer([len(self.refs), self.size, self.opened_at, self.state, self.timers])


class Kept(msgspec.Struct, array_like=True):
    """A group's value as it was packed."""

    count: int
    size: int
    opened_at: int
    state: Any
    timers: dict[str, int]


def unpacked(value: bytes) -> Kept:
    """What ``Held.packed`` packed."""
    return Kept(*unpack_answer(value))


def state_name(hash_: int, key: str) -> str:
    """The name of a group among the states of its step; it says which slot the group belongs to."""
    return f"{hash_:0{_HASH}x} {key}"


def hash_of_state(name: str) -> int | None:
    """The correlation hash in a state's name, or None for a state that is no group's."""
    if len(name) <= _HASH or name[_HASH] != " ":
        return None
    try:
        return int(name[:_HASH], 16)
    except ValueError:
        return None


def key_of_state(name: str) -> str:
    """The correlation key in a group's state's name."""
    return name[_HASH + 1 :]


class TimerOf(msgspec.Struct, array_like=True, frozen=True):
    """What a boundary's timer says of itself in the journal."""

    flow: str
    step: str
    hash: int
    key: str
    timer: str

    @property
    def name(self) -> str:
        return f"{TIMER}{self.flow}/{self.step}/{self.hash:0{_HASH}x} {self.key}/{self.timer}"


TIMER = "boundary:"
"""How the names of boundaries' timers begin."""
timer_bytes = msgspec.msgpack.Encoder().encode
read_timer = msgspec.msgpack.Decoder(TimerOf).decode
