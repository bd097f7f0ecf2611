"""Ask a project's system: the running one over its control socket, or its store when nothing runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from waypost.core.errors import EndpointUnavailable
from waypost.flow.effects import unpack_answer
from waypost.flow.wire import ask_once


def control_path(store: Path) -> Path:
    """Where a running system listens."""
    return store / "run" / "control.sock"


class Client:
    """One project folder's system. ``store`` is its message store's folder."""

    def __init__(self, root: Path, environment: str = "dev", store: Path | None = None) -> None:
        self.root, self.environment = root, environment
        self._store = store

    @property
    def store(self) -> Path:
        if self._store is None:
            from waypost.flow.project import store_folder

            self._store = store_folder(self.root)
        return self._store

    @property
    def running(self) -> bool:
        """Whether a system of this project answers."""
        import socket

        from waypost.flow.wire import short_path

        path = control_path(self.store)
        if not path.exists():
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, short_path(path) as short:
            return probe.connect_ex(short) == 0

    async def ask(self, verb: str, **params: Any) -> Any:
        """Perform a verb there and give its result as plain data. Raises ``WaypostError`` with what went wrong."""
        if control_path(self.store).exists():
            try:
                reply = await ask_once(control_path(self.store), verb, params, timeout_seconds=600)
                return unpack_answer(reply)
            except EndpointUnavailable:
                if self.running:
                    raise
        from waypost.flow.offline import perform_offline

        return await perform_offline(self.root, self.environment, verb, params)
