"""Application acknowledgements, one for each message received: 824 of X12, APERAK of EDIFACT."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from waypost.formats.edi.acknowledgement.claim import GUIDE, claim_rows, claims_of
from waypost.formats.edi.acknowledgement.functional import clean, envelope, tag_of
from waypost.formats.edi.acknowledgement.policy import Maker
from waypost.formats.edi.acknowledgement.syntax import parties_of, version_of
from waypost.formats.edi.envelope import interchange_document
from waypost.formats.edi.examine.verdict import Level, Verdict
from waypost.formats.edi.finding import KINDS, Finding

Row = list[Any]
_MOST_FINDINGS = 999
_MOST_REFERENCE = 30
_TED = {"element-missing": "002", "element-date": "009", "element-code": "007", "total": "003", "rule": "ZZZ"}
"""Reasons of element 647 that say more than that something is wrong; ZZZ is what both sides agreed."""


def application_documents(
    kinds: Sequence[str], level: Level, verdicts: Sequence[Verdict], maker: Maker
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A document of each kind that fits the standard of the interchange."""
    standard = level.writing.dialect.name
    for kind in kinds:
        answered = [v for v in verdicts if kind != "277CA" or (v.message == "837" and claims_of(v.rows))]
        if answered and _KINDS[kind][0] == standard:
            yield kind, _KINDS[kind][1](level, answered, maker)


def _x12(level: Level, set_id: str, group: str, version: str, bodies: Sequence[list[Row]], maker: Maker,
         convention: str = "") -> dict[str, Any]:  # fmt: skip
    received = interchange_document([e.strip() for e in [*level.row[1:], *[""] * 16][:16]])
    number = maker.number("interchange", (level.control_number.strip() or "1")[-9:])
    answers = envelope(received, maker.when, number if number.isdecimal() else "1")
    transactions = [
        {
            "transaction": {"set": set_id, "control_number": maker.number("transaction", f"{n:04d}"),
                            **({"convention": convention} if convention else {})},
            "rows": rows,
        }
        for n, rows in enumerate(bodies, 1)
    ]  # fmt: skip
    return {
        "interchange": answers,
        "group": {
            "functional_id": group, "sender": answers["sender"], "receiver": answers["receiver"], **maker.when,
            "control_number": maker.number("group", answers["control_number"].lstrip("0") or "1"), "agency": "X",
            "version": version,
        },
        "transactions": transactions,
    }  # fmt: skip


def _advice(level: Level, verdicts: Sequence[Verdict], maker: Maker) -> dict[str, Any]:
    """824: an OTI loop says whether the transaction set was accepted, TED why not."""
    version = next((v.version for v in verdicts if re.fullmatch("00[4-9]0[0-9]0.*", v.version)), "004010")[:6]
    bodies = []
    for verdict in verdicts:
        errors = [f for f in verdict.findings if f.severity == "error"]
        control = clean(verdict.control_number, _MOST_REFERENCE) or "0"
        rows: list[Row] = [["BGN", "11", control, maker.at.strftime("%Y%m%d"), maker.at.strftime("%H%M")]]
        named = re.fullmatch("[0-9]{3}", verdict.message)
        group = re.sub("[^0-9]", "", verdict.group)[:9]
        set_ = [*[""] * 4, group, clean(verdict.control_number, 9).ljust(4, "?"), verdict.message]
        rows.append(["OTI", "TR" if errors else "TA", "TN", control, *(set_ if named and group else [])])
        for one in errors[:_MOST_FINDINGS]:
            rows.append(["TED", _TED.get(one.code, "ZZZ"), clean(one.said().replace("'", ""), 60),
                         tag_of(one), str(min(one.position, 999_999)),
                         *([str(min(one.element, 99))] if one.element else [])])  # fmt: skip
        bodies.append(rows)
    return _x12(level, "824", "AG", version, bodies, maker)


def _claims(level: Level, verdicts: Sequence[Verdict], maker: Maker) -> dict[str, Any]:
    """277CA: one for each 837, which says of each claim whether it was accepted."""
    bodies = [claim_rows(verdict, claims_of(verdict.rows), maker) for verdict in verdicts]
    return _x12(level, "277", "HN", GUIDE, bodies, maker, GUIDE)


def _aperak(level: Level, verdicts: Sequence[Verdict], maker: Maker) -> dict[str, Any]:
    """APERAK: one message for each received; an ERC group for each fault."""
    syntax, version, _, _ = version_of(level)
    place = (2, 3) if level.tag == "UNB" else (6, 7)
    row = [*level.row, *[""] * 12]
    sender, receiver = ([*parties_of(row[n], level), ""] for n in place)
    messages = []
    for number, verdict in enumerate(verdicts, 1):
        errors = [f for f in verdict.findings if f.severity == "error"]
        control = clean(verdict.control_number, 35) or "0"
        rows: list[Row] = [
            ["BGM", "963" if errors else "961", control, "27" if errors else "29"],
            ["DTM", ["137", maker.at.strftime("%Y%m%d%H%M"), "203"]], ["RFF", ["ACW", control]],
        ]  # fmt: skip
        for one in errors[:_MOST_FINDINGS]:
            rows += [["ERC", [clean(_code(one), 8)]], ["FTX", "AAO", "", "", [_said(one)[n : n + 70] for n in (0, 70)]]]
        messages.append({
            "transaction": {"set": "APERAK", "control_number": maker.number("transaction", str(number)), "version": "D",
                            "release": "96A"}, "rows": rows,
        })  # fmt: skip
    return {
        "interchange": {
            "syntax": syntax, "syntax_version": version, "sender": receiver[0], "sender_qualifier": receiver[1],
            "receiver": sender[0], "receiver_qualifier": sender[1], **maker.when,
            "control_number": maker.number("interchange", clean(level.control_number, 14) or "0"),
        },
        "transactions": messages,
    }  # fmt: skip


def _code(one: Finding) -> str:
    return KINDS[one.code].edifact if one.code in KINDS else "18"


def _said(one: Finding) -> str:
    return clean(str(one).replace("'", ""), 140) or one.code


_KINDS: dict[str, tuple[str, Callable[[Level, Sequence[Verdict], Maker], dict[str, Any]]]] = {
    "824": ("x12", _advice), "277CA": ("x12", _claims), "APERAK": ("edifact", _aperak),
}  # fmt: skip
APPLICATION_KINDS = tuple(_KINDS)
