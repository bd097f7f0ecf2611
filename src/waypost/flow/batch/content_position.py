"""Where a content has been read to, as text that sorts as its places follow each other."""

from __future__ import annotations


def position_at(end: int, context: bytes, records: int, unit: int = -1) -> str:
    """The position in a content after ``records`` records, of which the last ends at byte ``end``; what ``context``
    the next one has, and where the ``unit`` of the last begins. Positions sort as they follow each other."""
    return f"{end:016x}|{context.hex()}|{records:x}" + (f"|{unit:x}" if unit >= 0 else "")


def unit_of(position: str) -> int:
    """Where the unit of the last record before a position begins; -1 where it has none."""
    parts = position.split("|")
    return int(parts[3], 16) if len(parts) > 3 else -1


def end_of(position: str) -> int:
    """The byte of a content a position stands at; 0 for none."""
    return int(position[:16] or "0", 16)
