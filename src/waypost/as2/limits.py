"""How much of a message is read before it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes. A message that is larger anywhere is refused, before memory grows with it."""

    content: int = 64 << 20
    """A body, also after decryption and decompression."""
    ratio: int = 200
    """How many times its compressed size a content may be that takes more than ``inflated_bytes``."""
    inflated_bytes: int = 64 << 20
    structure: int = 1 << 20
    """A detached signature, the recipients of an envelope, the signers of signed data, a receipt."""
    headers: int = 64 << 10
    """All headers of one MIME entity, or of one request."""
    fields: int = 200
    """Headers of one MIME entity, or of one request."""
    parts: int = 100
    """Parts of a multipart."""

    def inflated(self, packed: int) -> int:
        """How large the content of so many compressed bytes may be."""
        return min(self.content, max(self.inflated_bytes, self.ratio * packed))


LIMITS = Limits()
