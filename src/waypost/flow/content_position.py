"""Where a content has been read to, as text that sorts as its places follow each other."""

from __future__ import annotations


def position_at(end: int, context: bytes, records: int) -> str:
    """The position in a content after ``records`` records, of which the last ends at byte ``end``; what ``context``
    the next one has. Positions sort as they follow each other."""
    return f"{end:016x}|{context.hex()}|{records:x}"


def end_of(position: str) -> int:
    """The byte of a content a position stands at; 0 for none."""
    return int(position[:16] or "0", 16)
