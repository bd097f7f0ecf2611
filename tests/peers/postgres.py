"""A PostgreSQL of our own, from the binaries of the Debian package."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from pathlib import Path

from tests.peers.server import PeerFailed, ServerProcess, free_port

USER, PASSWORD, DATABASE = "waypost", "correct-horse", "postgres"
_FAST = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
_LEAN = ("-c", "shared_buffers=32MB", "-c", "max_connections=60", "-c", "unix_socket_directories=", "-c", "jit=off")


def find_postgres() -> Path | None:
    """The folder with ``initdb`` and ``postgres`` of the newest version installed."""
    found = [p.parent for p in Path("/usr/lib/postgresql").glob("*/bin/initdb") if (p.parent / "postgres").exists()]
    if found:
        return max(found, key=lambda bin: [int(part) for part in re.findall(r"\d+", str(bin))])
    in_path = shutil.which("initdb")
    return Path(in_path).resolve().parent if in_path else None


class PostgresServer:
    """One cluster in a folder of its own. Logging in takes ``user`` and ``password``; a wrong one is refused.

    ``fsync=False`` is for speed; ask for True where a test kills the server and looks at what survived.
    ``stop`` and ``start`` keep the port and the data.
    """

    host, user, password, database = "127.0.0.1", USER, PASSWORD, DATABASE

    def __init__(self, bin: Path, *, fsync: bool = False) -> None:
        self.port = free_port()
        self._bin, self._owner = bin, "postgres" if os.geteuid() == 0 else None
        self._root = Path(tempfile.mkdtemp(prefix="waypost-postgres-"))
        if self._owner:
            shutil.chown(self._root, self._owner, self._owner)
        settings = (*_LEAN, "-c", f"listen_addresses={self.host}", *(() if fsync else _FAST))
        self._process = ServerProcess(
            [str(bin / "postgres"), "-D", str(self._data), "-p", str(self.port), *settings],
            speaks=self._asks_for_a_password, log=self._root / "log", user=self._owner,
        )  # fmt: skip

    @property
    def _data(self) -> Path:
        return self._root / "data"

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{self.host}:{self.port}"

    @property
    def dsn(self) -> str:
        """The address as one URL, with user and password."""
        return f"postgresql://{self.user}:{self.password}@{self.address}/{self.database}"

    def start(self) -> None:
        """Make the cluster if it is not there, and serve."""
        if not self._data.exists():
            self._make_cluster()
        self._process.start()

    def stop(self) -> None:
        """Break off what runs and stop; committed data stay."""
        self._process.stop(signal.SIGINT)

    def kill(self) -> None:
        """End at once, in the middle of what it does; a start recovers."""
        self._process.kill()

    def remove(self) -> None:
        """Stop and delete everything."""
        self.stop()
        shutil.rmtree(self._root)

    def _make_cluster(self) -> None:
        secret = self._root / "password"
        secret.write_text(self.password + "\n")
        made = subprocess.run(
            [self._bin / "initdb", "-D", self._data, "-U", self.user, f"--pwfile={secret}", "--no-sync",
             "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"],
            user=self._owner, group=self._owner, extra_groups=[] if self._owner else None,
            cwd="/", capture_output=True, text=True,
        )  # fmt: skip
        if made.returncode:
            raise PeerFailed(f"initdb ended with {made.returncode}:\n{made.stdout}{made.stderr}")

    def _asks_for_a_password(self) -> bool:
        """A start-up packet is answered by ``R`` (authentication) once it serves, by ``E`` while it recovers."""
        words = f"user\0{self.user}\0database\0{self.database}\0\0".encode()
        with socket.create_connection((self.host, self.port), timeout=1) as connection:
            connection.sendall(struct.pack("!ii", 8 + len(words), 196608) + words)
            return connection.recv(1) == b"R"
