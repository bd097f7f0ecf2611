"""Start a flow by the clock: each moment that falls due is one message, ``{"scheduled_at": …, "local_time": …}``.

The message names the moment that was due, never the one it was noticed at, so it is the same after a crash. What was
accepted last is remembered: ``catch_up`` says what becomes of moments that passed while nobody was there. How daylight
saving time and intervals are counted is said in ``core/schedule.py``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from itertools import islice
from typing import Annotated

from waypost.core.calendar import Calendar, parse_calendar, zone_faults, zone_of
from waypost.core.clock import sleep_unless
from waypost.core.component import Answer, Arrival, Received
from waypost.core.errors import BugError, ConfigurationRefused, Fault, ProjectError, WaypostError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.schedule import MICROSECONDS, Cron, Every, Schedule, cron_fault, moment_text, parse_moment
from waypost.core.spec import Duration, Option, OptionFault
from waypost.core.traits import SourceTraits

PARTITION = "schedule"
SKIP, RUN = "skip", "run"
LONGEST_SLEEP_SECONDS = 30.0
"""The wall clock is looked at again at least this often: it may be set, and machines sleep."""
BATCH = 200


class CatchUp(StrEnum):
    """What becomes of moments that passed while the flow was not running."""

    NONE = "none"
    ONCE = "once"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleOptions:
    cron: Annotated[str, Option("Minute, hour, day of month, month and day of week.", "30 6 * * MON-FRI")] = ""
    every: Annotated[Duration | None, Option("Interval, in place of 'cron'.", "15m", minimum=0.1)] = None
    zone: Annotated[str, Option("Time zone the cron line is meant in.", "Europe/Berlin")] = "UTC"
    calendar: Annotated[
        str, Option("Calendar of the project whose holidays and closed half days are left out.", "germany")
    ] = ""
    catch_up: Annotated[
        CatchUp, Option("Which moments missed while the flow was stopped run afterwards: none, the last, or all.")
    ] = CatchUp.ONCE

    def faults(self) -> Iterable[OptionFault]:
        if bool(self.cron) == (self.every is not None):
            found = "both 'cron' and 'every'" if self.cron else "neither 'cron' nor 'every'"
            yield OptionFault("cron", f"found {found}", "one of them")
        elif self.cron and (fault := cron_fault(self.cron)):
            yield OptionFault("cron", fault, "five fields such as 30 6 * * MON-FRI")
        yield from zone_faults("zone", self.zone)
        if self.calendar and not self.calendar.replace("-", "").replace("_", "").isalnum():
            yield OptionFault("calendar", f"found {self.calendar!r}", "the name of a file in calendars/, without .yaml")


@registry.register(
    "source",
    "schedule",
    options=ScheduleOptions,
    traits=SourceTraits(ordered=True, redelivers=True, polling=True),
    shorthand="cron",
    example="{cron: '30 6 * * MON-FRI', zone: Europe/Berlin, catch_up: once}",
)
class ScheduleSource:
    """Give a message at each moment of a timetable."""

    def __init__(self, options: ScheduleOptions, grants: Grants) -> None:
        self._options, self._grants, self._zone = options, grants, zone_of(options.zone)
        self._schedule: Schedule | None = None
        self._last = 0
        self._rejected: list[Received] = []
        self._said = ""
        self._ordered: set[int] = set()
        self._skipped: set[int] = set()
        self._looked, self._closed, self._wake = False, False, asyncio.Event()

    async def open(self) -> None:
        rhythm = Cron(self._options.cron, self._zone) if self._options.cron else Every(self._options.every or 0)
        self._schedule, self._closed = Schedule(rhythm, self._calendar()), False
        now, before = self._grants.clock.now(), self._grants.positions.get(PARTITION)
        missed_count = bool(before) and self._options.catch_up is not CatchUp.NONE
        accepted = parse_moment(before) if before else 0
        self._last = accepted if missed_count else max(now, accepted)
        self._ordered, self._skipped = set(), set()
        self._heed(accepted)

    async def receive(self) -> ScheduleDelivery | None:
        """What is due. With nothing due the first call returns None and the next one waits."""
        while not self._closed:
            self._wake.clear()
            if records := self._due():
                self._looked = False
                return ScheduleDelivery(self, records)
            if not self._looked:
                self._looked = True
                return None
            await sleep_unless(self._grants.clock, self._seconds_to_wait(), self._wake)
        return None

    async def close(self) -> None:
        self._closed = True
        self._wake.set()

    def would_skip(self) -> tuple[str, str]:
        """The next moment that is not left out yet ('' = none), and what to say to ``told`` to leave it out."""
        at = self._timetable.next_after(max(self._last, self._grants.clock.now()))
        while at is not None and at in self._skipped:
            at = self._timetable.next_after(at)
        return ("", self._said) if at is None else self._with(SKIP, at)

    def would_run(self) -> tuple[str, str]:
        """A moment beside the timetable, now, and what to say to ``told`` to have a message for it at once."""
        at = max(self._grants.clock.now(), self._last + 1, *(at + 1 for at in self._ordered), 0)
        return self._with(RUN, at + 1 if self._timetable.latest(at) == at else at)

    def _with(self, verb: str, at: int) -> tuple[str, str]:
        """What was said and is still to come, and this. What has a position is over."""
        over = self._grants.positions.get(PARTITION)
        words = [word for word in self._said.split() if word.partition(":")[2] > over]
        return moment_text(at), " ".join([*words, f"{verb}:{moment_text(at)}"])

    def told(self, said: str) -> None:
        """Deviate from the timetable as people said: moments to leave out or to run, ``skip:2026-… run:2026-…``. May
        be called before ``open``; what was accepted already is not run again."""
        self._said = said
        if self._schedule is not None:
            self._heed(self._last)
            self._wake.set()

    def _heed(self, over: int) -> None:
        for word in self._said.split():
            verb, _, moment = word.partition(":")
            at = parse_moment(moment)
            if at > over:
                (self._skipped if verb == SKIP else self._ordered).add(at)

    def offer_again(self, records: Sequence[Received]) -> None:
        self._rejected[:0] = records
        self._wake.set()

    @property
    def _timetable(self) -> Schedule:
        assert self._schedule is not None, "open() comes first"
        return self._schedule

    def _due(self) -> list[Received]:
        if self._rejected:
            again, self._rejected = self._rejected, []
            return again
        now = self._grants.clock.now()
        if self._options.catch_up is CatchUp.ALL:
            moments = list(islice(self._timetable.between(self._last, now), BATCH))
        else:
            latest = self._latest(now)
            moments = [latest] if latest is not None and latest > self._last else []
        until = moments[-1] if len(moments) == BATCH else max(now, *self._ordered, 0)
        ordered = {at for at in self._ordered if at <= until}
        self._ordered -= ordered
        records = [self._tick(at, by_hand=at in ordered) for at in sorted({*moments, *ordered} - self._skipped)]
        self._last = max(self._last, *moments, *ordered, 0)
        return records

    def _latest(self, now: int) -> int | None:
        """The last moment due that is not left out."""
        at = self._timetable.latest(now)
        while at is not None and at in self._skipped:
            at = self._timetable.latest(at - 1)
        return at

    def _tick(self, at: int, *, by_hand: bool = False) -> Received:
        moment = datetime.fromtimestamp(at // MICROSECONDS, UTC)
        body = {"scheduled_at": _text(moment, UTC), "local_time": _text(moment, self._zone)}
        if by_hand:
            body["by_hand"] = "yes"
        return Received(body=json.dumps(body).encode(), position=moment_text(at), content_type="application/json")

    def _seconds_to_wait(self) -> float:
        now = self._grants.clock.now()
        at = self._timetable.next_after(now)
        return LONGEST_SLEEP_SECONDS if at is None else min((at - now) / MICROSECONDS, LONGEST_SLEEP_SECONDS)

    def _calendar(self) -> Calendar | None:
        if not self._options.calendar:
            return None
        name, faults = f"calendars/{self._options.calendar}.yaml", list[Fault]()
        try:
            read = self._grants.read_file
            raw = read(name) if read else (self._grants.root / name).read_bytes()
            calendar = parse_calendar(raw.decode(), name, faults)
        except (OSError, UnicodeDecodeError, WaypostError) as error:
            raise ConfigurationRefused(
                f"the calendar cannot be read: {error}", where=name, remedy="write this file, or drop 'calendar'"
            ) from error
        if calendar is None:
            raise ConfigurationRefused(str(ProjectError(faults)), where=name, remedy="correct it")
        return calendar


class ScheduleDelivery:
    """Moments that fell due."""

    partition = PARTITION
    arrival: Arrival | None = None

    def __init__(self, source: ScheduleSource, records: Sequence[Received]) -> None:
        self._source, self.records = source, records

    def read(self, offset: int) -> AsyncIterator[bytes]:
        raise BugError("a schedule has records, not content", where=self.partition)

    async def accept(self) -> None:
        """Nothing to do: the position was committed."""

    async def reject(self, cause: WaypostError) -> None:
        assert self.records is not None
        self._source.offer_again(self.records)

    async def answer(self, answers: Sequence[Answer]) -> None:
        raise BugError("nobody waits for an answer to a schedule", where=self.partition)


def _text(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).isoformat().replace("+00:00", "Z")
