"""Back up the store of a running system, in a process beside it: ``python -m benchmarks.copy_store STORE FOLDER``."""

from __future__ import annotations

import asyncio
import sys

from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import open_folds


async def copy(store: str, folder: str) -> None:
    """Make the backup."""
    async for _ in EmbeddedStore(store, folds=open_folds).backup(folder):
        pass


if __name__ == "__main__":
    asyncio.run(copy(*sys.argv[1:]))
    print("{}")
