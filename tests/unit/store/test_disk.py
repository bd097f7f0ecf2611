"""The disk: every byte is written, and nothing else in the store touches a file."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import waypost.store
from waypost.store.disk import RealDisk, read_file, write_file


def test_a_write_that_the_system_does_in_parts_is_finished(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "pwritev", lambda fd, buffers, at: os.pwrite(fd, b"".join(buffers)[:3], at))
    disk, path = RealDisk(), str(tmp_path / "file")
    fd = disk.create(path)
    disk.write(fd, [b"ab", bytearray(b"cde"), b"", b"fgh"], 5)
    assert disk.read(fd, 100, 0) == bytes(5) + b"abcdefgh"
    disk.close(fd)


def test_a_read_that_the_system_does_in_parts_is_finished(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"abcdefgh")
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, at: real(fd, min(size, 3), at))
    disk = RealDisk()
    fd = disk.open(str(tmp_path / "file"))
    assert disk.read(fd, 7, 0) == b"abcdefg"
    assert disk.read(fd, 100, 1) == b"bcdefgh"
    disk.close(fd)


def test_a_small_file_is_replaced_whole(tmp_path):
    disk, path = RealDisk(), str(tmp_path / "file")
    (tmp_path / "file.new").write_bytes(b"left by an interruption")
    write_file(disk, path, b"one")
    write_file(disk, path, b"two", mode=0o600)
    assert read_file(disk, path) == b"two"
    assert os.listdir(tmp_path) == ["file"]
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_creating_a_file_that_is_there_is_refused(tmp_path):
    disk, path = RealDisk(), str(tmp_path / "file")
    disk.close(disk.create(path))
    with pytest.raises(FileExistsError):
        disk.create(path)


FORBIDDEN = re.compile(
    r"\bos\.(open|write|pwrite|pwritev|fsync|fdatasync|ftruncate|truncate|rename|replace|unlink|remove|link|makedirs)\b"
    r"|(?<![\w.])open\(|\.write_(text|bytes)\(|\.(mkdir|touch|rename|unlink)\(|\bshutil\."
)


def test_nothing_in_the_store_touches_a_file_but_through_the_disk():
    folder = Path(waypost.store.__file__).parent
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in folder.glob("*.py")
        if path.name != "disk.py"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if FORBIDDEN.search(line) and not re.search(r"disk\.\w+\(|def \w+\(", line)
    ]
    assert found == []


def test_the_search_for_direct_file_access_finds_it():
    for line in ("os.fsync(fd)", "with open(path) as f:", "path.write_bytes(b'')", "os.replace(a, b)"):
        assert FORBIDDEN.search(line)
