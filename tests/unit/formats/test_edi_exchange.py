"""What an interchange is in the books: what an acknowledgement names, its verdicts and the reasons it gives."""

from __future__ import annotations

from typing import Any

import pytest

from waypost.formats.edi.agreed.exchange import exchange_of
from waypost.formats.edi.edifact_dialect import EDIFACT
from waypost.formats.edi.x12_dialect import X12

CONTRL = (
    "UNB+UNOC:3+THEM:14+US:14+260412:0715+9'UNH+1+CONTRL:D:3:UN'UCI+41+US:14+THEM:14+7'"
    "UCF+1+US:14+THEM:14+4+18'UCF+2+US:14+THEM:14+7'UCM+5+INVOIC:D:96A:UN+4+13'UNT+6+1'UNZ+1+9'"
)


def x12(*segments: str) -> bytes:
    head = "ISA*00*          *00*          *ZZ*THEM           *ZZ*US             *260412*0815*U*00401*000000555*0*T*>~"
    return (head + "".join(f"{segment}~" for segment in segments) + "IEA*1*000000555~").encode()


def acknowledges(content: bytes, dialect: Any) -> list[tuple[str, ...]]:
    made = exchange_of(content, dialect)
    assert made is not None
    names = ("level", "number", "verdict", "set", "group")
    return [(*(said[name] for name in names), *said.get("codes", ())) for said in made["acknowledges"]]


def test_a_contrl_tells_of_groups_and_of_the_messages_in_them() -> None:
    assert acknowledges(CONTRL.encode(), EDIFACT) == [
        ("interchange", "41", "accepted", "", ""),
        ("group", "1", "rejected", "", "", "18"),
        ("group", "2", "accepted", "", ""),
        ("message", "5", "rejected", "INVOIC", "2", "13"),
    ]


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        (("TA1*000000041*260412*0715*R*025",), [("interchange", "000000041", "rejected", "", "", "025")]),
        (("TA1*000000041*260412*0715*A*000",), [("interchange", "000000041", "accepted", "", "")]),
        (
            ("GS*FA*T*U*20260412*0815*9*X*004010", "ST*997*0001", "AK1*PR*7", "AK2*855*0001", "AK5*R*4*5",
             "AK9*R*1*1*0*1",
             "SE*6*0001", "GE*1*9"),
            [("message", "0001", "rejected", "855", "7", "4", "5"), ("group", "7", "rejected", "", "", "1")],
        ),
        (
            ("GS*AG*T*U*20260412*0815*9*X*004010", "ST*824*0001", "BGN*11*1*20260412",
             "OTI*TR*TN*1*****8*0001*810", "TED*024*bad", "TED*012*worse", "OTI*TA*TN*2*****8*0002*810",
             "SE*7*0001", "GE*1*9"),
            [("message", "0001", "rejected", "810", "8", "024", "012"), ("message", "0002", "accepted", "810", "8")],
        ),
    ],
    ids=["TA1 that rejects", "TA1 that accepts", "997", "824"],
)  # fmt: skip
def test_x12_acknowledgements_tell_their_reasons(segments: tuple[str, ...], said: list[tuple[str, ...]]) -> None:
    assert acknowledges(x12(*segments), X12) == said
