"""The STX, BAT and MHD segments of TRADACOMS as documents people read, and back.

``interchange``: standard, sender, sender_name, receiver, receiver_name, date, time, control_number, password,
application, priority. ``transaction``: set (``ORDERS``), version, control_number. Dates are ISO texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from waypost.formats.edi.edifact_envelope import parts
from waypost.formats.edi.envelope import Taker, edi_date, edi_time, iso_date, iso_time


def interchange_document(row: Sequence[Any]) -> dict[str, Any]:
    """The document of an STX segment."""
    sender, receiver, when = (parts(row, number) for number in (2, 3, 4))
    return {
        "standard": ":".join(text for text in parts(row, 1) if text),
        "sender": sender[0].strip(), "sender_name": sender[1], "receiver": receiver[0].strip(),
        "receiver_name": receiver[1], "date": iso_date(when[0]), "time": iso_time(when[1]),
        "control_number": parts(row, 5)[0], "password": parts(row, 6)[0], "application": parts(row, 7)[0],
        "priority": parts(row, 8)[0],
    }  # fmt: skip


def group_document(row: Sequence[Any]) -> dict[str, Any]:
    """The document of a BAT segment."""
    return {"control_number": parts(row, 1)[0]}


def transaction_document(row: Sequence[Any]) -> dict[str, Any]:
    """The document of an MHD segment."""
    kind = parts(row, 2)
    return {"set": kind[0], "version": kind[1], "control_number": parts(row, 1)[0]}


def stx_row(interchange: Mapping[str, Any]) -> list[Any]:
    """The STX segment. Raises ``DataError`` naming all faults."""
    take = Taker("interchange", interchange, "tradacoms-envelope")
    row = [
        "STX", take.text("standard", 7, "ANA:1").split(":"),
        [take.text("sender", 14), take.optional("sender_name", 35)],
        [take.text("receiver", 14), take.optional("receiver_name", 35)],
        [
            take.fixed(edi_date(take.text("date", 10), 6), "date", "[0-9]{6}", "a date"),
            take.fixed(edi_time(take.text("time", 8, "00:00:00")), "time", "[0-9]{4,6}", "a time"),
        ],
        take.text("control_number", 14), take.optional("password", 14), take.optional("application", 14),
        take.optional("priority", 1),
    ]  # fmt: skip
    take.refuse()
    return row


def mhd_row(transaction: Mapping[str, Any], number: int) -> list[Any]:
    """The MHD segment of the message with this number; messages are numbered from 1. Raises ``DataError``."""
    take = Taker(f"transaction {number}", transaction, "tradacoms-envelope")
    row = ["MHD", str(number), [take.text("set", 6), take.text("version", 1, "9")]]
    take.refuse()
    return row
