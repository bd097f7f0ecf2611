"""What a project serves beside its flows, on the one HTTP listener.

A service belongs to a package above the flows, so that it is named here and imported when it is opened. It is handed
the listener, the connections and the files of the version that runs; nothing it is sent enters a flow or the store.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol

from waypost.core.grants import Grants
from waypost.flow.declared.definition import Project

_SELF_TEST = "waypost.partners.self_test.service"


class Service(Protocol):
    """Something served while the system runs."""

    async def open(self) -> None:
        """Mount its routes."""
        ...

    async def close(self) -> None:
        """Unmount them and end what is under way."""
        ...


def services(project: Project, running: Callable[[], Project], grants: Grants) -> list[Service]:
    """The services a project declares. ``running`` gives the version that runs at the moment it is asked."""
    if project.options.self_test is None:
        return []
    module: Any = importlib.import_module(_SELF_TEST)
    return [module.SelfTest(project.options.self_test, running, grants)]
