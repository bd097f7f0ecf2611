"""Turns a received HL7 v2 message into the acknowledgement that answers it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from waypost.core.component import Dropped, Failed, Result
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Option, OptionFault
from waypost.core.traits import StepTraits

CONTENT_TYPE = "application/hl7-v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hl7AcknowledgeOptions:
    """What is said of every message that gets here."""

    code: Annotated[
        Literal["AA", "AE", "AR", "CA", "CE", "CR"],
        Option("MSA-1: accepted, failed or rejected by the application (A) or by the receiver alone (C)."),
    ] = "AA"
    text: Annotated[str, Option("What is wrong, for MSA-3 and ERR-8; only with a code other than AA and CA.")] = ""

    def faults(self) -> Iterable[OptionFault]:
        if self.text and self.code in ("AA", "CA"):
            yield OptionFault("text", f"found {self.text!r} with {self.code}", "no text where all is well")


@registry.register(
    "step", "hl7_acknowledge", options=Hl7AcknowledgeOptions, traits=StepTraits(), shorthand="code",
    example="{code: AA}",
)  # fmt: skip
class Hl7Acknowledge:
    """Translates a document of the hl7 format into the ACK that answers it, sender and receiver exchanged.

    Its control id is that of the message it answers, so the same message has the same acknowledgement. Messages that
    are acknowledgements themselves are dropped.
    """

    def __init__(self, options: Hl7AcknowledgeOptions, grants: Grants) -> None:
        self._options = options

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        return [self._answer(message) for message in batch]

    def _answer(self, message: Message) -> Result:
        rows = message.body.get("rows") if isinstance(message.body, Mapping) else None
        if not isinstance(rows, list | tuple):
            rows = []
        first = rows[0] if rows else None
        if not isinstance(first, list | tuple) or len(first) < 3 or first[0] != "MSH":
            return Failed(DataError("no MSH row", where="document", expected="a document of the hl7 format",
                                    remedy="put the step behind the format, before maps", code="hl7-row"))  # fmt: skip
        if any(isinstance(row, list | tuple) and row[:1] == ["MSA"] for row in rows):
            return Dropped("acknowledgements are not acknowledged")
        if not _at(first, 10):
            return Failed(DataError("no control id", where="MSH-10", expected="the id that MSA-2 repeats",
                                    remedy="have the sender give one", code="hl7-row"))  # fmt: skip
        return message.with_body({"rows": self._rows(first, message.received_at)}, CONTENT_TYPE)

    def _rows(self, first: Sequence[Any], received_at: int) -> list[Any]:
        moment = datetime.fromtimestamp(received_at / 1e6, UTC).strftime("%Y%m%d%H%M%S+0000")
        kind = _at(first, 9)
        event = kind[0][1:2] if kind and isinstance(kind[0], list | tuple) else []
        header = ["MSH", first[1], first[2], _at(first, 5), _at(first, 6), _at(first, 3), _at(first, 4), [[moment]],
                  [], [["ACK", *event, *(["ACK"] if event else [])]], _at(first, 10), _at(first, 11), _at(first, 12),
                  ]  # fmt: skip
        if _at(first, 18):
            header += [[], [], [], [], [], _at(first, 18)]
        rows = [header, ["MSA", [[self._options.code]], _at(first, 10), [[self._options.text]]]]
        if self._options.code not in ("AA", "CA"):
            rows.append(["ERR", [], [], [["207", "Application internal error", "HL70357"]], [["E"]], [], [], [],
                         [[self._options.text]]])  # fmt: skip
        return rows


def _at(row: Sequence[Any], number: int) -> Any:
    return row[number] if number < len(row) else []
