"""Takes what an examination says, interchange by interchange, and makes acknowledgements as each ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from waypost.formats.edi.acknowledgement.application import application_documents
from waypost.formats.edi.acknowledgement.functional import GUIDED, Functional, clean, envelope
from waypost.formats.edi.acknowledgement.policy import Acknowledgement, Allocate, Maker, Policy
from waypost.formats.edi.acknowledgement.syntax import Report, parties_of, usage_of, version_of
from waypost.formats.edi.acknowledgement.technical import ta1, wanted
from waypost.formats.edi.envelope import interchange_document
from waypost.formats.edi.examine.examination import examine
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.examine.verdict import Level, Sink, Verdict
from waypost.formats.edi.finding import Finding

Give = Callable[[Acknowledgement], None]
_NEVER_ANSWERED = frozenset({"997", "999", "TA1", "TA3", "CONTRL", "APERAK", "824"})
"""Two systems would answer each other for ever."""


class Acknowledger(Sink):
    """Makes the acknowledgements of a content while it is examined, as each interchange ends: they go to ``give``,
    without it to ``made``.

    Acknowledgements that were received are not acknowledged. ``at`` is the time they carry; ``allocate`` gives control
    numbers, without it they follow from what was received, so that making them again gives the same.
    """

    def __init__(
        self, policy: Policy, at: datetime, allocate: Allocate | None = None, give: Give | None = None
    ) -> None:
        self._maker, self._policy = Maker(policy, at, allocate), policy
        self.wants_rows = frozenset({"837"} if "277CA" in policy.application else ())
        self.made: list[Acknowledgement] = []
        self._give = give or self.made.append
        self._functional: Functional | None = None
        self._groups: list[tuple[Functional, Level]] = []
        self._report: Report | None = None
        self._verdicts: list[Verdict] = []
        self._group: Level | None = None
        self._wrong = False

    def interchange(self, level: Level) -> None:
        self._groups, self._functional, self._verdicts, self._wrong = [], None, [], False
        self._report = None
        if level.writing.dialect.name == "edifact" and len(level.row) > 1:
            self._report = Report(level, self._policy.accepted, self._policy.note)

    def group(self, level: Level) -> None:
        self._group = level
        if self._report:
            self._report.group(level)
        elif level.writing.dialect.name == "x12" and level.row[1:2] != ["FA"]:
            guide = self._policy.functional == "999" or (
                self._policy.functional == "auto" and bool(GUIDED.fullmatch((*level.row[8:9], "")[0]))
            )
            self._functional = Functional(level, guide, self._policy.accepted, self._policy.note)
            self._groups.append((self._functional, level))

    def message(self, verdict: Verdict) -> None:
        self._wrong = self._wrong or not verdict.accepted
        if verdict.message in _NEVER_ANSWERED:
            return
        if self._report:
            self._report.take(verdict)
        elif self._functional:
            self._functional.take(verdict)
        if self._policy.application and not _is_claim_acknowledgement(verdict):
            self._verdicts.append(verdict)

    def group_end(self, level: Level) -> None:
        self._wrong = self._wrong or not level.accepted
        if self._report:
            self._report.group_end(level)
        self._functional = self._group = None

    def interchange_end(self, level: Level) -> None:
        rejected = not self._policy.note and (self._policy.reject == "interchange" and self._wrong)
        if self._report:
            self._contrl(level, self._report, rejected)
        elif level.writing.dialect.name == "x12":
            self._x12(level, rejected)
        for kind, document in application_documents(self._policy.application, level, self._verdicts, self._maker):
            standard: Any = "edifact" if kind == "APERAK" else "x12"
            accepted = not any(not v.accepted for v in self._verdicts)
            self._give(Acknowledgement(kind, standard, level.control_number, accepted, document))
        self._report, self._groups, self._verdicts = None, [], []

    def outside(self, finding: Finding) -> None:
        pass

    def _x12(self, level: Level, rejected: bool) -> None:
        received = interchange_document([e.strip() for e in [*level.row[1:], *[""] * 16][:16]])
        number = self._maker.number("interchange", (level.control_number.strip() or "1")[-9:])
        answers = envelope(received, self._maker.when, number if number.isdecimal() else "1")
        if wanted(level, self._policy.technical):
            document = {"interchange": answers, "services": [ta1(level)]}
            self._give(Acknowledgement("TA1", "x12", level.control_number, level.accepted, document))
        if not level.accepted and not self._policy.note:  # rejected as a whole: TA1 says all there is to say
            return
        for functional, group in self._groups if self._policy.functional != "none" else ():
            self._group_answer(answers, functional, group, rejected)

    def _group_answer(self, answers: dict[str, Any], functional: Functional, group: Level, rejected: bool) -> None:
        row = [*group.row, *[""] * 9]
        refused = rejected or (
            self._policy.reject != "transaction" and functional.accepted < functional.received and not self._policy.note
        )
        rows = functional.rows(refused)
        guided = rows[0][0] == "AK1" and len(rows[0]) > 3
        version = clean(row[8], 12) or "004010"
        if self._policy.functional == "999" or guided:
            kind, version = "999", "005010X231A1"
        else:
            kind = "997"
        sent = group.control_number if group.control_number.isdecimal() else "1"
        document = {
            "interchange": answers,
            "group": {
                "functional_id": "FA", "sender": clean(row[3], 15) or "UNKNOWN", "receiver": clean(row[2], 15) or
                "UNKNOWN", **self._maker.when, "control_number": self._maker.number("group", sent[-9:]),
                "agency": "X", "version": version,
            },
            "transaction": {"set": kind, "control_number": self._maker.number("transaction", "0001"),
                            **({"convention": version} if kind == "999" else {})},
            "rows": rows,
        }  # fmt: skip
        accepted = rows[-1][1] in ("A", "E")
        self._give(Acknowledgement(kind, "x12", group.control_number, accepted, document))

    def _contrl(self, level: Level, report: Report, rejected: bool) -> None:
        if self._policy.functional == "none" or not (report.received or level.findings):
            return
        syntax, version, number, release = version_of(level)
        rows = report.rows(rejected)
        head = rows[0]
        sender, receiver = [*head[2], ""], [*head[3], ""]
        document = {
            "interchange": {
                "syntax": syntax, "syntax_version": version, "usage": usage_of(level),
                "sender": receiver[0], "sender_qualifier": receiver[1],
                "receiver": sender[0], "receiver_qualifier": sender[1], **self._maker.when,
                "control_number": self._maker.number("interchange", head[1]),
            },
            "transaction": {"set": "CONTRL", "control_number": self._maker.number("transaction", "1"),
                            "version": number, "release": release},
            "rows": rows,
        }  # fmt: skip
        accepted = head[4] == "7" and report.accepted == report.received
        self._give(Acknowledgement("CONTRL", "edifact", level.control_number, accepted, document))


def _is_claim_acknowledgement(verdict: Verdict) -> bool:
    return verdict.message == "277" and str((*verdict.header, "", "", "", "")[3]).startswith("005010X214")


def acknowledge(
    pieces: Iterable[bytes], schemas: Schemas, policy: Policy, at: datetime, allocate: Allocate | None = None
) -> list[Acknowledgement]:
    """The acknowledgements of a content given in pieces."""
    acknowledger = Acknowledger(policy, at, allocate)
    examine(pieces, schemas, [acknowledger])
    return acknowledger.made


__all__ = ["Acknowledger", "acknowledge", "parties_of"]
