"""Cuts the rows out of a workbook of any length, holding a few of them and the texts that cells share."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import IO, Any

import msgspec

from waypost.core.component import Slice
from waypost.core.errors import DataError
from waypost.formats.excel_book import UNREADABLE, Row, look_inside, unreadable
from waypost.formats.line import too_large

ROW = b"row"
"""The context of every slice: the record is a row, as JSON."""
SHARED_BYTES = 16 << 20
_TOGETHER = 200
_IN_MEMORY = 1 << 20
_write = msgspec.json.Encoder(decimal_format="number").encode


class RowFramer:
    """One slice a row, which is its JSON; places count rows. A workbook is read where it ends, for its directory stands
    there: until then it lies in a temporary file without a name. Resumed, it is read anew."""

    rereads = True

    def __init__(
        self, read: Callable[[IO[bytes]], Iterator[Row]], limit_bytes: int, unpacked_bytes: int, offset: int
    ) -> None:  # fmt: skip
        self._read, self._limit, self._most = read, limit_bytes, unpacked_bytes
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed at the end
        self._size, self._at = 0, offset
        self._rows: Iterator[Row] | None = None
        self._refused: DataError | None = None
        self.more = False

    def __del__(self) -> None:
        self._file.close()  # also where the content was given up before its end

    def feed(self, data: bytes) -> Sequence[Slice]:
        self._size += len(data)
        if self._size > self._most and not self._refused:
            self._refuse(DataError(f"a workbook of more than {self._most} bytes", where="workbook",
                                   expected=f"at most {self._most}", remedy="raise unpacked_bytes",
                                   code="excel-size"))  # fmt: skip
        if self._refused:
            raise self._refused
        self._file.write(data)
        return ()

    def finish(self) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        slices: list[Slice] = []
        try:
            for row in islice(self._begun(), _TOGETHER):
                data = _write({"sheet": row.sheet, "row": row.number, "cells": row.cells})
                if len(data) > self._limit:
                    raise too_large(self._at, self._limit)
                slices.append(Slice(self._at, self._at + 1, data, "", ROW))
                self._at += 1
        except DataError as refusal:
            self._refuse(refusal)
        except UNREADABLE as wrong:
            self._refuse(unreadable(wrong))
        self.more = bool(slices)
        if self._refused and not slices:
            raise self._refused
        if not slices:
            self._file.close()
        return slices

    def _begun(self) -> Iterator[Any]:
        if self._rows is None:
            if not self._size:
                return iter(())
            self._file.seek(0)
            look_inside(self._file, self._most, SHARED_BYTES)
            self._file.seek(0)
            self._rows = islice(self._read(self._file), self._at, None)
        return self._rows

    def _refuse(self, refusal: DataError) -> None:
        self._refused, self._rows = refusal, None
        self._file.close()
