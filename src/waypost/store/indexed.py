"""One batch as the search index knows it, and the words for the states of its messages."""

from __future__ import annotations

import struct
import zlib

import msgspec

from waypost.store.outputs import LAYOUT_SIZE, tally
from waypost.store.protocol import Location
from waypost.store.record import State

WORDS = ("received", "retrying", "processing", "parked", "dead", "moved", "delivered", "cancelled", "filtered")
"""A message's states; their numbers here are stored."""

_PLACE = struct.Struct("<III")
_ROW = struct.Struct("<HBH")
PLACE_SIZE = _PLACE.size
NOWHERE = b""


def pack_place(at: Location) -> bytes:
    """A place as ``PLACE_SIZE`` bytes."""
    return _PLACE.pack(at.segment, at.offset, at.item)


def unpack_places(packed: bytes) -> list[Location]:
    """Every place of some packed one after the other."""
    return [Location(*place) for place in _PLACE.iter_unpack(packed)]


Output = tuple[int, str, int, State]
"""(row, target, ordinal, state)"""


class IndexedBatch(msgspec.Struct, gc=False):
    """``produced`` packs the places of its ``Produced``, ``story`` those of later records that name the batch's
    outputs; ``rows`` and ``states`` are as in ``OpenBatch``; ``troubled``: some
    outputs have a ``FailedOutput``."""

    seq: int
    flow: str
    version: str
    first: bytes
    count: int
    at: int
    arrival: int
    accepted: bytes
    produced: bytes = NOWHERE
    targets: tuple[str, ...] = ()
    story: bytes = b""
    rows: bytes = b""
    states: bytearray = msgspec.field(default_factory=bytearray)
    troubled: bool = False

    def words(self) -> dict[str, int]:
        """How many messages are in each state."""
        return tally(self.count, self.rows, self.states)

    def outputs(self) -> list[list[Output]]:
        """The outputs of every message."""
        found: list[list[Output]] = [[] for _ in range(self.count)]
        for row, (message, target, ordinal) in enumerate(_ROW.iter_unpack(self.rows)):
            name = self.targets[target] if target < len(self.targets) else ""
            found[message].append((row, name, ordinal, State(self.states[row])))
        return found

    def message_of(self, row: int) -> int:
        """The message an output row belongs to."""
        return int.from_bytes(self.rows[row * LAYOUT_SIZE : row * LAYOUT_SIZE + 2], "little")

    def target_of(self, row: int) -> str:
        """The name of the target of an output row, '' for one that goes nowhere."""
        number = self.rows[row * LAYOUT_SIZE + 2]
        return self.targets[number] if number < len(self.targets) else ""

    def packed_rows(self) -> bytes:
        """Nothing for the plain layout, the targets alone where only they differ from it, else all, compressed."""
        rows, plain = self.rows, plain_rows(self.count)
        if rows == plain:
            return b""
        targets = rows[_TARGET_AT::LAYOUT_SIZE]
        if len(rows) == len(plain) and rows == _with_targets(plain, targets):
            return _TARGETS + targets
        return _packed(rows)

    def packed_states(self) -> bytes:
        """Empty for outputs that were all delivered."""
        return b"" if self.states.count(State.DELIVERED) == len(self.states) else bytes(self.states)


_TARGET_AT = 2
_TARGETS = b"\1"
"""What no compressed layout begins with."""


def _with_targets(plain: bytes, targets: bytes) -> bytes:
    rows = bytearray(plain)
    rows[_TARGET_AT::LAYOUT_SIZE] = targets
    return bytes(rows)


def _packed(rows: bytes) -> bytes:
    # With the tables it makes for much text, which it clears first, zlib takes longer over a few rows than all else.
    packer = zlib.compressobj(1, zlib.DEFLATED, 10, 4)
    return packer.compress(rows) + packer.flush()


def unpack_states(packed: bytes, rows: bytes) -> bytearray:
    """What ``packed_states`` packed, for outputs with this layout."""
    return bytearray(packed) or bytearray((State.DELIVERED,)) * (len(rows) // LAYOUT_SIZE)


def plain_rows(count: int) -> bytes:
    """The layout in which output i belongs to message i and goes to the first target."""
    if count not in _plain:
        if len(_plain) > 64:
            _plain.clear()
        _plain[count] = b"".join(_ROW.pack(message, 0, 0) for message in range(count))
    return _plain[count]


def unpacked_rows(packed: bytes, count: int) -> bytes:
    """The layout that ``packed_rows`` packed, of a batch of ``count`` messages."""
    if packed[:1] == _TARGETS:
        return _with_targets(plain_rows(count), packed[1:])
    return zlib.decompress(packed) if packed else plain_rows(count)


_plain: dict[int, bytes] = {}
