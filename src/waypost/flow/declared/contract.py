"""The delivery contract: what a flow guarantees to each target, computed from what its parts can do."""

from __future__ import annotations

from dataclasses import dataclass

from waypost.core.boundary import LimitOptions
from waypost.core.traits import Repetition
from waypost.flow.declared.definition import FlowDefinition, Project, TargetUse, Use


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetContract:
    """What one target gets. ``duplicates_after_crash`` is the most that one crash can send twice."""

    target: str
    guarantee: str
    duplicates_after_crash: int
    order: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryContract:
    """What a step that combines messages promises. ``limits`` says how much may wait, and what happens beyond."""

    step: str
    guarantee: str
    order: str
    limits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowContract:
    """What a flow promises. ``fused``: input and what was made of it are one commit."""

    flow: str
    accepts: str
    fused: bool
    order_by: str
    targets: tuple[TargetContract, ...]
    boundaries: tuple[BoundaryContract, ...] = ()


def contracts(project: Project) -> list[FlowContract]:
    """The contract of every flow that is enabled."""
    return [contract_of(flow) for flow in project.flows.values() if flow.options.enabled]


def contract_of(flow: FlowDefinition) -> FlowContract:
    """The contract of one flow."""
    return FlowContract(
        flow=flow.name, accepts=_accepts(flow), fused=True, order_by=flow.options.delivery.order_by,
        targets=tuple(_target(flow, target) for target in flow.targets.values()),
        boundaries=tuple(_boundary(step) for step in flow.steps if step.traits.boundary),
    )  # fmt: skip


def _boundary(step: Use) -> BoundaryContract:
    limits: LimitOptions = step.options.limits
    beyond = "a dead letter" if limits.when_full == "fail" else "its group goes as it is, before it"
    return BoundaryContract(
        step=step.name,
        guarantee="each message waits in one group and leaves it once: a group's state, its timers and what it "
        "releases are in the journal's commit of their cause",
        order="members leave in the order their step says; what is released is processed in the order of its release",
        limits=f"at most {limits.members} messages or {limits.bytes} bytes a group, beyond them {beyond}; at most "
        f"{limits.groups} groups a worker, beyond them a dead letter",
    )


def _accepts(flow: FlowDefinition) -> str:
    name = flow.source.component.name
    if name == "channel":
        return "in the commit of the flow that sends: nothing is lost or doubled between flows"
    traits = flow.source.traits
    if traits.replies or not traits.redelivers:
        return f"{name}: acknowledged after the commit; a caller without acknowledgement must send again"
    return f"{name}: acknowledged after the commit; what was not acknowledged is offered again"


def _target(flow: FlowDefinition, target: TargetUse) -> TargetContract:
    traits = target.use.traits
    order_by = flow.options.delivery.order_by
    if target.use.component.name == "channel":
        guarantee, window, why = "effectively once", 0, "delivered in the journal's own commit"
    else:
        guarantee, window, why = _guarantee(traits.repetition, traits.concurrency * traits.batch)
    return TargetContract(
        target=target.name, guarantee=guarantee, duplicates_after_crash=window, why=why,
        order=_order(order_by, traits.ordered, traits.concurrency),
    )  # fmt: skip


def _guarantee(repetition: Repetition, window: int) -> tuple[str, int, str]:
    if repetition is Repetition.SAME_PLACE:
        return (
            "effectively once",
            0,
            "a repeated write lands on the first, while nobody removes it before its outcome is durable",
        )
    if repetition is Repetition.RECOGNISED:
        return "effectively once", 0, "the target recognises a repetition and refuses it"
    if repetition is Repetition.ASKED:
        return "effectively once", 0, "after a crash the target is asked whether it happened"
    text = f"the target cannot recognise a repetition: at most {window} deliveries in flight at a crash are sent again"
    return "at least once", window, text


def _order(order_by: str, ordered: bool, concurrency: int) -> str:
    if order_by and ordered:
        return f"kept per {order_by}, also through retries"
    if concurrency == 1 and ordered:
        return "as accepted while nothing fails; no key is ordered through retries"
    return "none: name a key in delivery.order_by to have one"
