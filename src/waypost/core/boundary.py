"""What a step that combines messages is: a *boundary*, whose state the engine keeps in the journal.

A boundary step does no I/O and holds nothing between two calls. The engine tells it of an event (a message arrived, a
timer is due, a person wants a group released) with all it may know of the *group* the event belongs to; the step
answers with a ``Turn``: what is remembered, what is released, which timers run. Event and turn are one commit. A step
is so a pure function from (group, event) to a turn, and what it said once is never asked again: recomputation ends at a
boundary.

The messages that wait are the *members* of their group, in the order they came. A turn names them by their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

import msgspec

from waypost.core.component import Dropped, Failed, Request
from waypost.core.errors import WaypostError
from waypost.core.message import NO_HEADERS, Message
from waypost.core.spec import Option, Size

NOTHING: Mapping[str, int] = {}


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine has under one correlation key. ``state`` is as the last turn left it: plain JSON data and
    decimals, None at first. ``count`` members wait, ``size`` bytes in all; the message that arrives has ``arriving``
    bytes. ``now`` is UTC microseconds. ``members``: those that wait, at the events at which the step wants to see them,
    else none."""

    key: str
    now: int
    state: Any = None
    count: int = 0
    size: int = 0
    arriving: int = 0
    members: Sequence[Message] = ()


class Release(msgspec.Struct, frozen=True):
    """Members that go on, in this order, and why. ``note`` is for the step's own ``combine``."""

    members: tuple[int, ...]
    reason: str
    note: Any = None


class Ask(msgspec.Struct, frozen=True):
    """A question to branch ``to`` of the step, sent after the commit of its turn. It is known by ``name``, unique while
    it is open; a process that died asks again."""

    name: str
    to: str
    request: Request


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from an event. ``state`` None: the group is forgotten once nothing waits in it. ``timers`` are all
    that run from now on, by name, with when they are due (UTC µs). ``fate`` of the message that arrived: None = it
    waits, as the last member; the turn's releases may name it."""

    state: Any = None
    releases: tuple[Release, ...] = ()
    timers: Mapping[str, int] = NOTHING
    fate: Dropped | Failed | None = None
    asks: tuple[Ask, ...] = ()


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A message that goes on. ``members`` are the places, within its release, of those it was made from (() = all).
    ``to`` names the targets it goes to, past later steps; () = it passes on to the next step."""

    body: Any
    members: tuple[int, ...] = ()
    headers: Mapping[str, str] = NO_HEADERS
    to: tuple[str, ...] = ()


Forced = Literal["release", "cancel", "full"]
"""``release``: a person lets the group go as it is; ``cancel``: a person ends all that waits in it; ``full``: it has
reached a limit and the next message needs its place."""


class BoundaryStep(Protocol):
    """Built as ``cls(options, grants)``; its traits say ``boundary``. Its options have ``limits``, and ``reasons``: why
    it may let a group go by itself, as its releases say it (``…`` for what differs); coverage counts them."""

    needs_members: bool
    """Whether ``arrived`` looks at those that wait: they are read from the journal each time."""
    peeks: int
    """At how many of those that wait, the first ones, ``due`` looks."""
    ordered: bool
    """Whether what one group releases keeps its order at the targets, also where the flow orders by no key."""

    def correlate(self, batch: Sequence[Message]) -> Sequence[str | Failed]:
        """The group of each message. Depends on the message alone; any text, also ''."""
        ...

    def arrived(self, group: Group, message: Message) -> Turn: ...

    def due(self, group: Group, timer: str) -> Turn: ...

    def forced(self, group: Group, how: Forced) -> Turn:
        """With ``cancel``, releases are not looked at: all that waits is cancelled."""
        ...

    def regroup(self, group: Group, members: Sequence[Message]) -> Turn:
        """A person took members away; these are left. The turn may release some of them."""
        ...

    def combine(self, group: Group, release: Release, members: Sequence[Message]) -> Sequence[Made] | Failed:
        """The messages that a release makes of its members. ``Failed``: the members are dead letters."""
        ...

    def waits_for(self, group: Group) -> str:
        """What the group waits for, for a person."""
        ...


class AskingBoundary(BoundaryStep, Protocol):
    """A boundary that asks systems; its traits say ``asks``: ``branches``, and its options have ``branches``, each with
    the connection that answers ``Ask.to``."""

    def answered(self, group: Group, name: str, answer: Any | WaypostError) -> Turn:
        """The answer to an ask, or why there is none."""
        ...

    def open_asks(self, group: Group, members: Sequence[Message]) -> Sequence[Ask]:
        """The asks of the group that are not answered, for a process that takes it over."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOptions:
    """How much may wait at a boundary."""

    members: Annotated[int, Option("The most messages one group may hold.", minimum=1, maximum=1_000_000)] = 10_000
    bytes: Annotated[Size, Option("The most bytes the messages of one group may have.", minimum=1)] = Size(64 << 20)
    groups: Annotated[int, Option("The most groups that may wait in one worker.", minimum=1)] = 100_000
    when_full: Annotated[
        Literal["fail", "release"],
        Option(
            "What happens to a message whose group is full: it is a dead letter, or the group goes as it is, and the "
            "message begins a new one. Where too many groups wait, it is a dead letter."
        ),
    ] = "fail"
