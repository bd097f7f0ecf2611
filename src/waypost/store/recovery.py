"""What a journal is after any stop: which segment is written next, from where, and that all before it is durable.

- The last segment with frames ends at its first bad frame, unless a good one follows: then bytes have changed.
- The last frame is written and synced again: it may lie in memory only, and after a failed sync the system believes
  it clean, so that a mere sync would promise what is not so.
- A segment that is not the last has lost nothing, or the store is damaged.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from waypost.core.errors import StoreDamaged
from waypost.store.disk import Disk
from waypost.store.frame import MAGIC, BadFrame, Header
from waypost.store.segment import START, SUFFIX, Identity, Segment, UnfinishedSegment, segment_name

_PIECE = 4 << 20


@dataclass(slots=True)
class Recovered:
    """Where the journal goes on."""

    active: Segment
    end: int = START
    offsets: list[int] = field(default_factory=list)
    """Where the frames of the active segment begin."""
    before: int = 0
    """Where the segment before ended, when the active one is still empty."""
    ready: Segment | None = None
    """An empty segment for when the active one is full."""
    cut: int = 0
    """Bytes of an unfinished write that were cut off."""


def segment_numbers(disk: Disk, folder: str) -> list[int]:
    """The numbers of the segment files in a journal folder, rising."""
    return [int(name[: -len(SUFFIX)]) for name in disk.list(folder) if name.endswith(SUFFIX)]


def recover(disk: Disk, folder: str, identity: Identity, now: int) -> Recovered:
    """Bring the journal in ``folder`` to a state in which all it holds is durable, and say where it goes on. Raises
    ``StoreDamaged`` when bytes that were durable are not what was written."""
    numbers = segment_numbers(disk, folder)
    last = _open_last(disk, folder, identity, numbers)
    disk.sync_folder(folder)
    if last is None:
        return Recovered(Segment.create(disk, folder, 1, identity, now))
    found, ready = _tail(last), None
    if not found.headers and last.number - 1 in numbers:
        before = _open_before(disk, folder, identity, last.number)
        if before.footer() is None:
            ready = _go_on(last, found).active
            last, found = before, _tail(before)
    going_on = _go_on(last, found)
    going_on.ready = ready
    if last.number - 1 in numbers:
        going_on.before = _finish(_open_before(disk, folder, identity, last.number), found)
    return going_on


def _open_last(disk: Disk, folder: str, identity: Identity, numbers: list[int]) -> Segment | None:
    """The last segment; one that was just being created is removed."""
    while numbers:
        try:
            return Segment.open(disk, folder, numbers[-1], identity, write=True)
        except UnfinishedSegment:
            disk.unlink(f"{folder}/{segment_name(numbers.pop())}")
    return None


def _open_before(disk: Disk, folder: str, identity: Identity, number: int) -> Segment:
    try:
        segment = Segment.open(disk, folder, number - 1, identity)
        if segment.footer() is not None:
            return segment
        segment.close()
        return Segment.open(disk, folder, number - 1, identity, write=True)
    except UnfinishedSegment as fault:
        raise StoreDamaged(
            "a segment without a header, though a later one was written",
            where=str(fault),
            remedy="restore the store from a backup",
        ) from fault


@dataclass(slots=True)
class _Tail:
    headers: list[Header]
    end: int


def _tail(segment: Segment) -> _Tail:
    """The good frames of a segment that was being written."""
    if (footer := segment.footer()) is not None:
        raise segment.damaged(footer[1], "a sealed segment, and the one after it is missing")
    size, at, headers = segment.size, START, []
    while at < size:
        try:
            header, _ = segment.frame(at)
        except BadFrame as fault:
            later = later_frame(segment, at + 1, size)
            if later is not None:
                raise segment.damaged(at, f"{fault}, and a good frame at {later}, written after it was safe") from fault
            break
        headers.append(header)
        at += header.size
    return _Tail(headers, at)


def later_frame(segment: Segment, start: int, size: int) -> int | None:
    """Where the next good frame begins, or None."""
    for at in range(start, size, _PIECE):
        piece = segment.disk.read(segment.fd, _PIECE + len(MAGIC) - 1, at)
        hit = piece.find(MAGIC)
        while hit >= 0:
            if _is_frame(segment, at + hit):
                return at + hit
            hit = piece.find(MAGIC, hit + 1)
    return None


def _is_frame(segment: Segment, at: int) -> bool:
    try:
        segment.frame(at)
    except BadFrame:
        return False
    return True


def _finish(before: Segment, found: _Tail) -> int:
    """Seal the segment before the active one, unless it is: all of its frames were durable when the next was begun.
    Where it ends."""
    footer = before.footer()
    end = found.headers[0].before if found.headers else 0
    if footer is None:
        offsets = [header.offset for header, _ in before.frames(START, end)]
        _cut(before, end)
        before.seal(offsets, end)
    elif end not in (0, footer[1]):
        raise before.damaged(footer[1], f"an end that is not {end}, where the next segment says it was")
    else:
        end = footer[1]
    before.close()
    return end


def _go_on(segment: Segment, found: _Tail) -> Recovered:
    disk, end = segment.disk, found.end
    cut = _cut(segment, end)
    doubtful = found.headers[-1].offset if len(found.headers) > 1 else 0
    disk.write(segment.fd, [disk.read(segment.fd, end - doubtful, doubtful)], doubtful)
    disk.sync(segment.fd)
    return Recovered(segment, end, [header.offset for header in found.headers], cut=cut)


def _cut(segment: Segment, end: int) -> int:
    """Cut off what follows ``end``, durably: it must not come back behind what is written next."""
    rest = segment.size - end
    if rest > 0:
        segment.disk.truncate(segment.fd, end)
        segment.disk.sync(segment.fd)
    return max(rest, 0)
