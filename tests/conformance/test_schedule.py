"""The schedule source keeps the promises of its traits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from waypost.core.clock import ManualClock
from waypost.core.grants import Grants
from waypost.testing.connector_kit import CommittedPositions, SourceSuite

COVERS = {("source", "schedule")}


class TestScheduleSource(SourceSuite):
    name = "schedule"
    opaque = False

    @pytest.fixture
    def options(self) -> Any:
        return {"every": "1m", "catch_up": "all"}

    @pytest.fixture
    def absent(self) -> Any:
        return None

    @pytest.fixture
    def grants(self, tmp_path: Path) -> Grants:
        self.clock = ManualClock()
        return Grants(root=tmp_path, clock=self.clock, positions=CommittedPositions())

    async def put(self, bodies: Sequence[bytes]) -> None:
        await self.clock.advance(60 * len(bodies))

    def seen_as(self, bodies: Sequence[bytes]) -> Sequence[Any]:
        start = ManualClock().now() // 60_000_000 * 60
        return [start + 60 * (n + 1) for n in range(len(bodies))]

    def read_back(self, body: bytes) -> Any:
        from datetime import datetime

        return int(datetime.fromisoformat(json.loads(body)["scheduled_at"]).timestamp())
