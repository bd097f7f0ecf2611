"""The message integrity check: the digest that lets a sender prove which bytes its partner received."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass

from waypost.as2.algorithm import Digest, find_digest
from waypost.as2.failure import As2Error, Disposition
from waypost.as2.transfer import from_base64
from waypost.core.content import Content


@dataclass(frozen=True, slots=True)
class Mic:
    """A digest, with the algorithm's name as the partner spells it (``sha1``, ``sha-256``)."""

    digest: Digest
    value: bytes
    spelled: str

    def __str__(self) -> str:
        return f"{base64.b64encode(self.value).decode()}, {self.spelled}"

    def same(self, other: Mic) -> bool:
        """Whether both are the same digest of the same bytes, however spelled."""
        return self.digest is other.digest and hmac.compare_digest(self.value, other.value)


def mic_of(content: Content, digest: Digest, spelled: str = "") -> Mic:
    """The check of ``content``."""
    return Mic(digest, digest.of(content), spelled or digest)


def read_mic(text: str) -> Mic:
    """The value of ``Received-Content-MIC``: base64, a comma, a digest name."""
    value, _, name = text.rpartition(",")
    digest = find_digest(name)
    if digest is None or not value.isascii():
        raise As2Error(
            Disposition.UNSUPPORTED_MIC_ALGORITHMS, f"found {text[:120]!r}", where="received-content-mic",
            expected="base64, a comma, the name of a digest",
        )  # fmt: skip
    return Mic(digest, from_base64(value.encode()), name.strip())
