"""The keyed digests by which recomputed bytes are proved to be the bytes that left.

A digest is SHA-256 over the store's secret, filled up to a block, and the bytes, cut to its first 16 bytes: what is cut
off is what would let somebody without the secret go on from a digest to that of longer bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

DIGEST_BYTES = 16
_BLOCK = 64


def digester(secret: bytes) -> Callable[[bytes], bytes]:
    """The digest of one body after another; ``secret`` has at most 64 bytes."""
    keyed = hashlib.sha256(secret.ljust(_BLOCK, b"\0"))

    def digest(body: bytes) -> bytes:
        hashing = keyed.copy()
        hashing.update(body)
        return hashing.digest()[:DIGEST_BYTES]

    return digest
