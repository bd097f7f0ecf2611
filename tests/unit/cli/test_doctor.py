"""The doctor names what keeps a project from working, each with its remedy."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.commanding import PROJECT, Command, write
from waypost.cli import examination
from waypost.cli.examination import Finding, clock, connections, packages, room, store
from waypost.core.clock import MICROSECONDS, SystemClock, SystemRandom
from waypost.flow.declared.project import load_project
from waypost.store.disk import RealDisk
from waypost.store.layout import ShardFolder, create_store, lock_folder


def findings(waypost: Command, root: Path) -> dict[str, dict[str, str]]:
    return {finding["subject"]: finding for finding in waypost("doctor", "--project", root, "--json").json["findings"]}


def test_a_sound_project_has_no_fail(waypost: Command, tmp_path: Path) -> None:
    write(tmp_path, PROJECT)
    found = findings(waypost, tmp_path)
    assert {f["verdict"] for f in found.values()} <= {"ok", "warn"}
    assert {"python", "sqlite", "project", "store", "disk", "clock"} <= set(found)
    said = waypost("doctor", "--project", tmp_path)
    assert said.code == 0 and "ok    project: copy" in said.out


def test_a_project_with_faults_fails_and_says_how_to_see_them_all(waypost: Command, tmp_path: Path) -> None:
    write(tmp_path, {"waypost.yaml": "nam: x\n"})
    said = waypost("doctor", "--project", tmp_path)
    assert said.code == 1 and "fail  project: waypost.yaml:1: " in said.out and "waypost check" in said.out


async def test_a_connection_that_is_not_there_fails_with_its_place(tmp_path: Path) -> None:
    connection = "gone: {kind: sql, address: 'postgresql://127.0.0.1:1/x', user: u}\n"
    files = {"connections.yaml": connection}
    project = load_project(write(tmp_path, PROJECT | files))
    found = {finding.subject: finding for finding in await connections(tmp_path, project)}
    assert found["connection gone"].verdict == "fail" and "127.0.0.1" in found["connection gone"].found


class Silent:
    """A system that never answers."""

    closed = False

    async def open(self) -> None:
        """It is there."""

    async def check(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True


async def test_a_connection_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "CONNECT_SECONDS", 0.01)
    silent = Silent()
    finding = await examination._reach("slow", silent)
    assert finding.verdict == "fail" and "no answer within" in finding.found
    assert silent.closed


class TestStore:
    def test_one_that_is_not_made_yet_is_fine(self, tmp_path: Path) -> None:
        assert store(tmp_path, "dev", tmp_path / ".waypost").verdict == "ok"

    def test_one_that_another_process_holds_fails_and_names_it(self, tmp_path: Path) -> None:
        folder, disk = self.made(tmp_path)
        held = lock_folder(disk, ShardFolder(folder, 0).lock)
        disk.write(held, [f"{os.getpid()}\n".encode()], 0)
        finding = store(tmp_path, "dev", Path(folder))
        disk.close(held)
        assert finding.verdict == "fail" and str(os.getpid()) in finding.found
        assert store(tmp_path, "dev", Path(folder)).verdict == "ok"

    def test_one_of_a_later_format_fails(self, tmp_path: Path) -> None:
        folder, _ = self.made(tmp_path)
        (Path(folder) / "store.json").write_text('{"format": 999, "id": "' + "0" * 32 + '", "created": 0}')
        finding = store(tmp_path, "dev", Path(folder))
        assert finding.verdict == "fail" and finding.remedy == "run a newer waypost"

    def made(self, root: Path) -> tuple[str, RealDisk]:
        folder, disk = str(root / ".waypost"), RealDisk()
        create_store(disk, folder, SystemClock(), SystemRandom())
        ShardFolder(folder, 0).make(disk)
        return folder, disk


@pytest.mark.parametrize("free, verdict", [(50 << 20, "fail"), (500 << 20, "warn"), (5 << 30, "ok")])
def test_little_room_on_the_disk_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, verdict: str
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, free))
    assert room(tmp_path / "not" / "made").verdict == verdict


class TestClock:
    NOW = 1_800_000_000 * MICROSECONDS

    @pytest.mark.parametrize("ahead_seconds, verdict", [(-60, "ok"), (0, "ok"), (60, "warn")])
    def test_one_that_went_back_is_told(self, tmp_path: Path, ahead_seconds: int, verdict: str) -> None:
        segment = tmp_path / "shard-00" / "journal" / "1.seg"
        segment.parent.mkdir(parents=True)
        segment.touch()
        at = self.NOW // MICROSECONDS + ahead_seconds
        os.utime(segment, (at, at))
        assert clock(tmp_path, self.NOW).verdict == verdict

    def test_one_that_was_never_set_fails(self, tmp_path: Path) -> None:
        assert clock(tmp_path, 0).verdict == "fail"


def test_a_package_that_is_missing_fails_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    required = ["rich>=15", "not-there-at-all[x]>=1; python_version > '3'", "asyncpg>=0.32; extra == 'postgres'"]
    monkeypatch.setattr(examination.metadata, "requires", lambda name: required)
    found = {finding.subject: finding for finding in packages()}
    assert found["package rich"].verdict == "ok"
    missing: Any = found["package not-there-at-all"]
    assert missing.verdict == "fail" and "pip install 'not-there-at-all" in missing.remedy
    assert "package asyncpg" not in found, "an extra is asked for only by those who use it"


def test_a_finding_says_what_it_is_about() -> None:
    assert Finding("ok", "python", "3.11.7").remedy == ""
