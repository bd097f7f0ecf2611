"""When a worker's own claims are enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from waypost.flow.declared.project import load_project
from waypost.flow.sharing.claiming import stays_here

FLOW = """
flow: once
description: Lets an order pass once.
owner: ops
source: SOURCE
format: json
keys: {po: order.number, buyer: buyer}
steps:
  - idempotent_receiver: RECEIVER
targets:
  out: {directory: {path: out}}
delivery: {order_by: 'ORDER'}
"""


@pytest.mark.parametrize(
    ("source", "receiver", "order", "stays", "why"),
    [
        ("{memory: in}", "order.number", "po", True, "ordered by the key itself"),
        ("{memory: in}", "{key: '[ buyer, order.number]'}", "po", True, "equal lists have equal parts"),
        ("{memory: in}", "order.number", "buyer", False, "ordered by something else"),
        ("{memory: in}", "order.number", "", False, "not ordered at all"),
        ("{memory: in}", "{key: order.number, scope: orders}", "po", False, "flows that share a scope"),
        ("{http: {path: /o, answer: result}}", "order.number", "", True, "callers' messages are all in one worker"),
    ],
)
def test_claims_stay_where_equal_keys_meet(
    tmp_path: Path, source: str, receiver: str, order: str, stays: bool, why: str
) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "waypost.yaml").write_text("name: once\n")
    text = FLOW.replace("SOURCE", source).replace("RECEIVER", receiver).replace("'ORDER'", f"'{order}'")
    (tmp_path / "flows/once.yaml").write_text(text)
    assert stays_here(load_project(tmp_path).flows["once"]) is stays, why


def test_a_step_before_the_receiver_may_have_changed_what_it_looks_at(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "waypost.yaml").write_text("name: once\n")
    text = FLOW.replace("SOURCE", "{memory: in}").replace("ORDER", "po").replace("RECEIVER", "order.number")
    (tmp_path / "flows/once.yaml").write_text(text.replace("steps:\n", "steps:\n  - filter: order.total > 1\n"))
    assert not stays_here(load_project(tmp_path).flows["once"])
