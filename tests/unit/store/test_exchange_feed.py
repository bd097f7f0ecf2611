"""What is said of how far the ledger of exchanges has come."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from waypost.core.clock import ManualClock
from waypost.store.exchange_feed import SEEN, ExchangeFeed, seen


def test_what_was_said_before_a_death_is_taken_back_at_the_start(tmp_path: Path) -> None:
    (tmp_path / SEEN).write_bytes(b"%020d" % 1_700_000_000_000_000)
    shard = SimpleNamespace(whole=lambda record: record)
    feed = ExchangeFeed(shard, tmp_path, SimpleNamespace(), ManualClock(0))  # type: ignore[arg-type]
    assert seen(tmp_path) == 0
    feed._fold.close()
    feed.reader.close()
