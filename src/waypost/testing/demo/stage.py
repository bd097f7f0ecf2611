"""The stage of the demonstration: a copy of the example project and the outside systems it talks to, on this machine.

Acme is a real SSH server, Globex and the ERP are real HTTP servers, the sales database is a SQLite file; all is on
loopback.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, create_subprocess_exec
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from waypost.core.clock import SystemClock
from waypost.core.errors import Fault, ProjectError
from waypost.flow.declared.definition import Project
from waypost.flow.declared.project import load_project
from waypost.flow.process.client import Client
from waypost.partners.ledger import books
from waypost.testing.simulators.as2_partner import As2PartnerSimulator, Names
from waypost.testing.simulators.erp import ErpSimulator
from waypost.testing.simulators.partner import PartnerSimulator
from waypost.testing.simulators.x12_partner import X12System, longest_article

EXAMPLE = "order-to-cash"
LONGEST_ARTICLE = 8
"""What Acme takes as article number in invoices, and never told us."""
_MADE_BY_RUNNING = shutil.ignore_patterns(".waypost", "outside", "out", "*.db*", "__pycache__", "as2-archive")


def example_folder() -> Path:
    """Where the example's files are: in the installed package, or in the repository this module is run from."""
    packaged = Path(__file__).parent / "project"
    return packaged if packaged.is_dir() else Path(__file__).parents[4] / "examples" / EXAMPLE


class Stage:
    """The project in ``folder``, which is made, and everything outside of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.samples = folder / "samples"
        self.partner = PartnerSimulator(folder / "outside" / "acme")
        self.acme = X12System(self.partner, longest_article(LONGEST_ARTICLE))
        self.globex = As2PartnerSimulator(folder / "outside" / "globex", Names("GLOBEX", "WAYPOST"))
        self.erp = ErpSimulator(required=("number", "customer", "lines", "total"))
        self.client = Client(folder)
        self.shop_address = ""
        self._project: Project | None = None
        self._begun: dict[tuple[str, ...], asyncio.Future[tuple[int, str]]] = {}

    async def open(self) -> None:
        """Copy the project, start the outside systems, tell the project where they are."""
        if self.folder.exists() and any(self.folder.iterdir()):
            raise ProjectError([Fault(str(self.folder), 0, "not-empty", "the folder is not empty", "a new folder")])
        shutil.copytree(example_folder(), self.folder, ignore=_MADE_BY_RUNNING, dirs_exist_ok=True)
        await self.partner.open()
        await self.globex.open()
        await self.erp.open()
        self.acme.open()
        listen = f"127.0.0.1:{free_port()}"
        self.shop_address = f"http://{listen}/shop/orders"
        self.erp.events_address, self.globex.deliver_to = f"http://{listen}/erp/events", f"http://{listen}/as2"
        environment = self.folder / "environments" / "dev.yaml"
        values = {
            "listen_address": listen, "acme_address": self.partner.address, "globex_address": self.globex.address,
            "erp_address": self.erp.address,
        }  # fmt: skip
        environment.write_text(with_values(environment.read_text("utf-8"), values), "utf-8")
        (self.folder / "in" / "prices").mkdir(parents=True, exist_ok=True)
        self.make_tables()

    async def close(self) -> None:
        """End the outside systems; files stay."""
        await asyncio.gather(*self._begun.values(), return_exceptions=True)
        await self.erp.close()
        await self.acme.close()
        await self.globex.close()
        await self.partner.close()

    def make_tables(self) -> None:
        """The tables of the sales database."""
        with self.database() as database:
            database.execute((self.folder / "database" / "tables.sql").read_text("utf-8"))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the sales database answers, asked beside the engine."""
        with self.database() as database:
            return list(database.execute(sql))

    def database(self) -> Any:
        """The sales database, open beside the engine."""
        import apsw

        database = apsw.Connection(str(self.folder / "database" / "sales.db"))
        database.set_busy_timeout(5000)
        return database

    # ── what people and systems outside do ──

    def drop_prices(self) -> None:
        """The price list of the day arrives, whole or not at all."""
        place = self.folder / "in" / "prices" / "prices.csv"
        started = place.with_name(".prices.tmp")
        shutil.copyfile(self.samples / "prices.csv", started)
        started.rename(place)

    def drop_interchange(self, name: str) -> None:
        """The partner puts an interchange where it is fetched."""
        self.partner.drop(f"{name}.edi", (self.samples / f"{name}.edi").read_bytes())

    async def post_order(self, number: int) -> tuple[int, Mapping[str, Any]]:
        """The shop posts an order; status and answer."""
        import aiohttp

        body = (self.samples / f"shop-{number}.json").read_bytes()
        headers = {"content-type": "application/json"}
        async with aiohttp.ClientSession() as session, session.post(self.shop_address, data=body, headers=headers) as r:
            return r.status, json.loads(await r.read() or b"{}")

    async def send_orders(self, name: str) -> None:
        """Globex sends an interchange over AS2, and has its receipt."""
        await self.globex.send((self.samples / f"{name}.edi").read_bytes())

    def begin(self, *arguments: str) -> None:
        """Run a command while there is nothing else to do; ``waypost`` has its answer later."""
        self._begun[arguments] = asyncio.ensure_future(self._command(*arguments))

    async def waypost(self, *arguments: str) -> tuple[int, str]:
        """What a command says of this project: its exit code, and what it prints."""
        begun = self._begun.pop(arguments) if arguments in self._begun else None
        return await (begun or self._command(*arguments))

    async def _command(self, *arguments: str) -> tuple[int, str]:
        process = await create_subprocess_exec(
            sys.executable, "-m", "waypost.cli.main", *arguments, cwd=self.folder, stdout=PIPE, stderr=STDOUT
        )
        said, _ = await process.communicate()
        return int(process.returncode or 0), said.decode("utf-8", "replace")

    async def expectations(self) -> list[dict[str, Any]]:
        """Our ledger of acknowledgements, as `waypost expectations --json` tells it."""
        if self._project is None:
            self._project = load_project(self.folder, "dev")
        answer = await self.client.ask("exchanges")
        return [one.data() for one in books(self._project, answer["exchanges"], SystemClock().now()).expectations]

    def approvals(self) -> list[str]:
        """The orders that wait for approval."""
        return sorted(place.stem for place in (self.folder / "out" / "approval").glob("*.json"))


def free_port() -> int:
    """A port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def with_values(text: str, values: Mapping[str, str]) -> str:
    """An environment file with other values; its comments stay."""
    for name, value in values.items():
        text, found = re.subn(rf"(?m)^(  {name}: ).*$", rf"\g<1>{value}", text)
        if not found:
            raise KeyError(name)
    return text
