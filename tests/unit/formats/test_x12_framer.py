"""How X12 contents are cut, and what becomes of broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from waypost.core.component import Slice
from waypost.core.errors import DataError
from waypost.testing.format_kit import build_format, decode_all, frame

ORDERS = (Path(__file__).parents[2] / "golden/formats/purchase_order.edi").read_bytes()
ISA = ORDERS[: ORDERS.index(b"GS*")]


def interchange(number: int = 417, groups: str = "", count: int = 0) -> bytes:
    return ISA.replace(b"000000417", b"%09d" % number) + groups.encode() + b"IEA*%d*%09d~\n" % (count, number)


def cut(content: bytes, options: str = "{}") -> list[Slice]:
    slices, refusal = frame(build_format("x12", options), [content])
    assert refusal == ""
    return slices


def test_each_transaction_set_is_a_record_that_knows_its_envelope() -> None:
    first, second = cut(ORDERS)
    assert first.data.startswith(b"ST*850*0001~") and first.data.endswith(b"SE*21*0001~")
    assert second.data.startswith(b"ST*850*0002~")
    assert first.context == ISA.rstrip() + b"GS*PO*NORDMARKT*WERK7*20260412*0715*311*X*004010~"
    assert first.context is second.context or first.context == second.context


def test_each_group_is_a_record_where_asked() -> None:
    (group,) = cut(ORDERS, "{unit: group}")
    assert group.data.startswith(b"GS*PO*") and group.data.endswith(b"GE*2*311~")


def test_several_interchanges_with_separators_of_their_own_are_read_in_order() -> None:
    odd = ORDERS.replace(b"~\n", b"\x1d").replace(b"*", b"^").replace(b">", b":")
    slices = cut(b"\xef\xbb\xbf" + ORDERS + b"\r\n\r\n" + odd + b"\x1a")
    assert [s.fault for s in slices] == [""] * 4
    assert slices[2].context.endswith(b"^004010\x1d")


@pytest.mark.parametrize(
    "terminator", [b"~", b"~\r\n", b"\n", b"\r", b"\r\n", b"'", b"\x1d", "¦".encode(), "…".encode()]
)
def test_any_terminator_is_learned_from_the_interchange(terminator: bytes) -> None:
    documents = decode_all(build_format("x12"), cut(ORDERS.replace(b"~\n", terminator)))
    assert documents[0]["purchase_order"]["number"] == "NM-2026-0815"


def test_an_isa_segment_that_is_not_padded_is_read_all_the_same() -> None:
    content = ORDERS.replace(b"*NORDMARKT      *14*4399902099992  *", b"*NORDMARKT*14*4399902099992*")
    documents = decode_all(build_format("x12"), cut(content))
    assert documents[0]["interchange"]["sender"] == "NORDMARKT"


@pytest.mark.parametrize(
    ("found", "instead", "says"),
    [
        (b"IEA*1*000000417", b"IEA*1*000000418", "IEA02 is '000000418', the control number of ISA13 is '000000417'"),
        (b"IEA*1*", b"IEA*2*", "IEA01 is '2', the number of groups is '1'"),
        (b"GE*2*311", b"GE*2*312", "GE02 is '312', the control number of GS06 is '311'"),
        (b"GE*2*", b"GE*3*", "GE01 is '3', the number of transaction sets is '2'"),
        (b"GE*2*311~\n", b"", "the GE segment of the last group is missing"),
        (b"SE*21*0001~\n", b"", "a transaction set without its SE segment (byte 157)"),
        (b"IEA*1*000000417~\n", b"", "the IEA segment is missing: the content ends"),
        (b"GE*2", b"XX*1~GE*2", "segment 'XX' outside a transaction set"),
        (b"GS*PO*NORDMARKT*WERK7*20260412*0715*311*X*004010~\n", b"", "a transaction set outside a group"),
    ],
)
def test_an_interchange_with_a_broken_envelope_is_one_record_with_a_fault(
    found: bytes, instead: bytes, says: str
) -> None:
    broken = ORDERS.replace(found, instead)
    assert broken != ORDERS
    (whole,) = cut(broken)
    assert whole.data == broken.rstrip(b"\n")
    assert says in whole.fault
    assert whole.fault.startswith("interchange 000000417 at byte 0: ")


def test_a_broken_interchange_leaves_its_neighbours_alone() -> None:
    slices = cut(ORDERS + ORDERS.replace(b"IEA*1*000000417~\n", b"") + ORDERS)
    assert [bool(s.fault) for s in slices] == [False, False, True, False, False]
    assert "another interchange begins" in slices[2].fault


def test_what_stands_between_interchanges_is_reported_and_not_lost() -> None:
    content = b"From: them\n" + ORDERS + b"junk VISA 42\n" + ORDERS
    slices = cut(content)
    assert [s.data for s in slices if s.fault] == [b"From: them", b"junk VISA 42"]
    assert "bytes that belong to no interchange" in slices[0].fault


def test_a_header_that_cannot_be_read_says_why() -> None:
    (lost,) = cut(b"ISA*00*short~GS*PO~")
    assert "the ISA segment has 3 elements of 16" in lost.fault


def test_an_interchange_beyond_the_limit_is_refused_whatever_the_pieces() -> None:
    framer = build_format("x12").framer(len(ORDERS) - 2)
    with pytest.raises(DataError, match=r"record at byte 0: a record of more than .* split the interchange"):
        framer.feed(ORDERS)


def test_a_lone_interchange_acknowledgement_is_a_record() -> None:
    for counted in (0, 1):
        content = interchange(groups="TA1*000000007*260412*0715*R*006~\n", count=counted)
        (document,) = decode_all(build_format("x12"), cut(content))
        assert document["interchange_acknowledgement"]["code"] == "R"
        assert document["transaction"] == {"set": "TA1", "control_number": "000000007"}


def test_an_empty_interchange_has_no_records() -> None:
    assert cut(interchange()) == []


def test_the_end_of_a_long_run_of_missing_trailers_is_found_in_one_pass() -> None:
    content = ISA + b"GS*PO*A*B*20260412*0715*1*X*004010~" + b"ST*850*0001~" * 50_000 + b"IEA*1*000000417~"
    (whole,) = cut(content)
    assert "without its SE segment" in whole.fault


def test_many_interchanges_without_an_end_are_gone_through_but_once() -> None:
    slices = cut(ISA * 20_000)
    assert len(slices) == 20_000
    assert all(s.fault for s in slices)
