"""The functional acknowledgement of an X12 group: 997, and 999 with context."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from waypost.formats.edi.examine.verdict import Level, Verdict
from waypost.formats.edi.finding import Finding

Row = list[Any]
UNSAFE = re.compile(r"[^A-Za-z0-9 .,/+_-]")
_MOST_SEGMENTS = 9_999
_MOST_ELEMENTS = 99
_MOST_CODES = 5
_MOST_COPIED = 99
_MOST_POSITION = 999_999
_SET_CODES = frozenset({"1", "2", "3", "4", "5", "6", "7", "23"})
_SEGMENT_CODES = frozenset({"1", "2", "3", "4", "5", "6", "7", "8"})
_ELEMENT_CODES = frozenset(map(str, range(1, 11)))
_GUIDE_SEGMENT = {"segment-missing": "I6", "segment-not-in-set": "I4", "rule": "I9"}
_GUIDE_ELEMENT = {"element-conditional": "I9", "rule": "I12", "code-list": "7"}
_NARROWED = {"too-many-components": "13", "too-many-repetitions": "12", "element-unused": "I10"}
GUIDED = re.compile(r"00[5-9][0-9]{3}X[0-9]{3}.*")


class Functional:
    """Answers one group; ``guided`` makes a 999."""

    def __init__(self, group: Level, guided: bool, accepted: bool, note: bool) -> None:
        self._group, self._guided, self._named, self._note = group, guided, accepted, note
        self._loops: list[Row] = []
        self.received = self.accepted = 0
        self._noted = False

    def take(self, verdict: Verdict) -> None:
        """One transaction set of the group."""
        self.received += 1
        self.accepted += verdict.accepted or self._note
        self._noted = self._noted or not verdict.accepted
        if self._named or not verdict.accepted:
            self._loops.extend(self._answer(verdict))

    def rows(self, rejected: bool) -> list[Row]:
        """The segments of the acknowledgement; ``rejected`` says that the group is rejected as a whole."""
        row = [*self._group.row, *[""] * 9]
        errors = [f for f in self._group.findings if f.severity == "error"]
        accepted = 0 if rejected else self.accepted
        codes = list(dict.fromkeys(f.x12 for f in errors))[:_MOST_CODES]
        code = "R" if accepted == 0 and self.received else "P" if accepted < self.received else "A"
        if self._note and self._noted and code == "A":
            code = "E"
        if errors and code == "A":
            code = "E" if self._note else "R"
            accepted = accepted if self._note else 0
        version = [clean(row[8], 12) or "004010"] if self._guided else []
        written = self._group.trailer_count.strip()
        included = written if written.isdecimal() and len(written) <= 6 else str(self.received)
        head = ["AK1", clean(row[1], 2).upper().ljust(2, "?"), _digits(row[6], 9), *version]
        return [head, *self._loops, ["AK9", code, included, str(self.received), str(accepted), *codes]]

    def _answer(self, verdict: Verdict) -> Iterator[Row]:
        header = [*verdict.header, "", "", ""]
        guide = [clean(header[3], 35)] if self._guided and header[3] else []
        yield ["AK2", clean(header[1], 3).upper().ljust(3, "?"), clean(header[2], 9).ljust(4, "?"), *guide]
        errors = [f for f in verdict.findings if f.severity == "error"]
        inside = [f for f in errors if f.level in ("segment", "element")]
        count = 0
        for _, group in groupby(inside, key=lambda f: (f.position, f.segment)):
            if count < _MOST_SEGMENTS:
                yield from self._segment([*group], verdict)
                count += 1
        codes = [f.x12 if f.x12 in _SET_CODES else "5" for f in errors if f.level not in ("segment", "element")]
        codes += ["5"] * bool(inside)
        code = "A" if not errors else "E" if self._note else "R"
        yield ["IK5" if self._guided else "AK5", code, *list(dict.fromkeys(codes))[:_MOST_CODES]]

    def _segment(self, findings: Sequence[Finding], verdict: Verdict) -> Iterator[Row]:
        """A loop for each fault of the segment itself, and one for all of its elements."""
        for one in findings:
            if one.level == "segment":
                yield self._placed(one, self._segment_code(one))
                yield from self._contexts([one], verdict)
        elements = [f for f in findings if f.level == "element"]
        if elements:
            yield self._placed(elements[0], "8")
            yield from self._contexts(elements, verdict)
        for one in elements[:_MOST_ELEMENTS]:
            place: Any = [str(one.element), str(one.component)] if one.component else str(one.element)
            copied = clean(one.found.strip("'\"").removeprefix("nothing"), _MOST_COPIED)
            yield ["IK4" if self._guided else "AK4", place, "", self._element_code(one), copied]

    def _placed(self, one: Finding, code: str) -> Row:
        loop = clean(one.loop.rpartition("/")[2], 4)
        tag = tag_of(one)
        return ["IK3" if self._guided else "AK3", tag, str(min(max(one.position, 1), _MOST_POSITION)), loop, code]

    def _contexts(self, findings: Sequence[Finding], verdict: Verdict) -> Iterator[Row]:
        """Which business unit a 999 speaks of, and what made a situational rule hold."""
        if not self._guided:
            return
        unit = verdict.units.get(findings[0].position)
        if unit:
            yield ["CTX", [clean(unit[0], 35), clean(unit[1], 35)]]
        for one in findings:
            if one.rule and one.snip == 4:
                yield ["CTX", "SITUATIONAL TRIGGER", tag_of(one), str(one.position),
                       clean(one.loop.rpartition("/")[2], 4), *([str(one.element)] if one.element else [])]  # fmt: skip

    def _segment_code(self, one: Finding) -> str:
        if self._guided and one.rule and one.code in _GUIDE_SEGMENT:
            return _GUIDE_SEGMENT[one.code]
        if one.code in ("rule", "total", "code-list"):
            return "8"
        return one.x12 if one.x12 in _SEGMENT_CODES else "8"

    def _element_code(self, one: Finding) -> str:
        if self._guided:
            if one.code in _NARROWED:
                return _NARROWED[one.code]
            if one.rule and one.snip in (4, 7) and one.code in _GUIDE_ELEMENT:
                return _GUIDE_ELEMENT[one.code]
        return one.x12 if one.x12 in _ELEMENT_CODES else "3" if one.code == "element-unused" else "7"


def tag_of(one: Finding) -> str:
    """The segment a finding is about, as an acknowledgement may name it."""
    return clean(one.segment, 3).upper().ljust(2, "?")


def clean(text: str, most: int) -> str:
    """``text`` without separators and blanks around, at most so many characters of it."""
    return UNSAFE.sub("?", text)[:most].strip()


def _digits(text: str, most: int) -> str:
    digits = re.sub("[^0-9]", "", text)[:most]
    return digits or "0"


def envelope(interchange: Mapping[str, Any], when: Mapping[str, str], number: str) -> dict[str, Any]:
    """The interchange that answers one: sender and receiver change places."""
    usage = interchange.get("usage")
    version = str(interchange.get("version") or "")
    return {
        "sender": _identity(interchange.get("receiver")), "receiver": _identity(interchange.get("sender")),
        "sender_qualifier": _qualifier(interchange.get("receiver_qualifier")),
        "receiver_qualifier": _qualifier(interchange.get("sender_qualifier")),
        **when, "version": version if re.fullmatch("[0-9]{5}", version) else "00401", "control_number": number,
        "acknowledgement_requested": False, "usage": usage if usage in ("P", "T", "I") else "P",
    }  # fmt: skip


def _identity(value: Any) -> str:
    return clean(str(value or ""), 15) or "UNKNOWN"


def _qualifier(value: Any) -> str:
    text = clean(str(value or ""), 2)
    return text if re.fullmatch("[A-Z0-9]{2}", text) else "ZZ"
