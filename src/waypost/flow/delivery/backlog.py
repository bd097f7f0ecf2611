"""What waits for a target: references in order, sixteen bytes each, so that a million of them fit in little memory."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence

_TRIM = 8192


class Backlog:
    """First in, first out, but a key that is *busy* (in flight, or waiting for a retry) holds back its later entries.

    Entries are (reference, key hash); key 0 has no order to keep. A busy key belongs to the one entry that made it so:
    that entry alone may be taken, put back and settled while the key is busy.
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
        """Entries taken away that still lie somewhere in here; dropped when their turn comes."""
        self._rising = True
        """References in ``_refs`` rise, so that one is found by halving."""

    def __len__(self) -> int:
        """Entries to be handed out: ready and held back."""
        return len(self._refs) - self._head + len(self._front) + len(self._turn) + self._held - len(self._void)

    @property
    def ready(self) -> bool:
        return self._head < len(self._refs) or bool(self._front) or bool(self._turn)

    def add(self, refs: Iterable[int], keys: Iterable[int]) -> None:
        """Entries at the end, in order: the references of one call rise."""
        end = len(self._refs)
        self._refs.extend(refs)
        self._keys.extend(keys)
        if end > self._head and end < len(self._refs) and self._refs[end] < self._refs[end - 1]:
            self._rising = False

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

    def release_all(self, keys: Iterable[int]) -> None:
        """``release`` for the keys of a batch."""
        if self._busy:
            for key in keys:
                self.release(key)

    def put_back(self, refs: Sequence[int], keys: Sequence[int]) -> None:
        """Entries that were taken and not sent go to the front, in order; a busy key of theirs stays theirs."""
        for ref, key in reversed(list(zip(refs, keys, strict=True))):
            (self._turn if key in self._busy else self._front).appendleft((ref, key))

    def come_back(self, entries: Iterable[tuple[int, int]]) -> None:
        """Entries that were taken away and lost their place: before all that came after them and is still here."""
        free: list[tuple[int, int]] = []
        for ref, key in entries:
            if key not in self._busy:
                free.append((ref, key))
                continue
            self._hold(ref, key)
            self._busy[key] = array("Q", sorted(self._busy[key] or ()))
        if free:
            self._front = deque(sorted([*self._front, *free]))

    def behind(self, ref: int, key: int) -> None:
        """An entry that was taken beside an earlier one of its key, which is busy since, waits behind it."""
        self._hold(ref, key)

    def again(self, ref: int, key: int) -> None:
        """An entry whose key it itself keeps busy (a retry that is due) gets its turn."""
        self._turn.append((ref, key))

    def holds(self, ref: int, key: int) -> bool:
        """Whether an entry is in here to be handed out."""
        return ref not in self._void and self._lies(ref, key)

    def void(self, ref: int, key: int) -> bool:
        """Do not hand out an entry (cancelled, held by a person). False when it is not in here."""
        if not self.holds(ref, key):
            return False
        self._void.add(ref)
        return True

    def unvoid(self, ref: int) -> bool:
        """Hand out an entry after all, in its old place. False when it was not taken away, or is gone from here."""
        found = ref in self._void
        self._void.discard(ref)
        return found

    def _lies(self, ref: int, key: int) -> bool:
        if ref in (self._busy.get(key) or ()) or (ref, key) in self._turn or (ref, key) in self._front:
            return True
        if not self._rising:
            return ref in self._refs[self._head :]
        at = bisect_left(self._refs, ref, self._head)
        return at < len(self._refs) and self._refs[at] == ref

    def _trim(self) -> None:
        if self._head == len(self._refs):
            self._rising = True
        if self._head > _TRIM and self._head * 2 > len(self._refs):
            del self._refs[: self._head]
            del self._keys[: self._head]
            self._head = 0
