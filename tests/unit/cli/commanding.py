"""Runs the command line in this process, against a system that only remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from waypost.cli import asking
from waypost.cli.main import main


class FakeSystem:
    """Answers each verb from ``answers`` (a value, or a list given one by one) and keeps what was ``asked``."""

    running = True

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.place: tuple[Path, str] | None = None

    async def ask(self, verb: str, **params: Any) -> Any:
        self.asked.append((verb, params))
        answer = self.answers[verb]
        if isinstance(answer, BaseException):
            raise answer
        return answer.pop(0) if isinstance(answer, list) else answer


@dataclass
class Said:
    """What one command line printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document and nothing else."""
        return json.loads(self.out)


Command = Callable[..., Said]


@pytest.fixture
def waypost(capfd: pytest.CaptureFixture[str]) -> Command:
    """``waypost("check", "dir")`` → what it said."""

    def call(*arguments: Any) -> Said:
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return call


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> FakeSystem:
    """The system every verb of this test asks."""
    fake = FakeSystem()

    def make(project: Path, environment: str) -> FakeSystem:
        fake.place = (project, environment)
        return fake

    monkeypatch.setattr(asking, "make_client", make)
    return fake


def write(root: Path, files: dict[str, str]) -> Path:
    """The files of a project."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


FLOW = """\
flow: copy
description: Copies messages.
owner: ops
source: {directory: {path: in/*.ndjson}}
format: {json: {lines: true}}
keys: {k: k}
steps:
  - filter: n >= 0
targets:
  out: {directory: {path: out, append: true}}
delivery: {order_by: k}
"""
PROJECT = {"waypost.yaml": "name: copy\n", "flows/copy.yaml": FLOW}
