"""The memory connector keeps the promises of its traits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from waypost.connectors.memory import channel, channels
from waypost.testing.connector_kit import SourceSuite, TargetSuite

COVERS = {("source", "memory"), ("target", "memory")}


@pytest.fixture(autouse=True)
def no_channels() -> Iterator[None]:
    channels.clear()
    yield
    channels.clear()


class TestMemorySource(SourceSuite):
    name = "memory"

    @pytest.fixture
    def options(self) -> Any:
        return {"channel": "orders", "batch": 2}

    @pytest.fixture
    def absent(self) -> Any:
        return None

    async def put(self, bodies: Sequence[bytes]) -> None:
        for body in bodies:
            channel("orders").put(body)


class TestMemoryTarget(TargetSuite):
    name = "memory"

    @pytest.fixture
    def options(self) -> Any:
        return {"channel": "results"}

    @pytest.fixture
    def absent(self) -> Any:
        return None

    async def landed(self) -> Sequence[Any]:
        return channel("results").bodies


class TestDuplicatingMemoryTarget(TestMemoryTarget):
    @pytest.fixture
    def options(self) -> Any:
        return {"channel": "results", "repetition": "duplicates"}
