"""Cases of a project's flows and maps as they are written: in ``tests/``, or as ``NAME.test.yaml`` beside what they
test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from waypost.core.errors import Fault, ProjectError, near
from waypost.core.spec import Duration, Option, OptionFault, ProjectPath, Spec
from waypost.core.yamlfile import Path as YamlPath
from waypost.core.yamlfile import YamlFile, parse_yaml
from waypost.flow.declared.definition import FlowDefinition, Project
from waypost.flow.declared.project import TEST_FILES
from waypost.testing.cases.match import faulty

FOLDER = "tests"
BESIDE = ("flows", "maps")
"""Folders in which ``NAME.test.yaml`` holds cases."""
SNAPSHOTS = "snapshots"
"""The folder below ``tests`` that the snapshots are kept in."""
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
      errors: [{place: format, text: not JSON}]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions:
    """What comes in: one of ``json``, ``text`` and ``file``."""

    json: Annotated[Any, Option("The document, as the flow's format would read it; its bytes are not tried.")] = None
    text: Annotated[str | None, Option("The content as text, cut and read by the flow's format.")] = None
    file: Annotated[str, Option("A file with the content, relative to the project.", example="tests/850.edi")] = ""
    headers: Annotated[dict[str, str], Option("Headers that come with it.")] = field(default_factory=dict)
    received_at: Annotated[str, Option("When it came, for flows that look at the time.")] = "2026-01-15T12:00:00Z"
    then_wait: Annotated[
        Duration, Option("So much time passes afterwards, for steps that wait for more or for their time.", minimum=0)
    ] = Duration(0)

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
    error: Annotated[str, Option("In place of an answer: the other side fails with this text.")] = ""
    error_class: Annotated[
        Literal["contract", "transient", "authorisation"],
        Option("What kind of failure it is: it refuses, cannot be reached, or does not accept who we are."),
    ] = "contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorOptions:
    """A failure that must happen. Empty fields do not matter."""

    place: Annotated[str, Option("Where: a step's name, `format`, `ordering key`, `encode for TARGET`.")] = ""
    code: Annotated[str, Option("The error's code.", example="json-syntax")] = ""
    text: Annotated[str, Option("What the error's text holds.")] = ""


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
    output: Annotated[Any, Option("For a case of a map: the document it makes.")] = None
    snapshot: Annotated[
        bool, Option("What comes out is what `waypost snapshot` wrote down, in place of the other options.")
    ] = False

    def faults(self) -> Iterator[OptionFault]:
        if self.snapshot and (self.targets or self.errors or self.filtered or self.output is not None):
            yield OptionFault("snapshot", "a snapshot beside other expectations", "one of both")


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
    """The cases of one flow or one map."""

    flow: Annotated[str, Option("The flow.", example="acme-orders")] = ""
    map: Annotated[ProjectPath | None, Option("The map, in place of a flow.", example="maps/order.map.yaml")] = None
    cases: Annotated[tuple[CaseOptions, ...], Option("Its cases.")]

    def faults(self) -> Iterator[OptionFault]:
        if bool(self.flow) == bool(self.map):
            yield OptionFault("flow", "both a flow and a map" if self.flow else "no flow and no map", "one of both")


@dataclass(frozen=True, slots=True)
class Case:
    """A case and where it was written. Exactly one of ``flow`` and ``map`` is not empty."""

    file: str
    line: int
    flow: str
    map: str
    options: CaseOptions

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


def load_cases(root: Path, project: Project) -> list[Case]:
    """Every case of the project. Raises ``ProjectError`` with every fault in them."""
    faults: list[Fault] = []
    cases: list[Case] = []
    for path in case_files(root):
        name = path.relative_to(root).as_posix()
        try:
            file = parse_yaml(path.read_text("utf-8-sig"), name, faults)
        except (OSError, UnicodeDecodeError) as error:
            faults.append(Fault(name, 0, "unreadable", str(error), "a readable file in UTF-8"))
            continue
        options = Spec.of(CaseFileOptions).parse(file, file.data, (), faults)
        if options is not None:
            cases += _cases(options, file, root, project, faults)
    if faults:
        raise ProjectError(faults)
    return cases


def case_files(root: Path) -> list[Path]:
    """The files that hold cases, in order."""
    found = [p for end in (".yaml", ".yml") for p in (root / FOLDER).rglob(f"*{end}")]
    found = [p for p in found if p.relative_to(root).parts[1] != SNAPSHOTS]
    found += [p for folder in BESIDE for p in (root / folder).rglob("*") if p.name.endswith(TEST_FILES)]
    return sorted(found)


def _cases(options: CaseFileOptions, file: YamlFile, root: Path, project: Project, faults: list[Fault]) -> list[Case]:
    if options.map is not None:
        _check_map_cases(options, file, root, faults)
    else:
        flow = project.flows.get(options.flow)
        if flow is None:
            remedy = near(options.flow, project.flows)
            faults.append(file.fault(("flow",), "unknown-flow", f"no flow {options.flow!r}", "", remedy))
            return []
        _check_flow_cases(options, file, flow, faults)
    _check_matchers(options, file, faults)
    return [
        Case(file.name, file.line(("cases", i)), options.flow, str(options.map or ""), case)
        for i, case in enumerate(options.cases)
    ]


def _check_flow_cases(options: CaseFileOptions, file: YamlFile, flow: FlowDefinition, faults: list[Fault]) -> None:
    steps = [step.name for step in flow.steps]
    for i, case in enumerate(options.cases):
        for part, names, known in (("effects", case.effects, steps), ("targets", case.expect.targets, flow.targets)):
            path = ("cases", i, part) if part == "effects" else ("cases", i, "expect", part)
            for name in names:
                if name not in known:
                    text = f"no {'step' if part == 'effects' else 'target'} {name!r} in flow {flow.name!r}"
                    faults.append(file.fault((*path, name), f"unknown-{part}", text, "", near(name, known)))
        if case.expect.output is not None:
            faults.append(file.fault(("cases", i, "expect", "output"), "option", "a flow has no output", "targets"))


def _check_map_cases(options: CaseFileOptions, file: YamlFile, root: Path, faults: list[Fault]) -> None:
    if not (root / str(options.map)).is_file():
        faults.append(file.fault(("map",), "file", f"no file {str(options.map)!r} in the project", "a map"))
    for i, case in enumerate(options.cases):
        if case.input.json is None:
            faults.append(file.fault(("cases", i, "input"), "option", "a map reads a document", "input: {json: …}"))
        if case.expect.targets or case.expect.filtered:
            path: YamlPath = ("cases", i, "expect")
            faults.append(file.fault(path, "option", "a map has no targets and filters nothing", "output or errors"))


def _check_matchers(options: CaseFileOptions, file: YamlFile, faults: list[Fault]) -> None:
    for i, case in enumerate(options.cases):
        for name in ("targets", "output"):
            for path, found, remedy in faulty(getattr(case.expect, name)):
                faults.append(file.fault(("cases", i, "expect", name, *path), "matcher", found, "", remedy))
