"""Parts that agreements of every standard share: message types, validation, numbers, acknowledgements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Literal

from waypost.core.spec import Duration, Option, OptionFault, ProjectPath, Verbatim

Severity = Literal["error", "warning", "ignore"]
When = Literal["never", "requested", "errors", "always"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationOptions:
    """How strictly messages are read."""

    structure: Annotated[bool, Option("Whether segments, loops and lengths must be as the schema says.")] = True
    extended: Annotated[bool, Option("Whether codes, conditions between elements and rules count too.")] = True
    snip: Annotated[int, Option("The highest SNIP level that is looked at.", minimum=1, maximum=7)] = 7
    trim_spaces: Annotated[bool, Option("Whether spaces at the ends of values are taken off before maps see them.")] = (
        False
    )
    trailing_separators: Annotated[
        Literal["optional", "not-allowed"], Option("Separators behind the last element of a segment.")
    ] = "optional"
    severity: Annotated[
        dict[str, Severity], Option("What a fault counts as, by its code.", example={"element-code": "warning"})
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageOptions:
    """One message type that is exchanged. Empty fields fit any value."""

    set: Annotated[str, Option("Transaction set (ST01) or message (UNH 0065).", example="850")]
    version: Annotated[
        Verbatim, Option("Version (GS08), or version and release (UNH 0052, 0054).", example="004010")
    ] = Verbatim("")
    association: Annotated[Verbatim, Option("Association assigned code (UNH 0057).", example="EAN008")] = Verbatim("")
    group: Annotated[Verbatim, Option("Group's sender (GS02, UNG) it comes under.")] = Verbatim("")
    schema: Annotated[
        str,
        Option(
            "Schema or overlay: a name such as x12/004010/850, or a file of the project.",
            example="schemas/acme/850.yaml",
        ),
    ] = ""
    map: Annotated[ProjectPath | None, Option("The map that turns it into a canonical document, or back.")] = None
    validation: Annotated[
        ValidationOptions | None, Option("How strictly this type is read; empty: as the agreement says.")
    ] = None
    description: Annotated[str, Option("What it is for.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateOptions:
    """For how long repetitions are looked for, and what becomes of one; 0 looks for none."""

    interchange: Annotated[Duration, Option("Of an interchange's control number (ISA13, UNB 0020).")] = Duration(0)
    group: Annotated[Duration, Option("Of a group's control number (GS06, UNG 0048).")] = Duration(0)
    transaction: Annotated[Duration, Option("Of a message's control number (ST02, UNH 0062).")] = Duration(0)
    content: Annotated[Duration, Option("Of a message with the same content under another number.")] = Duration(0)
    when_found: Annotated[
        Literal["park", "reject", "flag"],
        Option(
            "What becomes of a repetition: it waits for a person, it is rejected (a dead letter; read as a whole group "
            "or interchange, it goes on as not accepted, to be acknowledged so), or it goes on with `repeated`."
        ),
    ] = "park"
    across: Annotated[
        Literal["flow", "partner"],
        Option("Where a repetition counts: within each flow, or in all flows that read under the agreement."),
    ] = "flow"

    @property
    def looked_for(self) -> bool:
        """Whether any repetition is."""
        return bool(self.interchange or self.group or self.transaction or self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedOptions:
    """The acknowledgements we send for what they send."""

    technical: Annotated[When, Option("When the interchange itself is acknowledged: by TA1, or by CONTRL alone.")] = (
        "requested"
    )
    functional: Annotated[When, Option("When messages are acknowledged.")] = "always"
    kind: Annotated[Literal["997", "999", "CONTRL", ""], Option("By what; empty: 997 for X12, CONTRL for EDIFACT.")] = (
        ""
    )
    application: Annotated[
        Literal["none", "824", "APERAK", "277CA"], Option("The acknowledgement of content, besides that of syntax.")
    ] = "none"
    accepted: Annotated[bool, Option("Whether accepted messages are named one by one (AK2, UCM).")] = True
    on_error: Annotated[
        Literal["reject-transaction", "accept-with-errors", "reject-group", "reject-interchange"],
        Option("What a fault in a message does: reject it alone, note it, or reject all that came with it."),
    ] = "reject-transaction"
    within: Annotated[Duration | None, Option("Until when we owe it; empty: no deadline.", example="2h")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedOptions:
    """What we wait for: an acknowledgement, or a document that follows."""

    what: Annotated[
        str,
        Option(
            "Which acknowledgement, or which document, such as 855 or DESADV, that has a business key in common with "
            "what it follows.",
            example="997",
        ),
    ]
    within: Annotated[Duration, Option("How long it may take.", example="24h")] = Duration(86400)
    working_time: Annotated[bool, Option("Whether only working time of the partner's calendar counts.")] = True
    sets: Annotated[tuple[str, ...], Option("For these message types only; empty: for all.")] = ()
    by: Annotated[str, Option("The business key a document is known by; empty: any key that both have.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeOptions:
    """A range of control numbers."""

    first: Annotated[int, Option("The first number.", minimum=1)] = 1
    last: Annotated[int, Option("The last number.", minimum=1, maximum=99_999_999_999_999)] = 999_999_999
    at_end: Annotated[
        Literal["roll-over", "stop"], Option("What follows the last number: the first again, or nothing is sent.")
    ] = "roll-over"
    prefix: Annotated[Verbatim, Option("Text before the number.")] = Verbatim("")
    suffix: Annotated[Verbatim, Option("Text behind the number.")] = Verbatim("")
    digits: Annotated[int, Option("Digits, filled with zeros; 0: as many as it has.", minimum=0, maximum=14)] = 0

    def faults(self) -> Iterable[OptionFault]:
        if self.first > self.last:
            yield OptionFault("first", f"found {self.first}, behind the last number {self.last}", f"up to {self.last}")
        if len(self.written(self.last)) > 14:
            yield OptionFault("last", f"{self.written(self.last)!r} has more than 14 characters", "14 at most")

    def written(self, number: int) -> str:
        """A number of the range as it stands in the envelope, never all zeros.

        >>> RangeOptions(prefix=Verbatim("A"), digits=4).written(7)
        'A0007'
        """
        return f"{self.prefix}{number:0{self.digits or 1}}{self.suffix}"

    def following(self, number: int) -> int | None:
        """The number after ``number``; None where the range is used up. 0 and what lies before the range give its
        first."""
        if number < self.first:
            return self.first
        if number < self.last:
            return number + 1
        return self.first if self.at_end == "roll-over" else None
