"""What happens in the demonstration, scene by scene. Nothing here looks into the engine: people drop files and post."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import isawaitable
from typing import Any

from waypost.core.clock import SystemClock
from waypost.core.errors import EndpointTimeout
from waypost.testing.demo.stage import Stage
from waypost.testing.demo.teller import Teller
from waypost.testing.simulators.edi_desk import Desk
from waypost.testing.simulators.erp import Mishap

OUTAGE_SECONDS = 4.0
LIMIT_SECONDS = 60.0
LOOK_SECONDS = 0.05
PRICES = 6
OF_ACME = ("AC-5001", "AC-5002", "AC-5004", "AC-5006", "AC-5007")
OF_GLOBEX = ("GX-9001", "GX-9002")
OF_SHOP = ("WEB-70001", "WEB-70002", "WEB-70003", "WEB-70004", "WEB-70006")
SENT_TO_ERP = (*OF_ACME, *OF_GLOBEX, *OF_SHOP)
TO_APPROVE = ("AC-5003", "WEB-70005")
BROKEN = ("AC-5005", "GX-9003")
REPEATED = ("AC-5001", "AC-5002", "WEB-70003")
ACME_GROUPS = {"1001": "A", "1002": "A", "1003": "P", "1004": "A", "1005": "A"}
"""What Acme's groups must be answered with: accepted, or in part."""
GLOBEX_INTERCHANGES = {"3001": "7", "3002": "4"}
"""What Globex's interchanges must be answered with: acknowledged, or rejected."""
SHORT = ("AC-5004", {1: 10})
"""An order of 12.5 kg of which the ERP confirms, ships and invoices 10."""
REJECTED, LATE = ("810", "AC-5006"), ("INVOIC", "GX-9002")
"""The document that Acme rejects, and the one that Globex acknowledges late."""
MAP, FLOW = "maps/sales_order.map.yaml", "sales-orders"
PRINTED = (("map", "show", MAP), ("lineage", FLOW, "--target", "erp/total"))
PAGES = (("map", "show", MAP, "--html", "--out", "mapping.html"), ("lineage", FLOW, "--svg", "lineage.svg"))
"""What is shown of the project itself, whatever happens; it is made while everybody waits for the ERP."""
EVENTS = ("confirmed", "shipped", "invoiced")
DOCUMENTS = {"acme": ("855", "856", "810"), "globex": ("ORDRSP", "DESADV", "INVOIC")}


class Play:
    """The scenes on ``stage``, told by ``teller``."""

    def __init__(self, stage: Stage, teller: Teller) -> None:
        self.stage, self.teller = stage, teller
        self.answers: list[int] = []
        """The status of each order the shop posted."""

    async def run(self) -> None:
        """All scenes. ``EndpointTimeout`` when something that must happen does not."""
        await self._prices()
        await self._orders()
        await self._outage()
        await self._repetitions()
        await self._documents()
        await self._late()
        await until(self._settled, "everything to come to rest")

    async def _prices(self) -> None:
        self.teller.scene("1. The price list of the day arrives as a CSV file")
        self.stage.drop_prices()
        self.teller.line("Pricing", "puts prices.csv into in/prices")
        await until(lambda: len(self.stage.rows("SELECT sku FROM prices")) == PRICES, "the prices")

    async def _orders(self) -> None:
        self.teller.scene("2. Orders come: X12 of Acme by SFTP, EDIFACT of Globex by AS2, JSON of the shop by HTTP")
        self.stage.erp.fail(1, Mishap.LOSE_ANSWER)
        self.teller.line("ERP", "will take the next order, but hang up before it answers", "dim")
        self._drop("acme-1001", "2 purchase orders")
        await self._post(70001, 70002)
        self._drop("acme-1002", "1 purchase order above 10,000: needs approval")
        self._drop("acme-1003", "2 purchase orders, one of them broken: a quantity of 'many'")
        await self._send("globex-3001", "2 orders")
        await self._send("globex-3002", "1 order, broken: the count of its segments is wrong")
        await self._post(70003)
        await until(lambda: len(self.stage.erp.orders) == 8, "8 orders at the ERP")

    async def _outage(self) -> None:
        self.teller.scene(f"3. The ERP fails for {OUTAGE_SECONDS:.0f} seconds while orders keep coming")
        self.stage.erp.fail_for(OUTAGE_SECONDS, status=503)
        self.teller.line("ERP", "answers 503 to everything", "yellow")
        self._drop("acme-1004", "2 purchase orders")
        await self._post(70004, 70005, 70006)
        for command in (*PRINTED, *PAGES):
            self.stage.begin(*command)
        await until(lambda: len(self.stage.erp.orders) == len(SENT_TO_ERP), "the ERP to get what waited")
        self.teller.line("ERP", "has got every order that waited", "green")

    async def _repetitions(self) -> None:
        self.teller.scene("4. Acme sends an interchange again under a new number, the shop repeats an order")
        self._drop("acme-1005", "the purchase orders of acme-1001 again")
        await self._post(70003)
        answers = self.stage.acme.desk.ledger.answers
        await until(lambda: len(answers) == len(ACME_GROUPS), "the last acknowledgement")

    async def _documents(self) -> None:
        self.teller.scene("5. The ERP confirms, ships and invoices; each partner hears of it in its own standard")
        stage = self.stage
        stage.globex.late = lambda document: (document.set, document.order) == LATE
        self.teller.line("Acme", "takes article numbers of 8 characters in invoices, and never told us", "dim")
        self.teller.line("Globex", f"will acknowledge the invoice of {LATE[1]} too late", "dim")
        for event in EVENTS:
            for number in (*OF_ACME, *OF_GLOBEX):
                quantities = SHORT[1] if number == SHORT[0] else {}
                await stage.erp.tell(event, number, quantities=quantities)
            short = f"; of {SHORT[0]} only 10 kg of 12.5" if event == EVENTS[0] else ""
            self.teller.line("ERP", f"{event}: {len(OF_ACME) + len(OF_GLOBEX)} orders{short}")
        await self._have(stage.acme.desk, OF_ACME, "Acme")
        await self._have(stage.globex.desk, OF_GLOBEX, "Globex")

    async def _have(self, desk: Desk, orders: Sequence[str], who: str) -> None:
        wanted = len(orders) * len(EVENTS)
        await until(lambda: len(desk.ledger.documents) == wanted, f"the documents of {who}")
        self.teller.line(who, f"has {wanted} documents of {len(orders)} orders, and acknowledges them", "green")

    async def _late(self) -> None:
        self.teller.scene("6. One acknowledgement does not come in time")
        await until(self._overdue, "an acknowledgement to be overdue", 0.2)
        self.teller.line("waypost", f"the CONTRL of the {LATE[0]} of {LATE[1]} is overdue", "yellow")
        await self.stage.globex.release()
        self.teller.line("Globex", "sends it, late")

    async def _overdue(self) -> bool:
        return [one["keys"]["po"] for one in await self.stage.expectations() if one["state"] == "overdue"] == [
            [LATE[1]]
        ]

    def _drop(self, name: str, what: str) -> None:
        self.stage.drop_interchange(name)
        self.teller.line("Acme", f"drops {name}.edi: {what}")

    async def _send(self, name: str, what: str) -> None:
        await self.stage.send_orders(name)
        self.teller.line("Globex", f"sends {name}.edi, signed and encrypted: {what}; has our signed receipt")

    async def _post(self, *numbers: int) -> None:
        for number in numbers:
            status, answer = await self.stage.post_order(number)
            self.answers.append(status)
            self.teller.line("Shop", f"posts WEB-{number}: answered {status}, kept as {_shown(answer)}")

    async def _settled(self) -> bool:
        """Whether nothing is on its way any more, and every acknowledgement has come."""
        status = await self.stage.client.ask("status")
        open_now = sum(flow["deliveries"]["open"] + flow["deliveries"]["retrying"] for flow in status["flows"])
        accepted = {flow["flow"]: flow["messages"]["accepted"] for flow in status["flows"]}
        orders = len(SENT_TO_ERP) + len(TO_APPROVE) + len(REPEATED)
        from_acme = len(ACME_GROUPS) + len(OF_ACME) * len(EVENTS)
        from_globex = len(GLOBEX_INTERCHANGES) + len(OF_GLOBEX) * len(EVENTS)
        counts = {"sales-orders": orders, "acme-orders": from_acme, "globex-orders": from_globex}
        answers = self.stage.globex.desk.ledger.answers
        there = all(accepted[flow] == count for flow, count in counts.items())
        return bool(open_now == 0 and there and len(answers) == len(GLOBEX_INTERCHANGES))


def _shown(answer: Mapping[str, Any]) -> str:
    return ", ".join(answer.get("message_ids", ())) or str(answer)


async def until(come: Callable[[], object], what: str, every: float = LOOK_SECONDS) -> None:
    """Look, from outside, until it has come. ``EndpointTimeout`` after ``LIMIT_SECONDS``."""
    clock = SystemClock()
    end = clock.monotonic() + LIMIT_SECONDS
    while clock.monotonic() < end:
        found = come()
        if await found if isawaitable(found) else found:
            return
        await clock.sleep(every)
    text = f"waited {LIMIT_SECONDS:.0f} s for {what}"
    raise EndpointTimeout(text, where="demo", remedy="read what was told above")
