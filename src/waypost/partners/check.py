"""Looks at a partner's file as we would receive it: under which agreement it comes, every fault with its place, the
document segment by segment, and the acknowledgement we would send. Nothing is read into the store."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from waypost.agreements.load import Partner
from waypost.agreements.part import OwedOptions
from waypost.core.errors import AgreementError, DataError
from waypost.formats.edi.acknowledgement import Acknowledger
from waypost.formats.edi.acknowledgement.policy import Acknowledgement
from waypost.formats.edi.acknowledgement.write import written
from waypost.formats.edi.agreed.owed import asked_for, policy
from waypost.formats.edi.agreed.policy import judged
from waypost.formats.edi.agreed.schemas import ProjectSchemas
from waypost.formats.edi.examine.examination import examine
from waypost.formats.edi.examine.message import Writing
from waypost.formats.edi.examine.report import Report, SetCount
from waypost.formats.edi.examine.verdict import Level, Sink, Verdict
from waypost.formats.edi.finding import Finding, finding
from waypost.partners.agreed_schemas import AgreedSchemas
from waypost.partners.explain import Explained, explain
from waypost.partners.view import Shown, view

MOST_SEGMENTS = 5_000
"""Segments of a document that a report shows; beyond them faults are told without the document."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. ``message`` counts the messages of the file from 1; 0 for what is wrong around them.
    ``code`` is the one of an acknowledgement."""

    finding: Finding
    code: str
    message: int
    set: str
    control_number: str
    name: str = ""
    """What the segment is called."""

    @property
    def place(self) -> str:
        """``PO103``, ``C507-2`` or the segment's tag: as views of a document name it."""
        one = self.finding
        element = f"{one.element:02}" if one.element else ""
        return f"{one.segment}{element}" + (f"-{one.component}" if one.component and one.element else "")

    def data(self) -> dict[str, Any]:
        """As plain data."""
        one = self.finding
        return {
            "code": self.code, "fault": one.code, "severity": one.severity, "about": one.level, "snip": one.snip,
            "message": self.message, "set": self.set, "control_number": self.control_number, "segment": one.segment,
            "name": self.name, "place": self.place, "position": one.position, "element": one.element or None,
            "component": one.component or None, "offset": one.offset, "loop": one.loop, "rule": one.rule,
            "found": one.found, "expected": one.expected, "hint": one.hint, "excerpt": one.excerpt,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """An acknowledgement. ``sent`` is false where the interchange would be parked, and nothing be answered."""

    kind: str
    acknowledges: str
    accepted: bool
    content: str
    sent: bool

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {"kind": self.kind, "acknowledges": self.acknowledges, "accepted": self.accepted, "sent": self.sent,
                "content": self.content}  # fmt: skip


@dataclass(slots=True)
class PartnerReport:
    """All that is known of one file."""

    file: str
    partner: Partner
    report: Report
    interchanges: list[Explained] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    document: list[tuple[Shown, list[Fault]]] = field(default_factory=list)
    complete: bool = True
    """Whether the whole document is shown."""
    answers: list[Answer] = field(default_factory=list)

    @property
    def covered(self) -> bool:
        """Whether the agreement covers every interchange and message."""
        ours = all(one.covered and one.resolution.partner is not None
                   and one.resolution.partner.name == self.partner.name for one in self.interchanges)  # fmt: skip
        return ours and bool(self.interchanges)

    @property
    def accepted(self) -> bool:
        """Whether we would take all of it."""
        return self.covered and self.report.accepted

    def data(self) -> dict[str, Any]:
        """As plain data: what ``edi check`` tells, and what the agreement says of it."""
        return {
            **self.report.data(self.file), "accepted": self.accepted, "partner": self.partner.name,
            "agreement": self.partner.version, "covered": self.covered, "errors": [one.data() for one in self.faults],
            "envelopes": [one.data() for one in self.interchanges],
            "acknowledgements": [one.data() for one in self.answers], "complete": self.complete,
            "document": [
                {"tag": shown.tag, "name": shown.name, "level": shown.level, "message": shown.message,
                 "position": shown.position,
                 "values": [{"place": v.place, "name": v.name, "value": v.value, "meaning": v.meaning}
                            for v in shown.values],
                 "faults": [self.faults.index(fault) for fault in faults]}
                for shown, faults in self.document
            ],
        }  # fmt: skip


def check(
    content: bytes, file: str, partner: Partner, partners: Mapping[str, Partner], files: Mapping[str, bytes],
    at: datetime, codes: Sequence[Path] = (),
) -> PartnerReport:  # fmt: skip
    """The report on a content that ``partner`` sends. ``at`` is the time acknowledgements carry."""
    schemas = ProjectSchemas(files)
    agreed = AgreedSchemas(partner, schemas, codes)
    judge = Judge(agreed, at)
    looked = examine([content], agreed, [judge])
    made = PartnerReport(file, partner, judge.finished(looked))
    with contextlib.suppress(DataError):  # a message beyond the limit: the examination says so
        made.interchanges = list(explain([content], partners, files))
    _document(made, judge, content, schemas)
    made.answers = [_answer(one, offset, made) for one, offset in judge.made]
    return made


def _answer(made: Acknowledgement, offset: int, report: PartnerReport) -> Answer:
    envelope = next((one for one in reversed(report.interchanges) if one.offset <= offset), None)
    whose = envelope.resolution.partner if envelope is not None and not envelope.resolution.code else None
    sent = whose is not None and whose.name == report.partner.name
    content = written(made, "\n").decode("latin-1")
    return Answer(made.kind, made.control_number, made.accepted, content, sent)


def _document(made: PartnerReport, judge: Judge, content: bytes, schemas: ProjectSchemas) -> None:
    """The document with each fault at its segment, and the names of segments in the faults."""
    shown: list[Shown] = []
    try:
        for one in view([content], schemas):
            if len(shown) == MOST_SEGMENTS:
                made.complete = False
                break
            shown.append(one)
    except DataError:
        made.complete = False
    labels = schemas.library.labels(made.report.standard) if made.report.standard in ("x12", "edifact") else None
    named = {one.tag: one.name for one in shown if one.level != "message"}
    names = {**(labels.segments if labels is not None else {}), **named}
    made.faults = [replace(fault, name=names.get(fault.finding.segment, "")) for fault in judge.faults]
    places = _Places(shown)
    at: dict[int, list[Fault]] = {}
    for fault in made.faults:
        number = places.of(fault)
        if number >= 0:
            at.setdefault(number, []).append(fault)
    made.document = [(one, at.get(number, [])) for number, one in enumerate(shown)]


class _Places:
    """Finds the segment a fault is told at."""

    def __init__(self, shown: Sequence[Shown]) -> None:
        self._inside = {(one.message, one.position): number for number, one in enumerate(shown) if one.message}
        self._last = {one.message: number for number, one in enumerate(shown) if one.message}
        self._around = [(one.offset, number) for number, one in enumerate(shown) if not one.message]

    def of(self, fault: Fault) -> int:
        """The number of a segment; -1 where it is not shown."""
        if fault.message:
            return self._inside.get((fault.message, fault.finding.position), self._last.get(fault.message, -1))
        return max((number for offset, number in self._around if offset <= fault.finding.offset), default=-1)


class Judge(Sink):
    """Takes what an examination says, counts what counts under the agreement, and has acknowledgements made of that."""

    def __init__(self, agreed: AgreedSchemas, at: datetime) -> None:
        self._agreed = agreed
        self._answering: dict[str, tuple[Acknowledger, OwedOptions]] = {}
        for standard in ("x12", "edifact"):
            options = getattr(agreed.partner.options, standard)
            owed = options.receive.acknowledge if options is not None else OwedOptions()
            self._answering[standard] = (Acknowledger(policy(owed), at), owed)
        self.report, self.faults = Report(), list[Fault]()
        self.made: list[tuple[Acknowledgement, int]] = []
        self._messages, self._group = 0, list[str]()
        self._inner: Acknowledger | None = None
        self._writing: Writing | None = None

    def finished(self, looked: Report) -> Report:
        """The report, with what the examination counted."""
        self.report.version, self.report.standard = looked.version, looked.standard
        self.report.interchanges, self.report.groups = looked.interchanges, looked.groups
        if not looked.interchanges and not self.report.faults:  # nothing but junk
            for one in looked.errors:
                found = finding(one["fault"], "", 0, level="interchange", found=one["found"], expected=one["expected"],
                                offset=one["offset"], excerpt=one["excerpt"])  # fmt: skip
                self._say(found)
        return self.report

    def interchange(self, level: Level) -> None:
        self.report.standard = self.report.standard or level.writing.dialect.name
        self._inner = self._answering.get(level.writing.dialect.name, (None,))[0]
        self._group, self._writing = [], level.writing
        if self._inner is not None:
            self._inner.interchange(level)

    def group(self, level: Level) -> None:
        self._group = level.row
        if self._inner is not None:
            self._inner.group(level)

    def message(self, verdict: Verdict) -> None:
        self._messages += 1
        verdict = replace(verdict, findings=self._counting(verdict))
        counted = self.report.sets.setdefault(
            (verdict.message, verdict.version), SetCount(verdict.message, verdict.version, verdict.schema)
        )
        counted.received += 1
        counted.accepted += verdict.accepted
        for one in verdict.findings:
            self._say(one, self._messages, verdict.message, verdict.control_number)
        if self._inner is not None:
            self._inner.message(verdict)

    def group_end(self, level: Level) -> None:
        self._envelope(level)
        if self._inner is not None:
            self._inner.group_end(level)
        self._group = []

    def interchange_end(self, level: Level) -> None:
        self._envelope(level)
        standard = level.writing.dialect.name
        if self._inner is None:
            return
        before = len(self._inner.made)
        self._inner.interchange_end(level)
        owed = self._answering[standard][1]
        self.made += [(one, level.offset) for one in self._inner.made[before:] if _owed(one, owed, level)]

    def outside(self, finding: Finding) -> None:
        self._say(finding)

    def _counting(self, verdict: Verdict) -> list[Finding]:
        """The findings that count, and that the type was not agreed."""
        writing = self._writing
        if writing is None or writing.dialect.name not in self._answering:
            return list(verdict.findings)
        dialect = writing.dialect.name
        kind = self._agreed.kind_of(writing.dialect, verdict.header, self._group, writing.marks)
        found = judged(verdict.findings, self._agreed.policy(dialect, kind))
        agreed = self._agreed.type_of(dialect, kind)
        if isinstance(agreed, AgreementError):
            start = verdict.header[0]
            found.insert(0, finding("not-agreed", start, 1, element=1 if start == "ST" else 2, level="transaction",
                                    found=agreed.found, expected=agreed.expected, hint=agreed.remedy))  # fmt: skip
        return found

    def _envelope(self, level: Level) -> None:
        options = getattr(self._agreed.partner.options, level.writing.dialect.name, None)
        if options is not None:
            level.findings[:] = judged(level.findings, options.receive.validation)
        for one in level.findings:
            self._say(one, 0, "", level.control_number)

    def _say(self, one: Finding, message: int = 0, set_id: str = "", control_number: str = "") -> None:
        before = len(self.report.errors)
        self.report.add(one, set_id, control_number)
        if len(self.report.errors) > before:
            code = str(self.report.errors[-1]["code"])
            self.faults.append(Fault(one, code, message, set_id, control_number))


def _owed(made: Acknowledgement, owed: OwedOptions, level: Level) -> bool:
    """Whether the agreement has an acknowledgement sent, as far as that depends on what came."""
    place = 14 if level.writing.dialect.name == "x12" else 9
    requested = len(level.row) > place and level.row[place].strip() == "1"
    return asked_for(made, owed, requested=requested, wrong=not made.accepted)
