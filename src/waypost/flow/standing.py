"""Standing orders: what people said of flows, targets and connections that lasts, and of whom it may be said."""

from __future__ import annotations

from collections.abc import Mapping

from waypost.flow.definition import Project


def subjects_of(project: Project) -> list[str]:
    """What a command may be about."""
    flows = [f"flow:{name}" for name in project.flows]
    targets = [f"target:{name}/{target}" for name, flow in project.flows.items() for target in flow.targets]
    return ["all", "store", *flows, *targets, *(f"connection:{name}" for name in project.connections)]


def said_of(commands: Mapping[str, str], *subjects: str) -> str:
    """Why one of ``subjects`` must rest, in words for ``status``; '' when nothing was said of them."""
    for subject in subjects:
        if commands.get(subject) == "restored":
            return "restored from a backup: `waypost resume store` lets it read and send"
        if commands.get(subject):
            return f"{commands[subject]} by a person"
    return ""
