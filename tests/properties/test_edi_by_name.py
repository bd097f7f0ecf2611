"""Reading by name and writing by name are each other's reverse, for every schema that comes along."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from waypost.core.component import Format
from waypost.formats.edi.generate import Plan, generate
from waypost.formats.edi.generate.interchange import marks_of
from waypost.formats.edi.schema.load import library
from waypost.testing.format_kit import build_format, decode_all, frame

_NAMES = [name for name in library().names() if not name.endswith("/TA1")]


def _made(name: str, seed: int, *, faults: int = 0) -> bytes:
    schema = library().schema(name)
    assert schema is not None
    return b"".join(generate(schema, Plan(seed=seed, count=3, density=0.3, faults=faults)))


def _format(name: str, **more: Any) -> Format:
    schema = library().schema(name)
    assert schema is not None
    standard = "x12" if name.startswith("x12") else "edifact"
    options: dict[str, Any] = {"fields_by": "name", **more}
    if standard == "edifact":
        options["una"] = "false"
    marks = marks_of(schema)
    assert marks.component == (">" if standard == "x12" else ":")
    return build_format(standard, "{" + ", ".join(f"{key}: {value}" for key, value in options.items()) + "}")


def _messages(content: bytes) -> list[bytes]:
    """The segments between header and trailer of each message."""
    if content.startswith(b"ISA"):
        return re.findall(rb"(?s)~ST\*[^~]*~(.*?)SE\*", content)
    return re.findall(rb"(?s)'UNH\+[^']*'(.*?)UNT\+", content)


@pytest.mark.parametrize("name", _NAMES)
def test_what_is_read_by_name_is_written_by_name_as_it_was(name: str) -> None:
    seed = random.Random(name).randrange(1, 1000)
    content, format_ = _made(name, seed), _format(name)
    documents = decode_all(format_, frame(format_, [content])[0])
    assert len(documents) == 3
    for document, message in zip(documents, _messages(content), strict=True):
        assert isinstance(document, dict), document
        assert not document.keys() & {"rows", "segments"}
        (written,) = format_.encode([document])
        assert isinstance(written, bytes), written
        assert _messages(written) == [message]


@pytest.mark.parametrize("name", ["x12/004010/810", "x12/005010X222A1/837", "edifact/D96A/ORDERS", "x12/005010/850"])
def test_messages_with_faults_lose_no_segment_and_no_order(name: str) -> None:
    format_ = _format(name, check="false")
    kept = 0
    for seed in range(1, 12):
        content = _made(name, seed, faults=3)
        documents = decode_all(format_, frame(format_, [content])[0])
        for document, message in zip(documents, _messages(content), strict=True):
            assert isinstance(document, dict), document
            (written,) = format_.encode([document])
            if isinstance(written, bytes):  # not where the fault is a tag or a separator that cannot be written
                assert _canonical(written, message)
                kept += 1
    assert kept > 20


def _canonical(written: bytes, message: bytes) -> bool:
    """Whether the same segments were written, but for separators behind the last value of each."""
    ends = rb"[*>+:]+(?=[~'])"
    return [re.sub(ends, b"", one) for one in _messages(written)] == [re.sub(ends, b"", message)]
