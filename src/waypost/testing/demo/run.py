"""Runs the demonstration from start to end: stage, engine, play, verdict, and what to try next."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from waypost.core.errors import WaypostError
from waypost.testing.demo.papers import show_papers
from waypost.testing.demo.play import Play, until
from waypost.testing.demo.stage import EXAMPLE, Stage
from waypost.testing.demo.teller import Teller
from waypost.testing.demo.verdict import judge

GOOD, BAD = 0, 1


def main(*, exit_when_done: bool = False, folder: Path | None = None, workers: int = 1) -> int:
    """Run the demonstration in ``folder`` (a new temporary one by default, which stays); 0 when all came out right.

    On a terminal it goes on running afterwards, until interrupted, unless ``exit_when_done``. With several workers the
    engine tells what happens on standard error, each worker for itself.
    """
    teller = Teller()
    place = folder or Path(tempfile.mkdtemp(prefix="waypost-demo-")) / EXAMPLE
    stays = teller.interactive and not exit_when_done
    return asyncio.run(_Show(Stage(place), teller, workers, stays).run())


@dataclass(frozen=True, slots=True)
class _Show:
    """One run. ``stays``: it goes on after the play until somebody ends it."""

    stage: Stage
    teller: Teller
    workers: int
    stays: bool

    async def run(self) -> int:
        self.teller.text(f"The project is in {self.stage.folder}")
        try:
            await self.stage.open()
            return await self._with_system()
        except WaypostError as error:
            self.teller.line("waypost", str(error), "red")
            return BAD
        finally:
            await self.stage.close()

    async def _with_system(self) -> int:
        from waypost.flow.process.supervisor import run
        from waypost.flow.process.worker import RunOptions

        options = RunOptions(who="demo", workers=self.workers)
        system = asyncio.ensure_future(run(self.stage.folder, "dev", options, self.teller.event))
        acting = asyncio.ensure_future(self._act())
        try:
            await asyncio.wait((system, acting), return_when=asyncio.FIRST_COMPLETED)
            if not acting.done():
                await system
                self.teller.text("stopped before the end")
                return BAD
            code = await acting
            if self.stays:
                await system
            return code
        finally:
            acting.cancel()
            await asyncio.gather(acting, return_exceptions=True)
            await self._stop(system)

    async def _stop(self, system: asyncio.Future[int]) -> None:
        if not system.done():
            with contextlib.suppress(WaypostError):
                await self.stage.client.ask("stop")
        await system

    async def _act(self) -> int:
        stage, teller = self.stage, self.teller
        await until(self._answers, "the system to run")
        teller.line("waypost", f"runs {EXAMPLE}; the shop's orders are taken at {stage.shop_address}")
        play = Play(stage, teller)
        await play.run()
        rows = await judge(stage, play)
        teller.scene("What came out, counted at the outside systems")
        teller.table(rows)
        good = all(row[3] for row in rows)
        teller.text("Everything came out as it should." if good else "Something did not come out as it should.")
        good = await show_papers(stage, teller) and good
        await say_what_next(stage, teller, stays=self.stays)
        return GOOD if good else BAD

    async def _answers(self) -> bool:
        """Whether the running system answers, every worker of it."""
        try:
            return self.stage.client.running and bool(await self.stage.client.ask("status"))
        except WaypostError:
            return False


async def say_what_next(stage: Stage, teller: Teller, *, stays: bool) -> None:
    """The commands that show more of what has happened, with the ids and paths of this run."""
    teller.scene("Try next" + (", in another terminal" if stays else ""))
    order, waypost = stage.erp.orders[0].order_id, command_name()
    (message,) = (await stage.client.ask("messages", key=f"order_id={order}"))["messages"]
    (invoice,) = [one for one in await stage.expectations() if one["verdict"] == "rejected" and one["closed_by"] and
                  one["direction"] == "owed to us"]  # fmt: skip
    teller.text(f"  cd {stage.folder}")
    for arguments, why in (
        ("status", "what runs, and how it is doing"),
        ("messages --key po=AC-5001", "one order, wherever it went"),
        (f"messages --key order_id={order}", "found by the number the ERP gave it"),
        (f"show {message['id']}", "what each step made of it, and the proof"),
        ("files", "every file, and what became of its records"),
        ("dead", "the broken ones, and why"),
        (f"replay {message['id']} --dry-run", "what a map you have changed would make of it"),
        ("partner list", "who we trade with; `partner show acme`: what is agreed"),
        ("expectations --key GX-9002", "every acknowledgement of an order's documents"),
        (f"edi view --message {invoice['message']}", "the invoice that Acme rejects, as a person reads it"),
        ("edi explain samples/globex-3001.edi", "under which agreement a file comes, step by step"),
        ("edi check samples/acme-1003.edi --partner acme", "what is wrong with a file, by Acme's rules"),
    ):
        teller.text(f"  {waypost} {arguments:<57} # {why}")
    if stays:
        teller.text()
        teller.text(f"Still running. The ERP's ledger: {stage.erp.address}/sales-orders")
        teller.text(f"The shop posts with: curl -d @samples/shop-70001.json {stage.shop_address}")
        teller.text("Ctrl-C ends it.")


def command_name() -> str:
    """How this installation's command is called from a shell."""
    beside = Path(sys.executable).with_name("waypost")
    found = shutil.which("waypost")
    return "waypost" if (found and Path(found).parent == beside.parent) or not beside.exists() else str(beside)
