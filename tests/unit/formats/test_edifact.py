"""EDIFACT as partners write it: separators, character sets, groups, packages; and what is written back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.conformance.test_edifact import GROUPED, INTERACTIVE, OBJECT, ORDERS, PACKAGE, PLAIN
from waypost.core.errors import DataError
from waypost.formats.edi.charset import ENCODINGS
from waypost.testing.format_kit import build_format, decode_all, frame

DOCUMENT: dict[str, Any] = {
    "interchange": {"sender": "US", "receiver": "THEM", "date": "2026-04-12", "time": "07:15", "control_number": "417"},
    "transaction": {"set": "ORDERS", "control_number": "1", "release": "96A"},
    "rows": [["BGM", "220", "4711"], ["PRI", ["AAA", Decimal("9.25")]]],
}


def read(content: bytes, options: str = "{}") -> list[Any]:
    format_ = build_format("edifact", options)
    slices, refusal = frame(format_, [content])
    assert refusal == ""
    return decode_all(format_, slices)


def write(document: Any, options: str = "{}") -> bytes:
    (data,) = build_format("edifact", options).encode([document])
    assert isinstance(data, bytes), data
    return data


def sent(syntax: bytes, text: bytes, version: bytes = b"3") -> bytes:
    return b"UNB+%b:%b+A+B+260412:0715+9'UNH+1+ORDERS:D:96A:UN'FTX+AAI+%b'UNT+3+1'UNZ+1+9'" % (syntax, version, text)


def text_of(document: Any) -> Any:
    return document["segments"]["FTX"][0][2]


def test_a_message_is_a_document_with_its_envelope_names_and_rows() -> None:
    first, second = read(ORDERS)
    assert first["interchange"]["sender"] == "4012345000009" and first["interchange"]["usage"] == "P"
    assert first["interchange"]["acknowledgement_requested"]
    assert first["interchange"]["date"] == "2026-04-12" and first["interchange"]["application"] == "ORDERS"
    assert first["transaction"] == {"set": "ORDERS", "control_number": "1", "version": "D", "release": "96A",
                                    "agency": "UN", "association": "EAN008"}  # fmt: skip
    assert first["segments"]["LIN"] == [["LIN", "1", "", ["4012345678901", "EN"]]]
    assert first["rows"][0] == ["BGM", "220", "NM-2026-0815", "9"]
    assert second["transaction"]["control_number"] == "2" and "group" not in second


def test_released_separators_are_data() -> None:
    released = "Deliver before noon; ring +49 40 1234: ask for O'Brien?"
    assert read(ORDERS)[0]["segments"]["FTX"][0][4] == released
    assert read(write(read(ORDERS)[0]))[0]["segments"]["FTX"][0][4] == released


@pytest.mark.parametrize("line_end", [b"", b"\n", b"\r\n", b"  \r\n"])
def test_line_ends_behind_terminators_change_nothing(line_end: bytes) -> None:
    content = PLAIN.replace(b"?'", b"\x00").replace(b"'", b"'" + line_end).replace(b"\x00", b"?'")
    assert read(content) == read(ORDERS)


def test_an_interchange_wrapped_at_any_column_is_the_same() -> None:
    wrapped = b"\r\n".join(PLAIN[at : at + 35] for at in range(0, len(PLAIN), 35))
    assert read(wrapped) == read(ORDERS)


@pytest.mark.parametrize("marks", [b":+.? '", b"\x1f\x1d. *\x1c", b";|,^*\n", b"#&.!%\r"], ids=repr)
def test_una_names_the_separators(marks: bytes) -> None:
    content = b"UNA" + marks + sent(b"UNOC", b"a b").translate(bytes.maketrans(b":+'", marks[:2] + marks[5:]))
    assert text_of(read(content)[0]) == "a b"


def test_level_b_uses_its_own_separators_without_una() -> None:
    content = sent(b"UNOB", b"a+b").translate(bytes.maketrans(b":+'", b"\x1f\x1d\x1c")).replace(b"a\x1db", b"a+b")
    assert text_of(read(content)[0]) == "a+b"


def test_separators_without_una_are_seen_in_unb() -> None:
    content = sent(b"UNOA", b"a b").translate(bytes.maketrans(b":+'", b";*~"))
    assert text_of(read(content)[0]) == "a b"


@pytest.mark.parametrize("syntax", sorted(ENCODINGS))
def test_characters_are_those_of_the_syntax_identifier(syntax: str) -> None:
    text = {"UNOE": "Привет", "UNOF": "Γειά", "UNOI": "مرحبا", "UNOJ": "שלום", "UNOX": "日本'語+"}.get(syntax, "Grüße")
    encoded = text.encode(ENCODINGS[syntax])
    (document,) = read(sent(syntax.encode(), encoded.replace(b"'", b"?'").replace(b"+", b"?+")))
    if syntax != "UNOX":  # releasing bytes inside double-byte characters is not what anybody sends
        assert text_of(document) == text


def test_bytes_of_double_byte_characters_are_no_separators() -> None:
    text = "ァィ" * 3  # their second bytes are those of punctuation in ASCII
    encoded = text.encode("iso2022_jp_2")
    assert b"!" in encoded or b"%" in encoded
    assert text_of(read(sent(b"UNOX", encoded))[0]) == text


def test_uno_a_is_read_as_partners_fill_it() -> None:
    assert [text_of(read(sent(b"UNOA", "Büttner".encode(e)))[0]) for e in ("utf-8", "latin-1")] == ["Büttner"] * 2


def test_a_byte_that_is_not_of_the_character_set_is_refused_with_its_place() -> None:
    (error,) = read(sent(b"UNOY", b"Gr\xfc\xdfe", b"4"))
    assert isinstance(error, DataError) and error.code == "edifact-encoding"
    assert "byte 0xfc is not utf-8" in str(error) and "segment 2" in error.where
    assert text_of(read(sent(b"UNOY", b"Gr\xfc\xdfe"), "{encoding: iso8859-1}")[0]) == "Grüße"


def test_repetitions_are_apart_from_syntax_version_4_on() -> None:
    assert text_of(read(sent(b"UNOC", b"a*b:c", b"4"))[0]) == [["a"], ["b", "c"]]
    assert text_of(read(sent(b"UNOC", b"a*b:c", b"3"))[0]) == ["a*b", "c"]


def test_a_group_is_part_of_the_document_and_written_back() -> None:
    first, second = read(GROUPED)
    assert first["group"]["control_number"] == "77" and first["group"]["release"] == "96A"
    (whole,) = read(GROUPED, "{unit: interchange}")
    assert [t["group"]["control_number"] for t in whole["transactions"]] == ["77", "77"]
    again = write(whole)
    assert again.count(b"UNG+") == 1 and b"UNE+2+77'" in again and b"UNZ+1+000417'" in again
    assert read(again) == [first, second]


def test_an_interactive_interchange_is_read() -> None:
    (document,) = read(INTERACTIVE)
    assert document["interchange"]["interactive"] and document["interchange"]["sender"] == "A"
    assert document["transaction"]["set"] == "PAORES" and document["rows"] == [["MSG", ["1", "45"]]]


def test_a_package_holds_any_bytes_and_is_written_back() -> None:
    (document,) = read(PACKAGE)
    assert document["object"].encode("latin-1") == OBJECT
    assert read(write(document)) == [document]


@pytest.mark.parametrize(
    ("found", "instead", "says"),
    [
        (b"UNZ+2+000417", b"UNZ+2+000418", "UNZ02 is '000418', the control number of UNB05 is '000417'"),
        (b"UNZ+2", b"UNZ+3", "UNZ01 is '3', the number of messages is '2'"),
        (b"UNT+12+1'\n", b"", "a message without its UNT segment (byte 86)"),
        (b"UNZ+2+000417'\n", b"", "the UNZ segment is missing: the content ends"),
        (b"UNZ+2", b"XXX+1'UNZ+2", "segment 'XXX' outside a message"),
        (b"UNH+2", b"UNE+1+1'UNH+2", "a UNE segment without its UNG"),
    ],
)
def test_an_interchange_with_a_broken_envelope_is_one_record_with_a_fault(
    found: bytes, instead: bytes, says: str
) -> None:
    (fault,) = read(ORDERS.replace(found, instead))
    assert says in fault and fault.startswith("interchange 000417 at byte 0: ")


@pytest.mark.parametrize(
    ("found", "instead", "code"),
    [(b"UNT+12", b"UNT+13", "edifact-segment-count"), (b"UNT+12+1", b"UNT+12+7", "edifact-control-number")],
)
def test_a_trailer_that_says_otherwise_refuses_its_message_alone(found: bytes, instead: bytes, code: str) -> None:
    content = ORDERS.replace(found, instead)
    wrong, right = read(content)
    assert isinstance(wrong, DataError) and wrong.code == code and isinstance(right, dict)
    assert all(isinstance(document, dict) for document in read(content, "{check: false}"))
    (whole,) = read(content, "{unit: interchange}")
    assert [t["accepted"] for t in whole["transactions"]] == [False, True]
    assert whole["transactions"][0]["errors"][0]["code"] == code.removeprefix("edifact-")


def test_what_is_written_follows_the_options() -> None:
    assert write(DOCUMENT) == (
        b"UNA:+.? 'UNB+UNOC:3+US+THEM+260412:0715+417'"
        b"UNH+1+ORDERS:D:96A:UN'BGM+220+4711'PRI+AAA:9.25'UNT+4+1'UNZ+1+417'"
    )
    assert write(DOCUMENT, "{una: false, new_lines: true}").startswith(b"UNB+UNOC:3+US+THEM+260412:0715+417'\nUNH")
    fourth = write(DOCUMENT, "{syntax: UNOY, syntax_version: '4', una: false}")
    assert fourth.startswith(b"UNB+UNOY:4+US+THEM+20260412:0715+417'")
    odd = write(DOCUMENT, "{una: false, decimal_mark: ',', segment_terminator: '~'}")
    assert odd.startswith(b"UNA:+,? ~UNB") and b"PRI+AAA:9,25~" in odd


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"rows": [["BGM", "é"]], "interchange": {**DOCUMENT["interchange"], "syntax": "UNOA"}}, "edifact-encoding"),
        ({"rows": [["BGM", [["a"], ["b"]]]]}, "edifact-separator"),
        ({"rows": [["BGM", "a\x01"]]}, "edifact-character"),
        ({"rows": [["BGM", 1.5]]}, "edifact-document"),
        ({"rows": "BGM"}, "edifact-document"),
        ({"transaction": {"set": "850"}}, "edifact-envelope"),
        ({"interchange": {}}, "edifact-envelope"),
        ({"object": "x"}, "edifact-document"),
    ],
)
def test_what_cannot_be_written_is_refused_with_a_code(change: dict[str, Any], code: str) -> None:
    (error,) = build_format("edifact").encode([DOCUMENT | change])
    assert isinstance(error, DataError) and error.code == code and error.where
