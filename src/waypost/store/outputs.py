"""Output rows in packed form: a batch as it is kept, and what its rows and references say, with few loops."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from waypost.store.protocol import OpenBatch
from waypost.store.record import ACTIVE, KEPT, OUT_BITS, OUT_MASK, OUT_ROW, State, message_state

NOT_ACTIVE = bytes(s for s in State if s not in ACTIVE)
"""For ``bytes.translate``: what is left of packed states is active."""
NOT_KEPT = bytes(s for s in State if s not in KEPT)

LAYOUT_SIZE = 5
"""Bytes per row of ``OpenBatch.rows``."""

Rows = slice | tuple[int, ...]


class KeptBatch(OpenBatch, array_like=True, gc=False):
    """An ``OpenBatch`` as it is stored. ``troubled``: some of its outputs have a ``Retry``."""

    troubled: bool = False


def tally(count: int, layout: bytes, states: bytearray) -> dict[str, int]:
    """How many of a batch's ``count`` messages are in each state, by its word."""
    if not states:
        return {"received": count}
    known = messages_in(layout)
    if len(states) == known == count:
        return _words({s: states.count(s) for s in set(states)})
    if known == count and states.count(states[0]) == len(states):
        return _words({states[0]: count})
    rows: dict[int, list[State]] = {}
    for (message,), state in zip(_messages(layout), states, strict=True):
        rows.setdefault(message, []).append(State(state))
    found: dict[str, int] = {"received": count - known} if known < count else {}
    for of_message in rows.values():
        word = message_state(of_message)
        found[word] = found.get(word, 0) + 1
    return found


_ALONE = tuple(message_state([state]) for state in State)
"""The word for a message whose rows are all in a state."""


def _words(counts: dict[int, int]) -> dict[str, int]:
    words: dict[str, int] = {}
    for state, count in counts.items():
        word = _ALONE[state]
        words[word] = words.get(word, 0) + count
    return words


def _messages(rows: bytes) -> Iterator[tuple[int]]:
    return ((int.from_bytes(rows[at : at + 2], "little"),) for at in range(0, len(rows), LAYOUT_SIZE))


def messages_in(layout: bytes) -> int:
    """How many messages have rows in ``layout``."""
    return len(set(zip(layout[0::LAYOUT_SIZE], layout[1::LAYOUT_SIZE], strict=True)))


def row_layout(packed: bytes) -> bytes:
    """The message index, target and ordinal of each ``OUT_ROW``, without state and digest."""
    size = OUT_ROW.size
    layout = bytearray(len(packed) // size * LAYOUT_SIZE)
    for column in range(LAYOUT_SIZE):
        layout[column::LAYOUT_SIZE] = packed[column::size]
    return bytes(layout)


def row_states(packed: bytes) -> bytearray:
    """The first state of each ``OUT_ROW``."""
    return bytearray(packed[LAYOUT_SIZE :: OUT_ROW.size])


def rows_of(refs: tuple[int, ...]) -> Iterator[tuple[int, Rows]]:
    """References by batch: (seq, rows), the rows as a slice where they are evenly spaced, as those of one send to one
    target of a whole batch are."""
    first, last = refs[0], refs[-1]
    if first >> OUT_BITS == last >> OUT_BITS:
        step = refs[1] - first if len(refs) > 1 else 1
        if step > 0 and tuple(range(first, last + 1, step)) == refs:
            yield first >> OUT_BITS, slice(first & OUT_MASK, (last & OUT_MASK) + 1, step)
            return
    if tuple(sorted(set(refs))) == refs:
        for begin, end in _batches_in(refs):
            yield refs[begin] >> OUT_BITS, tuple([ref & OUT_MASK for ref in refs[begin:end]])
        return
    grouped: dict[int, list[int]] = {}
    for ref in refs:
        grouped.setdefault(ref >> OUT_BITS, []).append(ref & OUT_MASK)
    for seq, rows in grouped.items():
        yield seq, tuple(dict.fromkeys(rows))


def _batches_in(refs: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Where each batch's references begin and end, in rising references."""
    begin = 0
    while begin < len(refs):
        end = bisect_left(refs, (refs[begin] >> OUT_BITS) + 1 << OUT_BITS, begin)
        yield begin, end
        begin = end
