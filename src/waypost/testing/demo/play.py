"""What happens in the demonstration, scene by scene. Nothing here looks into the engine: people drop files and post."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import isawaitable
from typing import Any

from waypost.core.clock import SystemClock
from waypost.core.errors import EndpointTimeout
from waypost.testing.demo.stage import Stage
from waypost.testing.demo.teller import Teller
from waypost.testing.simulators.erp import Mishap

OUTAGE_SECONDS = 4.0
LIMIT_SECONDS = 30.0
LOOK_SECONDS = 0.05
PRICES = 6
SENT_TO_ERP = (
    "AC-5001", "AC-5002", "AC-5004", "AC-5006", "AC-5007",
    "WEB-70001", "WEB-70002", "WEB-70003", "WEB-70004", "WEB-70006",
)  # fmt: skip
TO_APPROVE = ("AC-5003", "WEB-70005")
BROKEN = "AC-5005"
REPEATED = ("AC-5001", "AC-5002", "WEB-70003")
INTERCHANGES = ("acme-1001", "acme-1002", "acme-1003", "acme-1004", "acme-1005")


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
        await until(self._settled, "everything to come to rest")

    async def _prices(self) -> None:
        self.teller.scene("1. The price list of the day arrives as a CSV file")
        self.stage.drop_prices()
        self.teller.line("Pricing", "puts prices.csv into in/prices")
        await until(lambda: len(self.stage.rows("SELECT sku FROM prices")) == PRICES, "the prices")

    async def _orders(self) -> None:
        self.teller.scene("2. Acme drops X12 purchase orders on its SFTP server; the shop posts JSON orders over HTTP")
        self.stage.erp.fail(1, Mishap.LOSE_ANSWER)
        self.teller.line("ERP", "will take the next order, but hang up before it answers", "dim")
        self._drop("acme-1001", "2 purchase orders")
        await self._post(70001, 70002)
        self._drop("acme-1002", "1 purchase order above 10,000: needs approval")
        self._drop("acme-1003", "2 purchase orders, one of them broken: a quantity of 'many'")
        await self._post(70003)
        await until(lambda: len(self.stage.erp.orders) == 6, "6 orders at the ERP")

    async def _outage(self) -> None:
        self.teller.scene(f"3. The ERP fails for {OUTAGE_SECONDS:.0f} seconds while orders keep coming")
        self.stage.erp.fail_for(OUTAGE_SECONDS, status=503)
        self.teller.line("ERP", "answers 503 to everything", "yellow")
        self._drop("acme-1004", "2 purchase orders")
        await self._post(70004, 70005, 70006)
        await until(lambda: len(self.stage.erp.orders) == len(SENT_TO_ERP), "the ERP to get what waited")
        self.teller.line("ERP", "has got every order that waited", "green")

    async def _repetitions(self) -> None:
        self.teller.scene("4. Acme sends an interchange again under a new number, the shop repeats an order")
        self._drop("acme-1005", "the purchase orders of acme-1001 again")
        await self._post(70003)
        await until(lambda: len(self.stage.partner.received()) == len(INTERCHANGES), "the last acknowledgement")

    def _drop(self, name: str, what: str) -> None:
        self.stage.drop_interchange(name)
        self.teller.line("Acme", f"drops {name}.edi: {what}")

    async def _post(self, *numbers: int) -> None:
        for number in numbers:
            status, answer = await self.stage.post_order(number)
            self.answers.append(status)
            self.teller.line("Shop", f"posts WEB-{number}: answered {status}, kept as {_shown(answer)}")

    async def _settled(self) -> bool:
        status = await self.stage.client.ask("status")
        open_now = sum(flow["deliveries"]["open"] + flow["deliveries"]["retrying"] for flow in status["flows"])
        accepted = {flow["flow"]: flow["messages"]["accepted"] for flow in status["flows"]}
        expected = len(SENT_TO_ERP) + len(TO_APPROVE) + len(REPEATED)
        return bool(open_now == 0 and accepted["sales-orders"] == expected)


def _shown(answer: Mapping[str, Any]) -> str:
    return ", ".join(answer.get("message_ids", ())) or str(answer)


async def until(come: Callable[[], object], what: str) -> None:
    """Look, from outside, until it has come. ``EndpointTimeout`` after ``LIMIT_SECONDS``."""
    clock = SystemClock()
    end = clock.monotonic() + LIMIT_SECONDS
    while clock.monotonic() < end:
        found = come()
        if await found if isawaitable(found) else found:
            return
        await clock.sleep(LOOK_SECONDS)
    text = f"waited {LIMIT_SECONDS:.0f} s for {what}"
    raise EndpointTimeout(text, where="demo", remedy="read what was told above")
