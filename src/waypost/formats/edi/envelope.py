"""Interchange and group: the ISA and GS segments as documents people read, and back.

``interchange``: sender, sender_qualifier, receiver, receiver_qualifier, date, time, control_number, version, usage
(``P`` production, ``T`` test), acknowledgement_requested. ``group``: functional_id, sender, receiver, date, time,
control_number, agency, version. Dates are ISO texts (``2024-05-31``, ``14:05``); what is no date stays as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from waypost.core.errors import DataError

_DATE = re.compile(r"(?:([0-9]{2})?([0-9]{2}))([0-9]{2})([0-9]{2})")
_TIME = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})?([0-9]{1,2})?")
_ISO_DATE = re.compile(r"([0-9]{2})([0-9]{2})-([0-9]{2})-([0-9]{2})")
_ISO_TIME = re.compile(r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,2}))?)?")
_CENTURY_TURNS = 70


def iso_date(text: str) -> str:
    """``20240531`` and ``240531`` as ``2024-05-31``; two-digit years from 70 on are of the last century.

    >>> iso_date("991231"), iso_date("soon")
    ('1999-12-31', 'soon')
    """
    match = _DATE.fullmatch(text)
    if not match:
        return text
    century = match[1] or ("19" if int(match[2]) >= _CENTURY_TURNS else "20")
    return f"{century}{match[2]}-{match[3]}-{match[4]}"


def iso_time(text: str) -> str:
    """``1405`` as ``14:05``, ``14053007`` as ``14:05:30.07``."""
    match = _TIME.fullmatch(text)
    if not match:
        return text
    return f"{match[1]}:{match[2]}" + (f":{match[3]}" if match[3] else "") + (f".{match[4]}" if match[4] else "")


def edi_date(text: str, length: int = 8) -> str:
    """An ISO date in the eight or six digits of X12; other text as it stands."""
    match = _ISO_DATE.fullmatch(text)
    return ("".join(match.groups()) if length == 8 else "".join(match.groups()[1:])) if match else text


def edi_time(text: str) -> str:
    """An ISO time as ``HHMM``, ``HHMMSS`` or ``HHMMSSDD``; other text as it stands."""
    match = _ISO_TIME.fullmatch(text)
    return "".join(part for part in match.groups() if part) if match else text


def interchange_document(isa: Sequence[str]) -> dict[str, Any]:
    """The document of an ISA segment given as its sixteen elements."""
    return {
        "sender_qualifier": isa[4].strip(), "sender": isa[5].strip(),
        "receiver_qualifier": isa[6].strip(), "receiver": isa[7].strip(),
        "date": iso_date(isa[8].strip()), "time": iso_time(isa[9].strip()),
        "version": isa[11].strip(), "control_number": isa[12].strip(),
        "acknowledgement_requested": isa[13].strip() == "1", "usage": isa[14].strip(),
    }  # fmt: skip


def security_document(isa: Sequence[str]) -> dict[str, str]:
    """Authorisation and security of an ISA segment given as its sixteen elements."""
    names = ("authorisation_qualifier", "authorisation", "security_qualifier", "security")
    return {name: text.strip() for name, text in zip(names, isa, strict=False)}


def group_document(gs: Sequence[str]) -> dict[str, Any]:
    """The document of a GS segment given as its elements, the tag not among them; missing ones are empty."""
    full = [*gs, *[""] * (8 - len(gs))]
    return {
        "functional_id": full[0], "sender": full[1], "receiver": full[2], "date": iso_date(full[3]),
        "time": iso_time(full[4]), "control_number": full[5], "agency": full[6], "version": full[7],
    }  # fmt: skip


def isa_elements(interchange: Mapping[str, Any], component: str, repetition: str) -> list[str]:
    """The ISA segment, tag first, each element padded to its width (X12.5). Raises ``DataError`` naming all faults."""
    take = Taker("interchange", interchange, "x12-envelope")
    version = take.text("version", 5, "00401")
    elements = [
        "ISA", (take.optional("authorisation_qualifier", 2) or "00").ljust(2),
        take.optional("authorisation", 10).ljust(10), (take.optional("security_qualifier", 2) or "00").ljust(2),
        take.optional("security", 10).ljust(10),
        take.text("sender_qualifier", 2, "ZZ").ljust(2), take.text("sender", 15).ljust(15),
        take.text("receiver_qualifier", 2, "ZZ").ljust(2), take.text("receiver", 15).ljust(15),
        take.fixed(edi_date(take.text("date", 10), 6), "date", "[0-9]{6}", "a date"),
        take.fixed(edi_time(take.text("time", 8))[:4], "time", "[0-9]{4}", "a time"),
        repetition if version >= "00402" else "U", version.rjust(5, "0"),
        take.number("control_number", 9).rjust(9, "0"), "1" if interchange.get("acknowledgement_requested") else "0",
        take.fixed(take.text("usage", 1, "P"), "usage", "[PTI]", "P, T or I"), component,
    ]  # fmt: skip
    take.refuse()
    return elements


def gs_elements(group: Mapping[str, Any]) -> list[str]:
    """The GS segment, tag first. Raises ``DataError`` naming all faults."""
    take = Taker("group", group, "x12-envelope")
    version = take.text("version", 12, "004010")
    elements = [
        "GS", take.text("functional_id", 2), take.text("sender", 15), take.text("receiver", 15),
        take.fixed(edi_date(take.text("date", 10), 6 if version < "004" else 8), "date", "[0-9]{6,8}", "a date"),
        take.fixed(edi_time(take.text("time", 11)), "time", "[0-9]{4,8}", "a time"),
        take.number("control_number", 9), take.text("agency", 2, "X"), version,
    ]  # fmt: skip
    take.refuse()
    return elements


class Taker:
    """Takes fields out of a document and remembers what is wrong with them; ``refuse`` raises it as one error."""

    def __init__(self, name: str, document: Mapping[str, Any], code: str) -> None:
        self._name, self._document, self._code, self._faults = name, document, code, list[str]()

    def text(self, field: str, width: int, default: str = "") -> str:
        value = self._document.get(field)
        text = default if value is None or value == "" else str(value).strip()
        if not text:
            self._faults.append(f"{self._name}.{field} is missing")
        elif len(text) > width:
            self._faults.append(f"{self._name}.{field} is {text[:40]!r}, longer than {width}")
        return text

    def optional(self, field: str, width: int) -> str:
        return self.text(field, width) if self._document.get(field) not in (None, "") else ""

    def number(self, field: str, width: int) -> str:
        text = self.text(field, width)
        return self.fixed(text, field, "[0-9]+", "digits")

    def fixed(self, text: str, field: str, pattern: str, words: str) -> str:
        if text and not re.fullmatch(pattern, text):
            self._faults.append(f"{self._name}.{field} is {text[:40]!r}, expected {words}")
        return text

    def refuse(self) -> None:
        if self._faults:
            raise DataError("; ".join(self._faults), where=self._name, expected="a whole envelope",
                            remedy="set these fields in the map before", code=self._code)  # fmt: skip
