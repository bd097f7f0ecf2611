"""The SFTP connector keeps the promises of its traits, against a real OpenSSH server."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.peers.server import free_port
from tests.peers.ssh import SshServer
from waypost.connectors.sftp_connection import SftpConnection, SftpConnectionOptions
from waypost.core.component import Outbound
from waypost.core.grants import Connection, Grants
from waypost.core.spec import Duration
from waypost.testing.connector_kit import (
    CommittedPositions,
    ConnectionSuite,
    SourceSuite,
    TargetSuite,
    only,
    outbound,
)

COVERS = {("source", "sftp"), ("target", "sftp"), ("connection", "sftp")}
_folders = itertools.count()


def connection_options(server: SshServer, address: str = "") -> SftpConnectionOptions:
    return SftpConnectionOptions(
        address=address or server.address, user=server.user, key_file=str(server.key),
        known_hosts=str(server.known_hosts), connect_seconds=Duration(5), timeout_seconds=Duration(5),
    )  # fmt: skip


class OverSftp:
    """Grants with a connection named ``partner``; ``self.server`` is the server, ``self.folder`` its folder."""

    server: SshServer
    folder: Path

    @pytest.fixture(autouse=True)
    def on_server(self, ssh_server: SshServer) -> None:
        self.server = ssh_server
        self.folder = ssh_server.root / f"kit-{next(_folders)}"
        self.folder.mkdir()

    @pytest_asyncio.fixture
    async def grants(self, tmp_path: Path) -> AsyncIterator[Grants]:
        async for grants in self.connected(tmp_path, connection_options(self.server)):
            yield grants

    @pytest_asyncio.fixture
    async def absent_grants(self, tmp_path: Path) -> AsyncIterator[Grants]:
        nobody = f"127.0.0.1:{free_port()}"
        async for grants in self.connected(tmp_path, connection_options(self.server, nobody)):
            yield grants

    async def connected(self, root: Path, options: SftpConnectionOptions) -> AsyncIterator[Grants]:
        pool = SftpConnection(options, Grants(root=root))
        partner = Connection(name="partner", kind="sftp", options=options, pool=pool)
        yield Grants(
            root=root, flow="kit", name="side", positions=CommittedPositions(), connections={"partner": partner}
        )
        await pool.close()


class TestSftpSource(OverSftp, SourceSuite):
    name = "sftp"
    names_what_lies = True
    after = "archive"

    @pytest.fixture
    def options(self) -> Any:
        return {"connection": "partner", "path": f"{self.folder.name}/*.bin", "after": self.after, "poll_seconds": 0.01}

    @pytest.fixture
    def absent(self, options: Any) -> Any:
        return options

    async def put(self, bodies: Sequence[bytes]) -> None:
        for number, body in enumerate(bodies):
            half = self.folder / f".{number}.half"
            half.write_bytes(body)
            half.rename(self.folder / f"{number:04d}.bin")


class TestDeletingSftpSource(TestSftpSource):
    after = "delete"


class TestLeavingSftpSource(TestSftpSource):
    after = "leave"


class TestSftpTarget(OverSftp, TargetSuite):
    name = "sftp"
    template = "{id}.bin"

    @pytest.fixture
    def options(self) -> Any:
        return {"connection": "partner", "path": str(self.folder), "name": self.template}

    @pytest.fixture
    def absent(self, options: Any) -> Any:
        return options

    async def landed(self) -> Sequence[Any]:
        return [path.read_bytes() for path in sorted(self.folder.iterdir())]


class TestSftpTargetNamedByKey(TestSftpTarget):
    template = "{keys.number}.bin"
    takes_any_body = False

    def outbounds(self, count: int) -> list[Outbound]:
        return [outbound(n, b"body %d" % n, keys={"number": f"{n:04d}"}) for n in range(count)]

    def refused(self) -> Outbound | None:
        return outbound(99, b"without the key")


class OverItsOwnSftp(OverSftp):
    """With a server of its own, that may be stopped."""

    restartable = True

    @pytest.fixture(autouse=True)
    def on_server(self, own_ssh_server: SshServer) -> None:
        self.server, self.folder = own_ssh_server, own_ssh_server.root / "kit"
        self.folder.mkdir()

    async def stop_system(self) -> None:
        self.server.stop()

    async def start_system(self) -> None:
        self.server.start()


@only("test_a_restarted_system_is_read_again")
class TestRestartedSftpSource(OverItsOwnSftp, TestSftpSource):
    pass


@only("test_a_restarted_system_is_written_again")
class TestRestartedSftpTarget(OverItsOwnSftp, TestSftpTarget):
    pass


class TestSftpConnection(OverSftp, ConnectionSuite):
    name = "sftp"
    secrets = ("never-shown-anywhere",)

    @pytest.fixture
    def options(self) -> Any:
        return {**self.settings(self.server.address), "key_file": str(self.server.key)}

    @pytest.fixture
    def absent(self) -> Any:
        return {**self.settings(f"127.0.0.1:{free_port()}"), "password": "never-shown-anywhere"}

    def settings(self, address: str) -> dict[str, Any]:
        return {"address": address, "user": self.server.user, "known_hosts": str(self.server.known_hosts)}
