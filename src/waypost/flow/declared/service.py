"""What a project serves beside its flows, on the one HTTP listener.

A service belongs to a package above the flows, so that it is named here and imported when it is opened. It is handed
the listener, the connections and the files of the version that runs; nothing it is sent enters a flow or the store.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from waypost.core.grants import Grants
from waypost.core.spec import Duration, Option, OptionFault, Size

if TYPE_CHECKING:
    from waypost.flow.declared.definition import Project

_SELF_TEST = "waypost.partners.self_test.service"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestOptions:
    """Where and within which limits partners try their files."""

    path: Annotated[str, Option("Where it is served; each partner below its name.", example="/self-test")] = (
        "/self-test"
    )
    limit_bytes: Annotated[Size, Option("Largest file.", minimum=1, maximum=64 << 20)] = Size(4 << 20)
    per_minute: Annotated[int, Option("Files of one partner in a minute; more hear 429.", minimum=1)] = 6
    at_once: Annotated[int, Option("Files looked at at once; more wait.", minimum=1, maximum=64)] = 2
    timeout_seconds: Annotated[Duration, Option("Longest look at a file.", minimum=0.1)] = Duration(30)
    memory_bytes: Annotated[Size, Option("Memory for the look at a file.", minimum=256 << 20)] = Size(1 << 30)

    def faults(self) -> Iterable[OptionFault]:
        if not self.path.startswith("/") or self.path.endswith("/") or "{" in self.path:
            yield OptionFault("path", f"found {self.path!r}", "a path such as /self-test")


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
