"""Append to one file, each delivery once, whatever dies: several processes may append to it at the same time.

Beside ``orders.ndjson`` stands its ledger ``.orders.ndjson.waypost``. Under an exclusive lock on the ledger, an append

1. settles what a process that died here left behind: an entry whose bytes are all in the file counts (they are synced
   first), any other is cut out of file and ledger;
2. leaves out the deliveries the ledger knows, where they may have come before;
3. writes its entry and syncs the ledger;
4. writes its bytes, in one write, and syncs the file; marks the entry as done.

The ledger is durable before the first byte is written, so bytes of ours are never in the file without an entry, after
a power failure too: what lies behind the last entry was written by somebody else and is never cut. The mark is not
synced; without it the bytes are compared with their check sum. The order ledger, file costs two syncs a batch and
leaves no window in which a confirmed delivery could be lost or an unconfirmed one be unknown.

A file that was renamed or removed (logrotate) is started anew and the ledger goes on. Left over: a file rotated away
between a death in step 4 and the next append cannot be looked into, its last batch is sent again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from waypost.connectors.append_ledger import (
    DONE_AT,
    FIRST_LINE,
    Entry,
    decode_entries,
    encode_entry,
    kept_by_compaction,
    key_hashes,
    known_hashes,
)
from waypost.connectors.directory_disk import Disk
from waypost.connectors.file_error import file_error
from waypost.core.component import Outbound
from waypost.core.errors import ConfigurationRefused

COMPACT_BYTES = 4 << 20
MAX_TORN_BYTES = 16 << 10
"""More than the entry of the largest batch: what is longer was not torn by a death."""
_CHECK_BYTES = 1 << 20
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class AppendFile:
    """One file and its ledger. ``append`` blocks, may be called from any thread, and takes turns with itself.
    ``report`` hears of what was found that should not be."""

    def __init__(
        self, path: Path, *, separator: bytes, writer: int, disk: Disk | None = None,
        report: Callable[[str], None] = lambda said: None,
    ) -> None:  # fmt: skip
        self.path, self._ledger_path = path, path.with_name(f".{path.name}.waypost")
        self._separator, self._writer, self._disk, self._report = separator, writer, disk or Disk(), report
        self._turn = threading.Lock()
        self._data = self._ledger = -1
        self._ledger_found: os.stat_result | None = None
        self._found: os.stat_result | None = None
        """What was found of both at the last look: which files are open, and under the lock their sizes."""
        self._read_to = 0
        self._last: Entry | None = None
        self._compact_at = COMPACT_BYTES

    def append(self, messages: Sequence[Outbound]) -> list[int]:
        """Put ``messages`` behind what is there, all or none. The offset of each; -1 where it was there already.
        ``EndpointError`` when it cannot be done; nothing is in the file then."""
        with self._turn:
            try:
                with self._locked():
                    self._settle()
                    return self._append(messages)
            except OSError as error:
                self._forget()
                raise file_error(error, self.path, "append to") from error
            except BaseException:
                self._forget()
                raise

    def close(self) -> None:
        with self._turn:
            self._forget()

    # ── the lock ─────────────────────────────────────────────────────────────────────────────────────────────────

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        while True:
            if self._ledger < 0:
                self._ledger, self._read_to, self._last = self._open_ledger(), 0, None
            fcntl.flock(self._ledger, fcntl.LOCK_EX)
            open_one = self._ledger_found or os.fstat(self._ledger)
            self._ledger_found = _named(self._ledger_path, open_one)
            if self._ledger_found is not None:
                break
            self._close_ledger()  # another process has compacted it, or somebody removed it
        try:
            if self._data >= 0 and self._found is not None:
                self._found = _named(self.path, self._found)
            if self._data >= 0 and self._found is None:
                os.close(self._data)
                self._data = -1
            if self._data < 0:
                self._data = self._open_data()
                self._found = os.fstat(self._data)
            yield
        finally:
            if self._ledger >= 0:
                fcntl.flock(self._ledger, fcntl.LOCK_UN)

    def _open_data(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | _FLAGS
        try:
            descriptor = os.open(self.path, flags)
        except FileNotFoundError:
            descriptor = self._disk.create(self.path, flags)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise ConfigurationRefused("it is not a regular file", where=str(self.path), remedy="move it away")
        return descriptor

    def _open_ledger(self) -> int:
        while True:
            with contextlib.suppress(FileNotFoundError):
                return os.open(self._ledger_path, os.O_RDWR | _FLAGS)
            self._create_ledger()

    def _create_ledger(self) -> None:
        """A ledger appears with its first line whole and durable, or not at all; one process makes it."""
        half = self._ledger_path.with_name(self._ledger_path.name + ".new")
        descriptor = os.open(half, os.O_RDWR | os.O_CREAT | _FLAGS, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.lexists(self._ledger_path) or not _named(half, os.fstat(descriptor)):
                return
            self._disk.truncate(descriptor, 0)
            self._write_all(descriptor, FIRST_LINE, 0)
            self._disk.sync(descriptor)
            self._disk.rename(half, self._ledger_path)
        finally:
            os.close(descriptor)

    def _forget(self) -> None:
        """Know nothing any more; the next append reads it all again."""
        self._close_ledger()
        if self._data >= 0:
            os.close(self._data)
        self._data, self._found = -1, None

    def _close_ledger(self) -> None:
        if self._ledger >= 0:
            os.close(self._ledger)
        self._ledger, self._ledger_found, self._read_to, self._last = -1, None, 0, None

    # ── what others left ─────────────────────────────────────────────────────────────────────────────────────────

    def _settle(self) -> None:
        assert self._ledger_found is not None
        size = self._ledger_found.st_size
        if self._read_to == 0:
            self._check_first_line()
        if size > self._read_to:
            self._read_on(size)
        if self._last is not None and not self._last.done:
            self._settle_last(self._last)
            self._found = os.fstat(self._data)

    def _check_first_line(self) -> None:
        if os.pread(self._ledger, len(FIRST_LINE), 0) != FIRST_LINE:
            raise ConfigurationRefused(
                "it is not an append ledger this version can read", where=str(self._ledger_path),
                remedy="move it away; deliveries made before are then no longer recognised",
            )  # fmt: skip
        self._read_to = len(FIRST_LINE)

    def _read_on(self, size: int) -> None:
        for entry in decode_entries(_read(self._ledger, self._read_to, size), self._read_to):
            self._last, self._read_to = entry, entry.end
        if size - self._read_to > MAX_TORN_BYTES:
            self._report(f"its ledger is damaged at byte {self._read_to}; later deliveries in it are forgotten")
        if self._read_to < size:
            # Cut short by a death in step 3: nothing of it is in the file.
            self._disk.truncate(self._ledger, self._read_to)

    def _settle_last(self, entry: Entry) -> None:
        found = os.fstat(self._data)
        if found.st_ino != entry.inode:
            self._report("it was replaced before its last append could be checked; that batch may be in both files")
        elif found.st_size >= entry.file_end and self._crc(entry) == entry.data_crc:
            self._disk.sync(self._data)
            self._mark_done(entry)
            return
        elif found.st_size <= entry.file_end:
            if found.st_size > entry.offset:
                self._disk.truncate(self._data, entry.offset)
        else:
            self._report(f"a torn append stays at byte {entry.offset}: somebody else has written behind it")
        self._disk.truncate(self._ledger, entry.start)
        self._read_to, self._last = entry.start, None

    def _crc(self, entry: Entry) -> int:
        crc = 0
        for at in range(entry.offset, entry.file_end, _CHECK_BYTES):
            crc = zlib.crc32(os.pread(self._data, min(_CHECK_BYTES, entry.file_end - at), at), crc)
        return crc

    def _mark_done(self, entry: Entry) -> None:
        # It spares the next process a check sum, no more: what is wrong with the disk will show at the next append.
        with contextlib.suppress(OSError):
            self._disk.write(self._ledger, b"\1", entry.start + DONE_AT)
        self._last = entry._replace(done=True)

    # ── the append ───────────────────────────────────────────────────────────────────────────────────────────────

    def _append(self, messages: Sequence[Outbound]) -> list[int]:
        hashes = key_hashes([message.idempotency_key for message in messages])
        doubtful = [h for h, m in zip(hashes, messages, strict=True) if m.attempt > 1 or m.possible_duplicate]
        if doubtful and (known := known_hashes(self._entries(), doubtful)):
            fresh = [(h, m) for h, m in zip(hashes, messages, strict=True) if h not in known]
            offsets = iter(self._write([h for h, _ in fresh], [m for _, m in fresh]) if fresh else ())
            return [-1 if h in known else next(offsets) for h in hashes]
        return self._write(hashes, messages)

    def _entries(self) -> Iterator[Entry]:
        return decode_entries(_read(self._ledger, len(FIRST_LINE), self._read_to), len(FIRST_LINE))

    def _write(self, hashes: Sequence[bytes], messages: Sequence[Outbound]) -> list[int]:
        found, separator = self._found, self._separator
        assert found is not None
        bodies = [message.body for message in messages]
        if separator:
            bodies = [body if body.endswith(separator) else body + separator for body in bodies]
        begin = separator if separator and found.st_size and not self._ends_a_line(found) else b""
        offsets = list(accumulate(map(len, bodies[:-1]), initial=found.st_size + len(begin)))
        data = b"".join((begin, *bodies))
        entry = encode_entry(
            inode=found.st_ino, offset=found.st_size, length=len(data), data_crc=zlib.crc32(data),
            writer=self._writer, hashes=b"".join(hashes),
        )  # fmt: skip
        self._commit(entry, data, found.st_size)
        return offsets

    def _ends_a_line(self, found: os.stat_result) -> bool:
        if self._last and self._last.inode == found.st_ino and self._last.file_end == found.st_size:
            return True
        start = max(0, found.st_size - len(self._separator))
        return os.pread(self._data, len(self._separator), start) == self._separator

    def _commit(self, entry: bytes, data: bytes, size: int) -> None:
        start = self._read_to
        try:
            self._write_all(self._ledger, entry, start)
            self._disk.sync(self._ledger)
            self._write_all(self._data, data, size)
            self._disk.sync(self._data)
        except OSError:
            self._undo(size, start)
            raise
        self._read_to = start + len(entry)
        self._mark_done(next(decode_entries(entry, start)))
        if self._read_to > self._compact_at:
            self._compact()

    def _undo(self, size: int, start: int) -> None:
        try:
            if os.fstat(self._data).st_size > size:
                self._disk.truncate(self._data, size)
            self._disk.truncate(self._ledger, start)
        except OSError as error:
            # The entry stays: the next append finds it and decides by what is in the file then.
            self._report(f"an append that failed could not be undone at once: {error.strerror}")

    def _write_all(self, descriptor: int, data: bytes, offset: int) -> None:
        written = 0
        while written < len(data):
            count = self._disk.write(descriptor, data[written:] if written else data, offset + written)
            if count == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written += count

    # ── compaction ───────────────────────────────────────────────────────────────────────────────────────────────

    def _compact(self) -> None:
        """Keep the newest entries of each writer in a new ledger, put in the old one's place while both are locked."""
        whole = _read(self._ledger, 0, self._read_to)
        entries = kept_by_compaction(list(decode_entries(whole[len(FIRST_LINE) :], len(FIRST_LINE))))
        kept = FIRST_LINE + b"".join(whole[entry.start : entry.end] for entry in entries)
        half = self._ledger_path.with_name(self._ledger_path.name + ".compacted")
        descriptor = os.open(half, os.O_RDWR | os.O_CREAT | os.O_TRUNC | _FLAGS, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._write_all(descriptor, kept, 0)
            self._disk.sync(descriptor)
            self._disk.rename(half, self._ledger_path)
        except BaseException as error:
            os.close(descriptor)
            if not isinstance(error, OSError):
                raise
            self._compact_at *= 2
            self._report(f"its ledger could not be compacted: {error.strerror}")
            return
        os.close(self._ledger)
        self._ledger, self._ledger_found, self._read_to = descriptor, None, len(kept)
        self._last = self._last and self._last._replace(
            start=len(kept) - (self._last.end - self._last.start), end=len(kept)
        )
        self._compact_at = max(COMPACT_BYTES, 2 * len(kept))


def _read(descriptor: int, start: int, end: int) -> bytes:
    pieces = []
    while start < end and (piece := os.pread(descriptor, end - start, start)):
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


def _named(path: Path, found: os.stat_result) -> os.stat_result | None:
    """What is found today of the file of that name, if it still is the one that was ``found``."""
    try:
        named = os.lstat(path)
    except FileNotFoundError:
        return None
    return named if named.st_ino == found.st_ino and named.st_dev == found.st_dev else None
