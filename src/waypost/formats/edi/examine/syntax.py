"""What the envelopes of X12 and EDIFACT hold, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from waypost.formats.edi.dialect import Header
from waypost.formats.edi.examine.examination import Level, Schemas, Start, Syntax, examine
from waypost.formats.edi.examine.report import Report
from waypost.formats.edi.finding import Finding, finding
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.x12_dialect import X12

_UNB = re.compile(rb"UNA(.)(.)(.)(.)(.)(.)[\r\n \t]*(?=UN[BGH])|(?=UNB\+)", re.DOTALL)
_CHARACTER_SETS = {
    "UNOC": "latin-1", "UNOD": "iso8859-2", "UNOE": "iso8859-5", "UNOF": "iso8859-7", "UNOG": "iso8859-3",
    "UNOH": "iso8859-4", "UNOI": "iso8859-6", "UNOJ": "iso8859-8", "UNOK": "iso8859-9",
}  # fmt: skip


class X12Syntax:
    """ISA, GS, ST and their ends (X12.5, X12.6)."""

    name = "x12"
    control = frozenset({"ISA", "GS", "ST", "SE", "GE", "IEA", "TA1", "TA3"})
    opener, closer = "ST", "SE"
    interchange, group = ("ISA", "IEA"), ("GS", "GE")

    def find(self, data: bytes, ended: bool) -> Start | None:
        """The next interchange whose ISA segment can be read."""
        for match in X12.start.finditer(data):
            header = X12.read_header(data, match.start(), ended)
            if isinstance(header, Header):
                marks = header.delimiters
                encoding = _readable(data)
                texts = [m.decode(encoding, "replace") for m in
                         (marks.element, marks.component, marks.repetition, marks.segment, marks.release)]  # fmt: skip
                return Start(match.start(), Marks(*texts), encoding)
            if header is None:
                return None
        return None

    def identity(self, row: list[str], group: list[str]) -> tuple[str, ...]:
        """What decides which schema a message is held against."""
        return _at(row, 1), _at(row, 3), _at(group, 8)

    def schema_names(self, row: list[str], group: list[str], marks: Marks) -> tuple[str, str, list[str]]:
        """Message, version, and the schemas it may be held against, the closest first."""
        message, guide, version = self.identity(row, group)
        names = [f"x12/{v}/{message}" for v in dict.fromkeys((guide, version, version[:6])) if v]
        return message[:6], version[:12], names

    def control_number(self, row: list[str]) -> str:
        """The number of a message, group or interchange."""
        return _at(row, {"ST": 2, "GS": 6, "ISA": 13}.get(row[0], 2)).strip()

    def trailer(self, header: list[str], row: list[str], count: int, excess: int) -> list[Finding]:
        """What is wrong with an SE segment: AK502 codes 3, 4 and 7."""
        return _trailer(header, row, count, excess, self.control_number(header))

    def surplus(self, row: list[str], count: int) -> int:
        """By how many segments there are more than the trailer says; 0 where it says no number."""
        return _surplus(row, count)

    def closing(self, level: Level, row: list[str], groups: int) -> list[Finding]:
        """What is wrong with a GE or IEA segment."""
        outer = level.tag == "ISA"
        count = groups if outer else level.count
        return _closing(level, row, count, self.control_number(level.row), outer)


class EdifactSyntax:
    """UNB, UNG, UNH and their ends (ISO 9735)."""

    name = "edifact"
    control = frozenset({"UNA", "UNB", "UNG", "UNH", "UNT", "UNE", "UNZ"})
    opener, closer = "UNH", "UNT"
    interchange, group = ("UNB", "UNZ"), ("UNG", "UNE")

    def find(self, data: bytes, ended: bool) -> Start | None:
        """The next UNA, or UNB with separators as agreed by default."""
        match = _UNB.search(data)
        if match is None or (not ended and len(data) < match.end() + 32):
            return None
        component, element, decimal, release, repetition, segment = (
            (g.decode("latin-1") for g in match.groups()) if match[1] else ":+.? '"
        )
        head = data[match.end() : match.end() + 32].decode("latin-1")
        syntax = re.match(rf"UNB{re.escape(element)}(UNO[A-Z]){re.escape(component)}([1-4])", head)
        if syntax and syntax[2] == "4" and not repetition.strip():
            repetition = "*"
        elif not syntax or syntax[2] != "4":
            repetition = ""
        encoding = _CHARACTER_SETS.get(syntax[1] if syntax else "", "utf-8")
        marks = Marks(element, component, repetition.strip(), segment, release.strip(), decimal)
        return Start(match.end(), marks, encoding)

    def identity(self, row: list[str], group: list[str]) -> tuple[str, ...]:
        """What decides which schema a message is held against."""
        return (_at(row, 2),)

    def schema_names(self, row: list[str], group: list[str], marks: Marks) -> tuple[str, str, list[str]]:
        """Message, version, and the schemas it may be held against, the closest first."""
        parts = [*_at(row, 2).split(marks.component), "", "", "", "", ""]
        message, version, guide = parts[0], f"{parts[1]}{parts[2]}".upper(), parts[4]
        names = [f"edifact/{version}-{guide}/{message}"] if guide else []
        return message[:6], version[:8], [*names, f"edifact/{version}/{message}"]

    def control_number(self, row: list[str]) -> str:
        """The reference of a message, group or interchange."""
        return _at(row, {"UNH": 1, "UNG": 5, "UNB": 5}.get(row[0], 1)).strip()

    def trailer(self, header: list[str], row: list[str], count: int, excess: int) -> list[Finding]:
        """What is wrong with a UNT segment."""
        return _trailer(header, row, count, excess, self.control_number(header))

    def surplus(self, row: list[str], count: int) -> int:
        """By how many segments there are more than the trailer says; 0 where it says no number."""
        return _surplus(row, count)

    def closing(self, level: Level, row: list[str], groups: int) -> list[Finding]:
        """What is wrong with a UNE or UNZ segment."""
        outer = level.tag == "UNB"
        count = groups if outer and groups else level.count
        return _closing(level, row, count, self.control_number(level.row), outer)


def _trailer(header: Sequence[str], row: Sequence[str], count: int, excess: int, control: str) -> list[Finding]:
    found = []
    written, again = _at(row, 1).strip(), _at(row, 2).strip()
    if not control:
        found.append(finding("control-number-missing", header[0], 1, element=2 if header[0] == "ST" else 1,
                             level="transaction", found="nothing", expected="a control number"))  # fmt: skip
    elif again != control:
        found.append(finding("control-number", row[0], count, element=2, level="transaction",
                             found=repr(again[:20]), expected=f"{control[:20]!r} as in the header"))  # fmt: skip
    number = int(written) if written.isdecimal() and len(written) <= 10 else -1
    if number != count and (number < 0 or number != count - excess or not excess):
        found.append(finding("segment-count", row[0], count, element=1, level="transaction", found=repr(written[:20]),
                             expected=f"{count}, the number of segments"))  # fmt: skip
    return found


def _surplus(row: Sequence[str], count: int) -> int:
    written = _at(row, 1).strip()
    return count - int(written) if written.isdecimal() and len(written) <= 10 else 0


def _closing(level: Level, row: Sequence[str], count: int, control: str, outer: bool) -> list[Finding]:
    about = "interchange" if outer else "group"
    found = []
    written, again = _at(row, 1).strip(), _at(row, 2).strip()
    if again != control:
        found.append(finding(f"{about}-control-number", row[0], 1, element=2, level=about, found=repr(again[:20]),
                             expected=f"{control[:20]!r} as in {level.tag}"))  # fmt: skip
    if not written.isdecimal() or len(written) > 10 or int(written) != count:
        found.append(finding(f"{about}-count", row[0], 1, element=1, level=about, found=repr(written[:20]),
                             expected=str(count)))  # fmt: skip
    return found


def _readable(data: bytes) -> str:
    try:
        data[:65536].decode()
    except UnicodeDecodeError as wrong:
        return "utf-8" if wrong.end >= min(len(data), 65536) - 4 else "latin-1"
    return "utf-8"


def _at(row: Sequence[str], index: int) -> str:
    return row[index] if index < len(row) else ""


SYNTAXES: dict[str, Syntax] = {"x12": X12Syntax(), "edifact": EdifactSyntax()}


def examine_path(path: Path, schemas: Schemas) -> Report:
    """The report on the file at ``path``, of whichever syntax it is."""
    with path.open("rb") as file:
        return examine(file, SYNTAXES, schemas)
