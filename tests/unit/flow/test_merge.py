"""What several workers say becomes one answer."""

from __future__ import annotations

from typing import Any

from waypost.flow.declared.merge import merged


def arrival(shard: int, delivered: int, *, ended: str = "", identity: str = "1") -> dict[str, Any]:
    counts = {"delivered": delivered, "filtered": 0, "dead": 0, "parked": 0, "open": 0}
    return {
        "flow": "orders", "name": "in/a", "identity": identity, "begun_at": f"2026-11-21T02:0{shard}", "shard": shard,
        "ended_at": ended, "records": 5 if ended else 0, **counts,
    }  # fmt: skip


def test_an_arrival_spread_over_workers_is_one_row_of_the_worker_that_read_it() -> None:
    parts = [{"files": [arrival(0, 2)]}, {"files": [arrival(1, 3, ended="2026-11-21T03")]}]
    [row] = merged("files", parts, {})["files"]
    assert (row["records"], row["delivered"], row["shard"]) == (5, 5, 1)


def test_another_file_of_the_same_name_is_another_row() -> None:
    parts = [{"files": [arrival(0, 2)]}, {"files": [arrival(1, 3, identity="2")]}]
    assert [row["delivered"] for row in merged("files", parts, {})["files"]] == [3, 2]


def test_counts_add_up_and_ids_join() -> None:
    parts = [{"count": 2, "ids": ["a"]}, {"count": 3, "ids": ["b"]}]
    assert merged("replay", parts, {}) == {"count": 5, "ids": ["a", "b"]}


def test_the_worker_that_knows_a_message_shows_it() -> None:
    assert merged("show", [None, {"message": 1}, None], {}) == {"message": 1}


def test_a_status_adds_messages_and_deliveries_apart() -> None:
    def part(accepted: int, delivered: int) -> dict[str, Any]:
        flow = {"flow": "f", "state": "running", "messages": {"accepted": accepted}, "behind": 1, "targets": []}
        flow |= {"deliveries": {"delivered": delivered, "open": 1}, "source": {"state": "", "cause": ""}}
        return {"trouble": [], "listen": "", "flows": [flow]}

    [flow] = merged("status", [part(2, 4), part(3, 6)], {})["flows"]
    assert (flow["messages"], flow["deliveries"]) == ({"accepted": 5}, {"delivered": 10, "open": 2})
    assert flow["behind"] == 2
