"""Whatever fails at whatever try, no two parts of a message share a number, and each keeps its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from waypost.flow.batch.compiled import Out
from waypost.flow.batch.ordinal import Path, number, recorded_numbers
from waypost.store.record import NO_TARGET, OUT_ROW, Produced, State

COUNTS = st.lists(st.integers(0, 3), min_size=1, max_size=5)
"""How many parts each child of the first split is split into; 0: it goes out as it is."""
TRIES = st.lists(st.sets(st.integers(0, 4)), min_size=1, max_size=5)
"""Which children fail before the second split, try by try."""


def attempt(counts: list[int], failing: set[int]) -> list[Out]:
    outs = []
    for place, count in enumerate(counts):
        if place in failing:
            outs.append(Out(0, NO_TARGET, 0, State.DEAD, path=(place,)))
            continue
        paths: list[Path] = [(place, part) for part in range(count)] or [(place,)]
        outs += [Out(0, sum(path) % 2, 0, State.OPEN, path=path) for path in paths]
    return outs


def journaled(outs: list[Out]) -> Produced:
    rows = b"".join(OUT_ROW.pack(o.index, o.target, o.ordinal, o.state, o.digest) for o in outs)
    return Produced(1, ("erp", "log"), rows, paths=tuple(out.path for out in outs))


@given(COUNTS, TRIES)
def test_numbers_are_kept_and_never_shared(counts: list[int], tries: list[set[int]]) -> None:
    produced: list[Produced] = []
    numbers: dict[Path, int] = {}
    for failing in tries:
        outs = attempt(counts, failing)
        number(outs, recorded_numbers(produced))
        produced.append(journaled(outs))
        for out in outs:
            if out.target != NO_TARGET:
                assert numbers.setdefault(out.path, out.ordinal) == out.ordinal
    assert len(set(numbers.values())) == len(numbers)


@given(st.integers(1, 6), TRIES)
def test_split_once_the_number_is_the_place_however_often_it_failed(count: int, tries: list[set[int]]) -> None:
    produced: list[Produced] = []
    for failing in tries:
        outs = attempt([0] * count, failing)
        number(outs, recorded_numbers(produced))
        produced.append(journaled(outs))
        assert all(out.ordinal == out.path[0] for out in outs)
