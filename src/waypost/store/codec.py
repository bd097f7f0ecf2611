"""How one record is compressed and encrypted: each alone, with the codec and key it was written with beside it.

Every record and chunk file carries both numbers from the first version on, so that turning compression or encryption
on, or changing the key, never rewrites what is stored.
"""

from __future__ import annotations

from typing import Any

from waypost.core.errors import StoreDamaged, StoreError
from waypost.store.protocol import Cipher

RAW = 0
ZSTD = 1

WORTHWHILE = 256
"""Bytes below which compression is not tried."""


class Codec:
    """Seals the bytes of records on their way to the journal and opens them again. Not for several threads writing,
    but any number may ``open`` beside one that seals."""

    def __init__(self, cipher: Cipher | None = None, *, compress: bool = False) -> None:
        self._cipher = cipher
        self._compressor: Any = _zstd().ZstdCompressor(level=1) if compress else None
        self.plain = cipher is None and not compress
        """Nothing is changed: the caller may leave ``seal`` out."""

    def another(self) -> Codec:
        """One of the same kind, for another thread."""
        return self if self.plain else Codec(self._cipher, compress=self._compressor is not None)

    def seal(self, data: bytes) -> tuple[int, int, bytes]:
        """(codec, key, bytes to store)."""
        codec = RAW
        if self._compressor is not None and len(data) >= WORTHWHILE:
            packed = self._compressor.compress(data)
            if len(packed) < len(data):
                codec, data = ZSTD, packed
        if self._cipher is None:
            return codec, 0, data
        return codec, self._cipher.key, self._cipher.seal(data)

    def open(self, codec: int, key: int, data: bytes | memoryview, where: str) -> bytes | memoryview:
        """The bytes that were sealed; ``where`` names them in an error."""
        if key:
            data = self._decrypt(key, bytes(data), where)
        if codec == RAW:
            return data
        if codec != ZSTD:
            raise StoreError(
                f"codec {codec}", where=where, expected="codec 0 or 1", remedy="open the store with a newer waypost"
            )
        try:
            return bytes(_zstd().ZstdDecompressor().decompress(data))
        except _zstd().ZstdError as fault:
            raise StoreDamaged(f"compressed bytes that cannot be read: {fault}", where=where) from fault

    def _decrypt(self, key: int, data: bytes, where: str) -> bytes:
        if self._cipher is None:
            raise StoreError(
                f"encrypted with key {key}",
                where=where,
                expected="a store that is not encrypted, or its keys",
                remedy="configure the key provider the store was written with",
            )
        try:
            return self._cipher.open(key, data)
        except Exception as fault:
            raise StoreError(
                f"encrypted with key {key}, which does not open it ({fault})",
                where=where,
                expected="the key it was written with",
                remedy="give the store that key again",
            ) from fault


def _zstd() -> Any:
    try:
        import zstandard
    except ImportError as missing:
        raise StoreError(
            "records compressed with zstd, and no zstandard package",
            where="store",
            remedy="pip install 'waypost[zstd]'",
        ) from missing
    return zstandard
