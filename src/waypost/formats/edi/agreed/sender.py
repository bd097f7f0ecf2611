"""What we send under an agreement: envelopes filled in, separators as agreed, control numbers from durable sequences.

A document is written without numbers and time, so that the same document gives the same bytes at every try; they are
stamped into it as it leaves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from waypost.agreements.declaration import IdentityOptions
from waypost.agreements.load import Partner
from waypost.agreements.part import RangeOptions
from waypost.core.calendar import zone_of
from waypost.core.errors import AgreementError, DataError
from waypost.core.stamping import NumbersWanted
from waypost.formats.edi.agreed.gate import NOT_AGREED
from waypost.formats.edi.agreed.parties import header_bytes, parties_of
from waypost.formats.edi.agreed.stamp import Numbers, control_number, shape_of, stamped
from waypost.formats.edi.dialect import Dialect

USAGES = {"production": "P", "test": "T"}
LINE_ENDS = {"none": "", "LF": "\n", "CRLF": "\r\n", "CR": "\r"}
_NO_DATE, _NO_TIME = "2000-01-01", "00:00"
FUNCTIONAL_IDS = {
    "810": "IN", "820": "RA", "824": "AG", "830": "PS", "832": "SC", "834": "BE", "835": "HP", "837": "HC", "840": "RQ",
    "846": "IB", "850": "PO", "852": "PD", "855": "PR", "856": "SH", "860": "PC", "864": "TX", "865": "CA", "940": "OW",
    "943": "AR", "944": "RE", "945": "SW", "947": "AW", "997": "FA", "999": "FA", "204": "SM", "210": "IM", "214": "QM",
    "990": "GF", "270": "HS", "271": "HB", "276": "HR", "277": "HN", "278": "HI", "275": "PI",
}  # fmt: skip
"""The functional identifier (GS01) of each set, where a document names none."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Writes to the partners of a flow. ``usage`` is what is sent where nothing else is said: P or T."""

    dialect: Dialect
    partners: Mapping[str, Partner]
    usage: str

    def partner_of(self, document: Any) -> Partner:
        """The partner a document goes to: the one it names, or the only one. Raises ``AgreementError``."""
        named = document.get("partner") if isinstance(document, Mapping) else None
        if named is None and len(self.partners) == 1:
            return next(iter(self.partners.values()))
        if isinstance(named, str) and named in self.partners:
            return self.partners[named]
        known = ", ".join(self.partners) or "none"
        raise AgreementError(f"partner {named!r}", where="document", expected=f"partner: one of {known}",
                             remedy="set partner in a map", code="partner-unknown")  # fmt: skip

    def filled(self, document: Any, partner: Partner) -> dict[str, Any]:
        """The document with what the agreement says of envelopes that it leaves open. Raises ``DataError``."""
        if not isinstance(document, Mapping):
            raise DataError(f"a {type(document).__name__}", where="document", expected="a mapping with rows",
                            code=f"{self.dialect.name}-document")  # fmt: skip
        if not partner.options.enabled or getattr(partner.options, self.dialect.name) is None:
            found = f"nothing is agreed with {partner.name!r} for {self.dialect.name}, or it is not enabled"
            raise AgreementError(found,
                                 where=f"partner {partner.name}", remedy="correct the agreement, then retry",
                                 code=NOT_AGREED)  # fmt: skip
        made = dict(document)
        said = document.get("interchange") or {}
        theirs = self._identity(partner, "identities", said.get("receiver"), said.get("usage"))
        ours = self._identity(partner, "us", said.get("sender"), said.get("usage"))
        made["interchange"] = {**self._interchange(partner, theirs, ours), **_given(said),
                               "control_number": "0", "date": _NO_DATE, "time": _NO_TIME}  # fmt: skip
        if document.get("services") and "group" not in document:  # an interchange acknowledgement has no group
            return made
        transactions = document.get("transactions")
        parts = [one for one in transactions or [document] if isinstance(one, Mapping)]
        said = document.get("group") or {}
        each = [self._group({**said, **(one.get("group") or {})}, partner, theirs, ours, one) for one in parts]
        made.update(each[0] if each else {})
        if not transactions:
            numbered: dict[str, Any] = _numbered(made, 1, self.dialect.name)
            return numbered
        return {**made, **self._together(parts, each)} if len(parts) == len(transactions) else made

    def _together(self, parts: Sequence[Mapping[str, Any]], each: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Messages with the group of each: those of one group stand together, in the order of the first of them."""
        kinds = list[dict[str, Any]]()
        for one in each:
            if one not in kinds:
                kinds.append(one)
        named = [[part for part, own in zip(parts, each, strict=True) if own == one] for one in kinds]
        x12 = self.dialect.name == "x12"
        if x12 and len(kinds) > 1:
            numbered = [[_numbered(one, at, "x12") for at, one in enumerate(inside, 1)] for inside in named]
            return {"groups": [{**kind, "transactions": one} for kind, one in zip(kinds, numbered, strict=True)]}
        inside = [{**part, **kind} for kind, own in zip(kinds, named, strict=True) for part in own]
        return {"transactions": [_numbered(one, at, self.dialect.name) for at, one in enumerate(inside, 1)]}

    def _identity(self, partner: Partner, where: str, named: Any, usage: Any) -> IdentityOptions:
        """The identity that is named, else the first that may be used for the usage."""
        wanted = {"P": "production", "T": "test"}.get(str(usage or self.usage), "production")
        fitting: list[IdentityOptions] = [
            one for one in getattr(partner.options, where) if one.standard == self.dialect.name
        ]
        for one in fitting:
            if named and one.id == named:
                return one
        for one in fitting:
            if one.usage in ("any", wanted):
                return one
        raise AgreementError(
            f"no identity of {partner.name!r} under '{where}' for {wanted} in {self.dialect.name}",
            where=f"partner {partner.name}", remedy="add one to its file", code="partner-usage",
        )  # fmt: skip

    def _interchange(self, partner: Partner, theirs: IdentityOptions, ours: IdentityOptions) -> dict[str, Any]:
        envelope = getattr(partner.options, self.dialect.name).send.envelope
        made: dict[str, Any] = {
            "sender": ours.id, "sender_qualifier": ours.qualifier, "receiver": theirs.id,
            "receiver_qualifier": theirs.qualifier, "usage": self.usage,
            "acknowledgement_requested": envelope.acknowledgement_requested,
        }  # fmt: skip
        if self.dialect.name == "x12":
            security = envelope.security
            return made | {
                "version": envelope.version, "authorisation_qualifier": security.authorisation_qualifier,
                "authorisation": security.authorisation, "security_qualifier": security.security_qualifier,
                "security": security.security,
            }  # fmt: skip
        return made | {
            "syntax": envelope.syntax, "syntax_version": envelope.syntax_version,
            "recipient_reference": envelope.recipient_reference, "application": envelope.application,
            "priority": envelope.priority, "agreement": envelope.agreement,
        }  # fmt: skip

    def _group(
        self, said: Mapping[str, Any], partner: Partner, theirs: IdentityOptions, ours: IdentityOptions,
        part: Mapping[str, Any],
    ) -> dict[str, Any]:  # fmt: skip
        """The group of one message; empty where EDIFACT goes without."""
        send = getattr(partner.options, self.dialect.name).send
        first: Mapping[str, Any] = part.get("transaction") or {}
        made: dict[str, Any] = {
            "sender": ours.group or ours.id, "receiver": theirs.group or theirs.id, **_given(said),
            "control_number": "0", "date": _NO_DATE, "time": _NO_TIME,
        }  # fmt: skip
        if self.dialect.name == "x12":
            set_id = str(first.get("set") or "")
            agreed = next((one.version for one in send.messages if one.set == set_id and one.version), "")
            made.setdefault("functional_id", FUNCTIONAL_IDS.get(set_id, ""))
            made.setdefault("version", agreed or send.envelope.group_version)
            made.setdefault("agency", send.envelope.agency)
            if send.envelope.time_format == "HHMMSS":
                made["time"] = "00:00:00"
            return {"group": made}
        if not send.envelope.groups and not said:
            return {}
        for name in ("functional_id", "version", "release", "association"):
            made.setdefault(name, first.get("set" if name == "functional_id" else name) or "")
        return {"group": made}

    def wanted(self, body: bytes) -> list[NumbersWanted]:
        """The sequences an interchange takes numbers from; none for one that has its numbers. Raises ``DataError``
        where it is none of ours."""
        if control_number(body, self.dialect).strip("0"):
            return []
        partner, usage = self._of_bytes(body)
        shape = shape_of(body, self.dialect)
        wanted = []
        for level, count in (("interchange", 1), ("group", shape.groups), ("message", shape.messages)):
            numbers = self._range(partner, level)
            if numbers is not None and count:
                name = sequence_name(partner.name, self.dialect.name, usage, level)
                wanted.append(NumbersWanted(name, count, numbers.first, numbers.last, numbers.at_end == "roll-over"))
        return wanted

    def stamped(self, body: bytes, numbers: Mapping[str, Sequence[int]], at: int) -> bytes:
        """An interchange under its numbers, by the name of their sequence, sent at ``at`` (UTC µs)."""
        partner, usage = self._of_bytes(body)
        written: dict[str, list[str]] = {}
        for level in ("interchange", "group", "message"):
            agreed = self._range(partner, level)
            given = numbers.get(sequence_name(partner.name, self.dialect.name, usage, level), ())
            written[level] = [agreed.written(number) for number in given] if agreed else []
        moment = datetime.fromtimestamp(at / 1_000_000, UTC).astimezone(zone_of(partner.options.zone))
        interchange = written["interchange"][0] if written["interchange"] else ""
        return stamped(body, self.dialect, Numbers(interchange, written["group"], written["message"]), moment)

    def partner_of_bytes(self, body: bytes) -> str:
        """The name of the partner an interchange goes to. Raises ``AgreementError``."""
        return self._of_bytes(body)[0].name

    def _range(self, partner: Partner, level: str) -> RangeOptions | None:
        numbers = getattr(partner.options, self.dialect.name).send.numbers
        name = "transaction" if level == "message" and self.dialect.name == "x12" else level
        found: RangeOptions | None = getattr(numbers, name)
        return found

    def _of_bytes(self, body: bytes) -> tuple[Partner, str]:
        """Whose interchange it is, and whether it is production or test."""
        parties = parties_of(self.dialect, header_bytes(self.dialect, body))
        for partner in self.partners.values() if parties is not None else ():
            theirs = [
                (one.qualifier, one.id) for one in partner.options.identities if one.standard == self.dialect.name
            ]
            if parties is not None and (parties.receiver_qualifier, parties.receiver) in theirs:
                return partner, "production" if parties.usage == "P" else "test"
        raise AgreementError(
            f"receiver {parties.receiver if parties else '?'!r} is no identity of a partner of this flow",
            where="control numbers", expected=f"one of {', '.join(self.partners)}", code="partner-unknown",
        )  # fmt: skip


def sequence_name(partner: str, standard: str, usage: str, level: str) -> str:
    """The name of a sequence of control numbers: ``acme/x12/production/interchange``."""
    return f"{partner}/{standard}/{usage}/{level}"


def _given(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value not in (None, "")}


def _numbered(document: Any, at: int, standard: str) -> Any:
    """A message with a control number of its own within its group or interchange."""
    transaction = document.get("transaction") if isinstance(document, Mapping) else None
    if not isinstance(transaction, Mapping):
        return document
    number = f"{at:04}" if standard == "x12" else str(at)
    return {**document, "transaction": {**transaction, "control_number": number}}
