"""What a stop may leave on a disk: the model of files, folders, and what a sync promises.

A write is safe once its file was synced after it; a name (created, renamed, removed) once its folder was synced after
it. Until then each 512 bytes of each write may be there or not, and so may the later names of each folder. After a sync
that failed, what it should have made safe stays uncertain for ever: later syncs do not include it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from waypost.testing.crash.log import Operation

SECTOR = 512
EVERYTHING, SAFE = -1, -2
"""The two ways that leave nothing to chance."""
WAYS = 8
"""In how many ways each part is torn after an operation."""
PARTS = ("journal", "state", "index")
_ALL, _SYNCED = dict.fromkeys(PARTS, EVERYTHING), dict.fromkeys(PARTS, SAFE)

Image = Mapping[str, bytes]
"""Path to content; folders are paths that end in '/'."""


@dataclass(slots=True)
class _File:
    safe: bytearray = field(default_factory=bytearray)
    live: bytearray = field(default_factory=bytearray)
    pending: list[Operation] = field(default_factory=list)
    uncertain: list[Operation] = field(default_factory=list)
    """Written before a sync that failed."""
    since: list[Operation] = field(default_factory=list)
    """Made safe after that."""
    _contents: dict[int, bytes] = field(default_factory=dict)

    def happen(self, operation: Operation) -> None:
        _apply(self.live, operation)
        self.pending.append(operation)
        self._contents = {}

    def sync(self) -> None:
        self._contents = {}
        for operation in self.pending:
            _apply(self.safe, operation)
        if self.uncertain:
            self.since += self.pending
        self.pending = []

    def lose(self) -> None:
        self._contents = {}
        self.uncertain += [*self.since, *self.pending] if self.uncertain else self.pending
        self.pending, self.since = [], []

    def content(self, way: int) -> bytes:
        """What of it a stop leaves, in one of many ways: one copy for all ways where they leave the same."""
        if way != EVERYTHING and not (self.pending or self.uncertain):
            way = SAFE
        if way not in self._contents:
            if len(self._contents) > 2 * WAYS:
                self._contents.clear()
            self._contents[way] = self._content(way)
        return self._contents[way]

    def _content(self, way: int) -> bytes:
        if way == EVERYTHING:
            return bytes(self.live)
        if way == SAFE:
            return bytes(self.safe)
        random = Random(way)
        share, content = random.choice((0.1, 0.5, 0.9)), bytearray(self.safe)
        for operation in self.uncertain:
            _apply_torn(content, operation, random, share)
        for operation in self.since:
            _apply(content, operation)
        for operation in self.pending:
            _apply_torn(content, operation, random, share)
        return bytes(content)


@dataclass(slots=True)
class _Folder:
    safe: dict[str, int] = field(default_factory=dict)
    live: dict[str, int] = field(default_factory=dict)
    pending: list[Operation] = field(default_factory=list)

    def names(self, way: int) -> dict[str, int]:
        """Which names a stop leaves, in one of many ways."""
        if way == EVERYTHING:
            return self.live
        if way == SAFE or not self.pending:
            return self.safe
        random = Random(~way)
        choice = random.randrange(3)
        return _some(self, random) if choice == 2 else (self.safe, self.live)[choice]


class Platter:
    """A disk on which operations happen one after the other."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._files: dict[int, _File] = {}
        self._folders: dict[str, _Folder] = {root: _Folder()}

    def apply(self, operation: Operation) -> None:
        """Let an operation happen."""
        match operation.kind:
            case "write" | "truncate":
                self._files[operation.inode].happen(operation)
            case "sync":
                self._files[operation.inode].sync()
            case "lost":
                self._files[operation.inode].lose()
            case "settle":
                self.settle()
            case "names":
                folder = self._folders.setdefault(operation.path, _Folder())
                folder.safe, folder.pending = dict(folder.live), []
            case _:
                self._name(operation)

    def _name(self, operation: Operation) -> None:
        path = operation.path
        if operation.kind == "folder":
            self._folders.setdefault(path, _Folder())
            if path == self.root:
                return
        if operation.kind == "create":
            self._files.setdefault(operation.inode, _File())
        folder = self._folders[_parent(path)]
        _rename(folder.live, operation, folder.live)
        folder.pending.append(operation)

    def settle(self) -> None:
        """Let everything be safe, as after a long time."""
        for file in self._files.values():
            file.sync()
            file.safe, file.uncertain, file.since = bytearray(file.live), [], []
        for folder in self._folders.values():
            folder.safe, folder.pending = dict(folder.live), []

    def images(self, random: Random, torn: int) -> Iterator[tuple[str, Image]]:
        """(how, image) of some disks a stop may leave now. Each database and the journal are torn in a few ways, and
        ``torn`` combinations of those are drawn: SQLite's files and ours know nothing of each other."""
        yield "all", self._image(_ALL, _ALL)
        if not self._unsafe():
            return
        yield "synced", self._image(_SYNCED, _SYNCED)
        yield "synced, all names", self._image(_SYNCED, _ALL)
        yield "all, synced names", self._image(_ALL, _SYNCED)
        ways = [random.getrandbits(32) for _ in range(min(torn, WAYS))]
        for _ in range(torn):
            chosen = {part: random.choice(ways) for part in PARTS}
            yield "torn", self._image(chosen, chosen)

    def _unsafe(self) -> bool:
        return any(f.pending or f.uncertain for f in self._files.values()) or any(
            f.pending for f in self._folders.values()
        )

    def _image(self, contents: Mapping[str, int], names: Mapping[str, int]) -> Image:
        image: dict[str, bytes] = {}
        waiting = [self.root]
        while waiting:
            path = waiting.pop()
            image[path + "/"] = b""
            for part in PARTS:
                for name, inode in self._folders[path].names(names[part]).items():
                    if part_of(name) != part:
                        continue
                    if inode:
                        image[f"{path}/{name}"] = self._files[inode].content(contents[part])
                    else:
                        waiting.append(f"{path}/{name}")
        return image


def _some(folder: _Folder, random: Random) -> dict[str, int]:
    """The safe names, and some of what was done to them since."""
    names = dict(folder.safe)
    for operation in folder.pending:
        if random.random() < 0.5:
            _rename(names, operation, folder.live)
    return names


def _rename(names: dict[str, int], operation: Operation, live: dict[str, int]) -> None:
    name = operation.path.rpartition("/")[2]
    match operation.kind:
        case "folder":
            names[name] = 0
        case "create" | "link":
            names[name] = operation.inode
        case "unlink":
            names.pop(name, None)
        case "rename":
            other = operation.other.rpartition("/")[2]
            inode = names.pop(name, None)
            if inode is not None or other in live:
                names[other] = live[other] if inode is None else inode


def _apply(content: bytearray, operation: Operation) -> None:
    if operation.kind == "write":
        put(content, operation.at, operation.data)
    else:
        resize(content, operation.at)


def _apply_torn(content: bytearray, operation: Operation, random: Random, share: float) -> None:
    if operation.kind == "truncate":
        if random.random() < share:
            resize(content, operation.at)
        return
    start, data = operation.at, memoryview(operation.data)
    while data:
        size = min(SECTOR - start % SECTOR, len(data))
        if random.random() < share:
            put(content, start, data[:size])
        start += size
        data = data[size:]


def put(content: bytearray, at: int, data: bytes | memoryview) -> None:
    """Write into a file's content; a hole before it is zeros."""
    if at > len(content):
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data


def resize(content: bytearray, size: int) -> None:
    """Cut a file's content, or lengthen it with zeros."""
    del content[size:]
    content.extend(bytes(size - len(content)))


def part_of(path: str) -> str:
    """The part of the store a file belongs to: one of the databases, or everything else."""
    name = path.rpartition("/")[2]
    return name.partition(".")[0] if ".db" in name else "journal"


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
