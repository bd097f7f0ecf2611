"""What the hl7 format makes of messages, by position and by name, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.test_hl7 import MSH
from waypost.core.errors import DataError
from waypost.formats.hl7_names import named_fields
from waypost.testing.format_kit import build_format, decode_all, frame


def read(content: bytes, options: str = "{}") -> Any:
    format_ = build_format("hl7", options)
    slices, refusal = frame(format_, [content])
    assert not refusal
    (document,) = decode_all(format_, slices)
    return document


def test_fields_are_reached_by_name_and_by_position() -> None:
    document = read(MSH + b"PID|1||7^^^H&1.2&ISO^MR~8^^^G||Doe^John||19700102|M\rOBX|1|NM|GLU^Glucose||5.4|mmol/L\r")
    patient = document["named"]["PID"][0]
    assert patient["name"] == [{"family": "Doe", "given": "John"}]
    assert patient["identifiers"][0] == {"id": "7", "authority": "H", "kind": "MR"}
    assert (patient["born"], patient["sex"]) == ("19700102", "M")
    assert document["segments"]["PID"][0][3] == [["7", "", "", ["H", "1.2", "ISO"], "MR"], ["8", "", "", "G"]]
    assert document["named"]["OBX"][0]["observation"] == {"code": "GLU", "text": "Glucose"}
    assert document["message"]["message"] == {"type": "ORU", "event": "R01"}
    assert document["message"]["control_id"] == "77"


def test_delimiters_are_those_the_message_names() -> None:
    document = read(b"MSH#*:%!#LAB#H\rPID#1##7*A:8##Doe*John#a|b^c\r")
    assert document["segments"]["PID"][0][5:] == [[["Doe", "John"]], [["a|b^c"]]]


def test_escapes_are_resolved_and_made() -> None:
    document = read(MSH + rb"NTE|1||a\F\b\S\c\T\d\R\e\E\f\X0D0A\g\.br\h\Zx\i" + b"\r")
    text = document["segments"]["NTE"][0][3][0][0]
    assert text == "a|b^c&d~e\\f\r\ng\\.br\\h\\Zx\\i"
    (written,) = build_format("hl7").encode([document])
    assert read(written)["rows"] == document["rows"]


def test_a_deleted_value_is_told_from_an_empty_one() -> None:
    assert read(MSH + b'PID|1||""||\r')["segments"]["PID"][0] == ["PID", [["1"]], [], [['""']]]


def test_the_character_set_is_the_one_msh_18_names() -> None:
    header = MSH.rstrip(b"\r") + b"||||||8859/1\r"
    assert read(header + b"PID|\xe4\r")["segments"]["PID"][0][1] == [["ä"]]
    assert read(MSH + b"PID|\xe4\r", "{encoding: latin-1}")["segments"]["PID"][0][1] == [["ä"]]


def test_segments_can_be_written_by_name() -> None:
    rows = [
        {"segment": "MSH", "sending_application": "WAY", "message": {"type": "ADT", "event": "A01"}, "control_id": 5},
        {"segment": "PID", "name": [{"family": "O^Neil", "given": "Jo"}], "identifiers": ["7", {"id": "8"}]},
        ["ZPI", "own", [["a", "b"], "c"], None],
    ]
    assert build_format("hl7").encode([{"rows": rows}]) == [
        b"MSH|^~\\&|WAY||||||ADT^A01|5\rPID|||7~8||O\\S\\Neil^Jo\rZPI|own|a^b~c\r"
    ]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "expected rows"),
        ([["PID"]], "expected MSH as the first row"),
        ([["MSH"], ["MSH"]], "MSH only once"),
        ([["MSH"], "PID"], "a list of fields"),
        ([["MSH"], ["pid"]], "begins with 'pid'"),
        ([["MSH"], ["PID", [[{"a": 1}]]]], "row 2, PID-1"),
        ([["MSH"], ["PID", True]], "row 2, PID-1"),
        ([["MSH", "|", "||||"]], "delimiters"),
        ([["MSH"], {"segment": "PIDX"}], "did you mean 'PID'?"),
        ([["MSH"], {"segment": "PID", "nam": 1}], "did you mean 'name'?"),
        ([["MSH"], {"segment": "PID", "name": {"famly": 1}}], "did you mean 'family'?"),
    ],
)
def test_what_cannot_be_written_is_refused_with_its_place(rows: list[Any], says: str) -> None:
    (error,) = build_format("hl7").encode([{"rows": rows}])
    assert isinstance(error, DataError) and says in str(error), error


def test_a_message_of_too_many_values_is_refused() -> None:
    error = read(MSH + b"PID" + b"|" * 500_001)
    assert isinstance(error, DataError) and error.code == "hl7-size"


def test_names_are_unique_and_end_where_the_standard_says() -> None:
    for tag, fields in named_fields().items():
        names = [field.name for field in fields]
        assert len(set(names)) == len(names), tag
    places = {(tag, field.name): field.number for tag, fields in named_fields().items() for field in fields}
    assert places["MSH", "version"] == 12 and places["MSH", "character_set"] == 18
    assert places["PID", "deceased"] == 30 and places["PID", "account"] == 18
    assert places["PV1", "visit_id"] == 19 and places["OBR", "status"] == 25
    assert places["OBX", "observer"] == 16 and places["ORC", "ordered_by"] == 12
    assert places["ERR", "user_message"] == 8 and places["MSA", "error"] == 6


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (r"MSH|^~\&|A%OBX|1|TX|||a\.br\b\H\c\N\d", "formatting"),
        (r"MSH|^~\&|A%OBX|1|TX|||a\C2842\b\M248E41\c\Zown\d", "other character sets, and escapes of the sender's own"),
        (r"MSH$*~!@$A%OBX$1$TX$$$a!.br!b!F!c!Zown!d", "another escape character"),
        (r"MSH|^~\&#|A|||||||||2.7%OBX|1|TX|||a\P\b", "a character for truncation, and its escape"),
        (r"MSH|^~\&|A%OBX|1|TX|||a\E\b", "the escape character itself"),
    ],
)
def test_escapes_are_written_as_they_were_read(message: str, reason: str) -> None:
    content = message.replace("%", "\r").encode() + b"\r"
    format_ = build_format("hl7", "{}")
    slices, refusal = frame(format_, [content])
    assert not refusal
    assert format_.encode(decode_all(format_, slices)) == [content], reason


def test_the_character_for_truncation_is_named_in_msh_2_and_stands_for_itself_in_texts() -> None:
    format_ = build_format("hl7", "{}")
    slices, _ = frame(format_, [b"MSH|^~\\&#|A\rOBX|1|TX|||a\\P\\b\r"])
    (document,) = decode_all(format_, slices)
    assert document["rows"][0][2] == "^~\\&#"
    assert document["rows"][1][5] == [["a#b"]]
