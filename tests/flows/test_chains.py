"""Orders are followed through what the store holds: what was received and what was sent, under the partner's file."""

from __future__ import annotations

import base64
from pathlib import Path

from tests.flows.system import System
from tests.flows.trading import IN, ORDERS, OUT, SENDING, deliver, project
from waypost.flow.declared.project import load_project
from waypost.partners.chains import terms_of
from waypost.reconcile.chain.book import Book
from waypost.reconcile.chain.entry import Entered, enter
from waypost.reconcile.chain.orders import OrderChain, order_chains
from waypost.reconcile.chain.reading import Source
from waypost.reconcile.chain.retail import READERS

PROMISED = (
    SENDING
    + """\
tolerances: {quantity_percent: 5}
service_levels:
  - {name: confirmation, what: "855", after: "850", within: 2h, working_time: false}
  - {name: ship notice, what: "856", after: "850", within: 48h, working_time: false, penalty: chargeback}
"""
)
CONFIRMED = """{"transaction": {"set": "855"}, "rows": [["BAK", "00", "AC", "%s", "20260412"],
 ["PO1", "1", "1", "EA", "1", "", "VP", "SOMETHING ELSE"]]}"""
HOUR = 3_600_000_000


async def followed(system: System, hours: float) -> list[OrderChain]:
    """The chains of what is stored, some hours from now."""
    await system.settle()
    answer = await system.ask("exchanges", content=True)
    terms = terms_of(load_project(system.root))
    with Book() as book:
        for row in answer["exchanges"]:
            data = base64.b64decode(row.get("context", "")) + base64.b64decode(row["raw"])
            source = Source(row["message"], row["at"], row["message"], row["flow"], row["state"], row["partner"])
            enter(book, READERS, [data], source, Entered())
        return list(order_chains(book, terms, system.clock.now() + round(hours * HOUR)))


async def test_what_was_received_and_sent_of_one_order_is_one_chain(tmp_path: Path) -> None:
    files = {
        **project(acme=PROMISED), "flows/confirm.yaml": OUT,
        "flows/orders.yaml": IN.replace("memory: out", "memory: orders"),
    }  # fmt: skip
    system = System(tmp_path, files)
    deliver(system.root, "1.edi", ORDERS)
    await system.start()
    await system.until(lambda: not (system.root / "in/1.edi").exists(), step=1.0)
    [waiting] = await followed(system, 1)
    assert (waiting.partner, waiting.state) == ("acme", "ordered")
    assert [(one.what, one.state) for one in waiting.due] == [("855", "open"), ("856", "open")]
    [late] = await followed(system, 3)
    assert late.state == "overdue" and late.differences[0].text().startswith("855 is missing (")
    system.put(CONFIRMED.replace("\n", "") % waiting.order)
    await system.arrived(1)
    [chain] = await followed(system, 3)
    assert [one.kind for one in chain.documents] == ["order", "confirmation"]
    assert chain.documents[1].message and chain.documents[1].flow == "confirm"
    assert [(one.what, one.state) for one in chain.due] == [("855", "closed"), ("856", "open")]
    assert any(one.what == "not-ordered" and one.by.startswith("855") for one in chain.differences)
    [missing] = await followed(system, 49)
    assert missing.state == "overdue" and missing.data()["due"][1]["penalty"] == "chargeback"
    await system.stop()
