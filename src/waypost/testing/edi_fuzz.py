"""Looks for EDI that breaks us: ``python -m waypost.testing.edi_fuzz --executions 1000000 --seed 1``.

Interchanges of every standard are damaged at random: bytes, segments, elements, separators, lengths, whole pieces of
others put in. Each is cut and taken apart, checked against its schemas, read and written as a flow does, and answered;
answers are checked in turn. Nothing may raise or take long; the bytes that were cut must be those that came; an answer
must be right. An execution is one of these done to one content. Every run is repeatable by its seed.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from waypost.core.errors import DataError
from waypost.formats.edi.acknowledgement import Policy, acknowledge
from waypost.formats.edi.acknowledgement.write import written
from waypost.formats.edi.cutter import cut
from waypost.formats.edi.examine.examination import DIALECTS, examine
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.outline import round_trip
from waypost.formats.edi.schema.load import library
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.schema.validator import Validator
from waypost.formats.edi.segment import Transaction
from waypost.formats.edi.token import Kind
from waypost.testing.format_kit import build_format, decode_all, frame

SLOW_SECONDS = 5.0
_LIMIT = 1 << 20
_HEADER_BYTES = 110
_EACH = 8
"""How many messages are held against schemas directly for each content."""
_AT = datetime(2026, 1, 1, tzinfo=UTC)
_ISA = b"ISA*00*          *00*          *ZZ*A              *ZZ*B              *240101*1200*%b*%b*000000001*1*P*>~"
SEEDS = (
    _ISA % (b"U", b"00401")
    + b"GS*PO*A*B*20240101*1200*1*X*004010~ST*850*0001~BEG*00*SA*1**20240101~REF*DP*1~N1*BY*X*92*1~PO1*1*2*EA*9.95~"
    + b"PID*F****BLUE~CTT*1~SE*8*0001~GE*1*1~IEA*1*000000001~",
    _ISA % (b"^", b"00501")
    + b"GS*HC*A*B*20240101*1200*1*X*005010X222A1~ST*837*0001*005010X222A1~BHT*0019*00*1*20240101*1200*CH~"
    + b"NM1*41*2*S*****46*1~HL*1**20*1~HL*2*1*22*0~SBR*P*18~CLM*1*10***11>B>1*Y*A*Y*Y~HI*BK>1~LX*1~"
    + b"SV1*HC>99213*10*UN*1***1~DTP*472*D8*20240101~SE*12*0001~GE*1*1~IEA*1*000000001~",
    _ISA % (b"U", b"00401")
    + b"TA1*000000001*240101*1200*A*000~GS*FA*A*B*20240101*1200*1*X*004010~ST*997*0001~AK1*PO*1~AK9*A*1*1*1~SE*4*0001~"
    + b"GE*1*1~GS*PI*A*B*20240101*1200*2*X*004010~ST*275*0001~BIN*5*A~B*C~SE*3*0001~GE*1*2~IEA*2*000000001~",
    b"UNA:+.? 'UNB+UNOC:3+A:14+B:14+240101:1200+1'UNH+1+ORDERS:D:96A:UN'BGM+220+1+9'DTM+137:20240101:102'NAD+BY+1::9'"
    b"LIN+1++4:EN'QTY+21:5'FTX+ZZZ+++A?'S?+?:??'UNS+S'CNT+2:1'UNT+10+1'UNZ+1+1'",
    b"UNB+UNOB:4+A+B+20240101:1200+1'UNG+ORDERS+A+B+20240101:1200+7+UN+D:96A'UNH+1+INVOIC:D:01B:UN'BGM+380+1+9*9'UNS+D'"
    b"UNT+4+1'UNE+1+7'UNO+1+X+Y+3'A'BUNP+3+1'UNZ+2+1'",
    b"UIB+UNOA:4+D+T+++A+B+20240101:1200'UIH+PAORES:93:1:IA+1+A'ODI+X'UIT+1+3'UIZ+D+1'",
    b"STX=ANA:1+1:A+2:B+240131:120000+R++ORDHDR'MHD=1+ORDHDR:9'TYP=0430'MTR=3'MHD=2+ORDERS:9'ORD=A?'1::240131'MTR=3'"
    b"END=2'",
)
_BITS = (
    b"", b"~", b"'", b"?", b"*", b"+", b":", b">", b"^", b"=", b"ISA*", b"UNA:+.? '", b"UNB+", b"STX=", b"GS*", b"ST*",
    b"SE*", b"UNH+", b"UNT+", b"UNZ+1+1'", b"IEA*1*1~", b"BIN*99999*", b"BIN*3*", b"UNO+1'", b"UNP+3+1'", b"\xff",
    b"\x00", b"\x01", b"\x1a", b"\n", b"\r\n", b"\xef\xbb\xbf", b"\xc3\xa9", b"\x1b$B", b"\x1b(B",
    b"99999999999999999999", b"-", b"1e9", b"0" * 64, b" " * 40, b"HL*1*1*22~", b"UNS+D'", b"~" * 30,
)  # fmt: skip


_HELD = (
    ("x12/004010/850", ("*", ">", "", "~")), ("x12/005010/837", ("*", ">", "^", "~")),
    ("x12/004010/997", ("*", ">", "", "~")), ("edifact/D96A/ORDERS", ("+", ":", "", "'", "?")),
    ("edifact/D01B/INVOIC", ("+", ":", "*", "'", "?")),
)  # fmt: skip


@dataclass
class Found:
    """What a run saw: how many executions of each kind, the slowest, and every escape."""

    kinds: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    slowest: float = 0.0
    escapes: list[str] = field(default_factory=list)

    @property
    def executions(self) -> int:
        return self.kinds.total()


class Maker:
    """Makes contents from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def content(self) -> bytes:
        """An interchange, damaged in a few places; sometimes two."""
        pick = self.random
        made = pick.choice(SEEDS)
        if pick.random() < 0.1:
            made += pick.choice(_BITS) + pick.choice(SEEDS)
        for _ in range(min(int(pick.expovariate(0.7)), 8)):
            made = self._damaged(made)
        return made

    def _damaged(self, content: bytes) -> bytes:
        pick = self.random
        at = pick.randrange(len(content) + 1)
        if at < _HEADER_BYTES and pick.random() < 0.97:  # separators that nobody saw before cost most of the time
            at = pick.randrange(at, len(content) + 1)
        to = min(len(content), at + int(pick.expovariate(0.1)))
        kind = pick.randrange(8)
        if kind == 0:
            return content[:at] + content[to:]
        if kind == 1:
            return content[:at] + pick.choice(_BITS) + content[at:]
        if kind == 2:
            return content[:to] + content[at:]
        if kind == 3:
            return content[:at]
        if kind == 4:
            return content[:at] + bytes([pick.randrange(256)]) + content[at + 1 :]
        if kind == 5:
            other = pick.choice(SEEDS)
            start = pick.randrange(len(other))
            return content[:at] + other[start : start + 60] + content[to:]
        mark = pick.choice((b"~", b"'", b"*", b"+", b":"))
        parts = content.split(mark)
        if kind == 6:
            one, two = pick.randrange(len(parts)), pick.randrange(len(parts))
            parts[one], parts[two] = parts[two], parts[one]
        else:
            parts[pick.randrange(len(parts))] = pick.choice(_BITS)
        return mark.join(parts)


class Target:
    """What is done to a content; each raises ``AssertionError`` where a promise is broken."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._schemas = Schemas(library())
        units = {"x12": "group", "edifact": "interchange", "tradacoms": "interchange"}
        self._validators = [
            Validator(schema, Marks(*marks))
            for name, marks in _HELD if (schema := library().schema(name)) is not None
        ]  # fmt: skip
        self._formats = [build_format(name, f"{{unit: {unit}}}") for name, unit in units.items()]
        self._formats += [build_format(name) for name in units]

    def read(self, content: bytes) -> None:
        """Cut in pieces of any size, each transaction taken apart."""
        size = self._chance.choice((1, 64, len(content) or 1, len(content) or 1, len(content) or 1))
        tokens = [*cut((content[n : n + size] for n in range(0, len(content), size)), DIALECTS, _LIMIT)]
        assert b"".join(token.data for token in tokens) == content, "bytes were lost"
        for token in tokens:
            if token.kind is Kind.TRANSACTION and token.header and token.dialect:
                message = Transaction(token.data, token.start, token.header.delimiters, token.dialect)
                for number, offset in enumerate(message.offsets):
                    assert content[offset:].startswith(message.segments[number]), "an offset is wrong"
                    message.elements(number)

    def check(self, content: bytes) -> None:
        """Held against the schemas."""
        report = examine([content], self._schemas)
        assert all(-1 <= error["offset"] <= len(content) for error in report.errors), "a place is outside"

    def validate(self, content: bytes) -> None:
        """Segments, moved and mixed, held against one schema: the quick path accepts only what the slow one does."""
        pick = self._chance
        validator = pick.choice(self._validators)
        text = content.decode("latin-1")
        segments = text.split(pick.choice("~'"))[2:40]
        if len(segments) > 2:
            at, to = pick.randrange(len(segments)), pick.randrange(len(segments))
            segments.insert(at, segments[to] if pick.random() < 0.5 else segments.pop(to))
        if validator.accepts(segments):
            found = validator.findings(segments)[0]
            assert not any(f.severity == "error" for f in found), f"accepted in spite of {found[0]}"
        elif len(segments) < 30:
            validator.findings(segments, pick.randrange(-2, 3))

    def flow(self, content: bytes) -> None:
        """Read as a flow reads it, and what was read written again."""
        format_ = self._chance.choice(self._formats)
        slices, _ = frame(format_, [content], limit=_LIMIT)
        for document in decode_all(format_, slices):
            if isinstance(document, dict):
                format_.encode([document])

    def write(self, content: bytes) -> None:
        """Read and written again byte by byte."""
        assert round_trip([content]).difference == -1, "written differently"

    def answer(self, content: bytes) -> None:
        """Answered; a part of the answers is checked."""
        policy = Policy(self._chance.choice(("997", "999", "auto")), "always", self._chance.random() < 0.5,
                        self._chance.choice(("transaction", "group", "interchange")), self._chance.random() < 0.2,
                        ("824", "APERAK"))  # fmt: skip
        for one in acknowledge([content], self._schemas, policy, _AT):
            content = written(one)
            if self._chance.random() < 0.8:
                continue
            report = examine([content], self._schemas)
            assert report.accepted, f"{one.kind} is wrong: {report.errors[0]}"


def run(executions: int, seed: int, say: Callable[[str], None] = lambda text: None) -> Found:
    """``executions`` at the least, from a seed."""
    found, maker = Found(), Maker(seed)
    target = Target(maker.random)
    kinds: dict[str, Callable[[bytes], None]] = {
        "read": target.read, "check": target.check, "flow": target.flow, "write": target.write, "answer": target.answer,
    }  # fmt: skip
    begun, told = time.monotonic(), time.monotonic()
    while found.executions < executions and len(found.escapes) < 20:
        content, known = maker.content(), len(found.escapes)
        for name, do in kinds.items():
            _one(found, name, do, content)
        for _ in range(_EACH):
            _one(found, "validate", target.validate, content)
        for escape in found.escapes[known:]:
            say(escape)
        if time.monotonic() - told > 60:
            told = time.monotonic()
            say(f"{found.executions:,} executions in {(told - begun) / 60:.1f} minutes, {len(found.escapes)} escapes")
    return found


def _one(found: Found, name: str, do: Callable[[bytes], None], content: bytes) -> None:
    started = time.process_time()  # of the processor: a machine that is busy is no hang
    try:
        do(content)
    except DataError:
        found.refused += 1
    except Exception as error:  # noqa: BLE001 - whatever escapes is what is looked for
        where = traceback.extract_tb(error.__traceback__)[-1]
        found.escapes.append(f"{name}: {type(error).__name__}: {error} at {where.filename}:{where.lineno}: {content!r}")
    took = time.process_time() - started
    found.kinds[name] += 1
    found.slowest = max(found.slowest, took)
    if took > SLOW_SECONDS:
        found.escapes.append(f"{name}: {took:.1f} s: {content!r}")


def lines(found: Found, seed: int, minutes: float) -> Iterator[str]:
    """What a run saw, in words."""
    each = ", ".join(f"{name} {count:,}" for name, count in found.kinds.items())
    yield f"seed {seed}: {found.executions:,} executions in {minutes:.1f} minutes: {each}"
    yield f"{found.refused:,} refused, {len(found.escapes)} escapes, slowest {found.slowest * 1000:.0f} ms"
    yield from found.escapes


def main(arguments: list[str] | None = None) -> int:
    """Runs and prints; exit code 1 where something escaped."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--executions", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    begun = time.monotonic()
    found = run(given.executions, given.seed, say)
    sys.stdout.write("\n".join(lines(found, given.seed, (time.monotonic() - begun) / 60)) + "\n")
    return 1 if found.escapes else 0


if __name__ == "__main__":
    sys.exit(main())
