"""Judges disks on which a change of the number of workers broke off: begun again, it comes to the same end."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from waypost.core.errors import WaypostError
from waypost.flow.running.rebalance import rebalance
from waypost.store.disk import RealDisk
from waypost.store.division import read_division
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import open_folds
from waypost.testing.crash.inspector import SMALL
from waypost.testing.crash.platter import Image
from waypost.testing.crash.recording import Recording
from waypost.testing.crash.reference import SHARED_MEMORY
from waypost.testing.store_books import Books, books_of


async def copied_books(store: str, workers: int) -> Books:
    """The books of a store that nobody has open, read from a copy of it."""
    folder = Path(tempfile.mkdtemp(prefix="waypost-books-", dir=SHARED_MEMORY))
    try:
        return await books_of(Path(shutil.copytree(store, folder / "store")), workers, SMALL)
    finally:
        shutil.rmtree(folder)


def made_again(recording: Recording, counts: Mapping[int, int], image: Image) -> str:
    """A change that this disk was left in the middle of is finished, and every message, position, count and arrival is
    what it was, at the shard that owns it now. What the journals hold decides what comes out, so each set of their ends
    is tried once."""
    division = image.get(f"{recording.root}/workers.json", b"")
    if recording.books is None or not division:
        return ""
    key = (division, *sorted(counts.items()))
    if key not in recording.made_again:
        recording.made_again[key] = _finished(recording.books, recording.root, image)
    return recording.made_again[key]


def _finished(books: Books, root: str, image: Image) -> str:
    folder = Path(tempfile.mkdtemp(prefix="waypost-changed-", dir=SHARED_MEMORY))
    try:
        store = _put(image, root, folder / "store")
        division = read_division(RealDisk(), str(store))
        if division is None or division.becoming + division.workers == BEFORE:
            return ""
        workers = division.becoming or division.workers
        return asyncio.run(_made_again(books, store, workers))
    except WaypostError as fault:
        return f"the change cannot be made again: {fault}"
    finally:
        shutil.rmtree(folder)


BEFORE = 2
"""The number of workers before the first change."""


def _put(image: Image, root: str, store: Path) -> Path:
    for path, data in sorted(image.items()):
        there = Path(f"{store}{path.removeprefix(root)}")
        if path.endswith("/"):
            there.mkdir(parents=True, exist_ok=True)
        else:
            there.write_bytes(data)
    return store


async def _made_again(books: Books, folder: Path, workers: int) -> str:
    await rebalance(folder, workers, store=EmbeddedStore(str(folder), folds=open_folds, limits=SMALL))
    return "; ".join(books.differences(await books_of(folder, workers, SMALL), workers)[:3])
