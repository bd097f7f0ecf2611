"""What lies where sources look, so that what is known of files that are gone can be forgotten with their messages."""

from __future__ import annotations

from collections.abc import Callable, Collection

ABSENT_SECONDS = 3600.0
"""How long content must have been away from where it was read before it may be forgotten: longer than a server or a
mounted folder that is away for a moment looks empty."""


class Lying:
    """What lies where this worker's sources look."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._since: dict[str, float] = {}
        self._seen: dict[str, dict[str, float]] = {}

    def saw(self, flow: str, names: Collection[str]) -> None:
        """All that lay there at one look."""
        now = self._monotonic()
        self._since.setdefault(flow, now)
        late = {name: at for name, at in self._seen.get(flow, {}).items() if at > now - ABSENT_SECONDS}
        self._seen[flow] = {**late, **dict.fromkeys(names, now)}

    def gone(self, flow: str, name: str) -> bool:
        """Whether a name was not seen for long, though the source looked."""
        since = self._since.get(flow)
        early = self._monotonic() - ABSENT_SECONDS
        return since is not None and since <= early and self._seen[flow].get(name, early) <= early
