"""The functional acknowledgement an agreement asks for, of a group of X12 or an interchange of EDIFACT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from waypost.agreements.part import OwedOptions
from waypost.core.errors import DataError
from waypost.formats.edi.acknowledge import acknowledgement_for
from waypost.formats.edi.finding import KINDS

Row = list[Any]
_AS_999 = {"AK3": "IK3", "AK4": "IK4", "AK5": "IK5"}
_GUIDE_999 = "005010X231A1"
NEVER_ANSWERED = frozenset({"997", "999", "TA1", "TA3", "CONTRL", "APERAK", "824"})
"""Two systems would answer each other for ever."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def wanted(document: Mapping[str, Any], owed: OwedOptions) -> str:
    """Why a document is not acknowledged under an agreement, or ''."""
    parts = _parts(document)
    if parts and all((part.get("transaction") or {}).get("set") in NEVER_ANSWERED for part in parts):
        return "acknowledgements are not acknowledged"
    if owed.functional == "never":
        return "the agreement asks for no acknowledgement"
    if owed.functional == "errors" and all(part.get("accepted", True) for part in parts):
        return "the agreement asks for an acknowledgement of errors only"
    if owed.functional == "requested" and not (document.get("interchange") or {}).get("acknowledgement_requested"):
        return "the sender asks for no acknowledgement"
    return ""


def owed_document(document: Mapping[str, Any], standard: str, owed: OwedOptions, received_at: int) -> dict[str, Any]:
    """The acknowledgement as a document that the format writes. Raises ``DataError`` where nothing can be answered."""
    judged = _judged(document, owed)
    made = _contrl(judged, owed, received_at) if standard == "edifact" else _functional(judged, owed, received_at)
    return {"partner": document.get("partner"), **made}


def _parts(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = document.get("transactions") or [document]
    return found


def _judged(document: Mapping[str, Any], owed: OwedOptions) -> dict[str, Any]:
    """The document with what one fault does to its neighbours."""
    parts = [dict(part) for part in _parts(document)]
    wrong = any(not part.get("accepted", True) for part in parts)
    for part in parts:
        if owed.on_error in ("reject-group", "reject-interchange") and wrong:
            part["accepted"] = False
        elif owed.on_error == "accept-with-errors" and not part.get("accepted", True):
            part["accepted"], part["noted"] = True, True
    return {**document, "transactions": parts}


def _functional(document: dict[str, Any], owed: OwedOptions, received_at: int) -> dict[str, Any]:
    made = acknowledgement_for(document, received_at=received_at)
    noted = [bool(part.get("noted")) for part in document["transactions"]]
    rows = _with_notes(made["rows"], noted)
    if not owed.accepted:
        rows = _without_accepted(rows)
    if owed.kind == "999":
        rows = [[_AS_999.get(row[0], row[0]), *row[1:]] for row in rows]
        rows[0] = [*rows[0][:3], (document.get("group") or {}).get("version", "")]
        made["transaction"] = {**made["transaction"], "set": "999", "convention": _GUIDE_999}
        made["group"] = {**made["group"], "version": _GUIDE_999}
    return {**made, "rows": rows}


def _with_notes(rows: Sequence[Row], noted: Sequence[bool]) -> list[Row]:
    """AK5 and AK9 say E where faults are noted and accepted all the same."""
    made, at = [], -1
    for row in rows:
        at += row[0] == "AK2"
        if row[0] == "AK5" and noted[at]:
            row = ["AK5", "E", *row[2:]]
        elif row[0] == "AK9" and any(noted) and row[1] == "A":
            row = ["AK9", "E", *row[2:]]
        made.append(row)
    return made


def _without_accepted(rows: Sequence[Row]) -> list[Row]:
    """Without the loops of sets that have no fault."""
    made: list[Row] = []
    loop: list[Row] = []
    for row in rows:
        if row[0] == "AK2" or loop:
            loop.append(row)
            if row[0] == "AK5":
                made += loop if row[1] != "A" else []
                loop = []
        else:
            made.append(row)
    return made


def _contrl(document: dict[str, Any], owed: OwedOptions, received_at: int) -> dict[str, Any]:
    """CONTRL (ISO 9735-4): action 7 acknowledges a level, 4 rejects it."""
    interchange = document.get("interchange")
    if not isinstance(interchange, Mapping):
        raise DataError("no interchange", where="document", expected="a document read by the edifact format",
                        remedy="acknowledge before any map", code="edifact-acknowledgement")  # fmt: skip
    parts = document["transactions"]
    accepted = [bool(part.get("accepted", True)) for part in parts]
    sender = [interchange.get("sender"), interchange.get("sender_qualifier") or ""]
    receiver = [interchange.get("receiver"), interchange.get("receiver_qualifier") or ""]
    action = "7" if any(accepted) or not parts else "4"
    rows: list[Row] = [["UCI", interchange.get("control_number"), sender, receiver, action]]
    for part, good in zip(parts, accepted, strict=True):
        if good and not owed.accepted:
            continue
        said = part["transaction"]
        kind = [said.get(name) or "" for name in ("set", "version", "release", "agency", "association")]
        code = [] if good else [_code(part.get("errors") or ())]
        rows.append(["UCM", said.get("control_number"), kind, "7" if good else "4", *code])
    when = _EPOCH + timedelta(microseconds=received_at)
    return {
        "interchange": {
            "sender": receiver[0], "sender_qualifier": receiver[1], "receiver": sender[0],
            "receiver_qualifier": sender[1], "date": when.strftime("%Y-%m-%d"), "time": when.strftime("%H:%M"),
            "control_number": interchange.get("control_number"), "usage": interchange.get("usage"),
        },
        "transaction": {"set": "CONTRL", "control_number": "1", "version": "D", "release": "3", "agency": "UN"},
        "rows": rows,
    }  # fmt: skip


def _code(errors: Sequence[Mapping[str, Any]]) -> str:
    """Data element 0085 of the first fault."""
    first = next(iter(errors), None)
    known = KINDS.get(str(first["code"])) if first else None
    return known.edifact if known else "12"
