"""Pages that tell what to do, followed to the letter: files are written, commands run, what they print is compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ID = re.compile(r"^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.MULTILINE)
SHIM = '#!/bin/sh\nexec "{python}" -m waypost.cli.main "$@"\n'


@dataclass
class Command:
    """One command of a page and the output it shows."""

    line: str
    shown: list[str] = field(default_factory=list)


def commands(block: str) -> Iterator[Command]:
    """The commands of a console block, each with the lines below it."""
    command: Command | None = None
    for line in block.splitlines():
        if line.startswith("$ "):
            if command:
                yield command
            command = Command(line[2:])
        elif command:
            command.shown.append(line)
    if command:
        yield command


def fits(shown: list[str], said: str) -> bool:
    """Whether ``said`` is what is shown. ``…`` in a line stands for anything, alone for any lines."""
    pattern = ""
    for line in (" ".join(line.split()) for line in shown if line.strip()):
        if line == "…":
            pattern += "(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part.strip()) + r"\s*" for part in line.split("…")).lstrip() + "\n"
    lines = "".join(" ".join(line.split()) + "\n" for line in said.splitlines() if line.strip())
    return re.fullmatch(pattern, lines) is not None


class Reader:
    """Somebody who follows a page in ``folder``."""

    def __init__(self, folder: Path, path: Path) -> None:
        self.folder, self.last_id = folder, ""
        shim = path / "waypost"
        shim.write_text(SHIM.format(python=sys.executable))
        shim.chmod(0o755)
        self.environment = {
            **os.environ, "PATH": f"{path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100",
        }  # fmt: skip

    def follow(self, page: str) -> None:
        for match in BLOCK.finditer(page):
            kind, name, text = match[1], match[2], match[3]
            if kind == "console":
                for command in commands(text):
                    self.run(command)
            elif name:
                place = self.folder / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text)

    def run(self, command: Command) -> None:
        if command.line.startswith("cd "):
            self.folder = self.folder / command.line[3:]
            return
        line = command.line.replace(" ID", f" {self.last_id}")
        done = subprocess.run(
            line, shell=True, cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=240,
        )  # fmt: skip
        assert fits(command.shown, done.stdout), f"$ {line}\n{done.stdout}\nshown:\n" + "\n".join(command.shown)
        found = ID.findall(done.stdout)
        self.last_id = found[0] if found else self.last_id


PAGES = sorted([*(ROOT / "docs/tutorials").glob("*.md"), *(ROOT / "docs/howto").glob("*.md")])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_what_a_page_tells_to_do_comes_out_as_it_says(page: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "here").mkdir()
    Reader(tmp_path / "here", tmp_path / "bin").follow(page.read_text("utf-8"))


@pytest.mark.parametrize(
    ("shown", "said", "good"),
    [
        (["a … c"], "a b   c\n", True),
        (["a", "…", "d"], "a\nb\nc\nd\n", True),
        (["a", "…"], "a\n", True),
        (["a", ""], "a\n\n", True),
        (["a"], "a\nb\n", False),
        (["a", "b"], "a\n", False),
        ([], "warning\n", False),
        (["a.c"], "abc\n", False),
    ],
)
def test_what_is_shown_is_compared_line_by_line(shown: list[str], said: str, good: bool) -> None:
    assert fits(shown, said) is good


def test_a_command_that_prints_something_else_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="two"):
        Reader(tmp_path, tmp_path).follow("```console\n$ echo two\none\n```\n")
