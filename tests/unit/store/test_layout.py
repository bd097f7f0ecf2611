"""The store folder: made whole, described, locked, and refused when it is from later."""

from __future__ import annotations

import errno
import json

import pytest

from tests.unit.store.failing import FailingDisk
from tests.unit.store.memory import store
from waypost.core.errors import StoreDamaged, StoreError, StoreLocked, StoreTooNew
from waypost.store.embedded import EmbeddedStore
from waypost.store.layout import read_secret
from waypost.store.lock import ShardLock
from waypost.store.record import FORMAT_VERSION


def test_a_new_store_has_an_id_and_a_secret_only_its_owner_reads(tmp_path):
    made = store(tmp_path / "store")
    described = json.loads((tmp_path / "store" / "store.json").read_text())
    assert described["format"] == FORMAT_VERSION
    assert len(bytes.fromhex(described["id"])) == 16
    secret = tmp_path / "store" / "secret.key"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert read_secret(made.disk, made.folder) == secret.read_bytes()


def test_creating_a_store_twice_changes_nothing(tmp_path):
    store(tmp_path)
    before = [(tmp_path / name).read_bytes() for name in ("store.json", "secret.key")]
    store(tmp_path)
    assert [(tmp_path / name).read_bytes() for name in ("store.json", "secret.key")] == before


def test_a_store_that_is_there_is_not_made_again_while_another_process_looks(tmp_path):
    made = store(tmp_path)
    held = made.disk.lock(str(tmp_path / "lock"))
    try:
        assert store(tmp_path).setting().secret == made.setting().secret
    finally:
        made.disk.close(held)


def test_a_store_whose_making_was_interrupted_is_made(tmp_path):
    disk = FailingDisk()
    disk.fail["create"] = [None, errno.EIO]
    with pytest.raises(OSError, match="error"):
        store(tmp_path, disk=disk)
    assert not (tmp_path / "store.json").exists()
    assert store(tmp_path).setting().secret


def test_a_store_of_a_later_format_is_refused(tmp_path):
    made = store(tmp_path)
    path = tmp_path / "store.json"
    path.write_text(path.read_text().replace(f'"format": {FORMAT_VERSION}', f'"format": {FORMAT_VERSION + 1}'))
    with pytest.raises(
        StoreTooNew, match=f"format {FORMAT_VERSION + 1}; expected at most {FORMAT_VERSION}; run a newer"
    ):
        made.setting()


@pytest.mark.parametrize(
    "text", ["", "{}", '{"format": 1, "id": "xyz", "created": 0}', '{"format": 1, "id": "00", "created": 0}']
)
def test_a_description_that_cannot_be_read_is_damage(tmp_path, text):
    made = store(tmp_path)
    (tmp_path / "store.json").write_text(text)
    with pytest.raises(StoreDamaged, match=r"store\.json"):
        made.setting()


def test_a_missing_secret_is_damage(tmp_path):
    made = store(tmp_path)
    (tmp_path / "secret.key").unlink()
    with pytest.raises(StoreDamaged, match=r"secret\.key: 0 bytes; expected 32 bytes"):
        made.setting()


def test_a_folder_without_a_store_is_not_taken_for_one(tmp_path):
    with pytest.raises(StoreError, match=r"no store; expected store\.json"):
        EmbeddedStore(str(tmp_path), folds=lambda folder, secret: None).setting()


async def test_the_shards_of_a_store_are_listed(tmp_path):
    made = store(tmp_path)
    for number in (2, 0):
        await (await made.open_shard(number, 3)).close()
    assert made.shards() == [0, 2]


async def test_a_folder_that_cannot_be_read_is_a_clear_error(tmp_path):
    disk = FailingDisk()
    made = store(tmp_path, disk=disk)
    disk.fail["create"] = errno.EACCES
    with pytest.raises(StoreError, match=r"cannot be opened: Permission denied; .*check its owner"):
        await made.open_shard(0, 1)
    disk.fail.clear()
    await (await made.open_shard(0, 1)).close()


def test_a_lock_is_free_after_its_release(tmp_path):
    disk = FailingDisk()
    path = str(tmp_path / "lock")
    lock = ShardLock(disk, path)
    with pytest.raises(StoreLocked):
        ShardLock(disk, path)
    lock.release()
    ShardLock(disk, path).release()
