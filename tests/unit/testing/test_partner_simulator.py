"""The simulated partner speaks SFTP to the one user it knows, within its folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from waypost.testing.simulators.partner import PartnerSimulator


@pytest.fixture
async def partner(tmp_path: Path) -> AsyncIterator[PartnerSimulator]:
    simulator = PartnerSimulator(tmp_path / "partner")
    await simulator.open()
    yield simulator
    await simulator.close()


def connect(partner: PartnerSimulator, **given: Any) -> Any:
    settings = {
        "username": partner.user, "known_hosts": str(partner.known_hosts), "agent_path": None, "config": None,
        "client_keys": None,
    }  # fmt: skip
    return asyncssh.connect("127.0.0.1", partner.port, **{**settings, **given})


@pytest.mark.parametrize("how", ["password", "publickey"])
async def test_what_it_drops_can_be_fetched_and_what_is_sent_is_received(partner: PartnerSimulator, how: str) -> None:
    partner.drop("1.edi", b"ISA*00*")
    given = {"password": partner.password} if how == "password" else {"client_keys": [str(partner.client_key)]}
    async with connect(partner, **given) as connection, connection.start_sftp_client() as sftp:
        assert [name for name in await sftp.listdir("/outbound") if name not in (".", "..")] == ["1.edi"]
        async with sftp.open("/outbound/1.edi", "rb") as file:
            assert await file.read() == b"ISA*00*"
        async with sftp.open("/inbound/.997.tmp", "wb") as file:
            await file.write(b"ST*997*")
            assert partner.received() == {}
        await sftp.posix_rename("/inbound/.997.tmp", "/inbound/997.edi")
        await sftp.remove("/outbound/1.edi")
    assert partner.received() == {"997.edi": b"ST*997*"} and list(partner.outbound.iterdir()) == []
    assert partner.logins[-1] == how


@pytest.mark.parametrize(
    "given",
    [{"password": "wrong"}, {"username": "stranger", "password": "acme-demo"}, {"client_keys": "stranger"}],
    ids=["password", "user", "key"],
)
async def test_a_stranger_is_refused(partner: PartnerSimulator, given: dict[str, Any]) -> None:
    if "client_keys" in given:
        given = {"client_keys": [asyncssh.generate_private_key("ssh-ed25519")]}
    with pytest.raises(asyncssh.PermissionDenied):
        async with connect(partner, **given):
            pass
    assert partner.logins == []


async def test_nothing_outside_its_folder_can_be_seen(partner: PartnerSimulator, tmp_path: Path) -> None:
    (tmp_path / "private").write_text("mine")
    (partner.root / "way-out").symlink_to(tmp_path)
    async with connect(partner, password=partner.password) as connection, connection.start_sftp_client() as sftp:
        for path in (
            "/way-out/private",
            "/../private",
            "/../../private",
            str(tmp_path / "private"),
            "/../keys/host_key",
        ):
            with pytest.raises(asyncssh.SFTPError):
                await sftp.open(path, "rb")
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await sftp.open("/way-out/planted", "wb")


async def test_opened_again_it_is_the_same_partner(partner: PartnerSimulator, tmp_path: Path) -> None:
    port, hosts = partner.port, partner.known_hosts.read_text()
    await partner.close()
    again = PartnerSimulator(tmp_path / "partner", port=port)
    await again.open()
    try:
        assert again.known_hosts.read_text() == hosts
        async with connect(again, client_keys=[str(partner.client_key)]):
            assert again.logins == ["publickey"]
    finally:
        await again.close()
