"""A project that trades with partners, over folders of this machine."""

from __future__ import annotations

from pathlib import Path

from tests.unit.agreements.agreeing import ACME

_GOLDEN = (Path(__file__).parents[1] / "golden/formats/purchase_order.edi").read_text()
ORDERS = _GOLDEN[: _GOLDEN.index("ST*850*0002")] + "GE*1*311~\nIEA*1*000000417~\n"
"""One order."""
ACME_X12 = (
    ACME.replace('"02"', "ZZ")
    .replace("id: NORDMARKT,", "id: NORDMARKT, group: NORDMARKT,")
    .replace("id: NORDMARKT, group: NORDMARKT, usage: production", "id: NORDMARKT, usage: test")
)
"""The partner that sent the golden orders."""

IN = """\
flow: orders
description: Orders of partners.
owner: ops
source: {directory: {path: in/*.edi}}
format: {x12: {partner: any}}
keys: {po: purchase_order.number}
targets:
  out: {memory: out}
"""


def project(flow: str = IN, **more: str) -> dict[str, str]:
    """The files of the project; ``more`` are partners by name."""
    partners = {f"partners/{name}.yaml": text for name, text in {"acme": ACME_X12, **more}.items()}
    return {"flows/orders.yaml": flow, **partners}


def deliver(root: Path, name: str, text: str, folder: str = "in") -> None:
    """A file arrives."""
    (root / folder).mkdir(exist_ok=True)
    (root / folder / name).write_text(text)


OUT = """\
flow: confirm
description: Answers to partners.
owner: ops
source: {memory: in}
format: json
targets:
  out: {memory: out, format: {x12: {partner: acme}}}
"""
CONFIRMATION = '{"transaction": {"set": "855"}, "rows": [["BAK", "00", "AC", "%s", "20260412"]]}'
SENDING = ACME_X12.replace(
    "x12:\n", 'x12:\n  send: {numbers: {interchange: {first: 41}, group: {first: 7}}, messages: [{set: "855"}]}\n'
)
