"""Why a message or a receipt was refused, and the disposition the sender hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from waypost.core.errors import DataError


class Disposition(StrEnum):
    """What a receipt says of a message (RFC 4130 section 7.4.3), as it is written after the disposition mode."""

    PROCESSED = "processed"
    DUPLICATE_DOCUMENT = "processed/warning: duplicate-document"
    AUTHENTICATION_FAILED = "processed/error: authentication-failed"
    DECRYPTION_FAILED = "processed/error: decryption-failed"
    DECOMPRESSION_FAILED = "processed/error: decompression-failed"
    INTEGRITY_CHECK_FAILED = "processed/error: integrity-check-failed"
    INSUFFICIENT_MESSAGE_SECURITY = "processed/error: insufficient-message-security"
    UNEXPECTED_PROCESSING_ERROR = "processed/error: unexpected-processing-error"
    UNKNOWN_TRADING_PARTNER = "processed/error: unknown-trading-partner"
    UNSUPPORTED_FORMAT = "failed/failure: unsupported format"
    UNSUPPORTED_MIC_ALGORITHMS = "failed/failure: unsupported MIC-algorithms"

    @property
    def accepted(self) -> bool:
        """True if the message arrived: it is ours now, or was before."""
        return self in (Disposition.PROCESSED, Disposition.DUPLICATE_DOCUMENT)


class As2Error(DataError):
    """A message or receipt that cannot be taken; ``disposition`` is what its sender is told."""

    def __init__(
        self, disposition: Disposition, found: str, *, where: str = "as2", expected: str = "", remedy: str = ""
    ) -> None:
        self.disposition = disposition
        code = "as2-" + disposition.value.rpartition(": ")[2].replace(" ", "-").lower()
        super().__init__(found, where=where, expected=expected, remedy=remedy, code=code)


_DAMAGE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What the ASN.1 and certificate libraries raise for bytes that are not what they claim to be."""


@contextmanager
def reading(disposition: Disposition, what: str) -> Iterator[None]:
    """Inside, damage of the bytes read is an ``As2Error`` that leads to ``disposition``."""
    try:
        yield
    except _DAMAGE as error:
        raise As2Error(disposition, f"{what} is damaged ({type(error).__name__})") from error
