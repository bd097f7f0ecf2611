"""The index is fed behind the journal, some groups at a time, and at once when somebody asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from time import monotonic

import pytest

from tests.unit.store.memory import MemoryFold
from tests.unit.store.paper_journal import accepted
from waypost.store import feed
from waypost.store.commit import Limits
from waypost.store.derived import CommittedGroup
from waypost.store.feed import IndexFeed
from waypost.store.protocol import Location

LONG = 30.0


def group(number: int) -> CommittedGroup:
    return CommittedGroup([(Location(1, number, 0), accepted(number))], (1, number + 1), 100)


class Written(MemoryFold):
    """Its database takes a flush only when ``gate`` is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.begun = threading.Event(), threading.Event()
        self.fault: Exception | None = None

    def stage(self) -> Callable[[], None]:
        write = super().stage()

        def gated() -> None:
            self.begun.set()
            self.gate.wait(LONG)
            if self.fault:
                raise self.fault
            write()

        return gated


@pytest.fixture
def index() -> Written:
    return Written()


@pytest.fixture
def fed(index: Written) -> Iterator[IndexFeed]:
    feeding = IndexFeed(index, iter(()), Limits(flush_bytes=100), monotonic, lambda: None)
    yield feeding
    index.gate.set()
    feeding.stop()


def test_what_waits_is_taken_in_when_somebody_asks(index: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "GATHER_SECONDS", LONG)
    fed = IndexFeed(index, iter(()), Limits(), monotonic, lambda: None)
    for number in range(1, 6):
        fed.put(group(number))
    assert fed.wait(LONG / 2)
    assert len(index.records) == 5
    index.gate.set()
    fed.stop()


def test_nobody_waits_for_what_is_being_written(fed: IndexFeed, index: Written) -> None:
    fed.put(group(1))
    assert index.begun.wait(LONG)
    fed.put(group(2))
    assert fed.wait(LONG)
    assert len(index.records) == 2
    assert not index.gate.is_set()


def test_what_was_missed_is_waited_for(index: Written) -> None:
    gate = threading.Event()

    def missed() -> Iterator[CommittedGroup]:
        gate.wait(LONG)
        yield group(1)

    feeding = IndexFeed(index, missed(), Limits(), monotonic, lambda: None)
    assert not feeding.wait(0.01)
    gate.set()
    assert feeding.wait(LONG)
    assert len(index.records) == 1
    index.gate.set()
    feeding.stop()


def test_a_flush_that_failed_is_reported_and_ends_the_feed(index: Written) -> None:
    told = threading.Event()
    feeding = IndexFeed(index, iter(()), Limits(flush_bytes=1), monotonic, told.set)
    index.fault = OSError("disk")
    index.gate.set()
    feeding.put(group(1))
    feeding.put(group(2))
    feeding.wait(LONG)
    feeding.stop()
    assert told.is_set()
    assert feeding.fault is index.fault
