"""What a project declares to be served beside its flows, on the one HTTP listener."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from waypost.core.spec import Duration, Option, OptionFault, Size


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
