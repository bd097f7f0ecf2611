"""Cases of a project's flows, as they stand in ``tests/*.yaml``, run through the same compiled steps as messages.

Nothing outside is called: a step that asks gets its answer from the case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from waypost.core.errors import Fault, ProjectError, near
from waypost.core.spec import Option, OptionFault, Spec
from waypost.core.yamlfile import YamlFile, parse_yaml
from waypost.flow.definition import FlowDefinition, Project

FOLDER = "tests"
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
        erp: [{number: '4711', total: 12.50}]
  - name: a broken document is refused
    input: {text: '{"purchase_order": '}
    expect:
      errors: [{place: format, text: not JSON}]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions:
    """What comes in: one of ``json``, ``text`` and ``file``."""

    json: Annotated[Any, Option("The document, as the flow's format would read it; its bytes are not tried.")] = None
    text: Annotated[str | None, Option("The content as text, cut and read by the flow's format.")] = None
    file: Annotated[str, Option("A file with the content, relative to the project.", example="tests/850.edi")] = ""
    headers: Annotated[dict[str, str], Option("Headers that come with it.")] = field(default_factory=dict)
    received_at: Annotated[str, Option("When it came, for flows that look at the time.")] = "2026-01-15T12:00:00Z"

    def faults(self) -> Iterator[OptionFault]:
        given = [n for n, v in (("json", self.json), ("text", self.text), ("file", self.file or None)) if v is not None]
        if len(given) != 1:
            found = " and ".join(given) or "no input"
            yield OptionFault(given[1] if given else "json", f"found {found}", "exactly one of json, text and file")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOptions:
    """What a step that asks is answered."""

    when: Annotated[dict[str, Any], Option("Parameters the request must have; without any it answers every one.")] = (
        field(default_factory=dict)
    )
    answer: Annotated[Any, Option("The answer; nothing means 'not found'.")] = None
    error: Annotated[str, Option("In place of an answer: the other side refuses with this text.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorOptions:
    """A failure that must happen. Empty fields do not matter."""

    place: Annotated[str, Option("Where: a step's name, `format`, `ordering key`, `encode for TARGET`.")] = ""
    code: Annotated[str, Option("The error's code.", example="json-syntax")] = ""
    text: Annotated[str, Option("What the error's text holds.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectOptions:
    """Everything that must come out; what comes out besides is a difference."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOptions:
    """One case."""

    name: Annotated[str, Option("What it shows, as a sentence.")]
    input: Annotated[InputOptions, Option("What comes in.")]
    expect: Annotated[ExpectOptions, Option("What must come out.")]
    effects: Annotated[dict[str, tuple[AnswerOptions, ...]], Option("Answers by the name of the step that asks.")] = (
        field(default_factory=dict)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFileOptions:
    """The cases of one flow."""

    flow: Annotated[str, Option("The flow.", example="acme-orders")]
    cases: Annotated[tuple[CaseOptions, ...], Option("Its cases.")]


@dataclass(frozen=True, slots=True)
class Case:
    """A case, where it was written, and its flow."""

    file: str
    line: int
    flow: FlowDefinition
    options: CaseOptions


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case went: well without ``differences``."""

    file: str
    line: int
    flow: str
    name: str
    differences: tuple[str, ...]
    findings: tuple[dict[str, str], ...] = ()
    """What steps found in its messages, errors and notes, each with its ``step``."""


def load_cases(root: Path, project: Project) -> list[Case]:
    """Every case of ``tests/*.yaml``. Raises ``ProjectError`` with every fault in them."""
    faults: list[Fault] = []
    cases: list[Case] = []
    for path in sorted([*(root / FOLDER).glob("*.yaml"), *(root / FOLDER).glob("*.yml")]):
        name = path.relative_to(root).as_posix()
        try:
            file = parse_yaml(path.read_text("utf-8-sig"), name, faults)
        except (OSError, UnicodeDecodeError) as error:
            faults.append(Fault(name, 0, "unreadable", str(error), "a readable file in UTF-8"))
            continue
        options = Spec.of(CaseFileOptions).parse(file, file.data, (), faults)
        if options is not None:
            cases += _cases(options, file, project, faults)
    if faults:
        raise ProjectError(faults)
    return cases


def _cases(options: CaseFileOptions, file: YamlFile, project: Project, faults: list[Fault]) -> list[Case]:
    flow = project.flows.get(options.flow)
    if flow is None:
        remedy = near(options.flow, project.flows)
        faults.append(file.fault(("flow",), "unknown-flow", f"no flow {options.flow!r}", "", remedy))
        return []
    steps = [step.name for step in flow.steps]
    for i, case in enumerate(options.cases):
        for part, names, known in (("effects", case.effects, steps), ("targets", case.expect.targets, flow.targets)):
            path = ("cases", i, part) if part == "effects" else ("cases", i, "expect", part)
            for name in names:
                if name not in known:
                    text = f"no {'step' if part == 'effects' else 'target'} {name!r} in flow {flow.name!r}"
                    faults.append(file.fault((*path, name), f"unknown-{part}", text, "", near(name, known)))
    return [Case(file.name, file.line(("cases", i)), flow, case) for i, case in enumerate(options.cases)]
