"""What is wrong with headers and trailers: their elements, the counts and the control numbers they repeat."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from waypost.formats.edi.dialect import Dialect, Trailer
from waypost.formats.edi.examine.verdict import Level
from waypost.formats.edi.finding import Finding, Where, finding
from waypost.formats.edi.schema.fault import ElementFaults
from waypost.formats.edi.schema.model import Element, Segment, Use
from waypost.formats.edi.schema.pattern import Marks, Patterns
from waypost.formats.edi.service import envelope_segments

_ISA_NOTES = ("010", "011", "012", "013", "005", "006", "007", "008", "014", "015", "026", "017", "018", "019", "020",
              "027")  # fmt: skip
"""What a TA1 segment says of each element of ISA (X12 element I18)."""
_GROUP_NOTES = {1: "1", 6: "6", 8: "2"}
_SET_NOTES = {1: "6", 2: "7"}
_MOST_DIGITS = 10


class EnvelopeSegments:
    """Checks the elements of envelope segments written with one set of separators."""

    def __init__(self, dialect: Dialect, marks: Marks) -> None:
        self._name, self._marks = dialect.name, marks
        self._patterns = Patterns(marks)
        self._faults = ElementFaults(self._patterns)
        self._uses = {tag: Use(segment, True, 1) for tag, segment in envelope_segments(dialect.name).segments.items()}
        self._matches: dict[str, Callable[[str], object]] = {}

    def findings(self, row: Sequence[str], position: int, level: Where) -> list[Finding]:
        """What is wrong with the elements of a segment; nothing of one that is not described."""
        use = self._uses.get(row[0])
        if use is None:
            return []
        if row[0] == "ISA":
            return self._isa(use.segment, row)
        if row[0] not in self._matches:
            self._matches[row[0]] = re.compile(self._patterns.segment(use)).fullmatch
        if self._matches[row[0]](self._marks.element.join(row)):
            return []
        found = self._faults.explain(use, row, position, "")
        return [replace(f, level=level, x12=_note(row[0], f.element)) for f in found]

    def _isa(self, segment: Segment, row: Sequence[str]) -> list[Finding]:
        """ISA has elements of fixed width and holds separators itself; where padding is left out it is read all the
        same."""
        found, unpadded = [], []
        for number, item in enumerate(segment.elements, 1):
            value = row[number] if number < len(row) else ""
            if not isinstance(item, Element) or number in (11, 16):
                continue
            if len(value) < item.minimum and item.kind == "AN":
                unpadded.append(number)
            value = value.ljust(item.minimum) if item.kind == "AN" else value.strip() or value
            if not re.fullmatch(self._patterns.value(item), value):
                one = Use(Segment("ISA", (replace(item, required=True),)), True, 1)
                for f in self._faults.explain(one, ["ISA", value], 1, "")[:1]:
                    found.append(replace(f, element=number, level="interchange", x12=_ISA_NOTES[number - 1]))
        if unpadded and not found:
            said = f"element{'s' * (len(unpadded) > 1)} {', '.join(map(str, unpadded))} without padding"
            found.append(finding("interchange-padding", "ISA", 1, level="interchange", severity="warning",
                                 found=said, expected="elements padded to their width"))  # fmt: skip
        return found


def _note(tag: str, element: int) -> str:
    if tag in ("ST", "SE"):
        return _SET_NOTES.get(element, "7")
    return _GROUP_NOTES.get(element, "1") if tag in ("GS", "GE") else "024"


def message_trailer(
    dialect: Dialect, header: Sequence[str], row: Sequence[str], count: int, excess: int
) -> list[Finding]:
    """What is wrong with the trailer of a message of ``count`` segments, ``excess`` of them known to be too many."""
    trailer = dialect.transaction[header[0].encode()]
    found, written = [], at(row, trailer.count).strip()
    control = at(header, trailer.opening).strip() if trailer.opening else ""
    if trailer.control and not control:
        found.append(finding("control-number-missing", header[0], 1, element=trailer.opening, level="transaction",
                             found="nothing", expected="a control number"))  # fmt: skip
    elif trailer.control and at(row, trailer.control).strip() != control:
        found.append(finding("control-number", row[0], count, element=trailer.control, level="transaction",
                             found=repr(at(row, trailer.control).strip()[:20]),
                             expected=f"{control[:20]!r} as in the header"))  # fmt: skip
    number = _digits(written)
    if number != count and (number < 0 or number != count - excess or not excess):
        found.append(finding("segment-count", row[0], count, element=trailer.count, level="transaction",
                             found=repr(written[:20]), expected=f"{count}, the number of segments"))  # fmt: skip
    return found


def surplus(dialect: Dialect, header: Sequence[str], row: Sequence[str], count: int) -> int:
    """By how many segments there are more than the trailer says; 0 where it says no number."""
    written = _digits(at(row, dialect.transaction[header[0].encode()].count).strip())
    return count - written if written >= 0 else 0


def closing(dialect: Dialect, level: Level, row: Sequence[str]) -> list[Finding]:
    """What is wrong with the trailer of a group or interchange."""
    outer = level.tag.encode() in dialect.interchange
    trailer: Trailer = (dialect.interchange if outer else dialect.group)[level.tag.encode()]
    about: Where = "interchange" if outer else "group"
    found = []
    again = at(row, trailer.control).strip() if trailer.control else ""
    if trailer.control and not _same(dialect, again, level.control_number):
        found.append(finding(f"{about}-control-number", row[0], 1, element=trailer.control, level=about,
                             found=repr(again[:20]),
                             expected=f"{level.control_number[:20]!r} as in {level.tag}"))  # fmt: skip
    written, count = at(row, trailer.count).strip(), level.count
    if outer and (dialect.counts == "groups" or (dialect.counts == "either" and level.groups)):
        count = level.groups
    alone = outer and dialect.counts == "groups" and not level.groups and written == "1"  # TA1 counted as a group
    if _digits(written) != count and not alone:
        found.append(finding(f"{about}-count", row[0], 1, element=trailer.count, level=about,
                             found=repr(written[:20]), expected=str(count)))  # fmt: skip
    return found


def _same(dialect: Dialect, one: str, other: str) -> bool:
    """X12 numbers its interchanges and groups with digits: padding says nothing."""
    if dialect.name == "x12" and one.isdecimal() and other.isdecimal():
        return one.lstrip("0") == other.lstrip("0")
    return one == other


def _digits(text: str) -> int:
    """A count as it is written, -1 for what is none."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else -1


def at(row: Sequence[str], index: int) -> str:
    """An element, empty where there is none."""
    return row[index] if index < len(row) else ""
