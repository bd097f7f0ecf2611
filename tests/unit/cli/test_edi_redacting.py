"""``waypost edi redact``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.commanding import Command
from tests.unit.formats.edi_health import PEOPLE, interchange


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    made = [tmp_path / "claim.edi", tmp_path / "payment.edi"]
    for path, name in zip(made, ("837", "835"), strict=True):
        path.write_bytes(interchange(name))
    return made


def test_files_go_where_they_are_told_and_name_nobody(waypost: Command, files: list[Path], tmp_path: Path) -> None:
    said = waypost("edi", "redact", *files, "--seed", "test", "--to", tmp_path / "shown", "--json")
    assert said.code == 0 and said.json["files"] == [str(tmp_path / "shown" / file.name) for file in files]
    text = "".join((tmp_path / "shown" / file.name).read_text() for file in files)
    assert not [name for name, value in PEOPLE.items() if value in text]
    assert {row["category"] for row in said.json["redacted"]} >= set("ABCDGHIJKR")
    assert waypost("edi", "check", *(tmp_path / "shown").iterdir()).code == 0
    assert [path.name for path in sorted((tmp_path / "shown").iterdir())] == ["claim.edi", "payment.edi"]


def test_one_file_goes_to_the_output(waypost: Command, files: list[Path]) -> None:
    said = waypost("edi", "redact", files[0], "--seed", "test", "--keep", "diagnoses")
    assert (
        said.out.startswith("ISA*00*") and "HI*ABK:S72001A~" in said.out and "kept as they are: diagnoses" in said.err
    )


def test_a_secret_replaces_alike_and_none_does_not(waypost: Command, files: list[Path], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef0123456789abcdef\n")
    first, second = (waypost("edi", "redact", files[0], "--secret", secret).out for _ in range(2))
    assert first == second != waypost("edi", "redact", files[0]).out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--keep", "names"], "--keep 'names'"),
        (["--secret", "nowhere"], "no file 'nowhere'"),
        (["--secret", "short", "--seed", "x"], "both --secret and --seed"),
        (["--json"], "no place for what is made"),
        (["--to", "."], "is where the files are"),
    ],
)
def test_what_can_t_be_done_is_refused(
    waypost: Command, files: list[Path], monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(files[0].parent)
    before = files[0].read_bytes()
    said = waypost("edi", "redact", files[0].name, *arguments)
    assert said.code == 2 and says in said.out + said.err and files[0].read_bytes() == before


def test_a_short_secret_is_refused(waypost: Command, files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "short").write_text("abc")
    assert "3 bytes" in waypost("edi", "redact", files[0], "--secret", tmp_path / "short").err
