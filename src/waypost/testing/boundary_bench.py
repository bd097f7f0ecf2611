"""A boundary step on a bench: messages come, time passes, and what it releases is seen; no store, no engine.

It applies the engine's own rules (``flow.boundary.draft``). Nothing is kept between two events but what the journal
would hold, as bytes, so a step that remembers anything by itself is found out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from waypost.core.boundary import Ask, Forced, Group, LimitOptions
from waypost.core.clock import MICROSECONDS
from waypost.core.component import Dropped, Failed
from waypost.core.errors import BugError, WaypostError
from waypost.core.message import Message, id_at
from waypost.flow.boundary.draft import Draft, Emitted, Gone, Member
from waypost.flow.boundary.group import Held, Kept, unpacked
from waypost.flow.member.codec import read, write
from waypost.flow.member.envelope import Envelope
from waypost.testing.timeline import Timeline

_FIRST = 0x0190_0000_0000_7000_8000_0000_0000_0000
_BEGINNING = 1_700_000_000_000_000


class Freed(msgspec.Struct):
    """One release: its group, why it was, the documents that waited, and those that go on. ``error``: none do."""

    key: str
    reason: str
    members: list[Any]
    made: list[Any]
    error: str = ""
    emitted: list[Emitted] = []
    failure: WaypostError | None = None


class Bench:
    """One boundary step with its groups. ``released`` has every release, ``ended`` what did not join a group."""

    def __init__(
        self, step: Any, *, name: str = "the-step", limits: LimitOptions | None = None, time: Timeline | None = None
    ) -> None:
        """``time`` is shared with others; who calls this step when something is due is then theirs to say."""
        self.step, self.name, self.limits = step, name, limits or LimitOptions()
        self.time = time or Timeline(_BEGINNING)
        if time is None:
            self.time.join(self)
        self.released: list[Freed] = []
        self.ended: list[tuple[Any, Dropped | Failed]] = []
        self.asked: list[tuple[str, Ask]] = []
        self._waiting: dict[str, list[int]] = {}
        self._states: dict[str, bytes] = {}
        self._members: dict[int, Member] = {}
        self._count = 0

    # ── Book ──

    def held(self, key: str) -> Held:
        kept = unpacked(self._states[key]) if key in self._states else Kept(0, 0, 0, None, {})
        refs = list(self._waiting.get(key, ()))
        return Held(key, 0, refs, kept.size, kept.opened_at, kept.state, dict(kept.timers), stored=key in self._waiting)

    @property
    def open_groups(self) -> int:
        return len(self._waiting)

    async def members(self, refs: Sequence[int]) -> list[Member]:
        return [self._members[ref] for ref in refs]

    # ── Waiter ──

    def next_due(self) -> int | None:
        timer = self.next_timer()
        return None if timer is None else timer[0]

    async def fire(self) -> None:
        """The timer that is due first fires."""
        timer = self.next_timer()
        assert timer is not None, "something is due"
        draft = self._draft()
        await draft.due(timer[1], timer[2])
        self._settle(draft)

    # ── what happens ──

    @property
    def now(self) -> int:
        return self.time.now

    async def put(self, *documents: Any, order: str = "") -> None:
        """Messages with these documents come, in order."""
        await self.put_messages([self.message(document, order) for document in documents])

    def message(self, document: Any, order: str = "") -> Message:
        """The next message."""
        self._count += 1
        return Message(id_at(_FIRST, self._count), read(write(document)), self.now, ordering_key=order)

    async def put_messages(self, messages: Sequence[Message], keys: Sequence[dict[str, list[str]]] = ()) -> None:
        """Messages come, with these business keys."""
        for number, (message, key) in enumerate(zip(messages, self.step.correlate(messages), strict=True)):
            if isinstance(key, Failed):
                self.ended.append((message.body, key))
                continue
            self._count += 1
            ref, body = self._count, write(message.body)
            of = keys[number] if keys else {}
            member = Member(ref, message, Envelope(msgspec.Raw(body), key, message.ordering_key, of))
            self._members[ref] = member
            draft = self._draft()
            await draft.arrived(key, member, len(body))
            self._settle(draft)

    async def advance(self, seconds: float) -> None:
        """Let time pass; every timer on the way fires at its own moment."""
        await self.time.advance_to(self.now + round(seconds * MICROSECONDS))

    def next_timer(self) -> tuple[int, str, str] | None:
        """(due, key, name) of the timer that fires next."""
        running = [(due, key, name) for key in self._states for name, due in self.held(key).timers.items()]
        return min(running, default=None)

    async def force(self, key: str, how: Forced) -> int:
        """A person releases or cancels a group; how many of its members are cancelled."""
        draft = self._draft()
        cancelled = await draft.forced(key, how)
        self._settle(draft)
        return len(cancelled)

    async def take_away(self, key: str, *places: int) -> None:
        """A person takes members of a group away."""
        draft = self._draft()
        await draft.regroup(key, [self._waiting[key][place] for place in places])
        self._settle(draft)

    async def answer(self, key: str, name: str, answer: Any | WaypostError) -> None:
        """What the step asked is answered."""
        self.asked = [(of, ask) for of, ask in self.asked if (of, ask.name) != (key, name)]
        draft = self._draft()
        await draft.answered(key, name, answer)
        self._settle(draft)

    def take_asked(self) -> list[tuple[str, Ask]]:
        """What was asked since the last time, each with its group."""
        asked, self.asked = self.asked, []
        return asked

    async def still_asked(self, key: str) -> list[str]:
        """The names of what the step asked for a group and still wants to know."""
        held = self.held(key)
        members = [member.message for member in await self.members(held.refs)]
        if not members:
            return []
        group = Group(key=key, now=self.now, state=held.state, count=len(members))
        return [ask.name for ask in self.step.open_asks(group, members)]

    def waiting(self, key: str) -> list[Any]:
        """The documents that wait in a group."""
        return [self._members[ref].message.body for ref in self._waiting.get(key, ())]

    @property
    def count(self) -> int:
        """How many messages wait in all."""
        return sum(map(len, self._waiting.values()))

    @property
    def groups(self) -> list[str]:
        """The keys of all groups in which something waits."""
        return sorted(self._waiting)

    @property
    def remembered(self) -> list[str]:
        """The keys of all groups of which anything is kept."""
        return sorted(self._states)

    @property
    def made(self) -> list[Any]:
        """Every document that went on."""
        return [document for freed in self.released for document in freed.made]

    def _draft(self) -> Draft:
        return Draft(self.step, self.name, self.limits, self, self.now)

    def _settle(self, draft: Draft) -> None:
        """Keep what a draft says, as the commit would."""
        for held in draft.groups.values():
            if len(set(held.refs)) != len(held.refs):
                raise BugError(f"group {held.key!r} holds a member twice", where=f"step {self.name}")
            if value := held.packed():
                self._states[held.key] = value
            else:
                self._states.pop(held.key, None)
            if held.refs:
                self._waiting[held.key] = held.refs
            else:
                self._waiting.pop(held.key, None)
        self.ended += [(self._members[ref].message.body, fate) for ref, fate in draft.fates.items()]
        self.released += [self._freed(draft, gone) for gone in draft.gone]
        self.asked += draft.asks

    def _freed(self, draft: Draft, gone: Gone) -> Freed:
        emitted = [draft.made[place] for place in gone.made]
        return Freed(
            gone.key, gone.reason, [member.message.body for member in gone.members],
            [read(msgspec.json.decode(one.raw, type=Envelope).body) for one in emitted],
            str(gone.error) if gone.error else "", emitted, gone.error,
        )  # fmt: skip
