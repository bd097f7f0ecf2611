"""Cuts the records out of packed files of any length, holding a piece and a record."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from waypost.core.component import Format, Framer, Slice
from waypost.core.cutting import cut, cut_end, reads_from
from waypost.core.errors import DataError
from waypost.formats.archive_stream import Begun, Ended, Found, Packed, unpacked
from waypost.formats.archive_unpack import Budget


class ArchiveFramer:
    """The records of all files in order; places count in what they unpack to. Resumed, it unpacks all before anew.

    The context is the number of the file and the context its format gave the record.
    """

    rereads = True

    def __init__(self, inner: Format, limit_bytes: int, unpacked_bytes: int, offset: int, context: bytes) -> None:
        self._inner, self._limit, self._budget = inner, limit_bytes, Budget(unpacked_bytes)
        self._offset = offset
        self._resumed, self._context = split_context(context)
        """The file in which reading resumes, and the context there."""
        self._packed = Packed()
        self._found = unpacked(self._packed)
        self._name = ""
        self._file, self._base = -1, 0
        """The number of the file, and where it begins."""
        self._skip = 0
        """What lies before is not for the framer."""
        self._framer: Framer | None = None
        self._contexts: dict[bytes, bytes] = {}
        self._refused: DataError | None = None
        self.more = False

    def feed(self, data: bytes) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        self._packed.held += data
        return self._turn()

    def finish(self) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        self._packed.last = True
        return self._turn()

    def _turn(self) -> Sequence[Slice]:
        """The records of the next piece that has any."""
        slices: list[Slice] = []
        self.more = False
        try:
            while not slices:
                found = next(self._found, None)
                if found is None:
                    return slices
                self._look(found, slices)
            self.more = True
        except DataError as refusal:
            self._refused, self._packed = refusal, Packed()
            if not slices:
                raise
        return slices

    def _look(self, found: Found, slices: list[Slice]) -> None:
        try:
            if isinstance(found, Begun):
                self._begin(found.name)
            elif isinstance(found, Ended):
                if self._framer is not None:
                    for part in cut_end(self._framer):
                        self._keep(part, slices)
                self._framer = None
            else:
                self._piece(found, slices)
        except DataError as refusal:
            if self._name and refusal.code not in ("archive-size", "archive-syntax"):
                where = f"file {self._name[:80]!r}, {refusal.where}"
                raise DataError(refusal.found, where=where, expected=refusal.expected, remedy=refusal.remedy,
                                code=refusal.code) from None  # fmt: skip
            raise

    def _begin(self, name: str) -> None:
        self._name, self._file, self._base = name, self._file + 1, self._budget.used
        self._contexts = {}
        if self._file == self._resumed:
            self._framer = self._inner.framer(self._limit, self._offset - self._base, self._context)
            self._skip = self._base + reads_from(self._framer, self._offset - self._base)
        elif self._file > self._resumed and not name.endswith("/"):
            self._framer = self._inner.framer(self._limit)
            self._skip = self._base

    def _piece(self, piece: bytes, slices: list[Slice]) -> None:
        start, left = self._budget.used, self._budget.left
        if self._framer is not None and (part := piece[max(self._skip - start, 0) : left]):
            for cuts in cut(self._framer, part):
                self._keep(cuts, slices)
            self._keep(self._framer.feed(b""), slices)  # one that refused what came says so now
        self._budget.spend(len(piece), f"file {self._name[:80]!r}" if self._name else "gzip")

    def _keep(self, cuts: Sequence[Slice], slices: list[Slice]) -> None:
        """The slices with places in all that is unpacked; neighbours share a context where they did."""
        base = self._base
        for one in cuts:
            context = self._contexts.get(one.context)
            if context is None:
                self._contexts = {one.context: (context := b"%d\0" % self._file + one.context)}
            unit = one.unit + base if one.unit >= 0 else one.unit
            slices.append(
                msgspec.structs.replace(one, start=one.start + base, end=one.end + base, context=context, unit=unit)
            )


def split_context(context: bytes) -> tuple[int, bytes]:
    """The number of the file and the context within it; -1 where there is none."""
    number, mark, inner = context.partition(b"\0")
    return (int(number), inner) if mark and number.isdigit() and len(number) < 10 else (-1, b"")
