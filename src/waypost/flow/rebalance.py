"""A change of the number of workers: what belongs to another shard now is moved there, before anything opens."""

from __future__ import annotations

from pathlib import Path


async def rebalance(folder: Path, workers: int) -> None:
    """Move open messages, positions and state of slots to the shards that own them among ``workers``."""
