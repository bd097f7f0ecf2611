"""Acknowledges what was read as documents: says of them what examining a file would have said of its bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from waypost.core.errors import DataError
from waypost.formats.edi.acknowledgement.collect import Acknowledger
from waypost.formats.edi.acknowledgement.policy import Acknowledgement, Policy
from waypost.formats.edi.delimiter import Delimiters
from waypost.formats.edi.dialect import Dialect
from waypost.formats.edi.edifact_dialect import EDIFACT, LEVEL_A
from waypost.formats.edi.envelope import edi_date, edi_time
from waypost.formats.edi.examine.message import Writing
from waypost.formats.edi.examine.unit import units_of
from waypost.formats.edi.examine.verdict import Level, Verdict
from waypost.formats.edi.finding import Finding, finding
from waypost.formats.edi.row_write import rows_read
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.x12_dialect import X12

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS = frozenset(field.name for field in fields(Finding))
_X12 = Writing(X12, Delimiters(b"*", b":", b"^", b"~"), Marks("*", ":", "^"), "")
_EDIFACT = Writing(EDIFACT, LEVEL_A, Marks("+", ":", "*"), "")


def acknowledged(document: Mapping[str, Any], policy: Policy, received_at: int) -> list[Acknowledgement]:
    """The acknowledgements of an interchange, a group, or a message alone; ``received_at`` (UTC µs) is the time they
    carry. Raises ``DataError`` for what was read by no EDI format."""
    interchange = _part(document, "interchange")
    writing = _EDIFACT if "syntax" in interchange else _X12
    taker = Acknowledger(policy, _EPOCH + timedelta(microseconds=received_at))
    level = _interchange(interchange, writing)
    level.findings += list(_repeated(document, writing.dialect))
    taker.interchange(level)
    parts: Sequence[Mapping[str, Any]] = document.get("transactions", [document])
    for _, inside in groupby(parts, key=lambda part: id(part.get("group") or document.get("group"))):
        _messages(taker, document, [*inside], writing)
    taker.interchange_end(level)
    return taker.made


def _part(document: Any, name: str) -> Mapping[str, Any]:
    part = document.get(name) if isinstance(document, Mapping) else None
    if not isinstance(part, Mapping):
        raise DataError(f"no {name}", where="document", expected="a document read by the x12 or edifact format",
                        remedy="acknowledge before any map", code="edi-acknowledgement")  # fmt: skip
    return part


def _repeated(document: Mapping[str, Any], dialect: Dialect) -> Iterator[Finding]:
    """An interchange that came before and is rejected for it."""
    rejected = any(part.get("accepted") is False for part in document.get("transactions") or ())
    for one in document.get("repeated") or () if rejected else ():
        if one.get("level") == "interchange" and "group" not in document:
            tag = "ISA" if dialect is X12 else "UNB"
            yield finding(
                "interchange-repeated", tag, 1, level="interchange", found=f"interchange {one['number']} again"
            )


def _messages(
    taker: Acknowledger, document: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], writing: Writing
) -> None:
    group = parts[0].get("group") or document.get("group")
    if writing.dialect is X12 and not group:
        _part(document, "group")
    level = _group(group, writing, len(parts)) if group else None
    if level is not None:
        taker.group(level)
    for part in parts:
        taker.message(_verdict(part, writing.dialect, str(group["control_number"]) if group else ""))
    if level is not None:
        taker.group_end(level)


def _interchange(one: Mapping[str, Any], writing: Writing) -> Level:
    control = _text(one, "control_number")
    if writing.dialect is X12:
        row = [
            "ISA", "00", "", "00", "", *_texts(one, "sender_qualifier", "sender", "receiver_qualifier", "receiver"),
            edi_date(_text(one, "date"), 6), edi_time(_text(one, "time"))[:4], "U", _text(one, "version"), control,
            "1" if one.get("acknowledgement_requested") else "0", _text(one, "usage"), ":",
        ]  # fmt: skip
    else:
        when = [edi_date(_text(one, "date"), 6), edi_time(_text(one, "time"))[:4]]
        row = [
            "UNB", _joined(one, "syntax", "syntax_version"), _joined(one, "sender", "sender_qualifier"),
            _joined(one, "receiver", "receiver_qualifier"), ":".join(when), control, "", "", "",
            "1" if one.get("acknowledgement_requested") else "", "", "1" if one.get("usage") == "T" else "",
        ]  # fmt: skip
    return Level(row[0], row, 0, "", control, writing)


def _group(one: Mapping[str, Any], writing: Writing, count: int) -> Level:
    control = _text(one, "control_number")
    if writing.dialect is X12:
        row = [
            "GS", *_texts(one, "functional_id", "sender", "receiver"), edi_date(_text(one, "date")),
            edi_time(_text(one, "time")), control, *_texts(one, "agency", "version"),
        ]  # fmt: skip
    else:
        row = [
            "UNG", _text(one, "functional_id"), _joined(one, "sender", "sender_qualifier"),
            _joined(one, "receiver", "receiver_qualifier"), "", control, _text(one, "agency"),
            _joined(one, "version", "release", "association"),
        ]  # fmt: skip
    return Level(row[0], row, 0, "", control, writing, trailer_count=str(count))


def _verdict(part: Mapping[str, Any], dialect: Dialect, group: str) -> Verdict:
    said = _part(part, "transaction")
    set_id, control = _text(said, "set"), _text(said, "control_number")
    found = [_finding(one) for one in part.get("errors") or ()]
    if part.get("accepted") is False and not found:
        found = [
            finding("rule", "ST" if dialect is X12 else "UNH", 1, level="transaction", found="it was not accepted")
        ]
    if dialect is X12:
        header = ["ST", set_id, control, _text(said, "convention")]
        version = _text(part.get("group") or {}, "version")
    else:
        header = ["UNH", control, _joined(said, "set", "version", "release", "agency", "association")]
        version = _text(said, "version") + _text(said, "release")
    rows = [header, *rows_read(part)]
    return Verdict(set_id, version, "", control, header, found, len(rows) + 1, group, units_of(set_id, rows, found),
                   rows)  # fmt: skip


def _finding(one: Mapping[str, Any]) -> Finding:
    return Finding(**{name: value for name, value in one.items() if name in _FIELDS})


def _text(one: Mapping[str, Any], name: str) -> str:
    return str(one.get(name) or "")


def _texts(one: Mapping[str, Any], *names: str) -> list[str]:
    return [_text(one, name) for name in names]


def _joined(one: Mapping[str, Any], *names: str) -> str:
    return ":".join(_texts(one, *names)).rstrip(":")
