"""The directory connector keeps the promises of its traits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from waypost.core.component import Outbound
from waypost.testing.connector_kit import SourceSuite, TargetSuite, outbound

COVERS = {("source", "directory"), ("target", "directory")}


class TestDirectorySource(SourceSuite):
    name = "directory"
    names_what_lies = True
    after = "archive"

    @pytest.fixture
    def options(self, tmp_path: Path) -> Any:
        self.folder = tmp_path / "in"
        self.folder.mkdir()
        return {"path": "in/*.bin", "after": self.after, "poll_seconds": 0.01}

    @pytest.fixture
    def absent(self) -> Any:
        return {"path": "nowhere/*.bin"}

    async def put(self, bodies: Sequence[bytes]) -> None:
        for number, body in enumerate(bodies):
            half = self.folder / f".{number}.half"
            half.write_bytes(body)
            half.rename(self.folder / f"{number:04d}.bin")


class TestDeletingDirectorySource(TestDirectorySource):
    after = "delete"


class TestLeavingDirectorySource(TestDirectorySource):
    after = "leave"


class TestDirectoryTarget(TargetSuite):
    name = "directory"
    template = "{id}.bin"

    @pytest.fixture
    def options(self, tmp_path: Path) -> Any:
        self.folder = tmp_path / "out"
        return {"path": "out", "name": self.template}

    @pytest.fixture
    def absent(self) -> Any:
        return {"path": "/dev/null/out"}

    async def landed(self) -> Sequence[Any]:
        return [path.read_bytes() for path in sorted(self.folder.iterdir())]


class TestDirectoryTargetNamedByKey(TestDirectoryTarget):
    template = "{keys.number}.bin"

    def outbounds(self, count: int) -> list[Outbound]:
        return [outbound(n, b"body %d" % n, keys={"number": f"{n:04d}"}) for n in range(count)]

    def refused(self) -> Outbound | None:
        return outbound(99, b"without the key")

    takes_any_body = False


class TestAppendingDirectoryTarget(TargetSuite):
    name = "directory"

    @pytest.fixture
    def options(self, tmp_path: Path) -> Any:
        self.file = tmp_path / "out" / "kit.txt"
        return {"path": "out", "append": True, "name": "kit.txt"}

    @pytest.fixture
    def absent(self) -> Any:
        return {"path": "/dev/null/out", "append": True}

    async def landed(self) -> Sequence[Any]:
        return [self.file.read_bytes()]

    def as_landed(self, messages: Sequence[Outbound]) -> Sequence[Any]:
        return [b"".join(m.body if m.body.endswith(b"\n") else m.body + b"\n" for m in messages)]
