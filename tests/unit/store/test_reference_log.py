"""The history of a reference table: durable when an append returns, whatever is cut off or changed."""

from __future__ import annotations

import pytest

from waypost.core.errors import StoreDamaged
from waypost.store.disk import RealDisk
from waypost.store.reference_log import ReferenceLog


def log(tmp_path) -> ReferenceLog:
    return ReferenceLog(RealDisk(), str(tmp_path), "t")


def path(tmp_path):
    return tmp_path / "reference/t.log"


def said(found: ReferenceLog) -> list[int]:
    found.refresh()
    return [entry.data["n"] for entry in found.entries]


def test_what_was_appended_is_read_by_others_in_order(tmp_path):
    writer, reader = log(tmp_path), log(tmp_path)
    assert said(reader) == []
    digests = [writer.append(lambda n=n: {"n": n}).digest for n in range(3)]
    assert said(reader) == [0, 1, 2]
    assert [entry.digest for entry in reader.entries] == digests
    writer.append(lambda: {"n": 3})
    assert said(reader) == [0, 1, 2, 3]


def test_two_writers_take_in_what_the_other_wrote(tmp_path):
    one, two = log(tmp_path), log(tmp_path)
    one.append(lambda: {"n": 0})
    two.append(lambda: {"n": len(two.entries)})
    one.append(lambda: {"n": len(one.entries)})
    assert said(log(tmp_path)) == [0, 1, 2]


@pytest.mark.parametrize("left", range(1, 40, 3))
def test_a_line_that_a_crash_left_half_written_is_as_if_it_had_not_been(tmp_path, left):
    log(tmp_path).append(lambda: {"n": 0})
    before = path(tmp_path).read_bytes()
    log(tmp_path).append(lambda: {"n": 1, "text": "long enough"})
    whole = path(tmp_path).read_bytes()
    path(tmp_path).write_bytes(whole[: len(before) + left])
    reader = log(tmp_path)
    assert said(reader) == [0]
    log(tmp_path).append(lambda: {"n": 2})
    assert said(reader) == [0, 2], "a reader that saw the half goes on with what replaced it"
    assert said(log(tmp_path)) == [0, 2]


def test_blocks_of_a_last_line_that_never_reached_the_disk_are_as_if_it_had_not_been(tmp_path):
    log(tmp_path).append(lambda: {"n": 0})
    before = len(path(tmp_path).read_bytes())
    log(tmp_path).append(lambda: {"n": 1, "text": "x" * 50})
    whole = bytearray(path(tmp_path).read_bytes())
    whole[before + 20 : before + 40] = bytes(20)
    path(tmp_path).write_bytes(bytes(whole))
    assert said(log(tmp_path)) == [0]


def test_a_byte_changed_before_the_last_line_is_damage(tmp_path):
    for n in range(3):
        log(tmp_path).append(lambda n=n: {"n": n})
    data = path(tmp_path).read_bytes()
    for at in (0, 20, data.index(b"\n") + 5):
        path(tmp_path).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(StoreDamaged, match=r"t\.log: entry [12]"):
            log(tmp_path).refresh()


def test_an_entry_that_is_refused_leaves_nothing(tmp_path):
    class Refusal(Exception):
        pass

    def refuse():
        raise Refusal

    writer = log(tmp_path)
    with pytest.raises(Refusal):
        writer.append(refuse)
    assert said(log(tmp_path)) == [] and not path(tmp_path).exists()
    writer.append(lambda: {"n": 0})
    assert said(log(tmp_path)) == [0]


class Watched(RealDisk):
    """Remembers in which order a file was written and synced."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def write(self, fd, buffers, at):
        self.done.append("write")
        super().write(fd, buffers, at)

    def sync(self, fd):
        self.done.append("sync")
        super().sync(fd)

    def datasync(self, fd):
        self.done.append("datasync")
        super().datasync(fd)

    def sync_folder(self, path):
        self.done.append("sync folder")
        super().sync_folder(path)


def test_an_entry_is_synced_before_it_is_believed(tmp_path):
    """By the writer before it returns, and by a reader before it takes it in: another may have died in between."""
    disk = Watched()
    ReferenceLog(disk, str(tmp_path), "t").append(lambda: {"n": 0})
    assert disk.done == ["write", "sync", "sync folder", "sync folder"]
    disk.done.clear()
    ReferenceLog(disk, str(tmp_path), "t").refresh()
    assert disk.done == ["datasync"]
