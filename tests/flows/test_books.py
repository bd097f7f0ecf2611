"""The books of a running system: what is missing, late, rejected, repeated or unmatched is told once, and found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.system import System
from tests.flows.test_acknowledgement_ledger import ACK, FILES, received
from tests.flows.trading import CONFIRMATION
from waypost.core.event import (
    AcknowledgementLate,
    AcknowledgementMissing,
    AcknowledgementRejected,
    AcknowledgementRepeated,
    AcknowledgementUnmatched,
    Event,
)
from waypost.flow.process.bookkeeping import BOOKS, Bookkeeping
from waypost.partners.keeper import BookKeeper

TOLD = (
    AcknowledgementMissing, AcknowledgementLate, AcknowledgementRejected, AcknowledgementRepeated,
    AcknowledgementUnmatched,
)  # fmt: skip


class Booked:
    """A system with its books; a start is a new process's."""

    def __init__(self, system: System) -> None:
        self.system, self.told = system, list[Event]()
        self.books: Bookkeeping

    async def start(self) -> None:
        await self.system.start()
        self.books = Bookkeeping(self.system.root / ".waypost", self.system.engine)
        self.books.begin()

    async def stop(self) -> None:
        await self.system.stop()
        await self.books.end()

    async def kill(self) -> None:
        engine, keeper = self.system.engine, self.books._keeper
        for task in engine._lasting:
            task.remove_done_callback(engine._ended)
            task.cancel()
        await self.system.kill()
        if keeper is not None:
            await asyncio.to_thread(keeper.close)

    async def sent(self, *numbers: int) -> None:
        for number in numbers:
            self.system.put(CONFIRMATION % number)
        await self.system.arrived(max(numbers))

    async def events(self, *wanted: type[Event]) -> list[type[Event]]:
        """What was told by now; once it is as ``wanted``, and a while after."""

        def told() -> list[type[Event]]:
            return [type(event) for event in self.system.told if isinstance(event, TOLD)]

        await self.system.until(lambda: len(told()) >= len(wanted), step=1.0)
        await self.system.clock.advance(5)
        await self.system.settle()
        return told()

    async def ask(self, what: str = "acks", **params: Any) -> dict[str, Any]:
        await self.system.ask("settle")
        found: dict[str, Any] = await self.system.ask("books", what=what, **params)
        return found


@pytest.fixture
async def booked(tmp_path: Path) -> AsyncIterator[Booked]:
    booked = Booked(System(tmp_path, FILES))
    await booked.start()
    yield booked
    await booked.stop()


async def test_what_is_missing_at_its_deadline_is_told_once_and_what_comes_late_too(booked: Booked) -> None:
    await booked.sent(1)
    assert await booked.events() == []
    await booked.system.clock.advance(7201)
    assert await booked.events(AcknowledgementMissing) == [AcknowledgementMissing]
    assert (await booked.ask("summary"))["overdue"] == 1
    await booked.stop()
    await booked.start()
    await booked.system.clock.advance(60)
    assert await booked.events() == [AcknowledgementMissing]
    await received(booked.system, "ack.edi", ACK.format(group="7", code="A"))
    assert await booked.events(*TOLD[:2]) == [AcknowledgementMissing, AcknowledgementLate]
    [late] = [str(event) for event in booked.system.told if isinstance(event, AcknowledgementLate)]
    assert late.startswith("acme: x12/997 of group 7 (owed to us) came late, message ")


async def test_rejections_repetitions_and_strangers_are_told_once(booked: Booked) -> None:
    await booked.sent(1)
    for number, (group, code) in enumerate((("7", "R"), ("7", "R"), ("99", "A"))):
        await received(booked.system, f"{number}.edi", ACK.format(group=group, code=code))
        await booked.ask()
    assert sorted(map(str, await booked.events(*TOLD[2:4]))) == sorted(map(str, TOLD[2:4]))
    await booked.system.clock.advance(61)  # what it answers might have come to be known
    assert (await booked.events(*TOLD[2:]))[-1] == AcknowledgementUnmatched
    said = await booked.ask()
    assert said["event_counts"] == {"rejected": 1, "duplicate": 1, "unmatched": 1}
    assert said["counts"]["rejected"] == said["counts"]["duplicate"] == 1
    assert all(event["told"] for event in said["events"])


async def test_how_messages_stand_is_said_of_each(booked: Booked) -> None:
    await booked.sent(1, 2, 3)
    await received(booked.system, "1.edi", ACK.format(group="7", code="R"))
    await received(booked.system, "2.edi", ACK.format(group="8", code="A"))
    rows = (await booked.system.ask("exchanges"))["exchanges"]
    by_group = {row["groups"][0]: row["message"] for row in rows if row["direction"] == "sent"}
    said = (await booked.ask("said", messages=list(by_group.values())))["messages"]
    assert {group: said[message]["state"] for group, message in by_group.items()} == {
        "7": "rejected", "8": "acknowledged", "9": "waiting",
    }  # fmt: skip
    assert said[by_group["7"]]["expectations"][0]["verdict"] == "rejected"


async def test_a_death_neither_loses_nor_repeats_what_is_told(booked: Booked) -> None:
    await booked.sent(1, 2)
    await received(booked.system, "1.edi", ACK.format(group="7", code="R"))
    assert await booked.events(AcknowledgementRejected) == [AcknowledgementRejected]
    await booked.kill()
    await booked.start()
    assert await booked.events() == [AcknowledgementRejected]
    await booked.kill()
    await booked.system.clock.advance(7201)  # while nothing runs
    await booked.start()
    assert await booked.events(*TOLD[:2]) == [AcknowledgementRejected, AcknowledgementMissing]
    await booked.kill()
    await booked.start()
    assert await booked.events() == [AcknowledgementRejected, AcknowledgementMissing]


async def test_who_dies_before_telling_tells_it_after_the_restart(
    booked: Booked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BookKeeper, "untold", lambda self: [])
    await booked.sent(1)
    await received(booked.system, "1.edi", ACK.format(group="7", code="R"))
    assert (await booked.ask())["event_counts"] == {"rejected": 1}
    assert await booked.events() == []
    await booked.kill()
    monkeypatch.undo()
    await booked.start()
    assert await booked.events(AcknowledgementRejected) == [AcknowledgementRejected]


async def test_lost_books_are_made_again_and_what_was_before_is_not_told_again(booked: Booked) -> None:
    await booked.sent(1, 2)
    await received(booked.system, "1.edi", ACK.format(group="7", code="R"))
    assert await booked.events(AcknowledgementRejected) == [AcknowledgementRejected]
    before = await booked.ask()
    await booked.stop()
    await booked.system.clock.advance(10)
    (booked.system.root / ".waypost/books.db").unlink()
    await booked.start()
    after = await booked.ask()
    assert after["expectations"] == before["expectations"] and after["event_counts"] == before["event_counts"]
    assert await booked.events() == [AcknowledgementRejected]


async def test_at_rest_the_books_are_asked_without_being_changed(booked: Booked) -> None:
    from waypost.flow.process.offline import perform_offline

    await booked.sent(1)
    running = await booked.ask()
    await booked.stop()
    path = booked.system.root / ".waypost/books.db"
    stood = path.stat().st_mtime_ns
    resting = await perform_offline(booked.system.root, "dev", "books", {"what": "acks"})
    assert resting["expectations"] == running["expectations"] and path.stat().st_mtime_ns == stood
    path.unlink()
    resting = await perform_offline(booked.system.root, "dev", "books", {"what": "acks"})
    assert resting["expectations"] == running["expectations"] and not path.exists()
    await booked.start()


async def test_books_that_fail_are_told_in_the_status_and_stop_nothing(
    booked: Booked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: BookKeeper) -> int:
        raise ValueError("a bug in the books")

    await booked.sent(1)
    await booked.ask()
    monkeypatch.setattr(BookKeeper, "_advance", broken)
    await booked.system.until(lambda: BOOKS in booked.system.engine.trouble, step=1.0)
    assert "a bug in the books" in booked.system.engine.trouble[BOOKS]
    await booked.sent(2)


async def test_a_backup_has_the_books(booked: Booked) -> None:
    from waypost.reconcile.book_db import Asked, BookDatabase
    from waypost.store.embedded import EmbeddedStore
    from waypost.store.folds import open_folds

    await booked.sent(1)
    await booked.ask()
    store = EmbeddedStore(str(booked.system.root / ".waypost"), folds=open_folds)
    async for _ in store.backup(str(booked.system.root / "saved")):
        pass
    saved = BookDatabase(booked.system.root / "saved/books.db", read_only=True)
    assert [row.word for row in saved.page(Asked())] == ["open"]
    saved.close()
    assert not (booked.system.root / "saved/books.db-wal").exists()
