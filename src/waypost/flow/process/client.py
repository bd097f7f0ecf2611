"""Ask a project's system: the running one over its control socket, or its store when nothing runs."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from waypost.core.errors import EndpointUnavailable
from waypost.flow.batch.effects import unpack_answer
from waypost.flow.sharing.wire import ask_once


def control_path(store: Path) -> Path:
    """Where a running system listens."""
    return store / "run" / "control.sock"


FINDING = frozenset({"messages", "dead"})
"""Verbs that are asked where the event loop of a busy worker need not take a turn."""


def finder_path(store: Path, number: int | None = None) -> Path:
    """Where a system of one process answers ``FINDING``, or worker ``number`` of several its part of them."""
    return store / "run" / ("finder.sock" if number is None else f"finder-{number}.sock")


class Client:
    """One project folder's system. ``store`` is its message store's folder."""

    def __init__(self, root: Path, environment: str = "dev", store: Path | None = None) -> None:
        self.root, self.environment = root, environment
        self._store = store

    @property
    def store(self) -> Path:
        if self._store is None:
            from waypost.flow.declared.project import store_folder

            self._store = store_folder(self.root)
        return self._store

    @property
    def running(self) -> bool:
        """Whether a system of this project answers."""
        import socket

        from waypost.flow.sharing.wire import short_path

        path = control_path(self.store)
        if not path.exists():
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, short_path(path) as short:
            return probe.connect_ex(short) == 0

    async def ask(self, verb: str, **params: Any) -> Any:
        """Perform a verb there and give its result as plain data. Raises ``WaypostError`` with what went wrong."""
        if verb in FINDING and finder_path(self.store).exists():
            with contextlib.suppress(EndpointUnavailable):  # left behind by a process that was killed
                return unpack_answer(await ask_once(finder_path(self.store), verb, params, timeout_seconds=600))
        if control_path(self.store).exists():
            try:
                reply = await ask_once(control_path(self.store), verb, params, timeout_seconds=600)
                return unpack_answer(reply)
            except EndpointUnavailable:
                if self.running:
                    raise
        from waypost.flow.process.offline import perform_offline

        return await perform_offline(self.root, self.environment, verb, params)
