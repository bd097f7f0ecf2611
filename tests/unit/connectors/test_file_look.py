"""Which files are handed out, when, and what becomes of those that cannot be read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from waypost.connectors.file_look import FileFeed, FileOrder, FileSeen
from waypost.core.clock import ManualClock
from waypost.core.errors import EndpointUnavailable


class Shelf:
    """A place whose files are what ``files`` says; ``broken`` names cannot be read."""

    def __init__(self, *files: FileSeen) -> None:
        self.files, self.broken, self.looks = list(files), set[str](), 0

    async def look(self) -> Iterable[FileSeen]:
        self.looks += 1
        return list(self.files)

    async def fetch(self, seen: FileSeen) -> Any:
        if seen.name in self.broken:
            raise EndpointUnavailable(f"{seen.name} is broken")
        return SimpleNamespace(seen=seen)


def seen(name: str, size: int = 1, mtime: int = 0) -> FileSeen:
    return FileSeen(name, size, mtime)


def feed_of(shelf: Shelf, clock: ManualClock, **more: Any) -> FileFeed:
    settings: dict[str, Any] = {"poll_seconds": 5.0, "settle_seconds": 0.0, "order": FileOrder.NAME, **more}
    return FileFeed(shelf, clock, **settings)


async def names(feed: FileFeed) -> list[str]:
    found = []
    while (delivery := await feed.next()) is not None:
        found.append(delivery.seen.name)  # type: ignore[attr-defined]
    return found


async def begun(feed: FileFeed) -> asyncio.Future[Any]:
    waiting = asyncio.ensure_future(feed.next())
    for _ in range(5):
        await asyncio.sleep(0)
    return waiting


@pytest.mark.parametrize(("order", "expected"), [(FileOrder.NAME, ["a", "b", "c"]), (FileOrder.MTIME, ["c", "a", "b"])])
async def test_files_come_in_the_order_asked_for(order: FileOrder, expected: list[str]) -> None:
    shelf = Shelf(seen("b", mtime=2), seen("a", mtime=2), seen("c", mtime=1))
    assert await names(feed_of(shelf, ManualClock(), order=order)) == expected


async def test_a_file_held_by_a_delivery_is_not_handed_out_again_until_it_is_released() -> None:
    shelf, clock = Shelf(seen("a")), ManualClock()
    feed = feed_of(shelf, clock)
    assert await names(feed) == ["a"]
    feed.release(seen("a"), finished=False)
    waiting = await begun(feed)
    assert not waiting.done(), "what was rejected is offered after a pause"
    await clock.advance(5)
    assert (await waiting).seen.name == "a"
    feed.release(seen("a"), finished=True)
    assert await feed.next() is None
    shelf.files = [seen("a", size=2)]
    waiting = await begun(feed)
    await clock.advance(5)
    assert (await waiting).seen.size == 2


async def test_the_second_look_at_nothing_waits_for_the_poll() -> None:
    shelf, clock = Shelf(), ManualClock()
    feed = feed_of(shelf, clock)
    assert await feed.next() is None
    waiting = await begun(feed)
    await clock.advance(4.9)
    assert shelf.looks == 1
    shelf.files.append(seen("a"))
    await clock.advance(0.2)
    assert (await waiting).seen.name == "a"


async def test_a_file_is_read_once_it_has_been_still_for_long_enough() -> None:
    shelf, clock = Shelf(seen("a", size=1)), ManualClock()
    feed = feed_of(shelf, clock, settle_seconds=10.0)
    waiting = await begun(feed)
    await clock.advance(6)
    shelf.files = [seen("a", size=2)]
    await clock.advance(5)
    assert not waiting.done(), "it grew in between"
    await clock.advance(10)
    assert (await waiting).seen.size == 2


async def test_one_unreadable_file_holds_back_no_other_and_is_said_once() -> None:
    shelf, clock = Shelf(seen("a"), seen("b")), ManualClock()
    shelf.broken.add("a")
    feed = feed_of(shelf, clock)
    assert (await feed.next()).seen.name == "b"  # type: ignore[union-attr]
    with pytest.raises(EndpointUnavailable, match="a is broken"):
        await feed.next()
    waiting = await begun(feed)
    await clock.advance(5)
    assert await waiting is None
    shelf.broken.clear()
    waiting = await begun(feed)
    await clock.advance(5)
    assert (await waiting).seen.name == "a"


async def test_closing_ends_the_wait_and_drops_what_was_queued() -> None:
    feed = feed_of(Shelf(seen("a"), seen("b")), ManualClock())
    assert await feed.next() is not None
    feed.close()
    assert await feed.next() is None
    feed.reopen()
    assert (await feed.next()).seen.name == "b"  # type: ignore[union-attr]
