"""Every test of whole flows begins with empty memory channels."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from waypost.connectors.memory import channels


@pytest.fixture(autouse=True)
def _empty_channels() -> Iterator[None]:
    channels.clear()
    yield
    channels.clear()
