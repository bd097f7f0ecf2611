"""Where interchanges and transactions begin and end, whatever partners do to them."""

from __future__ import annotations

import pytest

from tests.conformance.test_edifact import ORDERS, PLAIN
from tests.conformance.test_tradacoms import SENT
from tests.conformance.test_x12 import BINARY, OBJECT, RELEASED, SOUND
from waypost.core.errors import DataError
from waypost.formats.edi.cutter import Cutter, cut
from waypost.formats.edi.outline import DIALECTS, Survey
from waypost.formats.edi.segment import Transaction
from waypost.formats.edi.token import Kind, Token
from waypost.formats.edi.x12_dialect import X12
from waypost.testing.format_kit import build_format, decode_all, frame

LIMIT = 1 << 20


def tokens(content: bytes, kind: Kind | None = None) -> list[Token]:
    found = cut([content], DIALECTS, LIMIT)
    return [token for token in found if kind is None or token.kind is kind]


def faults(content: bytes) -> list[tuple[str, int, str]]:
    survey = Survey([content])
    assert list(survey.tokens())
    return [(fault.code, fault.offset, fault.segment) for fault in survey.counts.faults]


def read(token: Token) -> Transaction:
    assert token.header and token.dialect
    return Transaction(token.data, token.start, token.header.delimiters, token.dialect)


def test_a_transaction_knows_its_segments_their_offsets_and_elements() -> None:
    (transaction, _) = tokens(b"\r\n" + ORDERS, Kind.TRANSACTION)
    found = read(transaction)
    assert found.segments[1] == b"BGM+220+NM-2026-0815+9"
    assert found.offsets[1] == 2 + ORDERS.index(b"BGM")
    assert found.elements(1) == [b"BGM", b"220", b"NM-2026-0815", b"9"]
    assert found.elements(3)[4] == b"Deliver before noon?; ring ?+49 40 1234?: ask for O?'Brien??"


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        (b"*T*>~\nGS", b"*T*>\r\n~\r\nGS"),
        (b"*T*>~\nGS", b"*T*~GS"),
        (b"*ZZ*NORDMARKT      *", b"*ZZ*NORD\r\nMARKT      *"),
        (b"ISA*00*          *00*          *", b"ISA*00**00**"),
    ],
)  # fmt: skip
def test_a_damaged_isa_segment_is_read_all_the_same(found: bytes, instead: bytes) -> None:
    content = SOUND.replace(found, instead)
    assert content != SOUND and faults(content) == []
    format_ = build_format("x12")
    (document,) = decode_all(format_, frame(format_, [content])[0])
    assert document["purchase_order"]["number"] == "NM-2026-0815"


def test_separators_may_be_characters_of_several_bytes() -> None:
    content = SOUND.replace(b"*", "¦".encode()).replace(b"~", "…".encode())
    assert [token.kind for token in tokens(content)] == [token.kind for token in tokens(SOUND)]
    assert faults(content) == []


def test_binary_data_is_cut_by_its_length() -> None:
    (transaction,) = tokens(BINARY, Kind.TRANSACTION)
    found = read(transaction)
    assert found.elements(1) == [b"BIN", str(len(OBJECT)).encode(), OBJECT]
    assert len(found.segments) == 3 and found.offsets[2] == BINARY.index(b"SE*3*0001")


def test_a_filtered_binary_segment_names_its_length_in_the_second_element() -> None:
    content = BINARY.replace(b"BIN*", b"BDS*ASC*")
    assert read(tokens(content, Kind.TRANSACTION)[0]).elements(1) == [b"BDS", b"ASC", b"%d" % len(OBJECT), OBJECT]


@pytest.mark.parametrize("length", [b"5", b"9999999", b"11a", b""])
def test_a_binary_length_at_whose_end_nothing_ends_is_not_believed(length: bytes) -> None:
    content = BINARY.replace(b"BIN*%d*" % len(OBJECT), b"BIN*%b*" % length)
    assert tokens(content, Kind.TRANSACTION)[0].data.endswith(b"any ~SE*1*2~")


def test_a_release_character_is_known_where_an_isx_segment_names_it() -> None:
    format_ = build_format("x12")
    (document,) = decode_all(format_, frame(format_, [RELEASED])[0])
    assert document["purchase_order"]["number"] == "N*M-2026-0815"
    (error,) = decode_all(format_, frame(format_, [RELEASED.replace(b"*00704*", b"*00401*")])[0])
    assert isinstance(error, DataError), "an earlier version has no release character"


def test_interchanges_of_all_dialects_may_follow_each_other() -> None:
    found = tokens(SOUND + b"\r\n" + PLAIN + b"junk" + SENT, Kind.INTERCHANGE)
    assert [token.dialect.name for token in found if token.dialect] == ["x12", "edifact", "tradacoms"]
    assert faults(SOUND + PLAIN + b"junk" + SENT) == [("edi-junk", len(SOUND + PLAIN), "")]


def test_messages_behind_una_without_unb_are_found_and_the_missing_segment_is_said() -> None:
    content = b"UNA:+.? '" + PLAIN[PLAIN.index(b"UNH+1") : PLAIN.index(b"UNZ")]
    assert len(tokens(content, Kind.TRANSACTION)) == 2
    assert faults(content)[0] == ("edifact-header-missing", 0, "UNB")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (ORDERS.replace(b"UNT+12+1'\n", b""), ("edifact-trailer-missing", ORDERS.index(b"UNH+1"), "UNH")),
        (SOUND.replace(b"GE*1", b"GE*2"), ("x12-count", SOUND.index(b"GE*1"), "GE")),
        (SOUND.replace(b"GE*1*311", b"GE*1*312"), ("x12-control-number", SOUND.index(b"GE*1"), "GE")),
        (SENT.replace(b"END=3'", b""), ("tradacoms-trailer-missing", len(SENT) - 6, "END")),
        (b"ISA*00*short~", ("x12-header", 0, "")),
    ],
)
def test_a_fault_has_a_code_an_offset_and_a_segment(content: bytes, expected: tuple[str, int, str]) -> None:
    assert expected in faults(content)


def test_a_header_with_blanks_behind_its_tag_is_the_header_it_is() -> None:
    """Found by ``edi_fuzz --seed 8321``: the trailer's check broke down over the tag of such a group."""
    assert faults(SOUND.replace(b"GS*", b"GS   *")) == []
    damaged = SOUND.replace(b"GS*", b"GS   *").replace(b"GE*1", b"GE*2")
    assert faults(damaged) == [("x12-count", damaged.index(b"GE*2"), "GE")]


def test_a_tag_inside_data_ends_nothing() -> None:
    content = SOUND.replace(b"Deliver to gate 3.", b"SE*IEA*UNZ and ISA*")
    assert [token.kind for token in tokens(content)] == [token.kind for token in tokens(SOUND)]


def test_padding_between_segments_ends_nothing() -> None:
    content = SOUND.replace(b"~\n", b"~" + b" " * 900 + b"\r\n")
    assert faults(content) == []
    assert len(read(tokens(content, Kind.TRANSACTION)[0]).segments) == 21


def test_a_transaction_beyond_the_limit_is_refused_then_and_ever_after() -> None:
    cutter = Cutter((X12,), 300)
    assert [token.kind for token in cutter.feed(SOUND)] == [Kind.INTERCHANGE, Kind.GAP, Kind.GROUP, Kind.GAP]
    for more in (lambda: cutter.feed(b"x"), cutter.finish):
        with pytest.raises(DataError, match="record at byte 157: a record of more than 300 bytes"):
            more()


def test_memory_holds_one_transaction() -> None:
    cutter, most = Cutter((X12,), LIMIT), 0
    head, body, tail = SOUND[:157], SOUND[157 : SOUND.index(b"GE*1")], b"GE*1000*311~IEA*1*000000417~"
    content = head + body * 1000 + tail
    for at in range(0, len(content), 100):
        cutter.feed(content[at : at + 100])
        most = max(most, len(cutter._buffer))
    assert most < len(body) + 200


def test_unusual_separators_without_una_are_told_only_when_the_next_segment_was_seen() -> None:
    content = PLAIN.translate(bytes.maketrans(b":+'", b";*~")).replace(b"ORDERS*", b"O'RDERS*", 1)
    pieces = [content[at : at + 7] for at in range(0, len(content), 7)]
    found = [[(t.kind, t.data) for t in cut(some, DIALECTS, LIMIT)] for some in ([content], pieces)]
    assert found[0] == found[1] and found[0][0][0] is Kind.INTERCHANGE
