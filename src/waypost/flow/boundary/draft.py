"""What events change at a boundary, before it is durable: steps are asked, members come and go, nothing is written.

The engine and the bench for tests apply the same rules; only where states and documents lie differs (``Book``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from waypost.core.boundary import Ask, Forced, Group, LimitOptions, Made, Release, Turn
from waypost.core.component import Dropped, Failed
from waypost.core.errors import BugError, DataError, StoreError, WaypostError
from waypost.core.message import Message
from waypost.flow.boundary.group import Held
from waypost.flow.member.envelope import Envelope, released_bytes


class Member(msgspec.Struct, frozen=True):
    """A member with what its envelope says."""

    ref: int
    message: Message
    envelope: Envelope


class Book(Protocol):
    """Where the groups of one boundary are kept."""

    def held(self, key: str) -> Held:
        """A group, a copy of its own; an empty one where there is none."""
        ...

    @property
    def open_groups(self) -> int:
        """How many groups have members that wait."""
        ...

    async def members(self, refs: Sequence[int]) -> list[Member]: ...


class Gone(msgspec.Struct):
    """A release: who left, why, and the messages made of them (``made`` places in ``Draft.made``), or ``error``."""

    key: str
    members: list[Member]
    reason: str
    made: list[int] = []
    error: WaypostError | None = None


class Emitted(msgspec.Struct):
    """A message a boundary made, as it is journaled."""

    raw: bytes
    headers: dict[str, str]
    cause: bytes


class Draft:
    """One set of events of a boundary, to become one commit."""

    def __init__(self, step: Any, name: str, limits: LimitOptions, book: Book, now: int) -> None:
        self.step, self.name, self.limits, self.book, self.now = step, name, limits, book, now
        self.groups: dict[str, Held] = {}
        self.fates: dict[int, Dropped | Failed] = {}
        """What becomes of members that do not wait, by reference."""
        self.gone: list[Gone] = []
        self.made: list[Emitted] = []
        self.asks: list[tuple[str, Ask]] = []
        self._arriving: dict[int, Member] = {}
        self._opened = 0

    def held(self, key: str) -> Held:
        """A group as this draft has it."""
        if key not in self.groups:
            held = self.groups[key] = self.book.held(key)
            held.old_timers = dict(held.timers)
        return self.groups[key]

    async def arrived(self, key: str, member: Member, size: int) -> None:
        """A message comes to its group."""
        held = self.held(key)
        self._arriving[member.ref] = member
        try:
            if held.refs and (len(held.refs) >= self.limits.members or held.size + size > self.limits.bytes):
                if self.limits.when_full == "fail":
                    raise self._full(f"group {key!r} is full: {len(held.refs)} messages, {held.size} bytes")
                await self._follow(held, self._asked("forced", held, "full"))
            opened = self._opened + sum(1 for g in self.groups.values() if g.refs and not g.stored)
            if not held.refs and self.book.open_groups + opened >= self.limits.groups:
                raise self._full(f"{self.limits.groups} groups wait already")
            group = self._group(held, await self._messages(held.refs) if self.step.needs_members else (), size)
            turn = self._called("arrived", group, member.message)
        except StoreError:
            raise
        except WaypostError as error:
            self.fates[member.ref] = Failed(error)
            return
        if turn.fate is not None:
            self.fates[member.ref] = turn.fate
            if isinstance(turn.fate, Failed):
                return
        else:
            held.opened_at = held.opened_at or self.now
            held.refs.append(member.ref)
            held.size += size
        await self._follow(held, turn)

    async def due(self, key: str, timer: str) -> None:
        """A timer's time has come."""
        held = self.held(key)
        if held.timers.pop(timer, None) is not None:
            seen = await self._messages(held.refs[: self.step.peeks])
            await self._follow(held, self._called("due", self._group(held, seen), timer))

    async def forced(self, key: str, how: Forced) -> list[int]:
        """A person wants the group gone; the members that are cancelled."""
        held = self.held(key)
        turn = self._asked("forced", held, how)
        if how != "cancel":
            await self._follow(held, turn)
            return []
        cancelled, held.refs, held.size, held.opened_at = held.refs, [], 0, 0
        await self._follow(held, msgspec.structs.replace(turn, releases=()))
        return cancelled

    async def regroup(self, key: str, gone: Sequence[int]) -> None:
        """Members were taken away, or are not who the group's state speaks of."""
        held = self.held(key)
        held.refs = [ref for ref in held.refs if ref not in gone]
        await self._follow(held, self._called("regroup", self._group(held), await self._messages(held.refs)))

    async def answered(self, key: str, name: str, answer: Any) -> None:
        """What a step asked is answered."""
        held = self.held(key)
        await self._follow(held, self._asked("answered", held, name, answer))

    # ── what a turn says ──

    def _group(self, held: Held, members: Sequence[Message] = (), arriving: int = 0) -> Group:
        return Group(
            key=held.key, now=self.now, state=held.state, count=len(held.refs), size=held.size, arriving=arriving,
            members=members,
        )  # fmt: skip

    def _asked(self, event: str, held: Held, *given: Any) -> Turn:
        return self._called(event, self._group(held), *given)

    def _called(self, event: str, *given: Any) -> Turn:
        try:
            turn: Turn = getattr(self.step, event)(*given)
        except WaypostError:
            raise
        except Exception as error:
            raise BugError(f"{type(error).__name__}: {error}", where=f"step {self.name}") from error
        return turn

    async def _follow(self, held: Held, turn: Turn) -> None:
        held.state, held.timers = turn.state, dict(turn.timers)
        self.asks += [(held.key, ask) for ask in turn.asks]
        leaving: set[int] = set()
        for release in turn.releases:
            refs = [held.refs[place] for place in release.members]
            leaving.update(refs)
            members = await self._members(refs)
            self._let_go(held, release, members)
            held.size -= sum(len(member.envelope.body) for member in members)
        if leaving:
            held.refs = [ref for ref in held.refs if ref not in leaving]
        if not held.refs:
            held.size = held.opened_at = 0

    def _let_go(self, held: Held, release: Release, members: list[Member]) -> None:
        gone = Gone(held.key, members, release.reason)
        self.gone.append(gone)
        try:
            made = self.step.combine(self._group(held), release, [member.message for member in members])
            if isinstance(made, Failed):
                raise made.error
            emitted = [self._emitted(held.key, one, members) for one in made]
        except WaypostError as error:
            gone.error = error
        except Exception as error:  # noqa: BLE001 - a step that raises anything else is a bug of the step
            gone.error = BugError(f"{type(error).__name__}: {error}", where=f"step {self.name}")
        else:
            gone.made = list(range(len(self.made), len(self.made) + len(emitted)))
            self.made += emitted

    def _emitted(self, key: str, made: Made, members: Sequence[Member]) -> Emitted:
        """A released message: it has the business keys of its members, and what headers they have in common."""
        own = [members[place] for place in made.members] if made.members else list(members)
        orders = {member.envelope.order for member in own}
        order = orders.pop() if len(orders) == 1 else ""
        if not order and self.step.ordered:
            order = f"{self.name}/{key}"
        keys: dict[str, list[str]] = {}
        for member in own:
            for name, values in member.envelope.keys.items():
                known = keys.setdefault(name, [])
                known += [value for value in values if value not in known]
        headers = dict(made.headers) or _common([member.message.headers for member in own])
        try:
            raw = released_bytes(made.body, key, order, keys, made.to)
        except (TypeError, ValueError) as error:
            raise DataError(f"what was made cannot be kept: {error}", where=f"step {self.name}") from error
        return Emitted(raw, headers, own[0].message.id if own else b"")

    async def _messages(self, refs: Sequence[int]) -> list[Message]:
        return [member.message for member in await self._members(refs)]

    async def _members(self, refs: Sequence[int]) -> list[Member]:
        known = {ref: self._arriving[ref] for ref in refs if ref in self._arriving}
        missing = [ref for ref in refs if ref not in known]
        if missing:
            known.update((member.ref, member) for member in await self.book.members(missing))
        return [known[ref] for ref in refs]

    def _full(self, found: str) -> DataError:
        remedy = "release or cancel groups that will not complete (`waypost groups`), raise its limits, then retry"
        return DataError(found, where=f"step {self.name}", remedy=remedy, code="group-full")


def _common(headers: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The headers all have, with the same value."""
    if not headers:
        return {}
    first, *rest = headers
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in rest)}
