"""What is agreed on what we send a partner."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Literal

from waypost.agreements.part import ExpectedOptions, MessageOptions, RangeOptions
from waypost.agreements.receiving import SecurityOptions
from waypost.core.spec import Duration, Option, OptionFault, Size, Verbatim

LineEnd = Literal["none", "LF", "CRLF", "CR"]


@dataclass(frozen=True, slots=True, kw_only=True)
class X12SeparatorOptions:
    """The separators written in X12."""

    element: Annotated[Verbatim, Option("Between elements.")] = Verbatim("*")
    component: Annotated[Verbatim, Option("Between components (ISA16).")] = Verbatim(">")
    repetition: Annotated[Verbatim, Option("Between repetitions, from version 00402 on; empty for none.")] = Verbatim(
        "^"
    )
    segment: Annotated[Verbatim, Option("Behind each segment.")] = Verbatim("~")
    line_end: Annotated[LineEnd, Option("What follows each segment's terminator.")] = "none"
    replacement: Annotated[
        Verbatim, Option("What stands for a separator found in data; empty: such a document is refused.")
    ] = Verbatim("")

    def faults(self) -> Iterable[OptionFault]:
        yield from _separators(self, ("element", "component", "repetition", "segment"), frozenset({"repetition"}))
        marks = (self.element, self.component, self.repetition, self.segment)
        if self.replacement and (len(self.replacement) != 1 or self.replacement in marks):
            yield OptionFault("replacement", f"found {self.replacement!r}", "one character that is no separator")


@dataclass(frozen=True, slots=True, kw_only=True)
class EdifactSeparatorOptions:
    """The separators written in EDIFACT."""

    element: Annotated[Verbatim, Option("Between elements.")] = Verbatim("+")
    component: Annotated[Verbatim, Option("Between components.")] = Verbatim(":")
    repetition: Annotated[Verbatim, Option("Between repetitions, from syntax version 4 on; empty for none.")] = (
        Verbatim("*")
    )
    release: Annotated[Verbatim, Option("Before a separator in data.")] = Verbatim("?")
    segment: Annotated[Verbatim, Option("Behind each segment.")] = Verbatim("'")
    decimal: Annotated[Literal[".", ","], Option("The decimal mark of numbers.")] = "."
    line_end: Annotated[LineEnd, Option("What follows each segment's terminator.")] = "none"

    def faults(self) -> Iterable[OptionFault]:
        names = ("element", "component", "repetition", "release", "segment")
        yield from _separators(self, names, frozenset({"repetition"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class X12NumberOptions:
    """The control numbers of what we send in X12. Each usage, test and production, has sequences of its own."""

    interchange: Annotated[RangeOptions, Option("Of interchanges (ISA13): digits only.")] = field(
        default_factory=RangeOptions
    )
    group: Annotated[RangeOptions, Option("Of groups (GS06): digits only.")] = field(default_factory=RangeOptions)
    transaction: Annotated[
        RangeOptions | None, Option("Of transaction sets (ST02); empty: 0001 and on within each group.")
    ] = None

    def faults(self) -> Iterable[OptionFault]:
        for name in ("interchange", "group", "transaction"):
            numbers: RangeOptions | None = getattr(self, name)
            if numbers is None:
                continue
            if name != "transaction" and (numbers.prefix or numbers.suffix):
                yield OptionFault(name, "a prefix or suffix", "digits only, as X12 has this number")
            if len(numbers.written(numbers.last)) > 9:
                yield OptionFault(name, f"{numbers.written(numbers.last)!r} as last number", "at most 9 characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class EdifactNumberOptions:
    """The control references of what we send in EDIFACT. Test and production have sequences of their own."""

    interchange: Annotated[RangeOptions, Option("Of interchanges (UNB 0020).")] = field(default_factory=RangeOptions)
    group: Annotated[RangeOptions, Option("Of groups (UNG 0048).")] = field(default_factory=RangeOptions)
    message: Annotated[
        RangeOptions | None, Option("Of messages (UNH 0062); empty: 1 and on within each interchange.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class X12EnvelopeOptions:
    """ISA and GS as we write them."""

    version: Annotated[Verbatim, Option("Version of the interchange (ISA12).")] = Verbatim("00401")
    security: Annotated[SecurityOptions, Option("ISA01 to ISA04.")] = field(default_factory=SecurityOptions)
    acknowledgement_requested: Annotated[bool, Option("Whether a TA1 is asked for (ISA14).")] = False
    group_version: Annotated[
        Verbatim, Option("Version of the group (GS08) where the document names none.", example="004010")
    ] = Verbatim("004010")
    agency: Annotated[Verbatim, Option("Responsible agency (GS07).")] = Verbatim("X")
    time_format: Annotated[Literal["HHMM", "HHMMSS"], Option("The time of the group (GS05).")] = "HHMM"


@dataclass(frozen=True, slots=True, kw_only=True)
class EdifactEnvelopeOptions:
    """UNA, UNB and UNG as we write them."""

    syntax: Annotated[
        Literal["UNOA", "UNOB", "UNOC", "UNOD", "UNOE", "UNOF", "UNOG", "UNOH", "UNOI", "UNOJ", "UNOK", "UNOL", "UNOW",
                "UNOX", "UNOY"],
        Option("Syntax identifier, which says the character set (UNB 0001)."),
    ] = "UNOC"  # fmt: skip
    syntax_version: Annotated[Literal["1", "2", "3", "4"], Option("Syntax version (UNB 0002).")] = "3"
    una: Annotated[bool, Option("Whether a UNA segment is written where the separators are the usual ones.")] = True
    groups: Annotated[bool, Option("Whether messages are put in groups (UNG).")] = False
    recipient_reference: Annotated[Verbatim, Option("Recipient's reference or password (UNB 0022).")] = Verbatim("")
    application: Annotated[Verbatim, Option("Application reference (UNB 0026).")] = Verbatim("")
    priority: Annotated[Verbatim, Option("Processing priority (UNB 0029).")] = Verbatim("")
    acknowledgement_requested: Annotated[bool, Option("Whether a CONTRL is asked for (UNB 0031).")] = False
    agreement: Annotated[Verbatim, Option("Interchange agreement identifier (UNB 0032).")] = Verbatim("")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """When messages that were collected go as one interchange: whichever comes first."""

    count: Annotated[int | None, Option("So many messages make an interchange.", minimum=1, maximum=50_000)] = None
    bytes: Annotated[
        Size | None, Option("Messages of so many bytes, as documents, make one; a larger one goes alone.", minimum=1)
    ] = None
    after: Annotated[
        Duration | None, Option("So long after its first message it goes, however small.", minimum=0.001)
    ] = None

    def faults(self) -> Iterable[OptionFault]:
        if self.count is None and self.bytes is None and self.after is None:
            yield OptionFault("count", "nothing says when an interchange goes", "count, bytes or after")


@dataclass(frozen=True, slots=True, kw_only=True)
class X12SendOptions:
    """What we send them in X12."""

    messages: Annotated[tuple[MessageOptions, ...], Option("The message types; empty: any.")] = ()
    encoding: Annotated[Literal["utf-8", "latin-1", "cp1252"], Option("Character encoding of the bytes.")] = "utf-8"
    envelope: Annotated[X12EnvelopeOptions, Option("ISA and GS.")] = field(default_factory=X12EnvelopeOptions)
    separators: Annotated[X12SeparatorOptions, Option("Separators.")] = field(default_factory=X12SeparatorOptions)
    numbers: Annotated[X12NumberOptions, Option("Control numbers.")] = field(default_factory=X12NumberOptions)
    batch: Annotated[
        BatchOptions | None, Option("When messages that a step `partner_batcher` collects go as one interchange.")
    ] = None
    expect: Annotated[tuple[ExpectedOptions, ...], Option("The acknowledgements we wait for.")] = ()

    def faults(self) -> Iterable[OptionFault]:
        for expected in self.expect:
            if not re.fullmatch("TA1|277CA|[0-9]{3}", expected.what):
                yield OptionFault("expect", f"found {expected.what!r}", "TA1, 277CA, or a set such as 997 or 855")


@dataclass(frozen=True, slots=True, kw_only=True)
class EdifactSendOptions:
    """What we send them in EDIFACT."""

    messages: Annotated[tuple[MessageOptions, ...], Option("The message types; empty: any.")] = ()
    envelope: Annotated[EdifactEnvelopeOptions, Option("UNA, UNB and UNG.")] = field(
        default_factory=EdifactEnvelopeOptions
    )
    separators: Annotated[EdifactSeparatorOptions, Option("Separators.")] = field(
        default_factory=EdifactSeparatorOptions
    )
    numbers: Annotated[EdifactNumberOptions, Option("Control references.")] = field(
        default_factory=EdifactNumberOptions
    )
    batch: Annotated[
        BatchOptions | None, Option("When messages that a step `partner_batcher` collects go as one interchange.")
    ] = None
    expect: Annotated[tuple[ExpectedOptions, ...], Option("The acknowledgements we wait for.")] = ()

    def faults(self) -> Iterable[OptionFault]:
        for expected in self.expect:
            if not re.fullmatch("[A-Z]{6}", expected.what):
                yield OptionFault("expect", f"found {expected.what!r}", "a message such as CONTRL, APERAK or ORDRSP")


def _separators(options: object, names: tuple[str, ...], optional: frozenset[str]) -> Iterable[OptionFault]:
    seen: dict[str, str] = {}
    for name in names:
        mark: str = getattr(options, name)
        if not mark and name in optional:
            continue
        if len(mark) != 1 or not mark.isascii() or mark.isalnum() or mark == " ":
            yield OptionFault(name, f"found {mark!r}", "one ASCII character, no letter, digit or space")
        elif mark in seen:
            yield OptionFault(name, f"found {mark!r}, which is also {seen[mark]}", "a character of its own")
        seen[mark] = name
