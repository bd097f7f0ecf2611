"""Rows of listings as plain data: arrivals, and targets as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from waypost.flow.history.explain import time_text

if TYPE_CHECKING:
    from waypost.flow.delivery.lane import Lane


def target_status(lane: Lane) -> dict[str, Any]:
    """What a lane does, and what keeps it from it."""
    return {
        "target": lane.name, "open": lane.open_count, "state": "held" if lane.held else "sending",
        "circuit": "closed" if lane.circuit.closed else "open", "cause": lane.held or lane.circuit.cause,
    }  # fmt: skip


def arrival_row(row: Any) -> dict[str, Any]:
    """One arrival of a listing."""
    return {
        "flow": row.flow, "name": row.name, "identity": row.identity, "size": row.size, "sha256": row.sha256,
        "begun_at": time_text(row.begun_at),
        "ended_at": time_text(row.ended_at), "disposed_at": time_text(row.disposed_at), "records": row.records,
        "delivered": row.delivered, "filtered": row.filtered, "dead": row.dead, "parked": row.parked, "open": row.open,
        "error": row.error, "shard": row.shard, "number": row.number,
    }  # fmt: skip
