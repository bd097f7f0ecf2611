"""What people have said of a running system, and of what it can be said."""

from __future__ import annotations

from collections.abc import Mapping

from waypost.flow.declared.definition import Project

EVERYTHING = ("all", "store")


def subjects(project: Project) -> list[str]:
    """What a command may be about."""
    flows = [f"flow:{name}" for name in project.flows]
    targets = [f"target:{name}/{target}" for name, flow in project.flows.items() for target in flow.targets]
    return [*EVERYTHING, *flows, *targets, *(f"connection:{name}" for name in project.connections)]


def said(commands: Mapping[str, str], *subjects: str) -> str:
    """Why something of these subjects, or of everything, must not move; '' when nobody said so."""
    for subject in (*EVERYTHING, *subjects):
        if commands.get(subject) == "restored":
            return "restored from a backup: `waypost resume store` lets it read and send"
        if commands.get(subject):
            return f"{commands[subject]} by a person"
    return ""
