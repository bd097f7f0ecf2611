"""Partner batcher: messages to a partner are collected into one interchange, as the agreement with it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec

from waypost.agreements.load import FOLDER, Partner, load_partners
from waypost.agreements.sending import BatchOptions
from waypost.core.boundary import Forced, Group, LimitOptions, Made, Release, Turn
from waypost.core.component import Failed
from waypost.core.errors import DataError, Fault, ProjectError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Option, PartnerRef
from waypost.core.traits import StepTraits
from waypost.steps.batcher import Batcher, BatcherOptions

ANY = "any"
_ALONE = BatchOptions(count=1)
_SERVICES = "services"
_OF_THE_INTERCHANGE = frozenset({"partner", "interchange"})
_NOT_TOLD_APART = frozenset({"control_number", "date", "time"})
_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerBatcherOptions:
    partner: Annotated[
        tuple[PartnerRef, ...],
        Option("The partners that are sent to, as the target's format names them; `any` for all.", example="acme"),
    ]
    standard: Annotated[
        Literal["x12", "edifact"], Option("The standard that is written, which says whose `send.batch` holds.")
    ]
    limits: Annotated[LimitOptions, Option("How much may wait.")] = field(default_factory=LimitOptions)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a batch may go by itself."""
        return ("count", "bytes", "time")


@registry.register(
    "step",
    "partner_batcher",
    options=PartnerBatcherOptions,
    traits=StepTraits(boundary=True),
    example="{partner: any, standard: x12}",
)
class PartnerBatcher:
    """Collect the messages to a partner into one interchange, closed by `send.batch` of its agreement.

    Each message is a document as the format writes one, with `partner` where there are several. What goes on is one
    document, its `transactions` in the order they came; the target's format writes it as one interchange, with a group
    for each kind of set. Messages for other identities (`interchange`: sender, receiver, usage) are batches of their
    own. Without `send.batch` each message goes on alone, and so does an interchange acknowledgement always. Bytes are
    those of the documents as they wait.
    """

    ordered, needs_members, peeks = True, False, 0

    def __init__(self, options: PartnerBatcherOptions, grants: Grants) -> None:
        self._standard, self._limits = options.standard, options.limits
        self._partners = _partners(options.partner, grants)
        self._grants = grants
        self._batchers: dict[tuple[str, bool], Batcher] = {}
        """By partner, and whether its messages go alone; not by group, of which messages make as many as they like."""

    def correlate(self, batch: Sequence[Message]) -> Sequence[str | Failed]:
        return [self._key(message.body) for message in batch]

    def _key(self, body: Any) -> str | Failed:
        if not isinstance(body, Mapping):
            found = f"a {type(body).__name__}"
            return Failed(DataError(found, where="document", expected="a mapping with rows or body",
                                    remedy="make it in a map"))  # fmt: skip
        named = body.get("partner", next(iter(self._partners), None) if len(self._partners) == 1 else None)
        if not isinstance(named, str) or named not in self._partners:
            known = ", ".join(self._partners) or "none"
            return Failed(DataError(f"partner {named!r}", where="document", expected=f"partner: one of {known}",
                                    remedy="set partner in a map", code="partner-unknown"))  # fmt: skip
        said = body.get("interchange") or {}
        if not isinstance(said, Mapping):
            return Failed(DataError(f"a {type(said).__name__}", where="interchange", expected="a mapping",
                                    remedy="make it in a map"))  # fmt: skip
        told = {name: value for name, value in said.items() if name not in _NOT_TOLD_APART and value not in (None, "")}
        alone = f" {_SERVICES}" if body.get("services") else ""
        return f"{named}{alone}" + (f" {_encode(told).decode()}" if told else "")

    def arrived(self, group: Group, message: Message) -> Turn:
        return self._batcher(group.key).arrived(group, message)

    def due(self, group: Group, timer: str) -> Turn:
        return self._batcher(group.key).due(group, timer)

    def forced(self, group: Group, how: Forced) -> Turn:
        return self._batcher(group.key).forced(group, how)

    def regroup(self, group: Group, members: Sequence[Message]) -> Turn:
        return self._batcher(group.key).regroup(group, members)

    def combine(self, group: Group, release: Release, members: Sequence[Message]) -> Sequence[Made]:
        partner, alone = _said(group.key)
        if alone:
            return [
                Made(body={**message.body, "partner": partner}, members=(at,)) for at, message in enumerate(members)
            ]
        parts = [part for message in members for part in _parts(message.body)]
        return [Made(body={"partner": partner, "interchange": _interchange(members[0].body), "transactions": parts})]

    def waits_for(self, group: Group) -> str:
        return self._batcher(group.key).waits_for(group)

    def _batcher(self, key: str) -> Batcher:
        """What batches the messages of a group."""
        partner, alone = _said(key)
        if (partner, alone) not in self._batchers:
            options = self._partners[partner].options if partner in self._partners else None
            agreed = getattr(getattr(options, self._standard, None), "send", None)
            batch = _ALONE if alone else getattr(agreed, "batch", None) or _ALONE
            limits = BatcherOptions(count=batch.count, bytes=batch.bytes, after=batch.after, limits=self._limits)
            self._batchers[partner, alone] = Batcher(limits, self._grants)
        return self._batchers[partner, alone]


def _said(key: str) -> tuple[str, bool]:
    """The partner a group's key names, and whether its messages go alone."""
    partner, _, rest = key.partition(" ")
    return partner, rest.startswith(_SERVICES)


def _partners(names: Sequence[str], grants: Grants) -> dict[str, Partner]:
    if grants.list_files is None or grants.read_file is None:
        raise DataError("no project", where="partner", expected="a flow of a project")
    faults: list[Fault] = []
    found = load_partners({name: grants.read_file(name) for name in grants.list_files(FOLDER)}, faults)
    if faults:
        raise ProjectError(faults)
    return found if ANY in names else {str(name): found[name] for name in names if name in found}


def _interchange(body: Mapping[str, Any]) -> dict[str, Any]:
    said = body.get("interchange") or {}
    return {name: value for name, value in said.items() if name not in _NOT_TOLD_APART}


def _parts(body: Mapping[str, Any]) -> list[Any]:
    """The messages of a document, each with the group it names."""
    inside = {"group": body["group"]} if isinstance(body.get("group"), Mapping) else {}
    parts = body.get("transactions")
    if isinstance(parts, list):
        return [{**inside, **part} if isinstance(part, Mapping) else part for part in parts]
    return [{name: value for name, value in body.items() if name not in _OF_THE_INTERCHANGE}]
