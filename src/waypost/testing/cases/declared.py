"""What a case of a flow or map may say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from waypost.core.clock import MICROSECONDS
from waypost.core.spec import Duration, Option, OptionFault, ProjectPath

CASE_EXAMPLE = """\
flow: acme-orders
cases:
  - name: an order goes to the ERP with its price
    input: {json: {purchase_order: {number: '4711'}, total: 12.50}}
    effects:
      enrich:
        - {when: {sku: A-1}, answer: {price: 12.50}}
    expect:
      targets:
        erp: [{number: {$regex: '47[0-9]+'}, total: 12.50}]
  - name: a broken document is refused
    input: {text: '{"purchase_order": '}
    expect:
      errors: [{place: format, text: not JSON, state: dead}]
  - name: an order that comes again a day later is a repetition
    input: {json: {purchase_order: {number: '4712'}, total: 1}}
    effects: {enrich: [{answer: {price: 1}}]}
    expect: {targets: {erp: [{number: '4712', total: 1}]}}
    then:
      - {wait: 24h, input: {json: {purchase_order: {number: '4712'}, total: 1}}, expect: {filtered: 1}}"""


def moment(text: str) -> int:
    """A time as UTC µs. ``ValueError`` for a text that is none."""
    parsed = datetime.fromisoformat(text)
    return round((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() * MICROSECONDS)


def _moment_faults(option: str, text: str) -> Iterator[OptionFault]:
    try:
        moment(text or "2026-01-15")
    except (ValueError, OverflowError):
        yield OptionFault(option, f"{text!r} is no time", "2026-01-15T12:00:00Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions:
    """What comes in at the moment it is written under: one of ``json``, ``text`` and ``file``."""

    json: Annotated[Any, Option("The document, as the flow's format would read it; its bytes are not tried.")] = None
    text: Annotated[str | None, Option("The content as text, cut and read by the flow's format.")] = None
    file: Annotated[str, Option("A file with the content, relative to the project.", example="tests/850.edi")] = ""
    headers: Annotated[dict[str, str], Option("Headers that come with it.")] = field(default_factory=dict)

    def faults(self) -> Iterator[OptionFault]:
        given = [n for n, v in (("json", self.json), ("text", self.text), ("file", self.file or None)) if v is not None]
        if len(given) != 1:
            found = " and ".join(given) or "no input"
            yield OptionFault(given[1] if given else "json", f"found {found}", "exactly one of json, text and file")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstInputOptions(InputOptions):
    """What comes in first, and when."""

    received_at: Annotated[
        str, Option("When it comes: the time at which the case begins, for flows that look at the time.")
    ] = "2026-01-15T12:00:00Z"

    def faults(self) -> Iterator[OptionFault]:
        yield from InputOptions.faults(self)
        yield from _moment_faults("received_at", self.received_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOptions:
    """What a step that asks is answered."""

    when: Annotated[dict[str, Any], Option("Parameters the request must have; without any it answers every one.")] = (
        field(default_factory=dict)
    )
    answer: Annotated[Any, Option("The answer; nothing means 'not found'.")] = None
    error: Annotated[str, Option("In place of an answer: the other side fails with this text.")] = ""
    error_class: Annotated[
        Literal["contract", "transient", "authorisation"],
        Option(
            "What kind of failure it is: it refuses, cannot be reached, or does not accept who we are. A step that "
            "combines messages asks again, a little later each time, who cannot be reached or does not accept us."
        ),
    ] = "contract"
    after: Annotated[Duration, Option("How long the answer to a step that combines messages takes.", minimum=0)] = (
        Duration(0)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorOptions:
    """A failure that must happen. Empty fields do not matter."""

    place: Annotated[str, Option("Where: a step's name, `format`, `ordering key`, `encode for TARGET`.")] = ""
    code: Annotated[str, Option("The error's code.", example="json-syntax")] = ""
    text: Annotated[str, Option("What the error's text holds.")] = ""
    state: Annotated[
        Literal["", "dead", "parked", "retrying"], Option("What becomes of the message by it.", example="parked")
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectOptions:
    """Everything that must come out; what comes out besides is a difference. A mapping with one name of ``$partial``,
    ``$regex``, ``$schema``, ``$any``, ``$absent`` and ``$exact`` stands for values that fit it."""

    targets: Annotated[
        dict[str, tuple[Any, ...]],
        Option("Per target what it gets, in order: a document, or as text the exact bytes."),
    ] = field(default_factory=dict)
    errors: Annotated[tuple[ErrorOptions, ...], Option("Failures that must happen.")] = ()
    warnings: Annotated[
        tuple[ErrorOptions, ...] | None,
        Option("What steps must note about messages that go on; left out, notes do not matter."),
    ] = None
    filtered: Annotated[int, Option("How many messages end in a filter.", minimum=0)] = 0
    waiting: Annotated[
        dict[str, int] | None,
        Option(
            "How many messages wait then, by the name of the step that combines or holds back messages; at others none "
            "does. Left out, it does not matter.",
            example={"aggregator": 2},
        ),
    ] = None
    output: Annotated[Any, Option("For a case of a map: the document it makes.")] = None
    snapshot: Annotated[
        bool, Option("What comes out is what `waypost snapshot` wrote down, in place of the other options.")
    ] = False

    def faults(self) -> Iterator[OptionFault]:
        if self.snapshot and self != ExpectOptions(snapshot=True):
            yield OptionFault("snapshot", "a snapshot beside other expectations", "one of both")


Answered = dict[str, tuple[AnswerOptions, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentOptions:
    """What happens next: time passes, then something comes in or a person does something, then it is looked at what
    came out since the moment before."""

    wait: Annotated[Duration | None, Option("So much time passes first.", minimum=0, example="10m")] = None
    at: Annotated[str, Option("Time passes until then, in place of `wait`.", example="2026-01-16T06:00:00Z")] = ""
    effects: Annotated[
        Answered,
        Option("Answers from this moment on, before those given earlier, and before the time of `wait` passes."),
    ] = field(default_factory=dict)
    input: Annotated[InputOptions | None, Option("What comes in then.")] = None
    release: Annotated[
        dict[str, str],
        Option(
            "Groups a person lets go as they are: their key, by the name of the step.", example={"aggregator": "O-1"}
        ),
    ] = field(default_factory=dict)
    cancel: Annotated[dict[str, str], Option("Groups a person cancels, likewise.")] = field(default_factory=dict)
    expect: Annotated[ExpectOptions, Option("What must come out from the moment before up to this one.")] = field(
        default_factory=ExpectOptions
    )

    def faults(self) -> Iterator[OptionFault]:
        if self.wait is not None and self.at:
            yield OptionFault("at", "found both wait and at", "one of the two")
        if self == MomentOptions(expect=self.expect, effects=self.effects):
            yield OptionFault("wait", "nothing happens", "wait, at, input, release or cancel")
        if self.expect.snapshot:
            yield OptionFault(
                "expect", "a snapshot of one moment", "`snapshot: true` under `expect` of the case: it holds all"
            )
        yield from _moment_faults("at", self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOptions:
    """One case."""

    name: Annotated[str, Option("What it shows, as a sentence.")]
    input: Annotated[FirstInputOptions, Option("What comes in.")]
    expect: Annotated[ExpectOptions, Option("What must come out.")]
    effects: Annotated[
        Answered, Option("Answers by the name of the step that asks, or STEP/BRANCH where it asks several systems.")
    ] = field(default_factory=dict)
    then: Annotated[
        tuple[MomentOptions, ...], Option("What happens afterwards, in order: time passes, more comes in.", example=[])
    ] = ()

    def faults(self) -> Iterator[OptionFault]:
        if self.expect.snapshot and any(moment.expect != ExpectOptions() for moment in self.then):
            yield OptionFault("then", "expectations beside a snapshot", "one of both: the snapshot holds every moment")
        now = moment(self.input.received_at)
        for number, one in enumerate(self.then):
            before, now = now, moment(one.at) if one.at else now + round((one.wait or 0) * MICROSECONDS)
            if now < before:
                yield OptionFault(
                    "then", f"moment {number + 1} is at {one.at}", "a time not before the moment before it"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFileOptions:
    """The cases of one flow or one map."""

    flow: Annotated[str, Option("The flow.", example="acme-orders")] = ""
    map: Annotated[ProjectPath | None, Option("The map, in place of a flow.", example="maps/order.map.yaml")] = None
    cases: Annotated[tuple[CaseOptions, ...], Option("Its cases.")]

    def faults(self) -> Iterator[OptionFault]:
        if bool(self.flow) == bool(self.map):
            yield OptionFault("flow", "both a flow and a map" if self.flow else "no flow and no map", "one of both")


@dataclass(frozen=True, slots=True)
class Case:
    """A case and where it was written. Exactly one of ``flow`` and ``map`` is not empty. ``moments`` are the lines of
    what happens afterwards."""

    file: str
    line: int
    flow: str
    map: str
    options: CaseOptions
    moments: tuple[int, ...] = ()

    @property
    def subject(self) -> str:
        """What it tests: a flow's name, or a map's file."""
        return self.flow or self.map


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case went: well without ``differences``."""

    file: str
    line: int
    subject: str
    name: str
    differences: tuple[str, ...]
    seconds: float = 0.0
    findings: tuple[dict[str, str], ...] = ()
    """What steps found in its messages, errors and notes, each with its ``step``."""
