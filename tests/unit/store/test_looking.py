"""A store is looked at as it lies: without its lock, where nobody may write, after a good stop and after a bad one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from waypost.core.errors import StoreError
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import live_reader, open_folds
from waypost.store.layout import lock_folder
from waypost.store.protocol import Query
from waypost.store.record import Numbered
from waypost.store.verify import verify
from waypost.testing.store_records import accepted, delivered, id_of, produced

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may enter, unlike ``tmp_path``."""
    made = Path(tempfile.mkdtemp(prefix="waypost-test-"))
    made.chmod(0o755)
    yield made
    for path in [made, *made.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(made)


async def filled(folder: Path, *, clean: bool = True) -> EmbeddedStore:
    """A store with two batches, the second of them flushed only where it was closed ``clean``."""
    store = EmbeddedStore(str(folder / "store"), folds=open_folds)
    store.create()
    shard = await store.open_shard(0, 1)
    await shard.append([accepted(1), produced(1), delivered(1)])
    if clean:
        await shard.append([accepted(2), produced(2)])
        await shard.close()
        return store
    await shard.close(clean=False)
    crashed = folder / "crashed"
    shutil.copytree(folder / "store", crashed)
    shard = await store.open_shard(0, 1)
    await shard.append([accepted(2), produced(2)])
    for path in (folder / "store/shard-00/journal").iterdir():
        shutil.copy(path, crashed / "shard-00/journal" / path.name)
    await shard.close()
    shutil.rmtree(folder / "store")
    crashed.rename(folder / "store")
    return store


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@contextmanager
def only_readable(folder: Path) -> Iterator[None]:
    """As somebody who may read all of a folder and write nothing."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = os.geteuid()
    try:
        if before == 0:
            os.seteuid(NOBODY)
        yield
    finally:
        os.seteuid(before)


async def found(store: EmbeddedStore) -> list[tuple[bytes, str]]:
    shard = await store.look_at(0)
    rows = [(one.message, one.state) for one in live_reader([shard]).find(Query())]
    assert live_reader([shard]).find(Query(key=("po", "S2-1")))[0].message == id_of(2, 1)
    assert len((await shard.read_batch(shard.state.batch(2))).produced) == 1
    await shard.close()
    return rows


ALL = [(id_of(2, at), "processing") for at in (2, 1, 0)] + [(id_of(1, at), "delivered") for at in (2, 1, 0)]


@pytest.mark.parametrize("clean", [True, False], ids=["after a good stop", "after a crash"])
async def test_a_store_is_looked_at_without_its_lock_and_stays_as_it_is(folder: Path, clean: bool) -> None:
    store = await filled(folder, clean=clean)
    held = lock_folder(store.disk, f"{store.folder}/shard-00/lock")
    before = tree(folder)
    assert await found(store) == ALL
    assert {path: stamp for path, stamp in tree(folder).items() if not path.endswith(("-shm", "-wal"))} == before
    os.close(held)


@pytest.mark.parametrize("clean", [True, False], ids=["after a good stop", "after a crash"])
async def test_a_store_nobody_may_write_to_is_looked_at_and_verified(folder: Path, clean: bool) -> None:
    store = await filled(folder, clean=clean)
    with only_readable(folder):
        assert await found(store) == ALL
        assert [fault for _, _, fault in verify(store.setting()) if fault] == []
        with pytest.raises(StoreError, match="Permission denied"):
            await store.open_shard(0, 1)


async def test_what_a_database_has_only_in_its_log_is_seen_where_nobody_may_write(folder: Path) -> None:
    store = EmbeddedStore(str(folder / "store"), folds=open_folds)
    store.create()
    shard = await store.open_shard(0, 1)
    await shard.append([accepted(1), produced(1), delivered(1)])
    await shard.append([accepted(2), produced(2)])
    shard._flush_state()
    shard._flushing.result()
    copy = EmbeddedStore(str(folder / "copy"), folds=open_folds)
    shutil.copytree(folder / "store", folder / "copy", ignore=shutil.ignore_patterns("*-shm"))
    assert (folder / "copy/shard-00/state.db-wal").stat().st_size > 0
    await shard.close()
    with only_readable(folder):
        assert await found(copy) == ALL
        assert [fault for _, _, fault in verify(copy.setting()) if fault] == []


async def test_databases_that_are_missing_are_made_elsewhere(folder: Path) -> None:
    store = await filled(folder)
    for name in ("state.db", "index.db"):
        (folder / "store/shard-00" / name).unlink()
    assert await found(store) == ALL
    assert not (folder / "store/shard-00/state.db").exists()


async def test_a_shard_that_is_looked_at_refuses_to_be_changed(folder: Path) -> None:
    store = await filled(folder)
    shard = await store.look_at(0)
    with pytest.raises(StoreError, match="looked at"):
        await shard.append([Numbered("n", 1)])
    with pytest.raises(StoreError, match="looked at"):
        shard.append_later([Numbered("n", 1)])
    await shard.close()
