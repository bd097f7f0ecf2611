"""Keyed hashes of business keys, a whole column at a time.

A value becomes one block of 16 bytes, encrypted under a key derived from the store's secret and cut to 7 bytes: without
the secret nobody can tell which value a hash stands for, and not even with it can the value be computed back. A block
cipher takes all blocks of a column in one call, where a hash function wants a call each: 0.03 µs a value against 0.4.
The numbers of the messages are laid beside the hashes by arithmetic on one large integer, for the same reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

ENTRY = 16
HASH = 7
_PIECE = 1024
"""Values that are hashed together."""


class Hasher:
    """Makes postings for one store; ``names`` numbers the key names in the order they first came. ``column`` and
    ``one`` are for one thread, ``hash`` and ``number`` for any."""

    def __init__(self, secret: bytes, names: list[str]) -> None:
        self._names = names
        self._numbers = {name: 1 + number % 255 for number, name in enumerate(names)}
        self._long = blake2b(secret, digest_size=32, person=b"long keys").digest()
        self._cipher = Cipher(AES(blake2b(secret, digest_size=32, person=b"short keys").digest()), ECB())
        self._encrypt = self._cipher.encryptor().update
        """Of the thread of ``column``: block by block, so that it serves any number of columns."""

    def number(self, name: str) -> int:
        """The number of a key's name, 1 to 255; 0 for a name never seen."""
        return self._numbers.get(name, 0)

    def column(self, name: str, ref: int, values: Sequence[str], counts: Sequence[int] = ()) -> bytes:
        """Postings of a key in consecutive messages, the first being ``ref``; ``counts`` values belong to each, or one
        to every message."""
        tail = self._tail(name, ref)
        if counts:
            numbers = [number for number, count in enumerate(counts) for _ in range(count)]
            return b"".join(
                self._piece(values[at : at + _PIECE], tail, _lanes(numbers[at : at + _PIECE]))
                for at in range(0, len(values), _PIECE)
            )
        pieces = []
        for at in range(0, len(values), _PIECE):
            piece = values[at : at + _PIECE]
            pieces.append(self._piece(piece, tail + at, _rising(len(piece))))
        return b"".join(pieces)

    def one(self, name: str, ref: int, value: str) -> bytes:
        return self._encrypt(self._padded([value]))[:HASH] + self._tail(name, ref).to_bytes(ENTRY - HASH, "big")

    def hash(self, value: str) -> bytes:
        return self._cipher.encryptor().update(self._padded([value]))[:HASH]

    def _piece(self, values: Sequence[str], tail: int, numbers: int) -> bytes:
        ones, mask = _masks(len(values))
        hashes = int.from_bytes(self._encrypt(self._padded(values)), "big") & mask
        return (hashes | ones * tail + numbers).to_bytes(ENTRY * len(values), "big")

    def _padded(self, values: Sequence[str]) -> bytes:
        """A block for each value."""
        blocks = _format(len(values)) % tuple(values)
        if blocks.isascii() and len(blocks) == ENTRY * len(values):
            return blocks.encode()
        return self._blocks(values)

    def _blocks(self, values: Iterable[str]) -> bytes:
        return b"".join(
            value.ljust(ENTRY).encode()
            if len(value) <= ENTRY and value.isascii()
            else blake2b(value.encode(), digest_size=ENTRY, key=self._long).digest()
            for value in values
        )

    def _tail(self, name: str, ref: int) -> int:
        if name not in self._numbers:
            self._numbers[name] = 1 + len(self._names) % 255
            self._names.append(name)
        return self._numbers[name] << 64 | ref


@lru_cache(maxsize=64)
def _format(count: int) -> str:
    return f"%-{ENTRY}s" * count


@lru_cache(maxsize=64)
def _masks(count: int) -> tuple[int, int]:
    """(a one in each lane, ones where each lane has its hash)."""
    ones = int.from_bytes((1).to_bytes(ENTRY, "big") * count, "big")
    return ones, ones * (((1 << 8 * HASH) - 1) << 8 * (ENTRY - HASH))


@lru_cache(maxsize=64)
def _rising(count: int) -> int:
    """0, 1, 2 … in the lanes."""
    return _lanes(range(count))


def _lanes(numbers: Iterable[int]) -> int:
    return int.from_bytes(b"".join(number.to_bytes(ENTRY, "big") for number in numbers), "big")
