"""What the steps made of a batch: its outputs, and what failed."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from waypost.core.errors import WaypostError
from waypost.core.finding import Finding
from waypost.core.message import Message
from waypost.core.proof import DIGEST_BYTES
from waypost.flow.batch.ordinal import Path
from waypost.store.record import State


class Out(msgspec.Struct, gc=False):
    """One output row in the making: message ``index`` to target number ``target`` (``NO_TARGET``: it ended here)."""

    index: int
    target: int
    ordinal: int
    state: State
    message: Message | None = None
    body: bytes = b""
    digest: bytes = bytes(DIGEST_BYTES)
    path: Path = ()


@dataclass(slots=True)
class Trouble:
    """Why message ``index`` failed at ``place``; ``row`` is its output row."""

    row: int
    place: str
    error: WaypostError


class Note(msgspec.Struct, frozen=True):
    """What ``step`` found in message ``index``, or a part of it, that went on all the same."""

    index: int
    step: str
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Processed:
    """What the steps made of a batch. ``timings`` are microseconds per step."""

    outs: list[Out] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    timings: list[int] = field(default_factory=list)
    links: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Messages that ended as repetitions, and their originals."""
    notes: list[Note] = field(default_factory=list)
    parted: bool = False
    """Some message became several: outputs have paths."""
