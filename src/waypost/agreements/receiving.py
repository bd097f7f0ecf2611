"""What is agreed on what a partner sends us."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from waypost.agreements.part import DuplicateOptions, MessageOptions, OwedOptions, ValidationOptions
from waypost.core.spec import Option, OptionFault, Verbatim


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityOptions:
    """Authorisation and security of the interchange (ISA01 to ISA04), compared where they are not empty."""

    authorisation_qualifier: Annotated[Verbatim, Option("ISA01.")] = Verbatim("")
    authorisation: Annotated[Verbatim, Option("ISA02.")] = Verbatim("")
    security_qualifier: Annotated[Verbatim, Option("ISA03.")] = Verbatim("")
    security: Annotated[Verbatim, Option("ISA04; no secret: it stands in every interchange.")] = Verbatim("")


@dataclass(frozen=True, slots=True, kw_only=True)
class X12ReceiveOptions:
    """What they send us in X12."""

    messages: Annotated[tuple[MessageOptions, ...], Option("The message types; empty: any that has a schema.")] = ()
    encoding: Annotated[Literal["utf-8", "latin-1", "cp1252"], Option("Character encoding of their bytes.")] = "utf-8"
    security: Annotated[SecurityOptions, Option("What ISA01 to ISA04 must hold.")] = field(
        default_factory=SecurityOptions
    )
    repetition: Annotated[
        Literal["by-version", "separator", "standard"],
        Option("What ISA11 means: the repetition separator, or the standards id; by-version: as its version has it."),
    ] = "by-version"
    usage: Annotated[
        Literal["as-environment", "any"],
        Option("Whether ISA15 must fit the environment: production only in production, test elsewhere."),
    ] = "as-environment"
    validation: Annotated[ValidationOptions, Option("How strictly messages are read.")] = field(
        default_factory=ValidationOptions
    )
    duplicates: Annotated[DuplicateOptions, Option("How long repetitions are looked for.")] = field(
        default_factory=DuplicateOptions
    )
    acknowledge: Annotated[OwedOptions, Option("What we answer.")] = field(default_factory=OwedOptions)

    def faults(self) -> Iterable[OptionFault]:
        yield from _twice(self.messages)
        if self.acknowledge.kind == "CONTRL":
            yield OptionFault("acknowledge", "found kind 'CONTRL'", "'997' or '999'")
        if self.acknowledge.application == "APERAK":
            yield OptionFault("acknowledge", "found application 'APERAK'", "none, 824 or 277CA")


@dataclass(frozen=True, slots=True, kw_only=True)
class EdifactReceiveOptions:
    """What they send us in EDIFACT."""

    messages: Annotated[tuple[MessageOptions, ...], Option("The message types; empty: any that has a schema.")] = ()
    encoding: Annotated[
        Literal["declared", "utf-8", "iso8859-1", "iso8859-15", "cp1252"],
        Option("Character encoding; `declared` is what the interchange says by UNOA to UNOY."),
    ] = "declared"
    recipient_reference: Annotated[Verbatim, Option("What UNB 0022 must hold; empty: anything.")] = Verbatim("")
    usage: Annotated[
        Literal["as-environment", "any"],
        Option("Whether the test indicator (UNB 0035) must fit the environment: test only outside of production."),
    ] = "as-environment"
    validation: Annotated[ValidationOptions, Option("How strictly messages are read.")] = field(
        default_factory=ValidationOptions
    )
    duplicates: Annotated[DuplicateOptions, Option("How long repetitions are looked for.")] = field(
        default_factory=DuplicateOptions
    )
    acknowledge: Annotated[OwedOptions, Option("What we answer.")] = field(default_factory=OwedOptions)

    def faults(self) -> Iterable[OptionFault]:
        yield from _twice(self.messages)
        if self.acknowledge.kind in ("997", "999"):
            yield OptionFault("acknowledge", f"found kind {self.acknowledge.kind!r}", "'CONTRL'")
        if self.acknowledge.application in ("824", "277CA"):
            yield OptionFault("acknowledge", f"found application {self.acknowledge.application!r}", "none or APERAK")


def _twice(messages: Sequence[MessageOptions]) -> Iterable[OptionFault]:
    seen = set()
    for message in messages:
        key = (message.set, message.version, message.association, message.group)
        if key in seen:
            yield OptionFault("messages", f"{' '.join(filter(None, key))} stands there twice", "each type once")
        seen.add(key)
