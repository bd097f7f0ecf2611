"""The stretches of steps between the boundaries of a flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from waypost.core.errors import BugError
from waypost.flow.member.begin import Begin


class _Step(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def boundary(self) -> bool: ...


class _Target(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def boundary(self) -> str: ...


S = TypeVar("S", bound=_Step, covariant=True)


class _Flow(Protocol[S]):
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def steps(self) -> tuple[S, ...]: ...
    @property
    def targets(self) -> Sequence[_Target]: ...


def stretch(flow: _Flow[S], start: int) -> tuple[tuple[S, ...], tuple[int, ...]]:
    """The steps from number ``start`` to the next boundary, and the numbers of where a message goes then."""
    for at, step in enumerate(flow.steps[start:], start):
        if step.boundary:
            first = next(target.number for target in flow.targets if target.boundary == step.name)
            return flow.steps[start:at], (first,)
    return flow.steps[start:], tuple(target.number for target in flow.targets if not target.boundary)


def from_boundary(flow: _Flow[S], begin: Begin) -> tuple[tuple[S, ...], tuple[int, ...]]:
    """The steps of messages that come from a boundary, and the numbers of where they go then."""
    own = [target.number for target in flow.targets if target.boundary == begin.step]
    at = next((at for at, step in enumerate(flow.steps) if step.name == begin.step and step.boundary), None)
    if at is None:
        text = f"version {flow.version} has no boundary {begin.step!r}"
        remedy = "retry the message with --current, or run a version that has the step"
        raise BugError(text, where=f"flow {flow.name}", remedy=remedy)
    return ((), (own[1],)) if begin.within else stretch(flow, at + 1)


def boundary_of(flow: _Flow[S], target: str) -> str:
    """The boundary a target's name stands for, or ''."""
    return next((one.boundary for one in flow.targets if one.name == target), "")
