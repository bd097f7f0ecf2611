"""Questions to a running system over its control socket, as the command line asks them."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.process import Running
from waypost.core.errors import WaypostError
from waypost.flow.process.client import FINDING, control_path, finder_path
from waypost.flow.sharing.wire import ask_once


async def ask(root: Path, verb: str, **params: Any) -> Any:
    """A verb of the running system; its answer."""
    store = root / ".waypost"
    beside = verb in FINDING and finder_path(store).exists()
    return msgspec.msgpack.decode(
        await ask_once(finder_path(store) if beside else control_path(store), verb, params, 60.0)
    )


def status(root: Path) -> dict[str, Any]:
    """What the system says of the flow ``orders``; nothing while it does not answer."""
    try:
        flow = asyncio.run(ask(root, "status"))["flows"][0]
        return {**flow, **flow["messages"], **flow["deliveries"]}
    except (OSError, WaypostError, IndexError):
        return {}


def wait_for(running: Running, true: Callable[[], object], seconds: float = 600.0, pause: float = 0.02) -> float:
    """The seconds until ``true()``. Raises ``RuntimeError`` when the process ends first, or never comes to it."""
    begun = time.perf_counter()
    while not true():
        if running.process.poll() is not None:
            raise RuntimeError(f"ended with {running.process.returncode} while something was waited for")
        if time.perf_counter() - begun > seconds:
            raise RuntimeError(f"not within {seconds:g} s")
        time.sleep(pause)
    return time.perf_counter() - begun


def listens(port: int) -> bool:
    """Whether somebody accepts connections at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
