"""Hand messages from one flow to others, durably, in the journal's own commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from waypost.core.component import Delivery, Outbound, Outcome
from waypost.core.errors import BugError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Option
from waypost.core.traits import Repetition, SourceTraits, TargetTraits


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelOptions:
    """A channel by name; every flow that reads it gets each message (publish/subscribe), one reader makes a queue."""

    channel: Annotated[str, Option("The channel's name.", example="orders")]


@registry.register(
    "source", "channel", options=ChannelOptions, shorthand="channel", example="channel: orders",
    traits=SourceTraits(ordered=True, redelivers=True, polling=False),
)  # fmt: skip
class ChannelSource:
    """Read what other flows of the project put into a channel."""

    def __init__(self, options: ChannelOptions, grants: Grants) -> None:
        self.channel = options.channel

    async def open(self) -> None:
        """Nothing to open: the engine hands messages over in the journal's commit."""

    async def receive(self) -> Delivery | None:
        raise BugError("a channel is read by the engine", where=f"channel {self.channel}")

    async def close(self) -> None:
        """Nothing to close."""


@registry.register(
    "target", "channel", options=ChannelOptions, shorthand="channel", example="channel: orders",
    traits=TargetTraits(repetition=Repetition.RECOGNISED, batch=200, concurrency=1, ordered=True),
)  # fmt: skip
class ChannelTarget:
    """Put messages into a channel, for the flows that read it."""

    def __init__(self, options: ChannelOptions, grants: Grants) -> None:
        self.channel = options.channel

    async def open(self) -> None:
        """Nothing to open."""

    async def send(self, batch: list[Outbound]) -> list[Outcome]:
        raise BugError("a channel is written by the engine", where=f"channel {self.channel}")

    async def close(self) -> None:
        """Nothing to close."""
