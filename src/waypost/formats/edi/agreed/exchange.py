"""What an interchange is in the books of an exchange: its numbers, and what it acknowledges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from waypost.formats.edi.cutter import cut
from waypost.formats.edi.dialect import Dialect
from waypost.formats.edi.edifact_envelope import parts, transaction_document
from waypost.formats.edi.row_read import RowReader
from waypost.formats.edi.segment import split_segments
from waypost.formats.edi.token import Kind, Token
from waypost.formats.edi.x12_dialect import X12

Row = list[Any]
KINDS = frozenset({"TA1", "997", "999", "824", "277CA", "CONTRL", "APERAK"})
"""The acknowledgements whose references are read."""
CLAIM_GUIDE = "005010X214"
_MOST_MESSAGES = 10_000
_X12_VERDICT = {"A": "accepted", "E": "accepted", "P": "partly"}
_OTI_VERDICT = {"A": "accepted", "C": "accepted", "E": "accepted", "P": "partly"}
_CLAIM_REJECTED = frozenset({"A3", "A4", "A6", "A7", "A8"})
"""Claim status categories (ECL 507) that say a claim was not taken."""
_EDIFACT_VERDICT = {"7": "accepted", "8": "accepted", "4": "rejected"}


def exchange_of(content: bytes, dialect: Dialect) -> dict[str, Any] | None:
    """The numbers of the first interchange of a content, which may lack its end, and what it acknowledges: interchange,
    groups, messages (set, number, group), kind, acknowledges. None where there is no interchange."""
    made: dict[str, Any] | None = None
    for token in cut([content], (dialect,), max(len(content), 1)):
        if token.kind is Kind.INTERCHANGE and token.header is not None and made is None:
            made = {"standard": dialect.name, "interchange": dialect.control_number(token.header).strip(), "groups": [],
                    "messages": [], "kind": "", "acknowledges": []}  # fmt: skip
        elif made is not None and token.header is not None:
            _take(made, token, dialect)
    return made


def _take(made: dict[str, Any], token: Token, dialect: Dialect) -> None:
    if token.kind is Kind.GROUP:
        row = _rows(token, dialect, 1)[0]
        made["groups"].append(_at(row, 6 if dialect is X12 else 5))
    elif token.kind in (Kind.SEGMENT, Kind.TRANSACTION) and token.data.lstrip().startswith(b"TA1"):
        row = _rows(token, dialect, 1)[0]
        made["kind"] = "TA1"
        made["acknowledges"].append(_reference("interchange", _at(row, 1), _X12_VERDICT.get(_at(row, 4), "rejected"),
                                              codes=[_at(row, 5)]))  # fmt: skip
    elif token.kind is Kind.TRANSACTION and len(made["messages"]) < _MOST_MESSAGES:
        head = _rows(token, dialect, 1)[0]
        group = made["groups"][-1] if made["groups"] else ""
        if dialect is X12:
            set_id, number = _at(head, 1), _at(head, 2)
        else:
            read = transaction_document(head)
            set_id, number = read["set"], read["control_number"]
        kind = "277CA" if set_id == "277" and _at(head, 3).startswith(CLAIM_GUIDE) else set_id
        made["messages"].append((set_id, number, group, *_own_reference(set_id, token, dialect)))
        if kind in KINDS:
            made["kind"] = kind
            made["acknowledges"] += list(_references(kind, _rows(token, dialect, 0)))


def _own_reference(set_id: str, token: Token, dialect: Dialect) -> Iterator[str]:
    """By what a claim acknowledgement names an 837: not its control number, but its own reference (BHT03)."""
    if set_id == "837" and dialect is X12 and token.header is not None:
        pieces = token.data[:4096].split(token.header.delimiters.segment)
        beginning = next((piece.strip() for piece in pieces if piece.strip().startswith(b"BHT")), b"")
        elements = beginning.split(token.header.delimiters.element)
        yield elements[3].decode("latin-1").strip() if len(elements) > 3 else ""


def _rows(token: Token, dialect: Dialect, most: int) -> list[Row]:
    """The segments of a token as rows; only the first where ``most`` is 1."""
    assert token.header is not None
    marks = token.header.delimiters
    reader = RowReader(marks, "latin-1")
    data = token.data if most == 0 else token.data[:4096].lstrip().partition(marks.segment)[0]
    pieces = split_segments(data, marks, dialect) if most == 0 else [data]
    return [reader.row(piece.decode("latin-1").strip()) for piece in pieces if piece.strip()]


def _references(kind: str, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    if kind in ("997", "999"):
        yield from _functional(rows)
    elif kind == "824":
        yield from _application(rows)
    elif kind == "277CA":
        yield from _claims(rows)
    elif kind == "CONTRL":
        yield from _control(rows)
    else:
        refused = any(row[0] == "ERC" for row in rows) or any(row[0] == "BGM" and _at(row, 4) == "RE" for row in rows)
        codes = [parts(row, 1)[0] for row in rows if row[0] == "ERC"]
        for row in rows:
            if row[0] == "RFF" and parts(row, 1)[0] == "ACW":
                yield _reference("message", parts(row, 1)[1], "rejected" if refused else "accepted", codes=codes)


def _control(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """The interchange of a CONTRL, and behind it its groups, each before its messages."""
    group = ""
    for row in rows:
        if row[0] == "UCI":
            group = ""
            yield _reference("interchange", parts(row, 1)[0], _action(row, 4), codes=[parts(row, 5)[0]])
        elif row[0] == "UCF":
            group = parts(row, 1)[0]
            yield _reference("group", group, _action(row, 4), codes=[parts(row, 5)[0]])
        elif row[0] == "UCM":
            codes = [parts(row, 4)[0]]
            yield _reference("message", parts(row, 1)[0], _action(row, 3), parts(row, 2)[0], group, codes)


def _action(row: Row, number: int) -> str:
    return _EDIFACT_VERDICT.get(parts(row, number)[0], "rejected")


def _application(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Each message an 824 names, with the error codes behind it."""
    named: dict[str, Any] | None = None
    for row in rows:
        if row[0] == "OTI":
            if named is not None:
                yield named
            verdict = _OTI_VERDICT.get(_at(row, 1)[1:2], "rejected")
            named = _reference("message", _at(row, 9), verdict, _at(row, 10), _at(row, 8)) if _at(row, 9) else None
        elif row[0] == "TED" and named is not None:
            named["codes"] = [*named.get("codes", ()), _at(row, 1)]
    if named is not None:
        yield named


def _claims(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """One reference for each file of claims that is named; its verdict is that of its claims, where there are any."""
    level, number, found, codes = "", "", dict[str, list[bool]](), dict[str, list[str]]()
    for row in rows:
        if row[0] == "HL":
            level = _at(row, 3)
        elif row[0] == "TRN" and level == "21":
            number = _at(row, 2)
            found.setdefault(number, [])
        elif row[0] == "STC" and (level == "PT" or (level == "21" and _at(row, 3) == "U")):
            good = _at(row, 1)[:2] not in _CLAIM_REJECTED and _at(row, 3) != "U"
            found.setdefault(number, []).append(good)
            if not good:
                codes.setdefault(number, []).append(":".join(map(str, row[1])) if isinstance(row[1], list) else row[1])
    for number, each in found.items():
        verdict = "accepted" if all(each) else "partly" if any(each) else "rejected"
        yield _reference("message", number, verdict, "837", codes=list(dict.fromkeys(codes.get(number, ()))))


def _functional(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    group, opened = "", ("", "")
    for row in rows:
        if row[0] == "AK1":
            group = _at(row, 2)
        elif row[0] == "AK2":
            opened = (_at(row, 1), _at(row, 2))
        elif row[0] in ("AK5", "IK5"):
            verdict, codes = _X12_VERDICT.get(_at(row, 1), "rejected"), [_at(row, number) for number in range(2, 7)]
            yield _reference("message", opened[1], verdict, opened[0], group, codes)
        elif row[0] == "AK9":
            codes = [_at(row, number) for number in range(5, 10)]
            yield _reference("group", group, _X12_VERDICT.get(_at(row, 1), "rejected"), codes=codes)


def _reference(
    level: str, number: str, verdict: str, set_id: str = "", group: str = "", codes: Sequence[str] = ()
) -> dict[str, Any]:
    """``codes`` are the reasons given, as the standard numbers them."""
    told = [code for code in codes if code and code != "000"]
    made: dict[str, Any] = {"level": level, "number": number, "verdict": verdict, "set": set_id, "group": group}
    return {**made, "codes": told} if told else made


def _at(row: Row, number: int) -> str:
    value = row[number] if len(row) > number else ""
    while isinstance(value, list):
        value = value[0] if value else ""
    return str(value)
