"""What the engine hands a component when it builds it: the only way to anything outside itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from waypost.core.clock import Clock, Random, SystemClock, SystemRandom
from waypost.core.content import Content
from waypost.core.event import Events


class HttpRequest(Protocol):
    """An inbound request, read whole to the limit of its route."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str:
        """Decoded, without the query."""
        ...

    @property
    def query(self) -> Mapping[str, str]:
        """Decoded; of a name given twice the last counts."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case; values of a repeated name joined by ``, ``."""
        ...

    @property
    def parameters(self) -> Mapping[str, str]:
        """The values of the route's ``{name}`` segments, decoded."""
        ...

    @property
    def content(self) -> Content:
        """The body, whatever its size."""
        ...

    @property
    def body(self) -> bytes:
        """The body in memory: not for routes with a spool, whose bodies may be larger."""
        ...

    @property
    def gone(self) -> bool:
        """Whether the caller has hung up."""
        ...


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What is answered. ``body`` is sent as it is."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


HttpHandler = Callable[[HttpRequest], Awaitable[HttpResponse]]


class RouteClosed(Exception):
    """Raised by a handler for a request it had not begun when its route was unmounted: whoever mounts the route next
    may have it."""


class HttpListener(Protocol):
    """The one listener of an installation; loopback unless authentication is configured."""

    @property
    def address(self) -> str:
        """``http://127.0.0.1:8080``, once it listens."""
        ...

    @property
    def held(self) -> bool:
        """Whether routes are about to be mounted anew, and callers wait for them meanwhile."""
        ...

    def mount(
        self, method: str, path: str, handler: HttpHandler, *, limit_bytes: int, spool: Path | None = None
    ) -> None:
        """Answer ``method path`` by ``handler``. Bodies larger than 1 MiB are in files of the folder ``spool``, where
        there is one, else in memory. Raises ``ConfigurationRefused`` when the route is taken."""
        ...

    def unmount(self, method: str, path: str) -> None: ...


class Positions(Protocol):
    """Where a source stands, as the journal has it."""

    def get(self, partition: str) -> str:
        """The last accepted position of a partition, or ''."""
        ...

    def arrival_done(self, name: str, identity: str) -> bool:
        """Whether this arrival was accepted to its end (its disposal may still be owed)."""
        ...

    def present(self, names: Collection[str]) -> None:
        """The names, as of arrivals, of all that lay where the source looks at one whole look. What is not named for
        long may be forgotten; of a source that never says this nothing is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A named system of ``connections.yaml`` with its parsed options and its pool, shared by all who name it."""

    name: str
    kind: str
    options: Any
    pool: Any = None


class CheckRoom(Protocol):
    """Contents that messages left in the store for a ticket; a ticket's content never changes."""

    def redeem(self, ticket: str) -> Any:
        """The document left for a ticket. ``DataError`` for what is no ticket, or whose time is over; ``StoreDamaged``
        where it should be there and is not."""
        ...


class NoPositions:
    """A source that begins anew."""

    def get(self, partition: str) -> str:
        return ""

    def arrival_done(self, name: str, identity: str) -> bool:
        return False

    def present(self, names: Collection[str]) -> None:
        pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """Handed to ``cls(options, grants)``. ``root`` is the project's folder: relative paths are meant from there.
    ``flow`` and ``name`` say whose component it is; ``worker`` is its process (0 …); ``data_class`` is the flow's."""

    root: Path
    flow: str = ""
    name: str = ""
    worker: int = 0
    data_class: str = ""
    clock: Clock = field(default_factory=SystemClock)
    random: Random = field(default_factory=SystemRandom)
    events: Events = field(default_factory=Events)
    positions: Positions = field(default_factory=NoPositions)
    connections: Mapping[str, Connection] = field(default_factory=dict)
    listener: HttpListener | None = None
    compile_expression: Callable[[str], Callable[[Any], Any]] | None = None
    list_files: Callable[[str], Sequence[str]] | None = None
    """Names of the project's files below a folder, under this version's digest."""
    environment_class: str = ""
    """``prod`` or ``test``: where this runs; '' where that does not matter."""
    check_room: CheckRoom | None = None
    targets: tuple[str, ...] = ()
    """The targets of the flow, in the order they are written; nothing else can be routed to."""
    references: Any = None
    """The reference data expressions of a step may look into (``waypost.mapping.reference_use.References``)."""
    read_file: Callable[[str], bytes] | None = None
    """Bytes of a project file under this version's digest; steps and formats read files through it alone."""
