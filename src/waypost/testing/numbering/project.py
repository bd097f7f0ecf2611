"""The project that is tortured: messages of two partners, written as X12 under control numbers by several workers."""

from __future__ import annotations

from pathlib import Path

PARTNERS = ("acme", "bolt")

_FLOW = """\
flow: confirmations
description: Every message becomes an interchange of its own, a file each.
owner: numbering
source: {directory: {path: in/*.ndjson, poll_seconds: 0.1}}
format: {json: {lines: true}}
keys: {id: id}
targets:
  out: {directory: {path: out, name: "{id}.edi"}, format: {x12: {partner: any}}}
delivery: {order_by: id, retry: {attempts: 1000, first: 100ms, limit: 1s}}
"""
_PARTNER = """\
partner: %s
identities: [{standard: x12, qualifier: ZZ, id: %s}]
us: [{standard: x12, qualifier: ZZ, id: WAYPOST}]
x12: {send: {numbers: {transaction: {first: 1000, digits: 4}}}}
"""


def write_project(root: Path) -> None:
    """Make the project's folder."""
    for folder in ("flows", "partners", "in", "out"):
        (root / folder).mkdir(parents=True)
    (root / "waypost.yaml").write_text("name: numbering\n")
    (root / "flows/confirmations.yaml").write_text(_FLOW)
    for name in PARTNERS:
        (root / f"partners/{name}.yaml").write_text(_PARTNER % (name, name.upper()))


def line(number: int) -> str:
    """One message."""
    partner = PARTNERS[number % len(PARTNERS)]
    return (
        f'{{"id": "{number}", "partner": "{partner}", "transaction": {{"set": "855"}}, '
        f'"rows": [["BAK", "00", "AC", "{number}", "20260412"]]}}\n'
    )
