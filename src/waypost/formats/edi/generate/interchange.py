"""Writes generated messages as whole interchanges: a few for a test, or a file of any size for load."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle

from waypost.formats.edi.generate.message import CannotMake, Messages
from waypost.formats.edi.generate.mutant import ENVELOPE_FAULTS, FAULTS, Mutants, Planted
from waypost.formats.edi.generate.value import Row
from waypost.formats.edi.schema.model import Schema
from waypost.formats.edi.schema.pattern import Marks

_ISA = "ISA*00*          *00*          *{2}*260331*1230*{0}*{1}*000000001*0*T*>"
_KEPT = 64
"""How many messages a large file is made of; each is written under numbers of its own."""
_A_GROUP = 50_000


@dataclass(frozen=True, slots=True)
class Named:
    """A party of an envelope. Without ``group`` its id stands in groups too."""

    id: str
    qualifier: str = ""
    group: str = ""

    def x12(self) -> str:
        """Its two elements of ISA."""
        return f"{self.qualifier or 'ZZ':2.2}*{self.id:15.15}"

    def edifact(self) -> str:
        """Its element of UNB."""
        return f"{self.id}:{self.qualifier or 14}"


@dataclass(slots=True)
class Plan:
    """What to make: ``count`` messages, or as many as fill ``size`` bytes; ``faults`` of them get one fault each, of
    ``kind`` or of all kinds in turn. ``planted`` says afterwards which. ``test`` marks EDIFACT as a test; X12 always
    is. ``association`` is the code of a guide that EDIFACT messages name."""

    seed: int = 1
    count: int = 1
    size: int = 0
    faults: int = 0
    kind: str = ""
    density: float = 0.2
    lines: int = 4
    sender: Named = Named("GENERATED")
    receiver: Named = Named("RECEIVER")
    test: bool = False
    association: str = ""
    planted: list[Planted] = field(default_factory=list)


def marks_of(schema: Schema) -> Marks:
    """The separators that generated interchanges use."""
    if schema.standard == "x12":
        return Marks("*", ">", "^" if schema.version >= "004020" else "", "~")
    return Marks("+", ":", "*" if _syntax(schema) == "4" else "", "'", "?")


def generate(schema: Schema, plan: Plan) -> Iterator[bytes]:
    """One interchange in pieces. Raises ``CannotMake`` where no message of the schema can be made."""
    maker = Messages(schema, marks_of(schema), random.Random(plan.seed), density=plan.density, lines=plan.lines)
    if schema.standard == "x12" and schema.message == "TA1":
        yield _ta1(maker, plan)
        return
    writer = _x12 if schema.standard == "x12" else _edifact
    yield from writer(schema, maker, plan)


def _bodies(maker: Messages, plan: Plan) -> Iterator[tuple[list[Row], Planted | None]]:
    """Messages one after another; of a large file a number of them again and again."""
    mutants = Mutants(maker, maker.schema.standard)
    kinds = cycle([plan.kind] if plan.kind else FAULTS)
    kept: list[list[Row]] = []
    number = 0
    while plan.size or number < plan.count:
        number += 1
        rows = maker.message() if len(kept) < _KEPT or not plan.size else kept[number % _KEPT]
        if plan.size and len(kept) < _KEPT:
            kept.append(rows)
        planted = None
        if number <= plan.faults:
            rows, planted = _wrong(maker, mutants, rows, kinds, number)
        yield rows, planted


def _wrong(
    maker: Messages, mutants: Mutants, rows: list[Row], kinds: Iterator[str], number: int
) -> tuple[list[Row], Planted]:
    """A message with a fault of the next kind it has a place for."""
    for _ in range(4 * len(FAULTS)):
        kind = next(kinds)
        if kind in ENVELOPE_FAULTS:
            x12 = maker.schema.standard == "x12"
            code = {"segment-count": ("4", "29"), "control-number": ("3", "28")}[kind][0 if x12 else 1]
            trailer = "SE" if x12 else "UNT"
            return rows, Planted(number, kind, trailer, len(rows) + 2, 1 + (kind == "control-number"), code)
        made = mutants.planted(rows, kind, number)
        if made is not None:
            return made
        rows = maker.message()
    raise CannotMake(f"{maker.schema.name}: no place for a fault of these kinds")


def _x12(schema: Schema, maker: Messages, plan: Plan) -> Iterator[bytes]:
    version = _x12_version(schema)
    guide = f"*{version}" if "X" in version else ""
    head = _ISA.format(maker.marks.repetition or "U", "00501" if version >= "005" else "00401", _parties(plan))
    group = schema.group or "ZZ"
    named = "*".join((one.group or one.id)[:15] for one in (plan.sender, plan.receiver))
    opens = f"GS*{group}*{named}*20260331*1230*{{}}*X*{version}~"
    yield f"{head}~{opens.format(1)}".encode()
    number = groups = written = 0
    for rows, planted in _bodies(maker, plan):
        number += 1
        if number > _A_GROUP:
            groups += 1
            yield f"GE*{_A_GROUP}*{groups}~{opens.format(groups + 1)}".encode()
            number = 1
        count, again = _trailer(planted, len(rows) + 2, f"{number:04d}")
        body = "".join("*".join(row) + "~" for row in rows)
        text = f"ST*{schema.message}*{number:04d}{guide}~{body}SE*{count}*{again}~".encode()
        _note(plan, planted)
        written += len(text)
        yield text
        if plan.size and written >= plan.size:
            break
    yield f"GE*{number}*{groups + 1}~IEA*{groups + 1}*000000001~".encode()


def _edifact(schema: Schema, maker: Messages, plan: Plan) -> Iterator[bytes]:
    syntax = _syntax(schema)
    date = "20260331" if syntax == "4" else "260331"
    test = "++++++1" if plan.test else ""
    yield f"UNB+UNOC:{syntax}+{plan.sender.edifact()}+{plan.receiver.edifact()}+{date}:1230+1{test}'".encode()
    identity = _identity(schema, plan.association)
    number = written = 0
    for rows, planted in _bodies(maker, plan):
        number += 1
        count, again = _trailer(planted, len(rows) + 2, str(number))
        body = "".join("+".join(row) + "'" for row in rows)
        text = f"UNH+{number}+{identity}'{body}UNT+{count}+{again}'".encode("latin-1")
        _note(plan, planted)
        written += len(text)
        yield text
        if plan.size and written >= plan.size:
            break
    yield f"UNZ+{number}+1'".encode()


def _note(plan: Plan, planted: Planted | None) -> None:
    if planted is not None:
        plan.planted.append(planted)


def _trailer(planted: Planted | None, count: int, number: str) -> tuple[int, str]:
    """Count and control number of a trailer, one of them wrong where that is the fault."""
    kind = planted.kind if planted else ""
    return count + 7 * (kind == "segment-count"), f"{number}9" if kind == "control-number" else number


def _parties(plan: Plan) -> str:
    return f"{plan.sender.x12()}*{plan.receiver.x12()}"


def _ta1(maker: Messages, plan: Plan) -> bytes:
    body = "".join("*".join(row) + "~" for row in maker.message())
    return f"{_ISA.format('U', '00401', _parties(plan))}~{body}IEA*0*000000001~".encode()


def _x12_version(schema: Schema) -> str:
    named = schema.name.split("/")
    return named[1] if len(named) == 3 and re.fullmatch("[0-9]{6}.*", named[1]) else schema.version


def _syntax(schema: Schema) -> str:
    return "4" if schema.version in ("41", "40") else "3"


def _identity(schema: Schema, association: str) -> str:
    """Message, version, release, agency and maybe guide, as UNH names them."""
    version, _, guide = (schema.name.split("/")[1] if schema.name.count("/") == 2 else schema.version).partition("-")
    if re.fullmatch("[0-9]{2}", version):
        parts = [version[0], version[1]]
    else:
        parts = [version[:1] or "D", version[1:] or "96A"]
    return ":".join([schema.message, *parts, "UN", *filter(None, [association or guide])])
