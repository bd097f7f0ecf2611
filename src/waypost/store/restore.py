"""A new store from a backup.

It is another incarnation: what left the old store after the copy was made is not known to it. It says so with the
command ``store = restored``, under which nothing is read and nothing sent until a person chooses, and its sequences
jump ahead.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import msgspec

from waypost.core.errors import StoreError
from waypost.store.backup import MANIFEST, Manifest, Progress, copy_file, stepwise
from waypost.store.disk import Disk, read_file
from waypost.store.embedded import EmbeddedStore
from waypost.store.layout import DESCRIPTION, SECRET
from waypost.store.record import AnyRecord, Commanded, Numbered
from waypost.store.state import StateFold

SEQUENCE_JUMP = 1000
"""How far sequences jump in a restored store: numbers the old one may have sent since are not sent again."""
RESTORED = ("store", "restored")
"""The command every shard of a restored store is under."""


def read_manifest(disk: Disk, folder: str) -> Manifest:
    """What a backup holds, every file compared with its size. Raises ``StoreError``."""
    path = f"{folder}/{MANIFEST}"
    if not disk.exists(path):
        raise StoreError(
            "no backup, or one that was not finished", where=folder, expected=MANIFEST, remedy="name a complete backup"
        )
    try:
        manifest = msgspec.json.decode(read_file(disk, path), type=Manifest)
    except ValueError as fault:
        raise StoreError(f"text that cannot be read: {fault}", where=path, remedy="use another backup") from fault
    wrong = [name for name, size in manifest.files.items() if _size(disk, f"{folder}/{name}") != size]
    if wrong:
        raise StoreError(
            f"{len(wrong)} files are missing or have another size, the first is {wrong[0]}",
            where=folder,
            expected="what was copied",
            remedy="use another backup",
        )
    return manifest


def _size(disk: Disk, path: str) -> int:
    if not disk.exists(path):
        return -1
    fd = disk.open(path)
    try:
        return disk.size(fd)
    finally:
        disk.close(fd)


def copy_back(disk: Disk, backup: str, target: str) -> Iterator[Progress]:
    """Make the folder of a store from a backup; ``store.json`` comes last. Raises ``StoreError`` when the target holds
    anything."""
    manifest = read_manifest(disk, backup)
    if disk.exists(target) and disk.list(target):
        raise StoreError("not empty", where=target, expected="a folder without a store", remedy="name another one")
    disk.make_folder(target)
    done, total = 0, sum(manifest.files.values())
    folders = {target}
    for name in sorted(manifest.files, key=lambda name: name == DESCRIPTION):
        folder = f"{target}/{name}".rpartition("/")[0]
        if folder not in folders:
            disk.make_folder(folder)
            folders.add(folder)
        if name == DESCRIPTION:
            _sync_all(disk, folders)
        mode = 0o600 if name == SECRET else 0o444 if name.endswith(".seg") and _is_sealed(disk, backup, name) else 0o644
        for copied in copy_file(disk, f"{backup}/{name}", f"{target}/{name}", mode=mode):
            done += copied
            yield done, total
    _sync_all(disk, folders)


def _sync_all(disk: Disk, folders: set[str]) -> None:
    for folder in sorted(folders):
        disk.sync_folder(folder)


def _is_sealed(disk: Disk, backup: str, name: str) -> bool:
    """Whether a segment is not the last one of its shard."""
    folder, _, file = f"{backup}/{name}".rpartition("/")
    return file != max(other for other in disk.list(folder) if other.endswith(".seg"))


async def restore(
    disk: Disk, backup: str, target: str, open_store: Callable[[str], EmbeddedStore], *, who: str, why: str, now: int
) -> AsyncIterator[Progress]:
    """A store from a backup, in which nothing moves until a person has chosen."""
    async for progress in stepwise(copy_back(disk, backup, target)):
        yield progress
    store = open_store(target)
    numbers = list(store.shards())
    for number in numbers:
        shard = await store.open_shard(number, len(numbers))
        try:
            assert isinstance(shard.state, StateFold)
            records: list[AnyRecord] = [Commanded(*RESTORED, now, who, why)]
            records += [Numbered(name, value + SEQUENCE_JUMP) for name, value in shard.state.numbers().items()]
            await shard.append(records)
        finally:
            await shard.close()
