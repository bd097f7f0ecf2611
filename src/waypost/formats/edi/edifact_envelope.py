"""Interchange, group and message header of EDIFACT as documents people read, and back (ISO 9735-1, annex C).

``interchange``: syntax, syntax_version, sender, sender_qualifier, receiver, receiver_qualifier, date, time,
control_number, application, priority, acknowledgement_requested, agreement, usage (``P`` production, ``T`` test).
``group``: functional_id, sender, receiver with qualifiers, date, time, control_number, agency, version, release,
association. ``transaction``: set, control_number, version, release, agency, association, access_reference. Dates are
ISO texts; what is no date stays as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from waypost.formats.edi.envelope import Taker, edi_date, edi_time, iso_date, iso_time

_PLACES = {
    "UNB": {"syntax": 1, "sender": 2, "receiver": 3, "date": 4, "control": 5, "test": 11},
    "UIB": {"syntax": 1, "sender": 6, "receiver": 7, "date": 8, "control": 2, "test": 10},
}
_EXTRA = {"recipient_reference": 6, "application": 7, "priority": 8, "agreement": 10}
_USAGE = {"": "P", "1": "T"}
_VERSION_WITH_CENTURY = "4"
_ASSOCIATION = 17
"""Six characters by the standard; partners write more."""


def parts(row: Sequence[Any], number: int) -> list[str]:
    """The components of an element, with empty ones behind; of a repeated one the first."""
    value = row[number] if len(row) > number else ""
    while isinstance(value, list) and value and isinstance(value[0], list):
        value = value[0]
    return [*(value if isinstance(value, list) else [value]), *[""] * 8]


def interchange_document(row: Sequence[Any]) -> dict[str, Any]:
    """The document of a UNB or UIB segment."""
    at = _PLACES[row[0]]
    syntax, sender, receiver = (parts(row, at[name]) for name in ("syntax", "sender", "receiver"))
    when, test = parts(row, at["date"]), parts(row, at["test"])[0]
    made = {
        "syntax": syntax[0], "syntax_version": syntax[1],
        "sender": sender[0].strip(), "sender_qualifier": sender[1],
        "receiver": receiver[0].strip(), "receiver_qualifier": receiver[1],
        "date": iso_date(when[0]), "time": iso_time(when[1]), "control_number": parts(row, at["control"])[0],
        "acknowledgement_requested": row[0] == "UNB" and parts(row, 9)[0] == "1", "usage": _USAGE.get(test, test),
    }  # fmt: skip
    if row[0] == "UIB":
        return {**made, "interactive": True}
    return made | {name: text for name, number in _EXTRA.items() if (text := parts(row, number)[0])}


def group_document(row: Sequence[Any]) -> dict[str, Any]:
    """The document of a UNG segment."""
    sender, receiver, when, version = (parts(row, number) for number in (2, 3, 4, 7))
    return {
        "functional_id": parts(row, 1)[0], "sender": sender[0], "sender_qualifier": sender[1],
        "receiver": receiver[0], "receiver_qualifier": receiver[1], "date": iso_date(when[0]),
        "time": iso_time(when[1]), "control_number": parts(row, 5)[0], "agency": parts(row, 6)[0],
        "version": version[0], "release": version[1], "association": version[2],
    }  # fmt: skip


def transaction_document(row: Sequence[Any]) -> dict[str, Any]:
    """The document of a UNH, UIH or UNO segment."""
    if row[0] == "UNO":
        return {"set": "UNO", "control_number": parts(row, 1)[0]}
    kind, reference = (1, 2) if row[0] == "UIH" else (2, 1)
    set_, version, release, agency, association = parts(row, kind)[:5]
    made = {"set": set_, "control_number": parts(row, reference)[0], "version": version, "release": release,
            "agency": agency, "association": association}  # fmt: skip
    access = parts(row, 3)[0]
    return {**made, "access_reference": access} if access and row[0] == "UNH" else made


def unb_row(interchange: Mapping[str, Any], syntax: str, syntax_version: str) -> list[Any]:
    """The UNB segment; ``syntax`` and its version where the document names none. Raises ``DataError`` naming all
    faults."""
    take = Taker("interchange", interchange, "edifact-envelope")
    version = take.text("syntax_version", 1, syntax_version)
    century = 8 if version >= _VERSION_WITH_CENTURY else 6
    usage = take.text("usage", 1, "P")
    row = [
        "UNB", [take.text("syntax", 4, syntax), version],
        [take.text("sender", 35), take.optional("sender_qualifier", 4)],
        [take.text("receiver", 35), take.optional("receiver_qualifier", 4)],
        [
            take.fixed(edi_date(take.text("date", 10), century), "date", f"[0-9]{{{century}}}", "a date"),
            take.fixed(edi_time(take.text("time", 8))[:4], "time", "[0-9]{4}", "a time"),
        ],
        take.text("control_number", 14), take.optional("recipient_reference", 14), take.optional("application", 14),
        take.optional("priority", 1), "1" if interchange.get("acknowledgement_requested") else "",
        take.optional("agreement", 35), {"P": "", "T": "1"}.get(usage, usage),
    ]  # fmt: skip
    take.refuse()
    return row


def ung_row(group: Mapping[str, Any], syntax_version: str) -> list[Any]:
    """The UNG segment. Raises ``DataError`` naming all faults."""
    take = Taker("group", group, "edifact-envelope")
    century = 8 if syntax_version >= _VERSION_WITH_CENTURY else 6
    row = [
        "UNG", take.text("functional_id", 6),
        [take.text("sender", 35), take.optional("sender_qualifier", 4)],
        [take.text("receiver", 35), take.optional("receiver_qualifier", 4)],
        [edi_date(take.text("date", 10), century), edi_time(take.text("time", 8))[:4]],
        take.text("control_number", 14), take.text("agency", 3, "UN"),
        [take.text("version", 3), take.text("release", 3), take.optional("association", _ASSOCIATION)],
    ]  # fmt: skip
    take.refuse()
    return row


def unh_row(transaction: Mapping[str, Any], number: int) -> list[Any]:
    """The UNH segment. Raises ``DataError`` naming all faults."""
    take = Taker(f"transaction {number}", transaction, "edifact-envelope")
    row = [
        "UNH", take.text("control_number", 14),
        [
            take.fixed(take.text("set", 6), "set", "[A-Z]{6}", "six capital letters"), take.text("version", 3, "D"),
            take.text("release", 3), take.text("agency", 3, "UN"), take.optional("association", _ASSOCIATION),
        ],
        take.optional("access_reference", 35),
    ]  # fmt: skip
    take.refuse()
    return row
