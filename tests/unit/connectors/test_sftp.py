"""What the SFTP connector does about wrong keys, wrong servers, silent servers and servers of the simple kind."""

from __future__ import annotations

import asyncio
import itertools
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.peers.ssh import SshServer
from waypost.connectors.file_look import Disposition
from waypost.connectors.file_name import WhenExists
from waypost.connectors.sftp_connection import SftpConnection, SftpConnectionOptions, split_address
from waypost.connectors.sftp_source import SftpSource, SftpSourceOptions
from waypost.connectors.sftp_target import SftpTarget, SftpTargetOptions
from waypost.core.component import Outbound
from waypost.core.errors import (
    AuthorisationRefused,
    ConfigurationRefused,
    DataError,
    EndpointTimeout,
    EndpointUnavailable,
    ErrorClass,
)
from waypost.core.event import EndpointFound, EndpointLost, Events
from waypost.core.grants import Connection, Grants
from waypost.core.spec import Duration, Secret
from waypost.testing.connector_kit import CommittedPositions, again, bodies_of, next_delivery, outbound
from waypost.testing.simulators.partner import PartnerSimulator

PASSWORD = "never-shown-anywhere"
_folders = itertools.count()


class Partner:
    """A connection to ``server`` and its folder ``box``; ``said`` are the events."""

    def __init__(self, server: SshServer, root: Path, **changes: Any) -> None:
        self.server, self.box = server, server.root / f"box-{next(_folders)}"
        self.box.mkdir()
        settings: dict[str, Any] = {
            "address": server.address, "user": server.user, "key_file": str(server.key),
            "known_hosts": str(server.known_hosts), **changes,
        }  # fmt: skip
        self.options, events = SftpConnectionOptions(**settings), Events()
        self.said: list[Any] = []
        events.subscribe(self.said.append)
        self.pool = SftpConnection(self.options, Grants(root=root, events=events))
        named = Connection(name="partner", kind="sftp", options=self.options, pool=self.pool)
        self.positions = CommittedPositions()
        self.grants = Grants(
            root=root, flow="f", name="t", events=events, positions=self.positions, connections={"partner": named}
        )

    async def source(self, path: str = "*.txt", **options: Any) -> SftpSource:
        given = SftpSourceOptions(connection="partner", path=f"{self.box.name}/{path}", poll_seconds=0.01, **options)  # type: ignore[arg-type]
        source = SftpSource(given, self.grants)
        await source.open()
        return source

    async def target(self, **options: Any) -> SftpTarget:
        target = SftpTarget(SftpTargetOptions(connection="partner", path=self.box.name, **options), self.grants)  # type: ignore[arg-type]
        await target.open()
        return target

    def files(self) -> dict[str, bytes]:
        return {str(p.relative_to(self.box)): p.read_bytes() for p in sorted(self.box.rglob("*")) if p.is_file()}


@pytest_asyncio.fixture
async def partner(ssh_server: SshServer, tmp_path: Path) -> AsyncIterator[Partner]:
    made = Partner(ssh_server, tmp_path)
    yield made
    await made.pool.close()


# ── logging in ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_key_the_server_does_not_know_is_an_authorisation_refused(
    ssh_server: SshServer, tmp_path: Path
) -> None:
    partner = Partner(ssh_server, tmp_path, key_file=str(ssh_server.stranger_key))
    with pytest.raises(AuthorisationRefused, match=f"user '{ssh_server.user}' is not let in") as refused:
        await partner.pool.check()
    assert ssh_server.address in refused.value.where


async def test_a_wrong_password_is_refused_without_being_shown(ssh_server: SshServer, tmp_path: Path) -> None:
    partner = Partner(ssh_server, tmp_path, key_file="", password=Secret(PASSWORD))
    with pytest.raises(AuthorisationRefused) as refused:
        await partner.pool.check()
    chain = [refused.value, refused.value.__cause__, partner.options, partner.pool]
    assert not any(PASSWORD in str(each) + repr(each) for each in chain)


async def test_a_password_lets_in(tmp_path: Path) -> None:
    simulator = PartnerSimulator(tmp_path / "partner", password=PASSWORD)
    await simulator.open()
    options = SftpConnectionOptions(
        address=simulator.address, user=simulator.user, password=Secret(PASSWORD),
        known_hosts=str(simulator.known_hosts),
    )  # fmt: skip
    pool = SftpConnection(options, Grants(root=tmp_path))
    await pool.check()
    await pool.close()
    await simulator.close()
    assert simulator.logins == ["password"]


async def test_another_host_key_is_refused_before_anything_is_sent(ssh_server: SshServer, tmp_path: Path) -> None:
    other = tmp_path / "known_hosts"
    stranger = ssh_server.stranger_key.with_suffix(".pub").read_text()
    other.write_text(f"[{ssh_server.host}]:{ssh_server.port} {stranger}")
    partner = Partner(ssh_server, tmp_path, known_hosts="known_hosts")
    with pytest.raises(ConfigurationRefused, match=r"another host key .* ask its owner"):
        await partner.pool.check()


@pytest.mark.parametrize(
    ("option", "remedy"), [("known_hosts", "ssh-keyscan -p [0-9]+ 127.0.0.1 > gone"), ("key_file", "private key there")]
)
async def test_a_missing_key_file_is_named_with_the_remedy(
    ssh_server: SshServer, tmp_path: Path, option: str, remedy: str
) -> None:
    partner = Partner(ssh_server, tmp_path, **{option: "gone"})
    with pytest.raises(ConfigurationRefused, match=f"{option} 'gone' cannot be read: no such file.*{remedy}"):
        await partner.pool.check()


async def test_a_private_key_that_is_locked_or_none_is_refused(ssh_server: SshServer, tmp_path: Path) -> None:
    key = tmp_path / "locked"
    await asyncio.to_thread(
        subprocess.run, ["ssh-keygen", "-q", "-t", "ed25519", "-N", PASSWORD, "-f", key], check=True
    )
    (tmp_path / "none").write_text("not a key")
    for name, passphrase in (("locked", None), ("locked", Secret("wrong")), ("none", None)):
        partner = Partner(ssh_server, tmp_path, key_file=name, key_passphrase=passphrase)
        with pytest.raises(ConfigurationRefused, match=f"key_file '{name}' cannot be used"):
            await partner.pool.check()


async def test_a_server_that_never_speaks_is_given_up_in_time(ssh_server: SshServer, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        partner = Partner(ssh_server, tmp_path, address=address, connect_seconds=Duration(0.2))
        with pytest.raises(EndpointUnavailable, match="no login in time; check that the server runs"):
            await partner.pool.check()


async def test_an_answer_that_does_not_come_is_a_timeout_and_the_line_is_made_anew(partner: Partner) -> None:
    await partner.pool.check()

    async def never(sftp: object) -> None:
        await asyncio.Event().wait()

    object.__setattr__(partner.options, "timeout_seconds", Duration(0.1))
    with pytest.raises(EndpointTimeout, match=r"no answer within 0\.1 s"):
        await partner.pool.call("place", "wait", never)
    object.__setattr__(partner.options, "timeout_seconds", Duration(10))
    await partner.pool.check()
    assert [type(event) for event in partner.said] == [EndpointLost, EndpointFound]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host", ("host", 22)), ("host:2222", ("host", 2222)), ("[::1]:22", ("::1", 22)), ("[::1]", ("::1", 22)),
        ("host:0", ("host", 0)), ("host:x", ("host", 0)), ("sftp://host", ("sftp", 0)), ("me@host:22", ("", 22)),
        ("::1", ("", 1)), ("", ("", 22)), ("host:99999", ("host", 0)),
    ],
)  # fmt: skip
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert split_address(text) == expected


@pytest.mark.parametrize(
    "changes",
    [{"address": "sftp://h"}, {"user": ""}, {"key_file": ""}, {"key_file": "", "key_passphrase": Secret("x")}],
)
def test_options_that_cannot_work_are_faults(changes: Any) -> None:
    good: dict[str, Any] = {"address": "h:22", "user": "u", "known_hosts": "k", "key_file": "f"}
    assert list(SftpConnectionOptions(**good).faults()) == []
    assert list(SftpConnectionOptions(**{**good, **changes}).faults())


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def accept(partner: Partner, source: SftpSource) -> bytes:
    delivery = await next_delivery(source)
    (body,) = await bodies_of(delivery)
    partner.positions.commit(delivery)
    await delivery.accept()
    return body


async def test_an_accepted_file_is_archived_there_and_a_namesake_beside_it(partner: Partner) -> None:
    source = await partner.source()
    for body in (b"one", b"other"):
        (partner.box / "a.txt").write_bytes(body)
        assert await accept(partner, source) == body
    first, second = partner.files()
    assert (first, second[:10]) == ("archive/a.txt", "archive/a~")


async def test_a_disposal_owed_since_a_crash_is_made_up_for(partner: Partner) -> None:
    (partner.box / "a.txt").write_bytes(b"x")
    delivery = await next_delivery(await partner.source(after=Disposition.DELETE))
    partner.positions.commit(delivery)
    assert await (await partner.source(after=Disposition.DELETE)).receive() is None
    assert partner.files() == {}


async def test_content_at_fault_is_set_aside(partner: Partner) -> None:
    (partner.box / "a.txt").write_bytes(b"bad")
    source = await partner.source(after=Disposition.DELETE)
    await (await next_delivery(source)).reject(DataError("a record is too long"))
    assert await source.receive() is None
    assert partner.files() == {"rejected/a.txt": b"bad"}


async def test_a_file_that_grows_while_it_is_read_is_refused(partner: Partner) -> None:
    (partner.box / "a.txt").write_bytes(bytes(3 << 20))
    delivery = await next_delivery(await partner.source())
    with pytest.raises(EndpointUnavailable, match=r"the file changed while it was read .* set settle_seconds"):
        async for _ in delivery.read(0):
            with (partner.box / "a.txt").open("ab") as file:
                file.write(b"more")


async def test_links_hidden_and_unfinished_files_are_not_read_and_folders_are_entered(partner: Partner) -> None:
    (partner.box / "sub").mkdir()
    (partner.box / "sub" / "b.txt").write_bytes(b"b")
    (partner.box / "link.txt").symlink_to("/etc/passwd")
    for name in (".a.txt", "c.txt.part", "d.csv"):
        (partner.box / name).write_bytes(b"x")
    source = await partner.source("**/*.txt")
    assert await accept(partner, source) == b"b"
    assert await source.receive() is None
    assert [str(event).rpartition(": ")[2] for event in partner.said] == [
        "it is a symbolic link; put the file itself there"
    ]


async def test_a_delivery_on_a_lost_connection_says_so_and_is_offered_again(partner: Partner) -> None:
    (partner.box / "a.txt").write_bytes(b"x")
    source = await partner.source()
    delivery = await next_delivery(source)
    await partner.pool.close()
    with pytest.raises(EndpointUnavailable, match="lost") as lost:
        await bodies_of(delivery)
    await delivery.reject(lost.value)
    assert await accept(partner, source) == b"x"


async def test_a_folder_that_is_not_there_is_named(partner: Partner) -> None:
    partner.box.rmdir()
    with pytest.raises(EndpointUnavailable, match=f"{partner.box.name}: cannot look into: .*create the folder"):
        await partner.source()


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def keyed(number: int, key: str, body: bytes) -> Outbound:
    return outbound(number, body, ordering_key=key)


async def test_a_name_another_message_has_is_refused_and_a_repetition_is_not(partner: Partner) -> None:
    target = await partner.target(name="{key}.txt")
    batch = [keyed(1, "a", b"first"), keyed(2, "a", b"other"), keyed(3, "b", b"third")]
    outcomes = await target.send(batch)
    assert [(o.delivered, o.error_class) for o in outcomes] == [
        (True, None), (False, ErrorClass.CONTRACT), (True, None),
    ]  # fmt: skip
    assert (await target.send([again(batch[0])]))[0].delivered
    assert partner.files() == {"a.txt": b"first", "b.txt": b"third"}


async def test_when_exists_replace_keeps_the_last(partner: Partner) -> None:
    target = await partner.target(name="{key}.txt", when_exists=WhenExists.REPLACE)
    await target.send([keyed(1, "a", b"first"), keyed(2, "a", b"last")])
    assert partner.files() == {"a.txt": b"last"}


async def test_a_server_without_extensions_is_written_to_all_the_same(
    partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncssh

    async def unsupported(*args: object) -> None:
        raise asyncssh.SFTPOpUnsupported("not here")

    monkeypatch.setattr(asyncssh.SFTPClient, "posix_rename", unsupported)
    monkeypatch.setattr(asyncssh.SFTPClientFile, "fsync", unsupported)
    target = await partner.target(name="{id}.txt")
    for message in (outbound(1, b"x"), again(outbound(1, b"x"))):
        assert (await target.send([message]))[0].delivered
    assert list(partner.files().values()) == [b"x"]


async def test_an_upload_cut_off_leaves_nothing_under_the_final_name(
    partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncssh

    async def cut(*args: object) -> None:
        raise asyncssh.SFTPFailure("Failure")

    target = await partner.target(name="{id}.txt")
    with monkeypatch.context() as patched:
        patched.setattr(asyncssh.SFTPClientFile, "fsync", cut)
        with pytest.raises(EndpointUnavailable, match="cannot sync: failure; check space, quota"):
            await target.send([outbound(1, b"x"), outbound(2, b"y")])
    assert [name for name in partner.files() if not name.startswith(".")] == []
    assert all(o.delivered for o in await target.send([again(outbound(1, b"x")), again(outbound(2, b"y"))]))
    assert sorted(partner.files().values()) == [b"x", b"y"]


async def test_an_outcome_names_server_user_and_path(partner: Partner) -> None:
    (outcome,) = await (await partner.target(name="{key}.txt")).send([keyed(1, "a", b"x")])
    server = partner.server
    assert outcome.address == f"sftp://{server.user}@{server.address}/{partner.box.name}/a.txt"
