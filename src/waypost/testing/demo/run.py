"""Runs the demonstration from start to end: stage, engine, play, verdict, and what to try next."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path

from waypost.core.errors import WaypostError
from waypost.testing.demo.play import Play, until
from waypost.testing.demo.stage import EXAMPLE, Stage
from waypost.testing.demo.teller import Teller
from waypost.testing.demo.verdict import judge

GOOD, BAD = 0, 1


def main(*, exit_when_done: bool = False, folder: Path | None = None) -> int:
    """Run the demonstration in ``folder`` (a new temporary one by default, which stays); 0 when all came out right.

    On a terminal it goes on running afterwards, until interrupted, unless ``exit_when_done``.
    """
    teller = Teller()
    place = folder or Path(tempfile.mkdtemp(prefix="waypost-demo-")) / "order-to-cash"
    return asyncio.run(_run(Stage(place), teller, stays=teller.interactive and not exit_when_done))


async def _run(stage: Stage, teller: Teller, *, stays: bool) -> int:
    teller.text(f"The project is in {stage.folder}")
    try:
        await stage.open()
        return await _with_system(stage, teller, stays=stays)
    except WaypostError as error:
        teller.line("waypost", str(error), "red")
        return BAD
    finally:
        await stage.close()


async def _with_system(stage: Stage, teller: Teller, *, stays: bool) -> int:
    from waypost.flow.supervisor import run
    from waypost.flow.worker import RunOptions

    system = asyncio.ensure_future(run(stage.folder, "dev", RunOptions(who="demo"), teller.event))
    acting = asyncio.ensure_future(_act(stage, teller, stays=stays))
    try:
        await asyncio.wait((system, acting), return_when=asyncio.FIRST_COMPLETED)
        if not acting.done():
            await system
            teller.text("stopped before the end")
            return BAD
        code = await acting
        if stays:
            await system
        return code
    finally:
        acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)
        await _stop(stage, system)


async def _stop(stage: Stage, system: asyncio.Future[int]) -> None:
    if not system.done():
        with contextlib.suppress(WaypostError):
            await stage.client.ask("stop")
    await system


async def _act(stage: Stage, teller: Teller, *, stays: bool) -> int:
    await until(lambda: stage.client.running, "the system to run")
    teller.line("waypost", f"runs {EXAMPLE}; the shop's orders are taken at {stage.shop_address}")
    play = Play(stage, teller)
    await play.run()
    rows = await judge(stage, play)
    teller.scene("What came out, counted at the outside systems")
    teller.table(rows)
    good = all(row[3] for row in rows)
    teller.text("Everything came out as it should." if good else "Something did not come out as it should.")
    _say_what_next(stage, teller, stays=stays)
    return GOOD if good else BAD


def _say_what_next(stage: Stage, teller: Teller, *, stays: bool) -> None:
    teller.scene("Try next" + (", in another terminal" if stays else ""))
    order = stage.erp.orders[0].order_id
    for command in (
        f"cd {stage.folder}",
        "waypost status",
        "waypost messages --key po=AC-5001       # every step of one order, across flows",
        f"waypost messages --key order_id={order}    # found by the number the ERP gave it",
        "waypost show ID                         # what each step made of it, and the proof",
        "waypost files                           # every file, and what became of its records",
        "waypost dead                            # the broken one, and why",
        "waypost replay ID --dry-run             # what a changed map would make of it",
    ):
        teller.text(f"  {command}")
    if stays:
        teller.text()
        teller.text(f"Still running. Shop orders: {stage.shop_address}   ERP: {stage.erp.address}/sales-orders")
        teller.text(f"curl -d @{stage.samples}/shop-70001.json {stage.shop_address}")
        teller.text("Ctrl-C ends it.")
