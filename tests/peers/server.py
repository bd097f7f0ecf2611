"""One outside server as a process of its own: started on a free loopback port, ready when it speaks its protocol."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

PATIENCE_SECONDS = 30.0


class PeerFailed(Exception):
    """A server that is installed did not start, or did not stop."""


def free_port() -> int:
    """A loopback port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """Starts ``command`` in a session of its own and stops it by its pid; its output goes to ``log``. It does not
    outlive this process, even one that is killed, where ``setpriv`` is there to see to it.

    ``speaks`` is asked again and again until it is true; an ``OSError`` counts as not yet.
    """

    def __init__(
        self, command: Sequence[str], *, speaks: Callable[[], bool], log: Path,
        user: str | None = None,
    ) -> None:  # fmt: skip
        self._command, self._speaks, self._log = list(command), speaks, log
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The pid while it runs, else 0."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start and wait until it speaks; ``PeerFailed`` with the end of its log when it does not."""
        leash = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*leash, *self._command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                cwd="/", user=self._user, group=self._user, extra_groups=[] if self._user else None,
            )  # fmt: skip
        try:
            self._wait_until_it_speaks(self._process)
        except BaseException:
            self.kill()
            raise

    def _wait_until_it_speaks(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if self._speaks():
                    return
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
                raise PeerFailed(f"{self._command[0]} ended with {process.returncode}:\n{self._last_words()}")
        raise PeerFailed(f"{self._command[0]} did not speak in {PATIENCE_SECONDS:.0f} s:\n{self._last_words()}")

    def stop(self, stop_signal: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end and wait until it has; safe to call twice."""
        if self._process is None:
            return
        self._process.send_signal(stop_signal)
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End it and whatever it started, at once; safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        family: list[int] = []
        while new := {process.pid, *_descendants(process.pid)}.difference(family):
            family += new
            _signal(new, signal.SIGSTOP)  # what is stopped starts nothing while we look
        _signal(family, signal.SIGKILL)
        process.wait()

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found = list(children.get(pid, ()))
    for child in found:
        found += children.get(child, ())
    return found
