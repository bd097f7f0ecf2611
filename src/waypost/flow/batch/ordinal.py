"""Ordinals: which of a message's outputs to one target an output is, the same at every try.

A split gives each child a *path*: its place among its siblings, after the path of its parent. The ordinal of an output
is the rank of its path among the paths of all that became of the message, at whatever target; a child that failed or
was filtered takes up a number too. So a child that goes through on a later retry gets the number that was left for it.
Paths are journaled with the outputs: what a child makes later that had failed before it was split again is numbered
after everything that has a number.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from waypost.store.record import NO_TARGET, OUT_MASK, OUT_ROW, Produced

Path = tuple[int, ...]
"""Where a message stands among the children of its splits: () for a message that was not split."""

MOST = 0xFFFF
"""The highest ordinal an output row can hold."""
MOST_ROWS = OUT_MASK + 1
"""The output rows of one batch."""


class Numbered(Protocol):
    """An output row in the making: of message ``index``, to target number ``target``."""

    index: int
    target: int
    ordinal: int
    path: Path


Numbers = Mapping[Path, int]
"""The ordinal of each path that has one."""
Known = Mapping[int, Numbers | None]
"""Per message index what is journaled of its ordinals; None: they count outputs in the order they reached the target,
as stores written before paths were journaled have them."""
Recorded = Callable[[], Known]


def nothing_known() -> Known:
    """Of a message processed for the first time."""
    return {}


def question_number(path: Path) -> int:
    """The number of a question asked for the child at ``path``; no two children of a message have the same."""
    if len(path) < 2:
        return path[0] if path else 0
    packed = b"".join(place.to_bytes(8, "big") for place in path)
    return int.from_bytes(hashlib.blake2b(packed, digest_size=8).digest(), "big") >> 1


def recorded_numbers(produced: Sequence[Produced]) -> dict[int, Numbers | None]:
    """What is journaled of a batch. Numbers of messages of which nothing goes to a target bind nobody."""
    found: dict[int, dict[Path, int]] = {}
    counted: set[int] = set()
    sent: set[int] = set()
    for part in produced:
        rows = list(OUT_ROW.iter_unpack(part.rows))
        if not part.paths:
            times = Counter(index for index, *_ in rows)
            counted.update(index for index, count in times.items() if count > 1)
            continue
        found.update((row[0], {}) for row in rows if row[0] not in sent)
        for (index, target, ordinal, _, _), path in zip(rows, part.paths, strict=True):
            found[index].setdefault(path, ordinal)
            if target != NO_TARGET:
                sent.add(index)
    return {index: None if index in counted else found[index] for index in counted | sent}


def number(outs: Sequence[Numbered], known: Known, room: int = MOST_ROWS) -> dict[int, str]:
    """Give every output its ordinal. Message index → what is too much of those that cannot have all their outputs:
    more than an ordinal can count, or than ``room`` has rows for."""
    by_message: dict[int, list[Numbered]] = {}
    for out in outs:
        by_message.setdefault(out.index, []).append(out)
    refused: dict[int, str] = {}
    room -= len(by_message)  # each has a row, if only one that says it is refused
    for index, made in by_message.items():
        _number(made, known.get(index, {}))
        if any(out.ordinal > MOST for out in made):
            refused[index] = f"found more than {MOST + 1} parts of one message"
        elif len(made) - 1 > room:
            refused[index] = f"found more than {MOST_ROWS} outputs of messages accepted together"
        room -= 0 if index in refused else len(made) - 1
    return refused


def _number(outs: Sequence[Numbered], known: Numbers | None) -> None:
    if known is None:
        seen: Counter[int] = Counter()
        for out in outs:
            out.ordinal = seen[out.target] if out.target != NO_TARGET else 0
            seen[out.target] += 1
        return
    _tell_apart(outs)
    paths = sorted({out.path for out in outs}.difference(known))
    after = max(known.values(), default=-1) + 1
    numbers = {**known, **{path: after + rank for rank, path in enumerate(paths)}}
    for out in outs:
        out.ordinal = numbers[out.path]


def _tell_apart(outs: Sequence[Numbered]) -> None:
    """What reaches a target a second time (a copy, then the message itself) comes right after the first."""
    seen: set[tuple[int, Path]] = set()
    for out in outs:
        while (out.target, out.path) in seen and out.target != NO_TARGET:
            out.path = (*out.path, 0)
        seen.add((out.target, out.path))
