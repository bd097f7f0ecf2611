"""The directory connector keeps the promises of its traits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from waypost.testing.connector_kit import SourceSuite

COVERS = {("source", "directory"), ("target", "directory")}


class TestDirectorySource(SourceSuite):
    name = "directory"
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
