"""Aggregator and resequencer against models of a few lines, in random order of events."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waypost.testing.boundary_bench import Bench
from waypost.testing.step_kit import build_step

AGGREGATOR = build_step("aggregator", "{correlate: k, complete: {count: 3, after: 10s, idle: 4s}, unique: n}", {})
RESEQUENCER = build_step("resequencer", "{sequence: n, correlate: k, gap: 5s, late: drop}", {})

KEYS = st.sampled_from("AB")
SPANS = st.integers(1, 12)
PLACES = st.integers(0, 3)
ARRIVAL = st.tuples(st.just("put"), KEYS, st.integers(1, 6))
EVENTS = st.lists(
    ARRIVAL
    | st.tuples(st.just("advance"), SPANS)
    | st.tuples(st.just("release") | st.just("cancel"), KEYS)
    | st.tuples(st.just("take away"), KEYS, PLACES),
    max_size=40,
)


class AggregatorModel:
    """Groups of a key: up to three different numbers, ten seconds from the first on, four after the last."""

    def __init__(self) -> None:
        self.now, self.made = 0, list[list[int]]()
        self.groups: dict[str, tuple[list[int], int, int]] = {}

    def put(self, key: str, number: int) -> None:
        numbers, first, _ = self.groups.get(key, ([], self.now, self.now))
        if number in numbers:
            return
        self.groups[key] = ([*numbers, number], first, self.now)
        if len(numbers) == 2:
            self.release(key)

    def release(self, key: str) -> None:
        if key in self.groups:
            self.made.append(self.groups.pop(key)[0])

    def advance(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            due = [(min(f + 10, last + 4), key) for key, (_, f, last) in self.groups.items()]
            for at, key in sorted(due):
                if at <= self.now:
                    self.release(key)

    def cancel(self, key: str) -> None:
        self.groups.pop(key, None)

    def take_away(self, key: str, place: int) -> None:
        numbers, _, last = self.groups[key]
        left = [number for at, number in enumerate(numbers) if at != place]
        self.groups.pop(key)
        if left:
            self.groups[key] = (left, self.came[key, left[0]], last)


class Played:
    """Both sides of one run."""

    def __init__(self, step: Any, model: Any) -> None:
        self.bench, self.model = Bench(step), model
        self.model.came = {}

    async def play(self, events: list[tuple[Any, ...]]) -> None:
        for event, *given_ in events:
            await getattr(self, event.replace(" ", "_"))(*given_)

    async def put(self, key: str, number: int) -> None:
        if not any(one["n"] == number for one in self.bench.waiting(key)):
            self.model.came[key, number] = self.model.now
        self.model.put(key, number)
        await self.bench.put({"k": key, "n": number})

    async def advance(self, seconds: int) -> None:
        self.model.advance(seconds)
        await self.bench.advance(seconds)

    async def release(self, key: str) -> None:
        self.model.release(key)
        if key in self.bench.groups:
            await self.bench.force(key, "release")

    async def cancel(self, key: str) -> None:
        self.model.cancel(key)
        if key in self.bench.groups:
            await self.bench.force(key, "cancel")

    async def take_away(self, key: str, place: int) -> None:
        if place < len(self.bench.waiting(key)):
            self.model.take_away(key, place)
            await self.bench.take_away(key, place)


@given(EVENTS)
def test_an_aggregator_does_what_its_model_does(events: list[tuple[Any, ...]]) -> None:
    played = Played(AGGREGATOR, AggregatorModel())
    asyncio.run(played.play(events))
    assert [[one["n"] for one in made] for made in played.bench.made] == played.model.made
    waiting = {key: [one["n"] for one in played.bench.waiting(key)] for key in played.bench.groups}
    assert waiting == {key: numbers for key, (numbers, _, _) in played.model.groups.items()}


class ResequencerModel:
    """Of each key: the next number, those that came too early, and since when the next one is missing."""

    def __init__(self) -> None:
        self.now, self.made = 0, list[tuple[str, int]]()
        self.next, self.early, self.since = dict[str, int](), dict[str, set[int]](), dict[str, int]()

    def put(self, key: str, number: int) -> None:
        if number >= self.next.setdefault(key, 1):
            early = self.early.setdefault(key, set())
            if not early:
                self.since[key] = self.now
            early.add(number)
            self.run(key)

    def run(self, key: str) -> None:
        early, moved = self.early[key], False
        while self.next[key] in early:
            early.remove(self.next[key])
            self.made.append((key, self.next[key]))
            self.next[key] += 1
            moved = True
        if moved:
            self.since[key] = self.now

    def advance(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            for key in sorted(self.early, key=lambda one: (self.since.get(one, 0), one)):
                if self.early[key] and self.since[key] + 5 <= self.now:
                    self.next[key] = min(self.early[key])
                    self.run(key)

    def release(self, key: str) -> None:
        if self.early.get(key):
            self.made += [(key, number) for number in sorted(self.early[key])]
            self.cancel(key)

    def cancel(self, key: str) -> None:
        if self.early.get(key):
            self.next[key] = max(self.early[key]) + 1
            self.early[key] = set()

    def take_away(self, key: str, place: int) -> None:
        number = self.order[key][place]
        self.early[key].remove(number)


class PlayedInOrder(Played):
    async def take_away(self, key: str, place: int) -> None:
        if place < len(self.bench.waiting(key)):
            self.model.order = {key: [one["n"] for one in self.bench.waiting(key)]}
            await super().take_away(key, place)


@given(EVENTS)
def test_a_resequencer_does_what_its_model_does(events: list[tuple[Any, ...]]) -> None:
    played = PlayedInOrder(RESEQUENCER, ResequencerModel())
    asyncio.run(played.play(events))
    for key in "AB":
        assert [one["n"] for one in played.bench.made if one["k"] == key] == [
            number for of, number in played.model.made if of == key
        ]
    waiting = {key: {one["n"] for one in played.bench.waiting(key)} for key in played.bench.groups}
    assert waiting == {key: early for key, early in played.model.early.items() if early}
