"""The states of an output, and the word for a message that they come to."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """The state of one output row. A message's state is derived from its rows (``message_state``)."""

    OPEN = 0
    """Ready to be delivered, or being delivered."""
    RETRYING = 1
    """Failed; waits for its next attempt."""
    PARKED = 2
    """Waits for a person, a window, a missing value, or a released hold."""
    DELIVERED = 3
    """The target has it."""
    FILTERED = 4
    """Ended by a rule of the flow: it was not meant to go on."""
    CANCELLED = 5
    """Ended by a person; it is never sent."""
    DEAD = 6
    """Gave up; in the Dead Letter Channel."""
    DOUBTFUL = 7
    """An intent is journaled and no outcome: after a crash, whether it happened must be found out."""
    MOVED = 8
    """Another row of the message, or another shard, took over."""


ACTIVE = frozenset({State.OPEN, State.RETRYING, State.DOUBTFUL})
"""States the engine works on by itself."""
KEPT = ACTIVE | {State.PARKED, State.DEAD}
"""States that hold back retention: someone may still need the input."""


def message_state(rows: list[State]) -> str:
    """The one word for a message, from the states of its rows: the least finished wins, "moved" only when all moved."""
    for state, word in _PRECEDENCE:
        if state in rows:
            return word
    return "received"


_PRECEDENCE = (
    (State.RETRYING, "retrying"), (State.DOUBTFUL, "processing"), (State.OPEN, "processing"), (State.PARKED, "parked"),
    (State.DEAD, "dead"), (State.DELIVERED, "delivered"), (State.CANCELLED, "cancelled"), (State.FILTERED, "filtered"),
    (State.MOVED, "moved"),
)  # fmt: skip
