"""Where workers are born: one process that has the engine imported and forks, so that a dead worker is back in
milliseconds; the components of its project it imports itself. The process has no threads and no event loop of its own;
it ends with its supervisor, and the workers with it."""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path

import msgspec

from waypost.core.registry import registry
from waypost.flow.process.loop import run_loop
from waypost.flow.process.worker import Restart, RunOptions, die_with_parent, work


class Order(msgspec.Struct, array_like=True):
    """Start worker ``number``; with ``restart``, in the place of one that died."""

    number: int
    root: str
    environment: str
    options: RunOptions
    restart: Restart | None = None


class Report(msgspec.Struct, array_like=True):
    """Worker ``number`` runs as ``pid``, or, with ``code``, has ended (negative: the signal that ended it)."""

    number: int
    pid: int
    code: int | None = None


def tend(supervisor: int) -> None:
    """Read orders from standard input, a line each, and write reports to standard output, until it closes."""
    die_with_parent(supervisor)
    registry.names("step")
    born: dict[int, int] = {}
    waker_read, waker_write = os.pipe()
    os.set_blocking(waker_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.set_wakeup_fd(waker_write, warn_on_full_buffer=False)
    waiting = b""
    while True:
        readable, _, _ = select.select([0, waker_read], [], [])
        if waker_read in readable:
            os.read(waker_read, 4096)
        if 0 in readable:
            data = os.read(0, 65536)
            if not data:
                return
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                _bear(msgspec.json.decode(line, type=Order), born)
        _bury(born)


def _bear(order: Order, born: dict[int, int]) -> None:
    nursery = os.getpid()
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _live(order, nursery)
    born[pid] = order.number
    _say(Report(order.number, pid))


def _live(order: Order, nursery: int) -> None:
    """The rest of a worker's process."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    die_with_parent(nursery)
    code = 1
    try:
        code = run_loop(work(Path(order.root), order.environment, order.number, order.options, order.restart))
    finally:
        sys.stderr.flush()
        os._exit(code)


def _bury(born: dict[int, int]) -> None:
    while born:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        _say(Report(born.pop(pid), pid, os.waitstatus_to_exitcode(status)))


def _say(report: Report) -> None:
    os.write(1, msgspec.json.encode(report) + b"\n")


if __name__ == "__main__":
    tend(int(sys.argv[1]))
