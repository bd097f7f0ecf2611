"""What an append does about disks that fill, files that are rotated and people who write along."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from waypost.connectors import append_ledger, directory_append
from waypost.connectors.append_ledger import FIRST_LINE, HEAD_BYTES, decode_entries
from waypost.connectors.directory_append import AppendFile
from waypost.connectors.directory_disk import Disk
from waypost.core.component import Outbound
from waypost.core.errors import AuthorisationRefused, ConfigurationRefused, EndpointUnavailable
from waypost.testing.connector_kit import again, outbound


class SmallDisk(Disk):
    """Has room for so many bytes of data."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, descriptor: int, data: bytes, offset: int) -> int:
        written = super().write(descriptor, data[: self.room], offset)
        self.room -= written
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return written


class FailingDisk(Disk):
    """Fails every sync of the file of that name."""

    def __init__(self, name: str) -> None:
        self.name, self.broken = name, True

    def sync(self, descriptor: int) -> None:
        if self.broken and os.readlink(f"/proc/self/fd/{descriptor}").endswith("/" + self.name):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync(descriptor)


def lines(*numbers: int) -> list[Outbound]:
    return [outbound(n, b"line %d" % n) for n in numbers]


def append_file(path: Path, disk: Disk | None = None, said: list[str] | None = None) -> AppendFile:
    return AppendFile(path, separator=b"\n", writer=1, disk=disk, report=(said if said is not None else []).append)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.txt"


def ledger_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.waypost")


@pytest.mark.parametrize("room", range(len(FIRST_LINE), len(FIRST_LINE) + HEAD_BYTES + 40))
def test_a_full_disk_keeps_nothing_of_the_batch_and_names_the_remedy(path: Path, room: int) -> None:
    path.write_bytes(b"before\n")
    disk = SmallDisk(room)
    file = append_file(path, disk)
    with pytest.raises(EndpointUnavailable, match=r"out\.txt: cannot append to: no space left on device; free space"):
        file.append(lines(1, 2, 3, 4))
    assert path.read_bytes() == b"before\n"
    disk.room = 1_000_000
    file.append([again(m) for m in lines(1, 2, 3, 4)])
    assert path.read_bytes() == b"before\nline 1\nline 2\nline 3\nline 4\n"
    file.close()


@pytest.mark.parametrize("name", ["out.txt", ".out.txt.waypost"])
def test_a_failing_sync_is_undone_and_the_next_try_lands_once(path: Path, name: str) -> None:
    append_file(path).append(lines(0))
    disk = FailingDisk(name)
    file = append_file(path, disk)
    with pytest.raises(EndpointUnavailable, match="input/output error"):
        file.append(lines(1, 2))
    assert path.read_bytes() == b"line 0\n"
    disk.broken = False
    file.append([again(m) for m in lines(1, 2)])
    assert path.read_bytes() == b"line 0\nline 1\nline 2\n"
    file.close()


def test_what_others_append_is_kept_and_never_cut(path: Path) -> None:
    file = append_file(path)
    file.append(lines(1))
    with path.open("ab") as other:
        other.write(b"theirs\nunfinished")
    file.append(lines(2))
    file.close()
    assert path.read_bytes() == b"line 1\ntheirs\nunfinished\nline 2\n"


def test_a_rotated_file_is_started_anew_and_its_deliveries_are_still_known(path: Path) -> None:
    file = append_file(path)
    file.append(lines(1, 2))
    path.rename(path.with_name("out.txt.1"))
    assert file.append([again(m) for m in lines(2)] + lines(3)) == [-1, 0]
    file.close()
    assert path.read_bytes() == b"line 3\n"
    assert path.with_name("out.txt.1").read_bytes() == b"line 1\nline 2\n"


def test_a_file_cut_by_copytruncate_goes_on_from_its_new_end(path: Path) -> None:
    file = append_file(path)
    file.append(lines(1, 2))
    os.truncate(path, 0)
    assert append_file(path).append([again(m) for m in lines(1, 2)]) == [-1, -1]
    file.append(lines(3))
    file.close()
    assert path.read_bytes() == b"line 3\n"


def test_a_removed_ledger_starts_again(path: Path) -> None:
    file = append_file(path)
    file.append(lines(1))
    ledger_of(path).unlink()
    file.append(lines(2))
    file.close()
    assert path.read_bytes() == b"line 1\nline 2\n"
    assert len(list(decode_entries(ledger_of(path).read_bytes()[len(FIRST_LINE) :]))) == 1


def test_a_ledger_that_is_none_is_refused_and_left_alone(path: Path) -> None:
    ledger_of(path).write_bytes(b"something else that is long enough")
    with pytest.raises(ConfigurationRefused, match="not an append ledger"):
        append_file(path).append(lines(1))
    assert ledger_of(path).read_bytes() == b"something else that is long enough"
    assert path.read_bytes() == b""


def test_a_damaged_ledger_is_reported_and_does_not_stop_the_flow(path: Path) -> None:
    file = append_file(path)
    for start in range(0, 4000, 1000):
        file.append([outbound(n, b"x") for n in range(start, start + 1000)])
    file.close()
    with ledger_of(path).open("r+b") as ledger:
        ledger.seek(len(FIRST_LINE) + 100)
        ledger.write(b"damage")
    said: list[str] = []
    append_file(path, said=said).append(lines(5000))
    assert said == [f"its ledger is damaged at byte {len(FIRST_LINE)}; later deliveries in it are forgotten"]
    assert path.read_bytes() == b"x\n" * 4000 + b"line 5000\n"


def test_a_symbolic_link_in_the_place_of_the_file_is_not_followed(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.write_bytes(b"")
    path.symlink_to(elsewhere)
    with pytest.raises(EndpointUnavailable, match="symbolic links"):
        append_file(path).append(lines(1))
    assert elsewhere.read_bytes() == b""


def test_a_folder_in_the_place_of_the_file_is_said(path: Path) -> None:
    path.mkdir()
    with pytest.raises(EndpointUnavailable, match="is a directory"):
        append_file(path).append(lines(1))


def test_a_refused_permission_names_the_user(path: Path) -> None:
    class Forbidding(Disk):
        def create(self, path: Path, flags: int) -> int:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with pytest.raises(AuthorisationRefused, match=r"give user '.+' the permission to append to it"):
        append_file(path, Forbidding()).append(lines(1))


def test_an_empty_separator_joins_bodies_as_they_are(path: Path) -> None:
    file = AppendFile(path, separator=b"", writer=1)
    assert file.append([outbound(1, b"ISA~"), outbound(2, b""), outbound(3, b"ISA~\n")]) == [0, 4, 4]
    file.close()
    assert path.read_bytes() == b"ISA~ISA~\n"


def test_compaction_keeps_the_newest_deliveries_of_every_writer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_append, "COMPACT_BYTES", 2000)
    monkeypatch.setattr(append_ledger, "KEPT_PER_WRITER", 10)
    quiet = AppendFile(path, separator=b"\n", writer=7)
    quiet.append(lines(900, 901))
    busy = append_file(path)
    for number in range(200):
        busy.append(lines(number))
    assert ledger_of(path).stat().st_size < 4500
    assert quiet.append([again(m) for m in lines(900, 901)]) == [-1, -1]
    assert busy.append([again(m) for m in lines(*range(190, 200))]) == [-1] * 10
    assert path.read_bytes().count(b"\n") == 202


def test_the_ledger_costs_at_most_sixteen_bytes_a_delivery_of_a_batch(path: Path) -> None:
    append_file(path).append([outbound(n, b"x") for n in range(200)])
    assert (ledger_of(path).stat().st_size - len(FIRST_LINE)) / 200 <= 16
