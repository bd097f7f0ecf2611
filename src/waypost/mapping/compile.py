"""Map documents compiled to one readable Python function, and run again by the interpreter where that fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from waypost.core.errors import DataError, Fault
from waypost.mapping.bundle import Bundle
from waypost.mapping.document import MapDocument
from waypost.mapping.loading import load_bundle
from waypost.mapping.reference_use import References
from waypost.mapping.replay import apply_slowly
from waypost.mapping.writer import Writer

_COST = 4
"""A message that strict code fails on costs as much as it saves with so many others."""
_PATIENCE = 1000
"""Messages' worth of saving after which it is given up."""


class CompiledMap:
    """A map ready to run. ``source`` is the Python it became, ``paths`` the places of the message it reads.

    There are three ways to the same target. The strict function is for messages that have all that the map reads, most
    of them as a rule; what it cannot do the whole function does, and what that cannot do the interpreter, which finds
    the words for it. Where strictness seldom pays it is given up.
    """

    __slots__ = ("_call", "_spared", "_strict", "bundle", "paths", "source")

    def __init__(self, bundle: Bundle) -> None:
        self.bundle, self.paths = bundle, bundle.document.paths
        uses = {file: CompiledMap(used) for file, used in bundle.uses.items()}
        calls = {file: used._call for file, used in uses.items()}
        whole = Writer(bundle.document, bundle.tables, calls)
        self.source: str = "\n\n".join([*(used.source for used in uses.values()), whole.emitter.source])
        self._call: Callable[..., dict[str, Any]] = whole.emitter.module(f"<map {self.document.file}>")[whole.name]
        strict = Writer(bundle.document, bundle.tables, calls, strict=True)
        namespace = strict.emitter.module(f"<map {self.document.file}, strict>")
        self._strict: Callable[..., dict[str, Any] | None] = namespace[strict.name]
        self._spared = _PATIENCE

    @property
    def document(self) -> MapDocument:
        return self.bundle.document

    def apply(self, body: Any, now: int = 0) -> dict[str, Any]:
        """The target document of one message received at ``now`` (UTC µs). Raises ``DataError`` naming file, line,
        target, expression and values; nothing else. The source is not changed; parts of it may be in the result."""
        if self._spared >= 0:
            try:
                made = self._strict(body, now)
            except Exception:  # noqa: BLE001 - as in ``apply_batch``
                made = None
            if made is not None:
                return made
            self._spared -= 1
        try:
            return self._call(body, now)
        except Exception:  # noqa: BLE001 - the interpreter finds out which rule it was
            return apply_slowly(self.bundle, body, now)

    def apply_batch(self, bodies: Sequence[Any], now: Sequence[int]) -> list[dict[str, Any] | DataError]:
        """The target document of each message, a ``DataError`` instance in the place of each that has none."""
        if self._spared < 0:
            return [self._wholly(body, received_at) for body, received_at in zip(bodies, now, strict=True)]
        made: list[dict[str, Any] | DataError] = []
        strict, failed = self._strict, 0
        for body, received_at in zip(bodies, now, strict=True):
            try:
                target = strict(body, received_at)
            except Exception:  # noqa: BLE001 - no such message as it expects; the whole function says what it is
                target = None
            if target is None:
                failed += 1
                made.append(self._wholly(body, received_at))
            else:
                made.append(target)
        self._spared = min(_PATIENCE, self._spared + len(made) - _COST * failed)
        return made

    def _wholly(self, body: Any, now: int) -> dict[str, Any] | DataError:
        try:
            return self._call(body, now)
        except Exception:  # noqa: BLE001 - the interpreter finds out which rule it was
            return self._slowly(body, now)

    def _slowly(self, body: Any, now: int) -> dict[str, Any] | DataError:
        try:
            return apply_slowly(self.bundle, body, now)
        except DataError as error:
            return error


def load_map(
    file: str, read: Callable[[str], bytes], faults: list[Fault], references: References | None = None
) -> CompiledMap | None:
    """The map of a project file with its lookups, used maps and schemas, checked against these; None, with every reason
    added to ``faults``, when it has a fault. ``read`` gives the bytes of a project file; it raises ``OSError``,
    ``KeyError`` or a Waypost error for one that is not there."""
    before = len(faults)
    bundle = load_bundle(file, read, faults, references)
    return CompiledMap(bundle) if bundle is not None and len(faults) == before else None
