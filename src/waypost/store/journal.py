"""The journal of a shard, read: one record, or all committed groups from a place on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from waypost.core.errors import StoreDamaged
from waypost.store.codec import Codec
from waypost.store.derived import CommittedGroup, Watermark
from waypost.store.disk import Disk
from waypost.store.frame import Header, Part, record_of
from waypost.store.protocol import Location
from waypost.store.record import AnyRecord
from waypost.store.recovery import segment_numbers
from waypost.store.segment import START, Identity, Segment, UnfinishedSegment


class Journal:
    """Reads what is durable of a journal. Safe from any thread, also while the journal is written: it opens the files
    for itself and keeps none open."""

    def __init__(self, disk: Disk, folder: str, identity: Identity, codec: Codec) -> None:
        self._disk, self._folder, self._identity, self._codec = disk, folder, identity, codec

    def segments(self) -> list[int]:
        """The numbers of all segments there are, rising. They need not be dense: retention removes any."""
        return segment_numbers(self._disk, self._folder)

    def record(self, at: Location) -> AnyRecord:
        """One record; large bodies stay named. Raises ``StoreDamaged``."""
        with closing(self.open(at.segment)) as segment:
            return record_of(segment.part(at.offset, at.item), self._codec, f"{segment.path} offset {at.offset}")

    def groups(self, since: Watermark, until: Watermark, *, gaps: bool = False) -> Iterator[CommittedGroup]:
        """Everything after ``since`` up to ``until``, a frame at a time. A segment that is missing on the way is an
        error, or is passed over with ``gaps``."""
        numbers = [number for number in self.segments() if since[0] <= number <= until[0]]
        if not gaps:
            self._refuse_gaps(since, until, numbers)
        for number in numbers:
            with closing(self.open(number)) as segment:
                start = since[1] if number == since[0] else START
                for header, found in segment.frames(start, self._end(segment, until)):
                    yield self._group(segment, header, found)

    def open(self, number: int) -> Segment:
        """A segment, for reading; the caller closes it."""
        try:
            return Segment.open(self._disk, self._folder, number, self._identity)
        except (FileNotFoundError, UnfinishedSegment) as fault:
            raise StoreDamaged(
                f"no segment {number}", where=self._folder, remedy="restore the store from a backup"
            ) from fault

    def _end(self, segment: Segment, until: Watermark) -> int:
        if segment.number == until[0]:
            return until[1]
        footer = segment.footer()
        if footer is not None:
            return footer[1]
        with closing(self.open(segment.number + 1)) as following:
            for header, _ in following.frames(START, following.size):
                return header.before
        raise segment.damaged(segment.size, "no readable footer, and nothing in the segment after it")

    def _refuse_gaps(self, since: Watermark, until: Watermark, numbers: list[int]) -> None:
        missing = sorted(set(range(max(since[0], 1), until[0] + 1)) - set(numbers))
        if missing:
            raise StoreDamaged(
                f"no segment {missing[0]}",
                where=self._folder,
                expected=f"all after {since[0]} offset {since[1]}, where the derived state stands",
                remedy="restore the store from a backup",
            )

    def _group(self, segment: Segment, header: Header, found: list[Part]) -> CommittedGroup:
        where = f"{segment.path} offset {header.offset}"
        return CommittedGroup(
            [
                (Location(segment.number, header.offset, part.item), record_of(part, self._codec, where))
                for part in found
            ],
            (segment.number, header.offset + header.size),
            header.size,
        )
