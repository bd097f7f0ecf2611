"""Every reader of documents about orders, by set and message."""

from __future__ import annotations

from collections.abc import Mapping

from waypost.reconcile.chain import retail_edifact, retail_x12
from waypost.reconcile.chain.entry import Reader

READERS: Mapping[str, Reader] = {**retail_x12.READERS, **retail_edifact.READERS}
