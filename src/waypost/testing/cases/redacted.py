"""A stored EDI message as a test case that may be shown: its input redacted, what comes out left to a snapshot."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from waypost.core.errors import DataError
from waypost.formats.edi.cutter import cut
from waypost.formats.edi.examine.examination import DIALECTS, MOST_BYTES
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.redact.redactor import Redactor
from waypost.formats.edi.schema.load import library
from waypost.formats.edi.token import Kind, Token


def redacted_case(
    shown: Mapping[str, Any], secret: bytes, *, name: str = "", keep: Iterable[str] = ()
) -> dict[str, Any]:
    """The case of a message as ``waypost show --json`` tells it. Nothing that came out, and no answer of another
    system, is in it. Raises ``DataError`` for a message that is no EDI, or that asked another system."""
    message, given = shown["message"], shown["input"]
    where = f"message {message['id']}"
    if shown["effects"]:
        raise DataError("answers of other systems are part of it, and can't be redacted", where=where,
                        remedy="write the case by hand", code="redact")  # fmt: skip
    content = _bytes(given.get("context", {})) + _bytes(given)
    redactor = Redactor(secret, Schemas(library()), keep)
    text = b"".join(redactor.content([closed(content)])).decode("utf-8", "replace")
    if not redactor.interchanges:
        raise DataError("its input is no EDI", where=where, expected="X12, EDIFACT or TRADACOMS",
                        remedy="make the case without --redact, and look at every value", code="redact")  # fmt: skip
    return {
        "name": name or "a redacted message goes as it does",
        "input": {"text": text, "received_at": message["received_at"]}, "expect": {"snapshot": True},
    }  # fmt: skip


def _bytes(said: Mapping[str, Any]) -> bytes:
    """What `show` tells as text or in base 64."""
    return base64.b64decode(said["base64"]) if "base64" in said else str(said.get("text", "")).encode()


def closed(content: bytes) -> bytes:
    """A content with the trailers its last group and interchange lack, as where one message was taken out of it."""
    group: Token | None = None
    messages = groups = 0
    made = content
    for token in cut([content], DIALECTS, MOST_BYTES):
        if token.kind is Kind.GROUP:
            group, messages = token, 0
            groups += 1
        elif token.kind is Kind.TRANSACTION:
            messages += 1
        elif token.kind is Kind.GROUP_END:
            group = None
        elif token.kind is Kind.INTERCHANGE_END and not token.data and token.header and token.dialect:
            marks, dialect, header = token.header.delimiters, token.dialect, token.header
            if group is not None:
                row = group.data.removesuffix(marks.segment).split(marks.element)
                trailer = dialect.group[group.tag]
                made += _trailer(trailer.tag, messages, row[trailer.opening], marks.element, marks.segment)
            outer = dialect.interchange[header.row[0]]
            if outer.opening:
                count = groups or messages
                made += _trailer(outer.tag, count, header.row[outer.opening], marks.element, marks.segment)
    return made


def _trailer(tag: bytes, count: int, control: bytes, element: bytes, segment: bytes) -> bytes:
    return element.join((tag, b"%d" % count, control)) + segment
