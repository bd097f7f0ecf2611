"""The OpenSSH server handed to tests is real, proves who it is, refuses strangers, and can go away and come back."""

from __future__ import annotations

import asyncssh
import pytest

from tests.peers.ssh import SshServer


def connect(server: SshServer, *, stranger: bool = False) -> asyncssh.connection._ACMWrapper:
    key = server.stranger_key if stranger else server.key
    return asyncssh.connect(
        server.host, server.port, username=server.user, client_keys=[str(key)], known_hosts=str(server.known_hosts),
        agent_path=None, config=None,
    )  # fmt: skip


async def test_a_file_written_by_sftp_is_on_the_disk(ssh_server: SshServer) -> None:
    async with (
        connect(ssh_server) as connection,
        connection.start_sftp_client() as sftp,
        sftp.open("greeting.txt", "w") as file,
    ):
        await file.write("hello")
    assert (ssh_server.root / "greeting.txt").read_text() == "hello"


async def test_a_key_it_does_not_know_is_refused(ssh_server: SshServer) -> None:
    with pytest.raises(asyncssh.PermissionDenied):
        async with connect(ssh_server, stranger=True):
            pass


async def test_a_stop_breaks_off_open_sessions_and_a_start_serves_again(own_ssh_server: SshServer) -> None:
    server = own_ssh_server
    async with connect(server) as connection:
        server.stop()
        await connection.wait_closed()
    with pytest.raises(OSError):
        async with connect(server):
            pass
    server.start()
    async with connect(server) as connection, connection.start_sftp_client() as sftp:
        assert await sftp.listdir(".") == [".", ".."]
