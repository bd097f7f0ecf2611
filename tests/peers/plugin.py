"""The fixtures that hand out real servers, and the line that says how many there were.

A server starts when the first test asks for it, once per test process, and stops with the session. Where it is not
installed the test is skipped, loudly; with ``PEERS=required`` it fails instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from tests.peers.postgres import PostgresServer, find_postgres
from tests.peers.ssh import SshServer, find_sshd

if TYPE_CHECKING:
    from waypost.testing.as2_oracles import LibAs2, OpenSsl

_used = pytest.StashKey[set[str]]()
_missing = pytest.StashKey[set[str]]()
Server = TypeVar("Server", PostgresServer, SshServer)


def require(config: pytest.Config, name: str, found: Path | None) -> Path:
    """``found``, noted as used; or the end of the test, noted as missing."""
    if found is not None:
        config.stash[_used].add(name)
        return found
    config.stash[_missing].add(name)
    text = f"PEER MISSING: {name}; run tools/setup"
    if os.environ.get("PEERS") == "required":
        pytest.fail(f"{text} (PEERS=required)", pytrace=False)
    pytest.skip(text)


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> Iterator[PostgresServer]:
    """A running PostgreSQL that syncs nothing: fast, and gone with the session. Make a schema of your own in it."""
    yield from _served(PostgresServer(require(pytestconfig, "postgres", find_postgres())))


@pytest.fixture
def durable_postgres_server(pytestconfig: pytest.Config) -> Iterator[PostgresServer]:
    """A running PostgreSQL for one test alone, with fsync on, to be stopped, killed and started at will."""
    yield from _served(PostgresServer(require(pytestconfig, "postgres", find_postgres()), fsync=True))


@pytest.fixture(scope="session")
def ssh_server(pytestconfig: pytest.Config) -> Iterator[SshServer]:
    """A running OpenSSH server with SFTP. Make a folder of your own below its ``root``."""
    yield from _served(SshServer(require(pytestconfig, "ssh", find_sshd())))


@pytest.fixture
def own_ssh_server(pytestconfig: pytest.Config) -> Iterator[SshServer]:
    """A running OpenSSH server for one test alone, to be stopped and started at will."""
    yield from _served(SshServer(require(pytestconfig, "ssh", find_sshd())))


@pytest.fixture(scope="session")
def openssl_oracle(pytestconfig: pytest.Config) -> Iterator[OpenSsl]:
    """The two partners of ``waypost.testing.as2_people``, played by the command ``openssl cms``."""
    from waypost.testing.as2_oracles import OpenSsl, find_openssl  # makes keys, which only these tests need

    require(pytestconfig, "openssl", find_openssl())
    oracle = OpenSsl()
    yield oracle
    oracle.close()


@pytest.fixture(scope="session")
def libas2_oracle(pytestconfig: pytest.Config) -> Iterator[LibAs2]:
    """The two partners of ``waypost.testing.as2_people``, played by the npm package libas2."""
    from waypost.testing.as2_oracles import LibAs2, find_libas2

    oracle = LibAs2(require(pytestconfig, "libas2", find_libas2()))
    yield oracle
    oracle.close()


def _served(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.remove()


# ── the closing line ─────────────────────────────────────────────────────────────────────────────────────────────


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_used], config.stash[_missing] = set(), set()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a process of xdist: hand what was noted to the one that reports."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["peers"] = sorted(session.config.stash[_used]), sorted(session.config.stash[_missing])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """In the process that reports: take it."""
    used, missing = getattr(node, "workeroutput", {}).get("peers", ((), ()))
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    config.stash[_used].update(used)
    config.stash[_missing].update(missing)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    used, missing = config.stash[_used], config.stash[_missing] - config.stash[_used]
    if used or missing:
        names = f" ({', '.join(sorted(missing))}: run tools/setup)" if missing else ""
        terminalreporter.write_line(f"peers: {len(used)} used, {len(missing)} missing{names}")
