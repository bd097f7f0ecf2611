"""A stored EDI message becomes a case that names nobody."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.unit.formats.edi_health import PEOPLE, interchange
from waypost.core.errors import DataError
from waypost.formats.edi.examine.examination import examine
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.schema.load import library
from waypost.testing.cases.redacted import closed, redacted_case

SECRET = b"a secret of the tests"


def shown(text: str, context: str = "", **more: Any) -> dict[str, Any]:
    """A message as `show` tells it."""
    message = {"id": "0192", "received_at": "2026-03-15T12:00:00Z"}
    return {
        "message": message,
        "input": {"text": text, **({"context": {"text": context}} if context else {})},
        "effects": [],
        **more,
    }


def parts(name: str) -> tuple[str, str]:
    """The envelope of a message, and the message itself, as they are stored."""
    text = interchange(name).decode()
    return text[: text.index("ST*")], text[text.index("ST*") : text.index("GE*")]


@pytest.mark.parametrize("name", ["837", "270"])
def test_the_input_is_a_whole_interchange_and_names_nobody(name: str) -> None:
    context, text = parts(name)
    case = redacted_case(shown(text, context), SECRET)
    given = case["input"]["text"]
    assert not [one for one, value in PEOPLE.items() if value in given]
    assert examine([given.encode()], Schemas(library())).accepted
    assert case["expect"] == {"snapshot": True} and case["input"]["received_at"] == "2026-03-15T12:00:00Z"


def test_bytes_that_are_no_text_are_redacted_too() -> None:
    given = shown("")
    given["input"] = {"base64": base64.b64encode(interchange("270").replace(b"EXETER", b"\xc9XETER")).decode()}
    assert "ISA*00*" in redacted_case(given, SECRET)["input"]["text"]


def test_what_is_kept_is_kept() -> None:
    context, text = parts("837")
    assert "HI*ABK:S72001A~" in redacted_case(shown(text, context), SECRET, keep=["diagnoses"])["input"]["text"]


def test_trailers_are_put_where_they_lack_and_nowhere_else() -> None:
    whole = interchange("837")
    assert closed(whole) == whole
    context, text = parts("837")
    assert closed((context + text).encode()).endswith(b"SE*48*0417~\nGE*1*417~IEA*1*000000417~")
    edifact = b"UNB+UNOC:3+A+B+240101:1200+R7'UNH+1+ORDERS:D:96A:UN'BGM+220+1+9'UNT+3+1'"
    assert closed(edifact) == edifact + b"UNZ+1+R7'"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (shown('{"a": 1}'), "its input is no EDI"),
        (shown(interchange("837").decode(), effects=[{"step": "ask"}]), "answers of other systems are part of it"),
    ],
)
def test_what_can_t_be_redacted_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        redacted_case(given, SECRET)
