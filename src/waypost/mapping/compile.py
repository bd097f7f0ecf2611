"""Map documents compiled to one readable Python function, and run again by the interpreter where that fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from waypost.core.errors import DataError, Fault, WaypostError
from waypost.mapping.document import MapDocument
from waypost.mapping.lookup import Table, read_table
from waypost.mapping.reader import read_map
from waypost.mapping.replay import apply_slowly
from waypost.mapping.writer import Writer


class CompiledMap:
    """A map ready to run. ``source`` is the Python it became, ``paths`` the places of the message it reads."""

    __slots__ = ("_call", "_tables", "document", "paths", "source")

    def __init__(self, document: MapDocument, tables: Mapping[str, Table]) -> None:
        self.document, self._tables, self.paths = document, tables, document.paths
        writer = Writer(document, tables)
        self.source = writer.emitter.source
        self._call: Callable[[Any, int], dict[str, Any]] = writer.emitter.module(f"<map {document.file}>")[writer.name]

    def apply(self, body: Any, now: int = 0) -> dict[str, Any]:
        """The target document of one message received at ``now`` (UTC µs). Raises ``DataError`` naming file, line,
        target, expression and values; nothing else. The source is not changed; parts of it may be in the result."""
        try:
            return self._call(body, now)
        except Exception:  # noqa: BLE001 - the interpreter finds out which rule it was
            return apply_slowly(self.document, body, now, self._tables)

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
            return apply_slowly(self.document, body, now, self._tables)
        except DataError as error:
            return error


def load_map(file: str, read: Callable[[str], bytes], faults: list[Fault]) -> CompiledMap | None:
    """The map of a project file with its lookups; None, with every reason added to ``faults``, when it has a fault.
    ``read`` gives the bytes of a project file; it raises ``OSError``, ``KeyError`` or a Waypost error for one that is
    not there."""
    before = len(faults)
    data = _bytes(file, file, 0, read, faults)
    if data is None:
        return None
    tables: dict[str, Table] = {}

    def load_table(name: str, path: str, line: int) -> None:
        found = _bytes(path, file, line, read, faults)
        if found is not None:
            tables[name] = read_table(path, found, faults)

    document = read_map(data.decode("utf-8", "replace"), file, faults, load_table)
    return CompiledMap(document, tables) if document is not None and len(faults) == before else None


def _bytes(path: str, file: str, line: int, read: Callable[[str], bytes], faults: list[Fault]) -> bytes | None:
    try:
        return read(path)
    except LookupError:
        cause = "no such file"
    except (OSError, WaypostError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    faults.append(Fault(file, line, "file", f"{path!r} cannot be read: {cause}", "a file of the project"))
    return None
