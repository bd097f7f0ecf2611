"""A store is backed up, restored and verified from the command line; what is wrong is said, and fails the command."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.cli.commanding import PROJECT, Command, write


@pytest.fixture
def project(waypost: Command, tmp_path: Path) -> Path:
    """A project that has run once."""
    lines = "".join(f'{{"k": "A-{n}", "n": {n}}}\n' for n in range(20))
    root = write(tmp_path / "project", PROJECT | {"in/a.ndjson": lines})
    assert waypost("run", root, "--once", "--quiet").code == 0
    return root


def test_a_backup_is_complete_and_a_project_restored_from_it_has_every_message(
    waypost: Command, project: Path, tmp_path: Path
) -> None:
    copy, other = tmp_path / "copy", write(tmp_path / "other", PROJECT)
    made = waypost("backup", copy, "--project", project, "--json")
    assert made.code == 0 and made.json["bytes"] == sum(
        path.stat().st_size for path in copy.rglob("*") if path.is_file() and path.name != "backup.json"
    )
    assert waypost("verify", copy, "--json").json["ok"] is True
    restored = waypost("restore", copy, other, "--why", "the disk died")
    assert restored.code == 0 and "waypost resume store" in restored.err
    assert waypost("verify", other).code == 0
    found = waypost("messages", "--project", other, "--key", "k=A-7", "--json").json["messages"]
    assert [message["state"] for message in found] == ["delivered"]


def test_nothing_moves_in_a_restored_store_until_a_person_says_so(
    waypost: Command, project: Path, tmp_path: Path
) -> None:
    other = write(tmp_path / "other", PROJECT)
    waypost("backup", tmp_path / "copy", "--project", project)
    waypost("restore", tmp_path / "copy", other)
    write(other, {"in/b.ndjson": '{"k": "B-1", "n": 1}\n'})
    assert waypost("status", "--project", other, "--json").json["commands"] == {"store": "restored"}
    waypost("run", other, "--once", "--quiet", "--timeout", "1s")
    assert (other / "in/b.ndjson").exists()
    assert waypost("resume", "store", "--project", other).code == 0
    assert waypost("run", other, "--once", "--quiet").code == 0
    assert not (other / "in/b.ndjson").exists()


def test_a_folder_that_holds_something_is_never_written_to(waypost: Command, project: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("x")
    for arguments in (("backup", tmp_path / "full", "--project", project), ("restore", tmp_path / "full", project)):
        said = waypost(*arguments)
        assert said.code == 1 and str(tmp_path / "full") in said.err
    waypost("backup", tmp_path / "copy", "--project", project)
    said = waypost("restore", tmp_path / "copy", project)
    assert said.code == 1 and "not empty" in said.err
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


def test_changed_bytes_are_found_and_named(waypost: Command, project: Path) -> None:
    assert waypost("verify", project).code == 0
    segment = next((project / ".waypost").rglob("*.seg"))
    data = bytearray(segment.read_bytes())
    data[data.index(b'"A-3"')] ^= 1
    segment.chmod(0o644)
    segment.write_bytes(data)
    said = waypost("verify", project)
    assert said.code == 1 and str(segment) in said.out
    as_json = waypost("verify", project, "--json")
    assert as_json.code == 1 and as_json.json["ok"] is False and str(segment) in as_json.json["faults"][0]


def test_a_store_that_is_not_there_is_said(waypost: Command, tmp_path: Path) -> None:
    root = write(tmp_path, PROJECT)
    for arguments in (("verify", root), ("backup", tmp_path / "copy", "--project", root)):
        said = waypost(*arguments)
        assert said.code == 1 and "no store" in said.err and "Traceback" not in said.err


def test_an_unfinished_backup_is_refused(waypost: Command, project: Path, tmp_path: Path) -> None:
    waypost("backup", tmp_path / "copy", "--project", project)
    (tmp_path / "copy" / "backup.json").unlink()
    shutil.rmtree(project / ".waypost")
    said = waypost("restore", tmp_path / "copy", project)
    assert said.code == 1 and "was not finished" in said.err
