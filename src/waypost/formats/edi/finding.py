"""What is wrong with a message, as data an acknowledgement, a report or a person can use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from waypost.core.errors import DataError

_SHOWN = 6
Where = Literal["interchange", "group", "transaction", "segment", "element"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: its codes in an X12 acknowledgement (AK304, AK403, AK502, AK905, TA105 by what it is about) and
    in EDIFACT (0085), its SNIP level, and what a sender can do."""

    x12: str
    edifact: str
    snip: int
    hint: str


KINDS: dict[str, Kind] = {
    "segment-unknown": Kind("1", "15", 1, "check the tag and the segment terminator before it"),
    "segment-missing": Kind("3", "13", 2, "send this segment"),
    "segment-not-in-set": Kind("6", "15", 1, "leave this segment out, or agree on a guide that allows it"),
    "segment-sequence": Kind("7", "15", 1, "put this segment where the schema has it"),
    "segment-repeats": Kind("5", "35", 1, "send this segment fewer times"),
    "loop-repeats": Kind("4", "36", 1, "send fewer occurrences of this loop"),
    "element-missing": Kind("1", "13", 2, "fill this element"),
    "element-conditional": Kind("2", "13", 2, "fill this element too, or empty those it belongs to"),
    "element-exclusion": Kind("10", "15", 2, "send only one of these elements"),
    "element-unused": Kind("I10", "15", 2, "leave this element empty"),
    "too-many-elements": Kind("3", "16", 1, "remove what is behind the last element, or replace a separator in data"),
    "too-many-components": Kind("3", "16", 1, "remove what follows the last component, or release a separator in data"),
    "too-many-repetitions": Kind("3", "35", 1, "repeat this element fewer times"),
    "trailing-separator": Kind("3", "16", 1, "end the segment behind its last value"),
    "not-agreed": Kind("1", "14", 7, "send only what was agreed, or agree on it"),
    "element-too-short": Kind("4", "40", 1, "send a longer value"),
    "element-too-long": Kind("5", "39", 1, "shorten the value"),
    "element-character": Kind("6", "37", 1, "send only characters this type allows"),
    "element-code": Kind("7", "12", 2, "use a code of the list agreed"),
    "binary-length": Kind("6", "12", 1, "write how many bytes of binary data follow"),
    "element-date": Kind("8", "12", 1, "send a date of the calendar"),
    "element-time": Kind("9", "12", 1, "send a time of the day"),
    "total": Kind("7", "12", 3, "make the total agree with what it counts"),
    "rule": Kind("7", "12", 4, "see the rule"),
    "code-list": Kind("7", "12", 5, "use a code of the list that is valid on that day"),
    "loop-bounds": Kind("7", "12", 2, "write the same loop in LS and LE, each LE behind its LS"),
    "hierarchy": Kind("7", "12", 2, "name an HL segment before this one as its parent"),
    "control-number": Kind("3", "28", 1, "write the same control number in header and trailer"),
    "control-number-missing": Kind("7", "13", 1, "give each message a control number"),
    "segment-count": Kind("4", "29", 1, "count the segments from the first to the last"),
    "group-count": Kind("5", "29", 1, "count the messages of the group"),
    "interchange-count": Kind("021", "29", 1, "count the groups, or messages, of the interchange"),
    "group-control-number": Kind("4", "28", 1, "write the same control number in header and trailer"),
    "interchange-control-number": Kind("001", "28", 1, "write the same control number in header and trailer"),
    "trailer-missing": Kind("2", "13", 1, "end what was begun before beginning anew"),
    "group-trailer-missing": Kind("3", "13", 1, "end what was begun before beginning anew"),
    "interchange-trailer-missing": Kind("023", "13", 1, "send the whole interchange"),
    "envelope": Kind("022", "2", 1, "correct the envelope"),
    "interchange-padding": Kind("022", "12", 1, "pad the elements of ISA with blanks to their width"),
    "group-missing": Kind("6", "33", 1, "put the message into a group"),
    "group-mismatch": Kind("6", "31", 1, "send each kind of message in a group of its own"),
    "character-set": Kind("6", "21", 1, "send characters of the character set the interchange names"),
    "junk": Kind("024", "15", 1, "send nothing between interchanges"),
    "envelope-junk": Kind("024", "15", 1, "send nothing but segments inside an interchange"),
    "message-too-large": Kind("024", "18", 1, "split the message"),
    "interchange-repeated": Kind("025", "26", 7, "send each interchange once, under a number of its own"),
    "group-repeated": Kind("19", "26", 7, "send each group once, under a number of its own"),
    "message-repeated": Kind("23", "26", 7, "send each message once, under a number of its own"),
    "content-repeated": Kind("23", "26", 7, "send each message once; a change is another message"),
    "no-schema": Kind("1", "14", 1, "name one with --schema, or import one with waypost edi import"),
    "schema-nearest": Kind("1", "14", 1, "name one with --schema, or import one with waypost edi import"),
    "too-many-findings": Kind("5", "18", 1, "correct these first"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. ``x12`` is its code in an acknowledgement: AK304 for a segment, AK403 for an element, AK502 for the
    set as a whole. ``position`` counts segments from 1 at ST or UNH, ``element`` and ``component`` from 1, 0 where
    none.
    ``offset`` counts bytes from the start of the content, -1 where not known."""

    code: str
    x12: str
    segment: str
    position: int
    loop: str = ""
    element: int = 0
    component: int = 0
    level: Where = "segment"
    found: str = ""
    expected: str = ""
    offset: int = -1
    rule: str = ""
    hint: str = ""
    excerpt: str = ""
    snip: int = 1
    severity: Literal["error", "warning"] = "error"

    def place(self) -> str:
        """``segment 5 PO1, element 2``."""
        element = f", element {self.element}" if self.element else ""
        component = f", component {self.component}" if self.component else ""
        return f"segment {self.position} {self.segment[:12]}{element}{component}"

    def said(self) -> str:
        return f"{self.found}, expected {self.expected}" if self.expected else self.found

    def __str__(self) -> str:
        return f"{self.place()}: {self.said()}"

    def detail(self) -> dict[str, Any]:
        """The fault as plain data, with the parts every finding has (``waypost.core.finding``)."""
        return {**asdict(self), "path": self.place(), "value": self.excerpt, "repair": self.hint}


def finding(code: str, segment: str, position: int, **more: Any) -> Finding:
    """A finding of a kind of ``KINDS``, with its codes, hint and SNIP level; those of ``more`` go before."""
    kind = KINDS[code]
    return Finding(code, kind.x12, segment, position, **{"hint": kind.hint, "snip": kind.snip, **more})


def refusal(set_id: str, control_number: str, findings: Sequence[Finding]) -> DataError:
    """All findings of one transaction set as one error; the details carry each of them."""
    first, more = findings[0], len(findings) - _SHOWN
    found = "; ".join([first.said(), *map(str, findings[1:_SHOWN]), *([f"and {more} more"] if more > 0 else [])])
    return DataError(
        found, where=f"{set_id[:9]} {control_number[:9]}, {first.place()}",
        remedy="have the sender correct it; acknowledge the group to tell them", code=f"x12-{first.code}",
        details=[finding.detail() for finding in findings],
    )  # fmt: skip
