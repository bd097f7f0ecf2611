"""The syntax and service report of EDIFACT: CONTRL, of syntax 3 and 4 (ISO 9735-4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from waypost.formats.edi.acknowledgement.functional import clean
from waypost.formats.edi.examine.verdict import Level, Verdict
from waypost.formats.edi.finding import KINDS, Finding

Row = list[Any]
REJECTED, ACKNOWLEDGED = "4", "7"
_MOST_SEGMENTS = 999
_MOST_ELEMENTS = 99
_MOST_COUNTED = 999_999
_PLACE = 999


class Report:
    """Answers one interchange."""

    def __init__(self, interchange: Level, accepted: bool, note: bool) -> None:
        self._interchange, self._named, self._note = interchange, accepted, note
        self._alone: list[Row] = []
        self._grouped: list[Row] = []
        self._group: list[Row] | None = None
        self.received = self.accepted = 0

    def take(self, verdict: Verdict) -> None:
        """One message."""
        self.received += 1
        self.accepted += verdict.accepted or self._note
        if self._named or not verdict.accepted:
            (self._alone if self._group is None else self._group).extend(self._message(verdict))

    def group(self, level: Level) -> None:
        """A group begins."""
        self._group = []

    def group_end(self, level: Level) -> None:
        """A group ends: its messages stand below its own segment."""
        inside, self._group = self._group or [], None
        row = [*level.row, *[""] * 9]
        action = REJECTED if not level.accepted and not self._note else ACKNOWLEDGED
        if inside or not level.accepted or self._named:
            parties = [parties_of(row[2], level), parties_of(row[3], level)]
            self._grouped += [["UCF", clean(row[5], 14) or "0", *parties, action, *_why(level.findings, level.tag)]]
            self._grouped += inside

    def rows(self, rejected: bool) -> list[Row]:
        """The segments of the report; ``rejected`` says that the interchange is rejected as a whole."""
        level = self._interchange
        row, place = [*level.row, *[""] * 12], _PLACES[level.tag]
        refused = rejected or (not level.accepted and not self._note)
        head = ["UCI", clean(row[place["control"]], 14) or "0", parties_of(row[place["sender"]], level),
                parties_of(row[place["receiver"]], level), REJECTED if refused else ACKNOWLEDGED]  # fmt: skip
        if refused:  # nothing below is answered by itself
            return [[*head, *(_why(level.findings, level.tag) or ["18"])]]
        return [head, *self._alone, *self._grouped]

    def _message(self, verdict: Verdict) -> list[Row]:
        errors = [f for f in verdict.findings if f.severity == "error"]
        action = ACKNOWLEDGED if not errors or self._note else REJECTED
        whole = [f for f in errors if f.level not in ("segment", "element")]
        made: list[Row] = [["UCM", clean(verdict.control_number, 14) or "0", self._identity(verdict), action,
                            *_why(whole, str(verdict.header[0]))]]  # fmt: skip
        inside = [f for f in errors if f.level in ("segment", "element")]
        for number, (position, group) in enumerate(groupby(inside, key=lambda f: f.position)):
            if number < _MOST_SEGMENTS:
                made += _segment(position, [*group])
        return made

    def _identity(self, verdict: Verdict) -> list[str]:
        kind = 1 if verdict.header[0] == "UIH" else 2
        text = verdict.header[kind] if len(verdict.header) > kind else ""
        parts = [*text.split(self._interchange.writing.marks.component), *[""] * 5][:5]
        widths = (6, 3, 3, 2, 6)
        named = [clean(part, width) for part, width in zip(parts, widths, strict=True)]
        usual = ("UNKNWN", "D", "00A", "UN", "")
        return [one or other for one, other in zip(named, usual, strict=True)]


_PLACES = {"UNB": {"control": 5, "sender": 2, "receiver": 3}, "UIB": {"control": 2, "sender": 6, "receiver": 7}}


def parties_of(text: str, level: Level) -> list[str]:
    """Who sent or receives, as a composite."""
    parts = [clean(p, 35) for p in text.split(level.writing.marks.component)[:2]]
    return [parts[0] or "UNKNOWN", *(p[:4] for p in parts[1:])]


def usage_of(level: Level) -> str:
    """``T`` for what is sent as a test (UNB 0035), which its answer is too; else ``P``."""
    return "T" if level.tag == "UNB" and [*level.row, *[""] * 12][11] == "1" else "P"


def _why(findings: Sequence[Finding], tag: str) -> list[Any]:
    """Code, segment and place of the first fault of a level itself."""
    first = next((f for f in findings if f.severity == "error"), None)
    if first is None:
        return []
    segment = first.segment if re.fullmatch("UN[A-Z]|UI[A-Z]", first.segment) else tag
    place = [[str(min(first.element + 1, _PLACE)), *([str(first.component)] if first.component else [])]]
    return [_code(first), segment, *(place if first.element else [])]


def _segment(position: int, findings: Sequence[Finding]) -> list[Row]:
    at = str(min(max(position, 1), _MOST_COUNTED))
    whole = next((f for f in findings if f.level == "segment"), None)
    made: list[Row] = [["UCS", at, *([_code(whole)] if whole else [])]]
    for one in [f for f in findings if f.level == "element"][:_MOST_ELEMENTS]:
        place = [str(min(one.element + 1, _PLACE)), *([str(one.component)] if one.component else [])]
        made.append(["UCD", _code(one), place])
    return made


def _code(one: Finding) -> str:
    return KINDS[one.code].edifact if one.code in KINDS else "18"


def version_of(interchange: Level) -> tuple[str, str, str, str]:
    """Syntax identifier and version of the answer, and version and release of the CONTRL message."""
    parts = [*(interchange.row[1] if len(interchange.row) > 1 else "").split(interchange.writing.marks.component), ""]
    syntax = parts[0] if re.fullmatch("UNO[A-FW]", parts[0]) else "UNOC"
    if parts[1][:1] == "4":
        return syntax, "4", "4", "1"
    return syntax, "3", "D", "3"
