"""The Minimal Lower Layer Protocol: messages between block characters, and the acknowledgements that answer them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from waypost.core.errors import DataError

START, END = b"\x0b", b"\x1c\r"
_LINE_END = re.compile(rb"[\r\n]+")
_MOST_OVER = 16
"""Times the limit a block may be and still be answered; beyond that nobody waits for its end."""
_HEAD_BYTES = 4096


def framed(body: bytes) -> bytes:
    """``body`` as a block. ``DataError`` where it holds the end of a block itself."""
    if END in body:
        raise DataError("the end of an MLLP block (0x1C 0x0D)", where=f"byte {body.index(END)}",
                        expected="a message without it", remedy="escape it in a map", code="mllp-block")  # fmt: skip
    return START + body + END


class BlockTooLarge(DataError):
    """A block beyond the limit, read over to its end; ``head`` is how it begins."""

    def __init__(self, limit_bytes: int, head: bytes) -> None:
        self.head = head
        super().__init__(f"a message of more than {limit_bytes} bytes", where="connection",
                         expected=f"at most {limit_bytes}", remedy="raise limit_bytes", code="mllp-block")  # fmt: skip


async def read_block(reader: asyncio.StreamReader, limit_bytes: int, within_seconds: float = 0) -> bytes | None:
    """The next message; None at the end of the connection. ``DataError`` for what is no block; ``BlockTooLarge`` behind
    one beyond the limit; ``EOFError`` where the connection ends within one; ``TimeoutError`` where one that began does
    not end in time."""
    try:
        first = await reader.readexactly(1)
        while first in (b"\r", b"\n"):
            first = await reader.readexactly(1)
    except asyncio.IncompleteReadError:
        return None
    if first != START:
        raise DataError(f"byte 0x{first[0]:02x}", where="connection", expected="a block that begins with 0x0B",
                        code="mllp-block")  # fmt: skip
    async with asyncio.timeout(within_seconds or None):
        return await _rest_of_block(reader, limit_bytes)


async def _rest_of_block(reader: asyncio.StreamReader, limit_bytes: int) -> bytes:
    parts, size, last = list[bytes](), 0, b""
    while last != END:
        try:
            part = await reader.readuntil(b"\x1c")
            while part.endswith(b"\x1c"):
                part += await reader.readexactly(1)
            last = part[-2:]
        except asyncio.LimitOverrunError as more:
            part = await reader.readexactly(more.consumed)
        if START + b"MSH" in part:
            raise DataError("a block that begins within another", where="connection",
                            expected="the end of the one before (0x1C 0x0D)", code="mllp-block")  # fmt: skip
        size += len(part)
        if size > _MOST_OVER * limit_bytes + len(END):
            raise DataError(f"a block of more than {_MOST_OVER * limit_bytes} bytes", where="connection",
                            expected=f"at most {limit_bytes}", remedy="raise limit_bytes", code="mllp-block",
                            )  # fmt: skip
        if size <= limit_bytes + len(END) or not parts:
            parts.append(part)
    if size > limit_bytes + len(END):
        raise BlockTooLarge(limit_bytes, b"".join(parts)[:_HEAD_BYTES])
    return b"".join(parts)[: -len(END)]


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
        return self.at(10).strip()

    @property
    def enhanced(self) -> bool:
        """Whether the sender asked for commit acknowledgements (HL7 v2.5.1, section 2.9.3)."""
        return self.at(15) in (b"AL", b"ER", b"SU")

    @property
    def asked(self) -> bytes:
        """When the sender wants to hear (HL7 table 0155): AL always, NE never, ER of errors, SU of success. Without a
        commit acknowledgement the condition is that of the application's; with neither it is always."""
        if self.enhanced:
            return self.at(15)
        return self.at(16) or (b"NE" if self.at(15) == b"NE" else b"AL")

    @property
    def answers_success(self) -> bool:
        """Whether a message that is taken has an answer."""
        return self.wants("AA")

    def wants(self, code: str) -> bool:
        """Whether the sender wants to hear this code."""
        return {b"NE": False, b"ER": code[1] != "A", b"SU": code[1] == "A"}.get(self.asked, True)


def acknowledgement(body: bytes, code: str, text: str, at: datetime) -> bytes:
    """The ACK to ``body``. ``code`` is AA, AE or AR; a sender in enhanced mode hears CA, CE or CR. Names and ids are
    repeated as they came, in the character set that MSH-18 names; what is said besides is ASCII."""
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
    if header.at(18):
        first += [b""] * 5 + [header.at(18)]
    second = [b"MSA", said, header.control_id, *([plain[:80].encode("ascii", "replace")] if plain else [])]
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
