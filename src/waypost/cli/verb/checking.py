"""Check a project and print what it promises."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.option import AsJson, EnvironmentName
from waypost.cli.output import note, print_json, say, width

if TYPE_CHECKING:
    from waypost.core.errors import ProjectError
    from waypost.flow.declared.contract import FlowContract

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder.")]


def check(
    directory: Folder = Path("."),
    environment: EnvironmentName = "dev",
    expanded: Annotated[
        str, typer.Option("--expanded", metavar="FLOW", help="Show this flow with templates and fragments put in.")
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Find every fault of a project, or say what it promises.

    Each fault is one line: file, line number, what was found, what was expected, what to do.
    """
    from waypost.cli.verb.expanding import print_expanded
    from waypost.core.errors import ProjectError
    from waypost.flow.declared.contract import contracts
    from waypost.flow.declared.project import load_project

    try:
        project = load_project(directory, environment)
    except ProjectError as error:
        return _refuse(error, as_json)
    if expanded:
        print_expanded(project, expanded, as_json)
        return 0
    promised = contracts(project)
    if as_json:
        print_json({
            "ok": True, "project": project.options.name, "version": project.version, "environment": environment,
            "flows": [contract_data(contract) for contract in promised], "faults": [],
        })  # fmt: skip
        return 0
    for contract in promised:
        say("\n".join([*contract_text(contract, width()), ""]))
    off = len(project.flows) - len(promised)
    say(
        f"{project.options.name} {project.version}: {failure.counted(len(promised), 'flow')}"
        + (f", {off} off" if off else "")
    )
    return 0


def _refuse(error: ProjectError, as_json: bool) -> int:
    if as_json:
        print_json({"ok": False, "faults": failure.fault_rows(error)})
    else:
        for fault in error.faults:
            say(str(fault))
        note(failure.counted(len(error.faults), "fault"))
    return failure.FAILED


def contract_data(contract: FlowContract) -> dict[str, Any]:
    """A delivery contract as plain data."""
    import dataclasses

    return dataclasses.asdict(contract)


def contract_text(contract: FlowContract, width: int) -> list[str]:
    """A delivery contract in words."""
    lines = [contract.flow, *_aligned("accepts", contract.accepts, width)]
    for boundary in contract.boundaries:
        lines += _aligned(boundary.step, f"{boundary.guarantee}; {boundary.order}", width)
        lines += _aligned("", boundary.limits, width)
    for target in contract.targets:
        order = "in no order" if target.order.startswith("none") else f"order {target.order}"
        lines += _aligned(target.target, f"{target.guarantee}, {order}: {target.why}", width)
        if target.order.startswith("none"):
            lines += _aligned("", target.order.partition(": ")[2], width)
    return lines


def _aligned(name: str, text: str, width: int) -> list[str]:
    column = max(12, len(name) + 2)
    wrapped = textwrap.wrap(text, max(width - column - 2, 20)) or [""]
    return [f"  {name:<{column}}{wrapped[0]}", *(" " * (column + 2) + line for line in wrapped[1:])]
