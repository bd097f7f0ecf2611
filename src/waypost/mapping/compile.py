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


class CompiledMap:
    """A map ready to run. ``source`` is the Python it became, ``paths`` the places of the message it reads."""

    __slots__ = ("_call", "bundle", "paths", "source")

    def __init__(self, bundle: Bundle) -> None:
        self.bundle, self.paths = bundle, bundle.document.paths
        uses = {file: CompiledMap(used) for file, used in bundle.uses.items()}
        writer = Writer(bundle.document, bundle.tables, {file: used._call for file, used in uses.items()})
        self.source: str = "\n\n".join([*(used.source for used in uses.values()), writer.emitter.source])
        self._call: Callable[..., dict[str, Any]] = writer.emitter.module(f"<map {self.document.file}>")[writer.name]

    @property
    def document(self) -> MapDocument:
        return self.bundle.document

    def apply(self, body: Any, now: int = 0) -> dict[str, Any]:
        """The target document of one message received at ``now`` (UTC µs). Raises ``DataError`` naming file, line,
        target, expression and values; nothing else. The source is not changed; parts of it may be in the result."""
        try:
            return self._call(body, now)
        except Exception:  # noqa: BLE001 - the interpreter finds out which rule it was
            return apply_slowly(self.bundle, body, now)

    def apply_batch(self, bodies: Sequence[Any], now: Sequence[int]) -> list[dict[str, Any] | DataError]:
        """The target document of each message, a ``DataError`` instance in the place of each that has none."""
        made: list[dict[str, Any] | DataError] = []
        call = self._call
        for body, received_at in zip(bodies, now, strict=True):
            try:
                made.append(call(body, received_at))
            except Exception:  # noqa: BLE001 - as in ``apply``
                made.append(self._slowly(body, received_at))
        return made

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
