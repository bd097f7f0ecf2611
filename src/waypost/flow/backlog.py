"""What waits for a target: references in order, sixteen bytes each, so that a million of them fit in little memory."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Sequence

_TRIM = 8192


class Backlog:
    """First in, first out, but a key that is *busy* (in flight, or waiting for a retry) holds back its later entries.

    Entries are (reference, key hash); key 0 has no order to keep.
    """

    def __init__(self) -> None:
        self._refs: array[int] = array("Q")
        self._keys: array[int] = array("Q")
        self._head = 0
        self._front: deque[tuple[int, int]] = deque()
        self._turn: deque[tuple[int, int]] = deque()
        """Entries that may go although their key is busy: it is busy because of them."""
        self._busy: dict[int, array[int] | None] = {}
        self._held = 0
        self._void: set[int] = set()

    def __len__(self) -> int:
        """Entries not handed out: ready and held back."""
        return len(self._refs) - self._head + len(self._front) + len(self._turn) + self._held

    @property
    def ready(self) -> bool:
        return self._head < len(self._refs) or bool(self._front) or bool(self._turn)

    def add(self, refs: Iterable[int], keys: Iterable[int]) -> None:
        """Entries at the end, in order."""
        self._refs.extend(refs)
        self._keys.extend(keys)

    def take(self, limit: int, mark_busy: bool) -> tuple[list[int], list[int]]:
        """Up to ``limit`` entries whose keys are not busy. ``mark_busy``: their keys are busy until ``release``."""
        if not (mark_busy or self._busy or self._turn or self._front or self._void):
            end = min(len(self._refs), self._head + limit)
            refs, keys = self._refs[self._head : end].tolist(), self._keys[self._head : end].tolist()
            self._head = end
            self._trim()
            return refs, keys
        return self._pick(limit, mark_busy)

    def _pick(self, limit: int, mark_busy: bool) -> tuple[list[int], list[int]]:
        refs: list[int] = []
        keys: list[int] = []
        while self._turn and len(refs) < limit:
            ref, key = self._turn.popleft()
            if ref in self._void:
                self._void.discard(ref)
                self.release(key)
            else:
                refs.append(ref)
                keys.append(key)
        while len(refs) < limit and (entry := self._next()):
            ref, key = entry
            if ref in self._void:
                self._void.discard(ref)
            elif key and key in self._busy:
                self._hold(ref, key)
            else:
                if key and mark_busy:
                    self._busy[key] = None
                refs.append(ref)
                keys.append(key)
        self._trim()
        return refs, keys

    def _next(self) -> tuple[int, int] | None:
        if self._front:
            return self._front.popleft()
        if self._head < len(self._refs):
            self._head += 1
            return self._refs[self._head - 1], self._keys[self._head - 1]
        return None

    def _hold(self, ref: int, key: int) -> None:
        held = self._busy[key]
        if held is None:
            self._busy[key] = array("Q", (ref,))
        else:
            held.append(ref)
        self._held += 1

    def block(self, key: int) -> None:
        """Make a key busy: its later entries wait."""
        if key:
            self._busy.setdefault(key, None)

    def release(self, key: int) -> None:
        """A key's entry is done: the next one it holds gets its turn, or the key is free."""
        if not key or key not in self._busy:
            return
        held = self._busy[key]
        if not held:
            del self._busy[key]
            return
        ref = held.pop(0)
        self._held -= 1
        if not held:
            self._busy[key] = None
        self._turn.append((ref, key))

    def put_back(self, refs: Sequence[int], keys: Sequence[int], owned: bool) -> None:
        """Entries that were taken and not sent go to the front, in order. ``owned``: they keep their keys busy."""
        entries = reversed(list(zip(refs, keys, strict=True)))
        (self._turn if owned else self._front).extendleft(entries)

    def again(self, ref: int, key: int) -> None:
        """An entry whose key it itself keeps busy (a retry that is due) gets its turn."""
        self._turn.append((ref, key))

    def void(self, refs: Iterable[int]) -> None:
        """Entries that must not be handed out any more (cancelled, held by a person)."""
        self._void.update(refs)

    def unvoid(self, ref: int) -> None:
        self._void.discard(ref)

    def _trim(self) -> None:
        if self._head > _TRIM and self._head * 2 > len(self._refs):
            del self._refs[: self._head]
            del self._keys[: self._head]
            self._head = 0
