"""Cases of a project as they are found: in ``tests/``, or as ``NAME.test.yaml`` beside what they test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from waypost.core.errors import Fault, ProjectError, near
from waypost.core.spec import Spec
from waypost.core.yamlfile import Path as YamlPath
from waypost.core.yamlfile import YamlFile, parse_yaml
from waypost.flow.declared.definition import FlowDefinition, Project
from waypost.flow.declared.project import TEST_FILES
from waypost.flow.member.envelope import branch_of
from waypost.testing.cases.declared import Case, CaseFileOptions, CaseOptions, MomentOptions
from waypost.testing.cases.match import faulty

FOLDER = "tests"
BESIDE = ("flows", "maps")
"""Folders in which ``NAME.test.yaml`` holds cases."""
SNAPSHOTS = "snapshots"
"""The folder below ``tests`` that the snapshots are kept in."""


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
        Case(
            file.name, file.line(("cases", i)), options.flow, str(options.map or ""), case,
            tuple(file.line(("cases", i, "then", at)) for at in range(len(case.then))),
        )
        for i, case in enumerate(options.cases)
    ]  # fmt: skip


def _parts(case: CaseOptions, i: int) -> Iterator[tuple[YamlPath, CaseOptions | MomentOptions]]:
    """The case and its later moments, which say the same things, with where they are written."""
    yield ("cases", i), case
    for at, moment in enumerate(case.then):
        yield ("cases", i, "then", at), moment


def _check_flow_cases(options: CaseFileOptions, file: YamlFile, flow: FlowDefinition, faults: list[Fault]) -> None:
    answering, combining = _asking(flow), [step.name for step in flow.steps if step.traits.boundary]
    for i, case in enumerate(options.cases):
        for path, part in _parts(case, i):
            named: list[tuple[YamlPath, str, Mapping[str, Any], Iterable[str]]] = [
                (("effects",), "step", part.effects, answering),
                (("expect", "targets"), "target", part.expect.targets, flow.targets),
                (("expect", "waiting"), "step", part.expect.waiting or {}, combining),
            ]
            if isinstance(part, MomentOptions):
                named += [((verb,), "step", getattr(part, verb), combining) for verb in ("release", "cancel")]
            for inner, what, names, known in named:
                for name in names:
                    if name not in known:
                        found = f"no {what} {name!r} in flow {flow.name!r}"
                        if what == "step" and known is combining:
                            found = f"no step {name!r} in flow {flow.name!r} that combines or holds back messages"
                        elif what == "step":
                            found = f"no step {name!r} in flow {flow.name!r} that could be answered"
                        code = f"unknown-{'effects' if known is answering else inner[-1]}"
                        faults.append(file.fault((*path, *inner, name), code, found, "", near(name, known)))
            if part.expect.output is not None:
                faults.append(file.fault((*path, "expect", "output"), "option", "a flow has no output", "targets"))


def _asking(flow: FlowDefinition) -> list[str]:
    """The names under which a case may give answers: those of steps, and of the branches of those that ask several."""
    names = []
    for step in flow.steps:
        branches = step.options.branches if step.traits.asks == "branches" else None
        names += [step.name] if branches is None else [branch_of(step.name, branch) for branch in branches]
    return names


def _check_map_cases(options: CaseFileOptions, file: YamlFile, root: Path, faults: list[Fault]) -> None:
    if not (root / str(options.map)).is_file():
        faults.append(file.fault(("map",), "file", f"no file {str(options.map)!r} in the project", "a map"))
    for i, case in enumerate(options.cases):
        if case.input.json is None:
            faults.append(file.fault(("cases", i, "input"), "option", "a map reads a document", "input: {json: …}"))
        if case.expect.targets or case.expect.filtered or case.expect.waiting:
            path: YamlPath = ("cases", i, "expect")
            faults.append(file.fault(path, "option", "a map has no targets and filters nothing", "output or errors"))
        if case.then:
            faults.append(file.fault(("cases", i, "then"), "option", "a map knows no afterwards", "a case of a flow"))


def _check_matchers(options: CaseFileOptions, file: YamlFile, faults: list[Fault]) -> None:
    for i, case in enumerate(options.cases):
        for inside, part in _parts(case, i):
            for name in ("targets", "output"):
                for path, found, remedy in faulty(getattr(part.expect, name)):
                    faults.append(file.fault((*inside, "expect", name, *path), "matcher", found, "", remedy))
