"""The keyed digests by which recomputed bytes are proved to be the bytes that left.

A digest is a block of AES over the tag that AES-GCM gives the bytes as associated data: a universal hash, which finds
a changed bit as surely as 128 bits can, made unreadable by a cipher, so that without the secret nobody can try out
which bytes a digest stands for, or make one. (The tag alone, under one nonce, would give its key away.) Both have
instructions of their own in processors, and the blocks of a batch take one call: 0.5 µs a body, where a hash takes 2.

Stores of format 2 and before have digests of SHA-256, which still prove what was sent then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache

DIGEST_BYTES = 16
_NONCE = bytes(12)
_BLOCK = 64

Digester = Callable[[Sequence[bytes]], list[bytes]]
"""Bodies → the digest of each."""


@lru_cache(maxsize=8)
def digester(secret: bytes) -> Digester:
    """What makes digests under a secret of at most 64 bytes."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import ECB

    tag = AESGCM(_key(secret, b"digest tag")).encrypt
    seal = Cipher(AES(_key(secret, b"digest seal")), ECB())

    def digests(bodies: Sequence[bytes]) -> list[bytes]:
        sealed = seal.encryptor().update(b"".join([tag(_NONCE, b"", body) for body in bodies]))
        return [sealed[at : at + DIGEST_BYTES] for at in range(0, len(sealed), DIGEST_BYTES)]

    return digests


def proves(secret: bytes, body: bytes, digest: bytes, recorded: bytes | None) -> bool:
    """Whether a body, whose digest is ``digest``, is the one for which a digest was ``recorded``."""
    return digest == recorded or (recorded is not None and _former(secret, body) == recorded)


def _former(secret: bytes, body: bytes) -> bytes:
    return hashlib.sha256(secret.ljust(_BLOCK, b"\0") + body).digest()[:DIGEST_BYTES]


def _key(secret: bytes, use: bytes) -> bytes:
    return hashlib.blake2b(secret, digest_size=32, person=use).digest()
