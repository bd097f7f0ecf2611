"""The Minimal Lower Layer Protocol: messages between block characters, and the acknowledgements that answer them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from waypost.core.errors import DataError

START, END = b"\x0b", b"\x1c\r"
_LINE_END = re.compile(rb"[\r\n]+")


def framed(body: bytes) -> bytes:
    """``body`` as a block. ``DataError`` where it holds the end of a block itself."""
    if END in body:
        raise DataError("the end of an MLLP block (0x1C 0x0D)", where=f"byte {body.index(END)}",
                        expected="a message without it", remedy="escape it in a map", code="mllp-block")  # fmt: skip
    return START + body + END


async def read_block(reader: asyncio.StreamReader, limit_bytes: int) -> bytes | None:
    """The next message; None at the end of the connection. ``DataError`` for what is no block, or is too large;
    ``EOFError`` where the connection ends within one."""
    try:
        first = await reader.readexactly(1)
        while first in (b"\r", b"\n"):
            first = await reader.readexactly(1)
    except asyncio.IncompleteReadError:
        return None
    if first != START:
        raise DataError(f"byte 0x{first[0]:02x}", where="connection", expected="a block that begins with 0x0B",
                        code="mllp-block")  # fmt: skip
    parts, size = list[bytes](), 0
    while True:
        try:
            part = await reader.readuntil(b"\x1c")
        except asyncio.LimitOverrunError as more:
            part = await reader.readexactly(more.consumed)
        size += len(part)
        if size > limit_bytes + 1:
            raise DataError(f"a block of more than {limit_bytes} bytes", where="connection",
                            expected=f"at most {limit_bytes}", remedy="raise limit_bytes", code="mllp-block",
                            )  # fmt: skip
        parts.append(part)
        if part.endswith(b"\x1c"):
            following = await reader.readexactly(1)
            if following == b"\r":
                return b"".join(parts)[:-1]
            parts.append(following)
            size += 1


@dataclass(frozen=True, slots=True)
class Header:
    """What an acknowledgement repeats of an MSH, as bytes and still escaped; empty where there is none."""

    separator: bytes
    fields: tuple[bytes, ...]

    @staticmethod
    def of(body: bytes) -> Header:
        first = _LINE_END.split(body.lstrip(b"\r\n"), maxsplit=1)[0]
        if not first.startswith(b"MSH") or len(first) < 5:
            return Header(b"|", (b"MSH", b"^~\\&"))
        return Header(first[3:4], tuple(first.split(first[3:4])))

    def at(self, number: int) -> bytes:
        """MSH-``number``; MSH-1 is the separator itself."""
        return self.fields[number - 1] if number <= len(self.fields) else b""

    @property
    def control_id(self) -> bytes:
        return self.at(10)

    @property
    def enhanced(self) -> bool:
        """Whether the sender asked for commit acknowledgements (HL7 v2.5.1, section 2.9.3)."""
        return self.at(15) in (b"AL", b"ER", b"SU")


def acknowledgement(body: bytes, code: str, text: str, at: datetime) -> bytes:
    """The ACK to ``body``. ``code`` is AA, AE or AR; a sender in enhanced mode hears CA, CE or CR."""
    header = Header.of(body)
    mark = header.separator
    escape = header.at(2)[2:3] or b"\\"
    plain = "".join(c if c.isprintable() and c.encode("utf-8", "replace") not in (mark, escape) else " " for c in text)
    for other in header.at(2).decode("latin-1"):
        plain = plain.replace(other, " ")
    event = header.at(9).split(header.at(2)[:1] or b"^")[1:2]
    kind = header.at(2)[:1].join([b"ACK", *event, *([b"ACK"] if event else [])])
    said = ("C" + code[1] if header.enhanced else code).encode()
    moment = at.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000").encode()
    first = [b"MSH", header.at(2), header.at(5), header.at(6), header.at(3), header.at(4), moment, b"", kind,
             header.control_id, header.at(11) or b"P", header.at(12) or b"2.5"]  # fmt: skip
    second = [b"MSA", said, header.control_id, *([plain[:80].encode()] if plain else [])]
    return mark.join(first) + b"\r" + mark.join(second) + b"\r"


@dataclass(frozen=True, slots=True)
class Verdict:
    """MSA of an acknowledgement: code, the control id it answers, and what else it says."""

    code: str
    control_id: bytes
    text: str


def verdict_of(answer: bytes) -> Verdict | None:
    """What an answer says; None where it has no MSA."""
    mark = Header.of(answer).separator
    lines = _LINE_END.split(answer)
    for line in lines:
        if line.startswith(b"MSA" + mark):
            fields = [*line.split(mark), b"", b"", b""]
            errors = [part for one in lines if one.startswith(b"ERR") for part in one.split(mark)[1:] if part]
            text = b" ".join([fields[3], *errors]).decode("utf-8", "replace").strip()
            return Verdict(fields[1].decode("latin-1").strip(), fields[2].strip(), text[:400])
    return None
