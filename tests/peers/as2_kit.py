"""What the suites of the as2 connector share: grants with connections to ACME, and a listener."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.as2 import ACME, FILES, Acme, connection, key_pem
from tests.peers.server import free_port
from waypost.connectors.as2_connection import As2Connection
from waypost.connectors.as2_source import As2Source
from waypost.core.component import Outbound
from waypost.core.grants import Connection, Grants
from waypost.core.listener import Listener
from waypost.core.registry import registry
from waypost.testing.connector_kit import (
    CommittedPositions,
    parse_options,
)


def made(root: Path, name: str, address: str, **changes: Any) -> Connection:
    """A connection to ACME."""
    component = registry.find("connection", "as2")
    assert component is not None
    options = parse_options(component, connection(address, **changes))
    pool = As2Connection(options, Grants(root=root, name=name, read_file=FILES.__getitem__))
    return Connection(name=name, kind="as2", options=options, pool=pool)


class WithAcme:
    restartable = True
    secrets = (key_pem(ACME)[100:140],)
    acme: Acme

    @pytest.fixture
    async def grants(self, tmp_path: Path) -> AsyncIterator[Grants]:
        self.acme, self.listener = Acme(), Listener()
        await self.acme.start()
        await self.listener.open()
        made_ = [
            made(tmp_path, "acme", self.acme.address, timeout_seconds="5s"),
            made(tmp_path, "gone", f"http://127.0.0.1:{free_port()}/as2", timeout_seconds="5s", archive="gone"),
            made(
                tmp_path, "later", self.acme.address, timeout_seconds="5s", receipt="async", receipt_seconds="3s",
                receipt_address=f"{self.listener.address}/as2", receipts_to=[f"http://127.0.0.1:{self.acme.port}/receipts"],
            ),
        ]  # fmt: skip
        connections = {each.name: each for each in made_}
        yield Grants(
            root=tmp_path, flow="kit", name="side", positions=CommittedPositions(), connections=connections,
            listener=self.listener,
        )  # fmt: skip
        await self.acme.stop()
        await self.listener.close()
        for each in made_:
            await each.pool.close()

    async def stop_system(self) -> None:
        await self.acme.stop()

    async def start_system(self) -> None:
        await self.acme.start()


def fields(message: Outbound) -> dict[str, Any]:
    return {name: getattr(message, name) for name in message.__struct_fields__}


def with_(grants: Grants, **changes: Any) -> Grants:
    import dataclasses

    return dataclasses.replace(grants, **changes)


def source_of(options: dict[str, Any], grants: Grants) -> As2Source:
    """An as2 source."""
    component = registry.find("source", "as2")
    assert component is not None
    return As2Source(parse_options(component, options), grants)
