"""Makes the functional acknowledgement (X12 997) of what was received.

One 997 answers one group: a document read with ``unit: group`` says of each of its transaction sets whether it was
accepted, and why not. A document of a single transaction set is answered as a group of one. What goes out is a document
the x12 format writes; its control numbers follow from those of the group received, so that making it again gives the
same one: ISA13 and GS06 are the GS06 received, ST02 is 0001.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from waypost.core.errors import DataError

Row = list[Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNSAFE = re.compile(r"[^A-Za-z0-9 .,/+_-]")
_MOST_ELEMENTS = 99
_MOST_CODES = 5


def acknowledgement_for(document: Any, *, received_at: int) -> dict[str, Any]:
    """The 997 for ``document``, which the x12 format read; ``received_at`` (UTC µs) is the time it carries.

    Raises ``DataError`` when the document has no group to acknowledge, or is an acknowledgement itself: those are
    never acknowledged, or two systems would answer each other for ever.
    """
    group, interchange = _part(document, "group"), _part(document, "interchange")
    if group.get("functional_id") == "FA":
        raise DataError("an acknowledgement", where="group FA", expected="anything but an acknowledgement",
                        remedy="filter group.functional_id != 'FA' before", code="x12-acknowledgement")  # fmt: skip
    transactions: Sequence[Mapping[str, Any]] = document.get("transactions") or [document]
    accepted = sum(_accepted(t) for t in transactions)
    code = "A" if accepted == len(transactions) else "P" if accepted else "R"
    rows: list[Row] = [["AK1", group["functional_id"], group["control_number"]]]
    for transaction in transactions:
        rows.extend(_answer(transaction))
    count = str(len(transactions))
    rows.append(["AK9", code, count, count, str(accepted)])
    return {**_envelope(interchange, group, _EPOCH + timedelta(microseconds=received_at)), "rows": rows}


def _envelope(interchange: Mapping[str, Any], group: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Sender and receiver change places; the usage stays."""
    when = {"date": at.strftime("%Y-%m-%d"), "time": at.strftime("%H:%M")}
    number = str(group["control_number"])
    return {
        "interchange": {
            "sender": interchange.get("receiver"), "sender_qualifier": interchange.get("receiver_qualifier"),
            "receiver": interchange.get("sender"), "receiver_qualifier": interchange.get("sender_qualifier"),
            **when, "version": interchange.get("version"), "control_number": number.rjust(9, "0"),
            "acknowledgement_requested": False, "usage": interchange.get("usage"),
        },
        "group": {
            "functional_id": "FA", "sender": group.get("receiver"), "receiver": group.get("sender"), **when,
            "control_number": number, "agency": group.get("agency") or "X", "version": group.get("version"),
        },
        "transaction": {"set": "997", "control_number": "0001"},
    }  # fmt: skip


def _answer(document: Mapping[str, Any]) -> Iterator[Row]:
    """The AK2 loop of one transaction set."""
    transaction = _part(document, "transaction")
    errors: Sequence[Mapping[str, Any]] = document.get("errors") or ()
    yield ["AK2", transaction["set"], transaction["control_number"]]
    inside = [error for error in errors if error["level"] != "transaction"]
    for _, of_segment in groupby(inside, key=lambda e: (e["position"], e["segment"])):
        yield from _segment([*of_segment])
    codes = [error["x12"] for error in errors if error["level"] == "transaction"] + ["5"] * bool(inside)
    yield ["AK5", "A" if _accepted(document) else "R", *dict.fromkeys(codes[:_MOST_CODES])]


def _segment(errors: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    """AK3 for each fault of the segment itself; one more, code 8, with AK4 for each of its elements."""
    for error in errors:
        if error["level"] == "segment":
            yield _ak3(error, _plain(error["x12"], "8"))
    elements = [error for error in errors if error["level"] == "element"]
    if elements:
        yield _ak3(elements[0], "8")
    for error in elements[:_MOST_ELEMENTS]:
        place = [str(error["element"]), str(error["component"])] if error["component"] else str(error["element"])
        code = _plain(error["x12"], "3")
        yield ["AK4", place, "", code, _UNSAFE.sub("?", error["found"].strip("'\""))[:_MOST_ELEMENTS].strip()]


def _plain(code: str, instead: str) -> str:
    """A code as a 997 knows it; those of implementation guides (I10 …) only a 999 does."""
    return instead if code.startswith("I") else code


def _ak3(error: Mapping[str, Any], code: str) -> Row:
    tag = _UNSAFE.sub("?", error["segment"])[:3].ljust(2, "?")
    return ["AK3", tag, str(error["position"]), error["loop"].rpartition("/")[2][:4], code]


def _accepted(document: Mapping[str, Any]) -> bool:
    return bool(document.get("accepted", True))


def _part(document: Any, name: str) -> Mapping[str, Any]:
    part = document.get(name) if isinstance(document, Mapping) else None
    if not isinstance(part, Mapping):
        raise DataError(f"no {name}", where="document", expected="a document read by the x12 format",
                        remedy="acknowledge before any map", code="x12-acknowledgement")  # fmt: skip
    return part
