"""Takes what messages carry as bytes out of them: BIN and BDS segments of X12, objects (UNO to UNP) of EDIFACT.

One message is held at a time. What a message says of an attachment, the traces and numbers that link it to a claim or a
request among it, goes with it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from waypost.formats.edi.binary import package_object
from waypost.formats.edi.cutter import cut
from waypost.formats.edi.edifact_dialect import EDIFACT
from waypost.formats.edi.outline import LIMIT_BYTES
from waypost.formats.edi.segment import Transaction
from waypost.formats.edi.token import Kind, Token
from waypost.formats.edi.x12_dialect import X12

_STARTS = (
    (b"%PDF", "pdf"), (b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpg"), (b"II*\x00", "tif"), (b"MM\x00*", "tif"),
    (b"PK\x03\x04", "zip"), (b"{\\rtf", "rtf"), (b"MSH|", "hl7"), (b"<?xml", "xml"), (b"<", "xml"), (b"GIF8", "gif"),
)  # fmt: skip
_LOOKED_AT = 4096


@dataclass(frozen=True, slots=True)
class Attachment:
    """Bytes a message carries, decoded, and what it says of them. ``number`` counts those of a content from 1;
    ``fault`` says why the length or the encoding can't be right."""

    number: int
    data: bytes
    set: str
    control_number: str
    offset: int
    trace: str = ""
    claim: str = ""
    payer_claim: str = ""
    report: str = ""
    encoding: str = ""
    fault: str = ""
    refs: dict[str, str] = field(default_factory=dict)

    @property
    def extension(self) -> str:
        """What the bytes look like: pdf, xml, hl7, txt …; bin for anything else."""
        head = self.data.lstrip(b"\xef\xbb\xbf \r\n\t\x0b")[:64]
        for start, name in _STARTS:
            if head.startswith(start):
                return name
        try:
            text = self.data[:_LOOKED_AT].decode("utf-8", "strict" if len(self.data) <= _LOOKED_AT else "replace")
        except UnicodeDecodeError:
            return "bin"
        return "txt" if all(c.isprintable() or c in "\r\n\t\f\ufffd" for c in text) else "bin"

    @property
    def name(self) -> str:
        """A file name of its own among those of one content: its number, its trace, what it looks like."""
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in self.trace)[:60]
        return f"{self.number:04}{'-' + plain if plain else ''}.{self.extension}"

    def detail(self) -> dict[str, Any]:
        """What is known of it, as plain data; its bytes by their digest."""
        return {
            "number": self.number, "bytes": len(self.data), "sha256": sha256(self.data).hexdigest(), "set": self.set,
            "control_number": self.control_number, "offset": self.offset, "trace": self.trace, "claim": self.claim,
            "payer_claim": self.payer_claim, "report": self.report, "encoding": self.encoding, "fault": self.fault,
        }  # fmt: skip


def attachments(pieces: Iterable[bytes]) -> Iterator[Attachment]:
    """Every attachment in a content, in order. Raises ``DataError`` for a message of more than 64 MiB."""
    number = 0
    for token in cut(pieces, (X12, EDIFACT), LIMIT_BYTES):
        if token.kind is not Kind.TRANSACTION:
            continue
        for one in _package(token) if token.tag == b"UNO" else _binaries(token):
            number += 1
            yield Attachment(number, **one)


def _package(token: Token) -> Iterator[dict[str, Any]]:
    assert token.header and token.dialect
    marks = token.header.delimiters
    start, end = package_object(token.data, marks)
    row = [_text(e) for e in token.data[: max(start - len(marks.segment), 0)].split(marks.element)]
    control = row[1] if len(row) > 1 else ""
    yield {"data": token.data[start:end], "set": "UNO", "control_number": control, "offset": token.start + start,
           "trace": row[2].partition(_text(marks.component))[2] if len(row) > 2 else ""}  # fmt: skip


def _binaries(token: Token) -> Iterator[dict[str, Any]]:
    """The BIN and BDS segments of a transaction set, each with what was said before it in its loop."""
    assert token.header and token.dialect
    dialect, marks = token.dialect, token.header.delimiters
    if not any(tag + marks.element in token.data for tag in dialect.binary):
        return
    transaction = Transaction(token.data, token.start, marks, dialect)
    whole: dict[str, str] = {}
    loop: dict[str, str] = {}
    place = whole  # what stands before the first LX is said of all attachments
    for index in range(len(transaction.segments)):
        row = transaction.elements(index)
        tag = row[0]
        if tag in dialect.binary:
            made = _binary(row, dialect.binary[tag])
            yield {**whole, **loop, **made, "set": whole["set"], "offset": transaction.offsets[index]}
            continue
        texts = [_text(element) for element in row[:4]] + [""] * 4
        if tag == b"ST":
            whole |= {"set": texts[1], "control_number": texts[2]}
        elif tag == b"LX":
            place = loop = {}
        elif tag == b"TRN":
            place["trace"] = texts[2]
        elif tag == b"CAT":
            loop["report"] = " ".join(filter(None, texts[1:3]))
        elif tag == b"REF" and texts[1] in ("EJ", "1K"):
            place["claim" if texts[1] == "EJ" else "payer_claim"] = texts[2]


def _binary(row: list[bytes], length: int) -> dict[str, Any]:
    data = row[length + 1] if len(row) > length + 1 else b""
    said = _text(row[length]) if len(row) > length else ""
    encoding = _text(row[1]) if length == 2 else ""
    fault = "" if said.isdecimal() and int(said) == len(data) else f"{len(data)} bytes, and {said!r} are said"
    if encoding in ("B64", "HDC") and not fault:
        try:
            data = base64.b64decode(data, validate=False) if encoding == "B64" else binascii.unhexlify(data)
        except ValueError:
            fault = f"bytes that are not {encoding}"
    return {"data": data, "encoding": encoding, "fault": fault}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").strip()
