"""The character encoding an EDIFACT interchange says it uses (ISO 9735-1, data element 0001)."""

from __future__ import annotations

ENCODINGS = {
    "UNOC": "iso8859-1", "UNOD": "iso8859-2", "UNOE": "iso8859-5", "UNOF": "iso8859-7", "UNOG": "iso8859-3",
    "UNOH": "iso8859-4", "UNOI": "iso8859-6", "UNOJ": "iso8859-8", "UNOK": "iso8859-9", "UNOL": "iso8859-15",
    "UNOW": "utf-8", "UNOX": "iso2022_jp_2", "UNOY": "utf-8",
}  # fmt: skip
LENIENT = ""
"""For UNOA, UNOB and identifiers ISO 9735 does not know: ASCII by the rules, but UTF-8 and ISO 8859-1 are sent."""


def encoding_of(identifier: str) -> str:
    """The encoding of a syntax identifier, ``LENIENT`` where it promises no more than ASCII.

    >>> encoding_of("UNOC"), encoding_of("UNOA")
    ('iso8859-1', '')
    """
    return ENCODINGS.get(identifier.strip().upper()[:4], LENIENT)


def decode(data: bytes, encoding: str) -> str:
    """``data`` as text. Raises ``UnicodeDecodeError`` where the encoding is known and the bytes are not of it."""
    if encoding != LENIENT:
        return data.decode(encoding)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
