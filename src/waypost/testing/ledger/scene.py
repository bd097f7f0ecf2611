"""What is tortured: a project, who writes its input, the systems around it, and how the books of both ends are
compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from waypost.flow.process.client import Client
from waypost.testing.ledger import judge
from waypost.testing.ledger.erp import Erp
from waypost.testing.ledger.generator import Generator
from waypost.testing.ledger.peer import Peer
from waypost.testing.ledger.project import ERP_EVERY, write_project


class Scene(Protocol):
    """Made as ``cls(root, messages, per_second, seed, more)``, in an empty folder; writes input while ``more`` says
    so, and until there are ``messages``."""

    generator: Generator
    peer: Peer
    """Who is away at first."""

    def arrived(self) -> bool:
        """Whether as much has come out as must."""
        ...

    async def faults(self, client: Client) -> list[str]:
        """What is wrong, once nothing moves any more."""
        ...

    @property
    def repeated(self) -> int:
        """How often the peer was asked the same again."""
        ...


class FanOut:
    """Messages of many keys go to an appended file, a table and, some of them, a system that is away for a while."""

    def __init__(self, root: Path, messages: int, per_second: float, seed: int, more: Callable[[], bool]) -> None:
        self.root, self.erp = root, Erp()
        self.peer: Peer = self.erp
        self.erp.up()
        write_project(root, self.erp.port)
        self.erp.down()
        self.generator = Generator(root / "in", messages, per_second, seed, more=more)

    def arrived(self) -> bool:
        wanted = sum(self.generator.written.values())
        return (
            len(self.erp.book) >= self.generator.erp_wanted
            and judge.count_tabled(self.root) >= wanted
            and judge.count_appended(self.root) >= wanted
        )

    async def faults(self, client: Client) -> list[str]:
        written = self.generator.written
        wanted = judge.wanted_of(written)
        faults = await judge.system_faults(client, written, self.generator.files)
        faults += judge.sink_faults("appended file", judge.appended(self.root), wanted)
        faults += judge.sink_faults("table", judge.tabled(self.root), wanted)
        book = [(str(body["k"]), int(body["n"])) for body in self.erp.book.values()]
        faults += judge.sink_faults("http", book, judge.wanted_of(written, ERP_EVERY))
        return faults + [f"http: {key} came again with another body" for key in self.erp.changed]

    @property
    def repeated(self) -> int:
        return self.erp.repeated
