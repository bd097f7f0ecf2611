"""The example while its processes are killed again and again: what was accepted arrives, and arrives once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from collections import Counter
from pathlib import Path

import pytest

from waypost.core.errors import WaypostError
from waypost.testing.demo.play import until
from waypost.testing.demo.stage import Stage
from waypost.testing.simulators.erp import Mishap

ROOT = Path(__file__).parents[2]
ROUNDS = 40
KILL_EVERY = 8
LOSE_EVERY = 10


class Outside:
    """The partner and the shop, who go on whatever happens to the system."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.interchange = (stage.samples / "acme-1001.edi").read_text()
        self.order = json.loads((stage.samples / "shop-70001.json").read_text())
        self.expected: list[str] = []

    def drop(self, number: int) -> None:
        """An interchange of two purchase orders."""
        control, first, second = 2000 + number, f"AC-{6000 + 2 * number}", f"AC-{6001 + 2 * number}"
        text = self.interchange.replace("AC-5001", first).replace("AC-5002", second)
        text = text.replace("000001001", f"{control:09d}").replace("*1001", f"*{control}")
        self.stage.partner.drop(f"{control}.edi", text.encode())
        self.expected += [first, second]

    async def post(self, number: int) -> None:
        """An order of the shop, posted until somebody says that it is safe."""
        self.order["order"]["id"] = f"WEB-{80000 + number}"
        (self.stage.samples / f"shop-{80000 + number}.json").write_text(json.dumps(self.order))

        async def safe() -> bool:
            import aiohttp

            try:
                return (await self.stage.post_order(80000 + number))[0] == 202
            except (aiohttp.ClientError, ConnectionError):
                return False

        await until(safe, "an answer to the shop")
        self.expected.append(f"WEB-{80000 + number}")


class System:
    """The project run by the command, as processes that can be killed."""

    def __init__(self, stage: Stage, workers: int) -> None:
        self.stage, self.workers = stage, workers
        self.process: Process

    async def start(self) -> None:
        self.process = await create_subprocess_exec(
            sys.executable, "-m", "waypost.cli.main", "run", str(self.stage.folder), "--workers", str(self.workers),
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, stdout=DEVNULL, stderr=DEVNULL,
        )  # fmt: skip
        await until(self.answers, "the system to run")

    async def answers(self) -> bool:
        assert self.process.returncode is None, "the system ended"
        try:
            return self.stage.client.running and bool(await self.stage.client.ask("status"))
        except WaypostError:
            return False

    async def settled(self) -> bool:
        """Whether every message is delivered, or filtered because the shop had posted it twice."""
        messages = (await self.stage.client.ask("messages", limit=5000))["messages"]
        return {m["state"] for m in messages} <= {"delivered", "filtered"}

    async def kill(self, number: int) -> None:
        """Kill a worker, or every second time, and where there is but one process, the whole system."""
        nursery = children(self.process.pid)
        workers = [worker for parent in nursery for worker in children(parent)]
        if workers and number % 2:
            os.kill(workers[number % len(workers)], signal.SIGKILL)
            return
        self.process.kill()
        await self.process.wait()
        await self.start()

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()


def children(parent: int) -> list[int]:
    """The processes that a process started, by what the kernel says."""
    listed = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(word) for word in listed.read_text().split()] if listed.exists() else []


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("workers", [1, 2])
async def test_every_order_arrives_once_though_processes_are_killed(workers: int, tmp_path: Path) -> None:
    stage = Stage(tmp_path / "project")
    await stage.open()
    outside, system = Outside(stage), System(stage, workers)
    await system.start()
    try:
        stage.drop_prices()
        await until(lambda: len(stage.rows("SELECT sku FROM prices")) == 6, "the prices")
        for number in range(ROUNDS):
            outside.drop(number)
            if number % LOSE_EVERY == 3:
                stage.erp.fail(1, Mishap.LOSE_ANSWER)
            posting = asyncio.ensure_future(outside.post(number))
            if number % KILL_EVERY == KILL_EVERY - 1:
                await system.kill(number // KILL_EVERY)
            await posting
        await until(lambda: len(stage.erp.orders) >= len(outside.expected), "the orders at the ERP")
        await until(lambda: len(_booked(stage)) >= len(outside.expected), "the orders in the database")
        await until(lambda: len(stage.partner.received()) >= ROUNDS, "the acknowledgements")
        assert Counter(str(order.document["number"]) for order in stage.erp.orders) == Counter(outside.expected)
        assert Counter(_booked(stage)) == Counter(outside.expected)
        assert len(stage.partner.received()) == ROUNDS
        of_acme = [number for number in outside.expected if number.startswith("AC-")]
        for number in of_acme:
            await stage.erp.tell("confirmed", number)
        documents = stage.acme.desk.ledger.documents
        await until(lambda: len(documents) >= len(of_acme), "the confirmations at Acme")
        assert Counter(one.order for one in documents) == Counter(of_acme)
        await until(system.answers, "the system to answer")
        await until(system.settled, "every message to come to its end")
        messages = (await stage.client.ask("messages", limit=5000))["messages"]
        verdicts = Counter([(await stage.client.ask("show", id=m["id"]))["verdict"] for m in messages])
        assert list(verdicts) == ["proved"], verdicts
    finally:
        await system.stop()
        await stage.close()


def _booked(stage: Stage) -> list[str]:
    return [str(number) for (number,) in stage.rows("SELECT number FROM sales_orders")]
