"""What is left for a ticket: there before the ticket is, whole or not at all, and gone when its time is over."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.unit.store.failing import FailingDisk
from waypost.core.clock import ManualClock
from waypost.core.errors import DataError, StoreDamaged
from waypost.store.check_room import CheckRoom
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import open_folds
from waypost.store.opening import Setting
from waypost.testing.crash.log import Log, Operation
from waypost.testing.crash.memory_disk import MemoryDisk
from waypost.testing.crash.platter import Platter
from waypost.testing.crash.recording_disk import RecordingDisk

DAY = 86_400


def store(tmp_path: Path, disk: object = None) -> EmbeddedStore:
    made = EmbeddedStore(str(tmp_path / "store"), folds=open_folds, clock=ManualClock(), disk=disk)  # type: ignore[arg-type]
    made.create()
    return made


def clock_of(made: EmbeddedStore) -> ManualClock:
    clock = made.setting().clock
    assert isinstance(clock, ManualClock)
    return clock


def test_a_content_is_given_back_for_its_ticket_by_any_process(tmp_path: Path) -> None:
    made = store(tmp_path)
    ticket = CheckRoom(made.setting).put(b"a large content", DAY)
    assert ticket.startswith("20231115-")
    assert CheckRoom(made.setting).get(ticket) == b"a large content"


def test_equal_contents_of_a_day_are_one_file_and_others_are_not(tmp_path: Path) -> None:
    room = CheckRoom(store(tmp_path).setting)
    assert room.put(b"a", DAY) == room.put(b"a", DAY + 5)
    assert len({room.put(b"a", DAY), room.put(b"b", DAY), room.put(b"a", 3 * DAY)}) == 3
    assert len(os.listdir(tmp_path / "store/checked")) == 3


def test_a_ticket_tells_nothing_of_the_content_to_who_has_no_secret(tmp_path: Path) -> None:
    tickets = {CheckRoom(store(tmp_path / name).setting).put(b"yes", DAY) for name in ("one", "other")}
    assert len(tickets) == 2


async def test_contents_go_when_their_day_is_over_and_not_before(tmp_path: Path) -> None:
    made = store(tmp_path)
    room = CheckRoom(made.setting)
    short, long = room.put(b"short", 0), room.put(b"long", 2 * DAY)
    (tmp_path / "store/checked/20231114-x.7-0.part").write_bytes(b"never finished")
    assert room.clear() == 0
    await clock_of(made).advance(DAY)
    assert room.clear() == 2
    with pytest.raises(DataError, match="it was kept until 20231114"):
        room.get(short)
    assert room.get(long) == b"long"


@pytest.mark.parametrize("ticket", ["", "../secret.key", "20231115-" + "z" * 64, "20231115-" + "a" * 63, "x" * 10_000])
def test_what_is_no_ticket_is_a_data_error_and_reads_no_file(tmp_path: Path, ticket: str) -> None:
    with pytest.raises(DataError, match="is no ticket"):
        CheckRoom(store(tmp_path).setting).get(ticket)


@pytest.mark.parametrize("harm", ["gone", "cut", "changed", "another"])
def test_a_content_that_is_not_what_was_left_is_refused_and_found_by_verify(tmp_path: Path, harm: str) -> None:
    room = CheckRoom(store(tmp_path).setting)
    ticket, other = room.put(b"content" * 100, DAY), room.put(b"other", DAY)
    path = tmp_path / "store/checked" / ticket
    raw = path.read_bytes()
    if harm == "gone":
        path.unlink()
    elif harm == "another":
        path.write_bytes((path.parent / other).read_bytes())
    else:
        path.write_bytes(raw[:-1] if harm == "cut" else raw[:-1] + b"?")
    with pytest.raises(StoreDamaged):
        room.get(ticket)
    if harm != "gone":
        assert [fault for _, fault in room.verify() if ticket in fault]


def test_a_disk_that_fails_leaves_no_half_content_and_the_next_try_succeeds(tmp_path: Path) -> None:
    disk = FailingDisk()
    room = CheckRoom(store(tmp_path, disk).setting)
    for operation in ("write", "sync", "create"):
        disk.fail = {operation: [errno.EIO]}
        with pytest.raises(OSError, match="Input/output"):
            room.put(operation.encode(), DAY)
    disk.fail = {}
    assert os.listdir(tmp_path / "store/checked") == []
    assert room.get(room.put(b"write", DAY)) == b"write"


def _images(tmp_path: Path) -> tuple[list[tuple[str, str, MemoryDisk]], Setting, bytes, str, int]:
    """Disks that a stop may leave at each operation of a ``put``, and the operation after which it had returned."""
    log, root = Log(), str(tmp_path / "store")
    made = store(tmp_path, RecordingDisk(log, root))
    content = os.urandom(5000)
    setting = made.setting()
    begun = len(log.entries)
    ticket = CheckRoom(lambda: setting).put(content, DAY)
    platter, found = Platter(root), []
    for number, entry in enumerate(log.entries):
        assert isinstance(entry, Operation)
        platter.apply(entry)
        if number >= begun:
            for how, image in platter.images(Random(number), 20):
                found.append((f"{number}", how, MemoryDisk(image)))
    return found, setting, content, ticket, len(log.entries) - 1


def test_whatever_a_stop_leaves_the_content_is_whole_or_missing_and_there_once_the_ticket_is(tmp_path: Path) -> None:
    images, setting, content, ticket, last = _images(tmp_path)
    outcomes = set()
    for number, how, disk in images:
        room = CheckRoom(lambda disk=disk: replace(setting, disk=disk))  # type: ignore[misc]
        try:
            assert room.get(ticket) == content
            outcomes.add("there")
        except StoreDamaged as damaged:
            assert "no such file" in str(damaged), (number, how)
            assert int(number) < last, f"lost after the ticket was given: {how}"
            outcomes.add("missing")
    assert outcomes == {"there", "missing"} and len(images) > 50


def test_the_sync_of_content_and_of_its_name_are_what_keep_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("datasync", "sync_folder"):
        with monkeypatch.context() as patched:
            patched.setattr(RecordingDisk, name, lambda self, *_: None)
            with pytest.raises(AssertionError):
                test_whatever_a_stop_leaves_the_content_is_whole_or_missing_and_there_once_the_ticket_is(
                    tmp_path / name
                )
