"""The desk of a simulated partner: a second opinion on what is sent to it, in both standards."""

from __future__ import annotations

import pytest

from waypost.testing.simulators.edi_desk import Desk, Document, Fault
from waypost.testing.simulators.x12_partner import longest_article

X12 = (
    "ISA*00*          *00*          *ZZ*WAYPOST        *ZZ*ACME           *261116*0815*U*00401*000000007*0*T*>~\n"
    "GS*IN*WAYPOST*ACME*20261116*0815*7*X*004010~\nST*810*0001~\nBIG*20261116*9*20261116*AC-1~\n"
    "IT1*1*2*EA*1.18**VN*{article}~\nSE*4*0001~\nGE*1*7~\nIEA*1*000000007~\n"
)
EDIFACT = (
    "UNA:+.? 'UNB+UNOC:3+4012345000009:14+4098765000010:14+261116:0815+7++++++1'UNH+1+INVOIC:D:96A:UN'BGM+380+9+9'"
    "RFF+ON:GX-1'UNT+4+1'UNZ+1+7'"
)
ACK = (
    "ISA*{head}~GS*FA*WAYPOST*ACME*20261116*0815*8*X*004010~ST*997*0001~AK1*PO*1001~AK9*P*2*2*1~SE*4*0001~GE*1*8~"
    "IEA*1*8~"
)


def lines(content: bytes, *tags: str) -> list[str]:
    return [line.rstrip("~'") for line in content.decode().splitlines() if line.startswith(tags)]


def test_an_x12_document_is_booked_and_accepted() -> None:
    desk = Desk()
    found, answer = desk.take(X12.format(article="LAMP-E27").encode())
    assert found == Document("810", "000000007", "AC-1")
    assert desk.ledger.documents == [found] and desk.ledger.sent == {"000000007": "accepted"}
    assert lines(answer, "AK", "GS") == ["GS*FA*ACME*WAYPOST" + lines(answer, "GS")[0][18:], "AK1*IN*7", "AK2*810*0001",
                                         "AK5*A", "AK9*A*1*1*1"]  # fmt: skip
    assert len(answer.split(b"~")[0]) == 105


def test_what_a_partner_rule_refuses_is_rejected_with_its_place() -> None:
    desk = Desk(longest_article(8))
    found, answer = desk.take(X12.format(article="CABLE-3X15").encode())
    assert found is not None and found.fault == Fault("IT1", 3, 7, "5", "CABLE-3X15")
    assert desk.ledger.sent == {"000000007": "rejected"}
    assert lines(answer, "AK") == [
        "AK1*IN*7", "AK2*810*0001", "AK3*IT1*3**8", "AK4*7**5*CABLE-3X15", "AK5*R*5", "AK9*R*1*1*0",
    ]  # fmt: skip


def test_a_997_is_booked_and_not_answered() -> None:
    desk = Desk()
    assert desk.take(ACK.format(head="*".join(["x"] * 16)).encode()) == (None, b"")
    assert desk.ledger.answers == {"1001": "P"}


def test_an_edifact_document_is_booked_and_acknowledged_as_a_test() -> None:
    desk = Desk()
    found, answer = desk.take(EDIFACT.encode())
    assert found == Document("INVOIC", "7", "GX-1")
    assert lines(answer, "UCI", "UCM") == [
        "UCI+7+4012345000009:14+4098765000010:14+7", "UCM+1+INVOIC:D:96A:UN+7",
    ]  # fmt: skip
    assert lines(answer, "UNB")[0].startswith("UNB+UNOC:3+4098765000010:14+4012345000009:14+")
    assert lines(answer, "UNB")[0].endswith("+C1++++++1")


@pytest.mark.parametrize(
    ("messages", "verdict"), [("UCM+1+ORDERS:D:96A:UN+7'", "7"), ("UCM+1+ORDERS:D:96A:UN+4+29'", "4"), ("", "7")]
)
def test_a_contrl_is_booked_by_its_worst_message(messages: str, verdict: str) -> None:
    desk = Desk()
    text = f"UNB+UNOC:3+a:14+b:14+261116:0815+1'UNH+1+CONTRL:D:3:UN'UCI+3001+b:14+a:14+7'{messages}UNT+4+1'UNZ+1+1'"
    assert desk.take(text.encode()) == (None, b"")
    assert desk.ledger.answers == {"3001": verdict}
