"""Sample files for a partner: valid ones of each document agreed, under the identities of the agreement, and ones with
one fault each and what is wrong with them. The values are made up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from waypost.agreements.load import Partner
from waypost.agreements.part import MessageOptions
from waypost.core.errors import ProjectError
from waypost.core.page import element, joined, page, table
from waypost.formats.edi.agreed.schemas import ProjectSchemas
from waypost.formats.edi.generate import FAULTS, Named, Plan, generate
from waypost.formats.edi.generate.message import CannotMake
from waypost.formats.edi.outline import round_trip
from waypost.formats.edi.schema.model import Schema
from waypost.partners.check import check

MOST_FAULTS = len(FAULTS)
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """One file. ``way`` is receive (what the partner sends) or send; ``wrong`` says what is wrong with it."""

    name: str
    way: str
    standard: str
    set: str
    version: str
    schema: str
    content: bytes
    kind: str = ""
    wrong: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {"file": self.name, "way": self.way, "standard": self.standard, "set": self.set,
                "version": self.version, "schema": self.schema, "valid": not self.kind, "fault": self.kind,
                "wrong": list(self.wrong)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NotMade:
    """A document no sample could be made of, and why."""

    way: str
    set: str
    why: str


def agreed_messages(partner: Partner) -> Iterator[tuple[str, str, MessageOptions]]:
    """Every message type agreed: its standard, its way, and what is said of it."""
    for standard in ("x12", "edifact"):
        options = getattr(partner.options, standard)
        for way in ("receive", "send") if options is not None else ():
            for message in getattr(options, way).messages:
                yield standard, way, message


def schema_of(partner: Partner, standard: str, message: MessageOptions, schemas: ProjectSchemas) -> Schema | None:
    """What messages of a type are held against: the schema agreed, the partner's overlay, that of the standard, or of
    the version closest to it. Raises ``ProjectError`` with the faults of a schema."""
    if message.schema:
        return schemas.find(message.schema)
    version, set_id = str(message.version).upper(), message.set
    own = [f"partner/{partner.name}/{set_id}-{version}", f"partner/{partner.name}/{set_id}"]
    whole = [f"{standard}/{version}/{set_id}"] if version else []
    if version and message.association:
        whole.insert(0, f"{standard}/{version}-{message.association}/{set_id}")
    for name in [*own, *whole]:
        found = schemas.find(name)
        if found is not None:
            return found
    if version:
        return schemas.library.nearest(whole[-1])
    known = [name for name in schemas.library.names() if re.fullmatch(rf"{standard}/[^/]+/{re.escape(set_id)}", name)]
    return schemas.find(min(known, key=lambda name: (len(name), name))) if known else None


def samples(
    partner: Partner, files: Mapping[str, bytes], at: datetime, *, faults: int = 6, seed: int = 1
) -> Iterator[Sample | NotMade]:  # fmt: skip
    """A valid sample of each type agreed; of what the partner sends also ``faults`` with one fault each. What is given
    out was looked at as a file of the partner is: the valid ones pass, the others do not."""
    schemas, taken = ProjectSchemas(files), set[str]()
    for standard, way, message in agreed_messages(partner):
        said = "-".join(filter(None, (message.set, str(message.version), str(message.association))))
        stem = f"{way}/{said}" if f"{way}/{said}" not in taken else f"{way}/{said}-{message.group or len(taken)}"
        taken.add(stem)
        try:
            schema = schema_of(partner, standard, message, schemas)
        except ProjectError as error:
            yield NotMade(way, message.set, f"its schema has a fault: {error.faults[0]}")
            continue
        if schema is None:
            yield NotMade(way, message.set, "there is no schema for it")
            continue
        yield from _of_type(_Type(partner, schemas, standard, way, message, schema, stem, at), faults, seed)


@dataclass(frozen=True, slots=True)
class _Type:
    """One type that samples are made of."""

    partner: Partner
    schemas: ProjectSchemas
    standard: str
    way: str
    message: MessageOptions
    schema: Schema
    stem: str
    at: datetime

    def plan(self, seed: int, kind: str = "") -> Plan:
        them = _named(self.partner.options.identities, self.standard, str(self.message.group))
        us = _named(self.partner.options.us, self.standard)
        sender, receiver = (them, us) if self.way == "receive" else (us, them)
        return Plan(seed=seed, faults=1 if kind else 0, kind=kind, sender=sender, receiver=receiver, test=True,
                    association=str(self.message.association))  # fmt: skip

    def sample(self, content: bytes, kind: str = "", wrong: tuple[str, ...] = ()) -> Sample:
        name = f"{self.stem}-wrong-{kind}.edi" if kind else f"{self.stem}.edi"
        return Sample(name, self.way, self.standard, self.message.set, str(self.message.version), self.schema.name,
                      content, kind, wrong)  # fmt: skip


def _of_type(one: _Type, faults: int, seed: int) -> Iterator[Sample | NotMade]:
    why = ""
    for attempt in range(_TRIES):
        try:
            content = _written(one, one.plan(seed + attempt))
        except CannotMake as wrong:
            why = str(wrong)
            continue
        found = _wrong(one, content) if one.way == "receive" else ()
        if not found and round_trip([content]).exact:
            yield one.sample(content)
            break
        why = f"none of those tried is accepted under the agreement: {'; '.join(found)}"[:200]
    else:
        yield NotMade(one.way, one.message.set, why)
        return
    if one.way == "receive":
        yield from _with_faults(one, faults, seed)


def _with_faults(one: _Type, faults: int, seed: int) -> Iterator[Sample]:
    made = 0
    for number, kind in enumerate(FAULTS):
        if made == faults:
            return
        try:
            content = _written(one, one.plan(seed + number, kind))
        except CannotMake:
            continue  # the type has no place for a fault of this kind
        wrong = _wrong(one, content)
        if wrong:
            made += 1
            yield one.sample(content, kind, wrong)


def _written(one: _Type, plan: Plan) -> bytes:
    end = b"~" if one.standard == "x12" else b"'"
    whole = b"".join(generate(one.schema, plan))
    return whole if one.standard == "edifact" and b"?'" in whole else whole.replace(end, end + b"\n")


def _wrong(one: _Type, content: bytes) -> tuple[str, ...]:
    """What is wrong with a file of the partner."""
    report = check(content, one.stem, one.partner, {one.partner.name: one.partner}, one.schemas, one.at)
    told = [f"{fault.place}: {fault.finding.said()}" for fault in report.faults if fault.finding.severity == "error"]
    parked = [found.resolution.refusal for found in report.interchanges if found.resolution.code]
    exact = round_trip([content]).exact
    return tuple([*told, *parked, *([] if exact else ["it is written back otherwise"])])


def _named(identities: Any, standard: str, group: str = "") -> Named:
    """The identity a test is sent under: one for tests where there is one."""
    fitting = [one for one in identities if one.standard == standard]
    ranked = sorted(fitting, key=lambda one: (one.usage != "test", one.usage == "production"))
    if not ranked:
        return Named("NOBODY")
    one = ranked[0]
    return Named(str(one.id), str(one.qualifier), group or str(one.group))


def samples_page(partner: Partner, made: list[Sample], not_made: list[NotMade]) -> str:
    """The list of samples as a page."""
    title = f"{partner.options.name or partner.name}: sample files"
    return page(title, [element("h1", title), element("p", _NOTE), samples_table(made, not_made)])


_NOTE = "All values are made up. Files marked as wrong have one fault; what it is stands beside them."


def samples_table(made: list[Sample], not_made: list[NotMade]) -> object:
    """The samples with what is wrong with them."""
    rows: list[tuple[object, ...]] = [
        (_way(one.way), f"{one.set}\N{NO-BREAK SPACE}{one.version}", element("code", one.name),
         joined(map(_line, one.wrong)) if one.wrong else "valid")
        for one in made
    ]  # fmt: skip
    rows += [(_way(one.way), one.set, "none", one.why) for one in not_made]
    return table(("way", "document", "file", "what is wrong with it"), rows)


def _way(way: str) -> str:
    return "you\N{NO-BREAK SPACE}send" if way == "receive" else "you\N{NO-BREAK SPACE}get"


def _line(text: str) -> object:
    return element("div", text)
