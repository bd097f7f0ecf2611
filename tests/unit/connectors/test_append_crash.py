"""End the world between any two disk operations of an append, and see each delivery in the file once.

A death of the process keeps everything written; a power failure keeps what was synced and any part of the rest.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from waypost.connectors import append_ledger, directory_append
from waypost.connectors.append_ledger import writer_id
from waypost.connectors.directory_append import AppendFile
from waypost.connectors.directory_disk import Disk
from waypost.core.component import Outbound
from waypost.testing.connector_kit import again, outbound

BATCHES = ((0, 3), (3, 4), (4, 9))
FOREIGN = b"a line that was there before\n"


class Died(BaseException):
    """The process or the machine ended here."""


class MortalDisk(Disk):
    """Counts the operations, dies before number ``deadline`` (in the middle of it, where it is a write), and knows
    what of each file would survive a power failure. ``lazy`` names a file whose content it never syncs."""

    def __init__(self, deadline: int = 1_000_000, *, lazy: str = "") -> None:
        self.deadline, self.count, self._lazy = deadline, 0, lazy
        self.durable: dict[int, bytes] = {}
        self.renaming: tuple[Path, Path, bytes | None] | None = None

    def _step(self) -> bool:
        self.count += 1
        return self.count > self.deadline

    def write(self, descriptor: int, data: bytes, offset: int) -> int:
        if self._step():
            super().write(descriptor, data[: len(data) // 2], offset)
            raise Died
        return super().write(descriptor, data, offset)

    def sync(self, descriptor: int) -> None:
        if self._step():
            raise Died
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.name != self._lazy:
            self.durable[os.fstat(descriptor).st_ino] = path.read_bytes()

    def truncate(self, descriptor: int, size: int) -> None:
        if self._step():
            raise Died
        super().truncate(descriptor, size)

    def sync_folder(self, path: Path) -> None:
        if self._step():
            raise Died

    def rename(self, old: Path, new: Path) -> None:
        self.renaming = old, new, new.read_bytes() if new.exists() else None
        super().rename(old, new)
        self.renaming = None


def survive(disk: MortalDisk, folder: Path, chance: random.Random | None) -> None:
    """Leave in ``folder`` what a power failure leaves; with no ``chance``, only what was synced."""
    for path in folder.iterdir():
        durable, written = disk.durable.get(path.stat().st_ino, b""), path.read_bytes()
        if chance is None:
            path.write_bytes(durable)
        elif chance.random() < 0.5:
            path.write_bytes(_torn(durable, written, chance))
    if disk.renaming and disk.renaming[1].exists() and (chance is None or chance.random() < 0.5):
        old, new, replaced = disk.renaming
        if not old.exists():
            new.rename(old)
            if replaced is not None:
                new.write_bytes(replaced)


def _torn(durable: bytes, written: bytes, chance: random.Random) -> bytes:
    size, piece = chance.choice((len(durable), len(written))), 16
    made = bytearray(size)
    for at in range(0, size, piece):
        part = slice(at, at + piece)
        newer = written[part] if chance.random() < 0.5 else durable[part]
        made[at : at + len(newer)] = newer
    for at in range(min(size, len(durable))):  # what was synced and not written since is there
        if at < len(written) and written[at] == durable[at]:
            made[at] = durable[at]
    return bytes(made[:size])


def message(number: int) -> Outbound:
    return outbound(number, b"line %04d of the writer, long enough to be torn" % number)


class World:
    """A folder, who writes into it, and what was confirmed."""

    def __init__(self, folder: Path, *, lazy: str = "") -> None:
        folder.mkdir()
        self.folder, self.path, self._lazy = folder, folder / "out.txt", lazy
        self.confirmed: set[int] = set()
        self.path.write_bytes(FOREIGN)

    def append(self, groups: Sequence[Sequence[Outbound]], deadline: int = 1_000_000) -> MortalDisk:
        """Append group after group until all are in or the disk dies."""
        disk = MortalDisk(deadline, lazy=self._lazy)
        for path in self.folder.iterdir():
            disk.durable[path.stat().st_ino] = path.read_bytes()
        file = AppendFile(self.path, separator=b"\n", writer=writer_id("w"), disk=disk)
        try:
            for group in groups:
                file.append(group)
                self.confirmed.update(int(m.idempotency_key[4:].partition(".")[0]) for m in group)
        except Died:
            assert disk.count > deadline
        file.close()
        return disk

    def resend(self, size: int, deadline: int = 1_000_000) -> MortalDisk:
        """What the engine does after a crash: everything without an outcome again, in other batches."""
        open_ones = [again(message(n)) for n in range(9) if n not in self.confirmed]
        return self.append([open_ones[i : i + size] for i in range(0, len(open_ones), size)], deadline)

    @property
    def lines(self) -> list[bytes]:
        return self.path.read_bytes().splitlines(keepends=True)

    @property
    def expected(self) -> list[bytes]:
        return [FOREIGN, *(message(n).body + b"\n" for n in range(9))]

    def assert_whole(self) -> None:
        assert self.lines == self.expected


def groups() -> list[list[Outbound]]:
    return [[message(n) for n in range(*batch)] for batch in BATCHES]


def deadlines(folder: Path) -> Iterator[int]:
    yield from range(World(folder).append(groups()).count + 1)


@pytest.fixture(params=[False, True], ids=["plain", "compacting"])
def compacting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        monkeypatch.setattr(directory_append, "COMPACT_BYTES", 150)
        monkeypatch.setattr(append_ledger, "KEPT_PER_WRITER", 5)


@pytest.mark.usefixtures("compacting")
def test_a_process_that_dies_anywhere_twice_leaves_each_delivery_once_and_in_order(tmp_path: Path) -> None:
    worlds = 0
    for first in deadlines(tmp_path / "probe"):
        for second in range(14):
            world = World(tmp_path / f"{first}-{second}")
            world.append(groups(), first)
            world.resend(2, second)
            world.resend(5)
            world.assert_whole()
            worlds += 1
    assert worlds > 200


@pytest.mark.usefixtures("compacting")
def test_a_power_failure_anywhere_loses_nothing_confirmed_and_doubles_nothing(tmp_path: Path) -> None:
    worlds = 0
    for deadline in deadlines(tmp_path / "probe"):
        for variant in range(24):
            world = World(tmp_path / f"{deadline}-{variant}")
            disk = world.append(groups(), deadline)
            survive(disk, world.folder, random.Random(deadline * 1000 + variant) if variant else None)
            world.resend(3)
            world.assert_whole()
            worlds += 1
    assert worlds > 300


@pytest.mark.parametrize("lazy", ["out.txt", ".out.txt.waypost"])
def test_the_power_failures_find_a_file_that_is_not_synced(tmp_path: Path, lazy: str) -> None:
    wrong = 0
    for deadline in deadlines(tmp_path / "probe"):
        for variant in range(12):
            world = World(tmp_path / f"{deadline}-{variant}", lazy=lazy)
            disk = world.append(groups(), deadline)
            survive(disk, world.folder, random.Random(variant) if variant else None)
            world.resend(3)
            wrong += len(world.lines) != 10
    assert wrong, "a missing sync went unnoticed"


def test_another_writer_goes_on_where_one_died_and_cuts_what_it_left(tmp_path: Path) -> None:
    for deadline in deadlines(tmp_path / "probe"):
        world = World(tmp_path / str(deadline))
        world.append(groups(), deadline)
        other = AppendFile(world.path, separator=b"\n", writer=writer_id("other"))
        other.append([outbound(100, b"of the other")])
        world.resend(4)
        other.append([outbound(101, b"of the other, later")])
        other.close()
        others = [line for line in world.lines if b"other" in line]
        assert others == [b"of the other\n", b"of the other, later\n"]
        assert [line for line in world.lines if b"other" not in line] == world.expected
