"""When something is due: cron lines with time zones, plain intervals, calendars; pure sums over UTC microseconds.

At changes of daylight saving time a cron line with a fixed hour and minute fires once: at the first moment after the
gap when its time does not exist, at the first of the two when its time comes twice. A line whose hour or minute is
``*`` or a step (``*/15``) counts real hours: nothing in the gap, on through both hours of the fold. Intervals are
multiples of their length since 1970 UTC, so the same moments fall due after a restart and in every process.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol

from waypost.core.calendar import Calendar

MICROSECONDS = 1_000_000
_MOST_TRIES = 20_000
"""A calendar may close this many moments in a row before a schedule counts as never due."""


class Rhythm(Protocol):
    """Moments without end."""

    def after(self, moment: int) -> Iterator[int]:
        """The moments after ``moment``, the next one first."""
        ...

    def before(self, moment: int) -> Iterator[int]:
        """The moments up to and with ``moment``, the last one first."""
        ...


class Cron:
    """A cron line of five fields in a time zone; ``L``, ``#`` and names as Debian's cron and common use have them."""

    def __init__(self, line: str, zone: tzinfo) -> None:
        if fault := cron_fault(line):
            raise ValueError(fault)
        self._line, self._zone = line, zone

    def after(self, moment: int) -> Iterator[int]:
        return map(_microseconds, self._steps(moment, reverse=False))

    def before(self, moment: int) -> Iterator[int]:
        # cronsim begins before the minute it is given; one minute on, ``moment`` itself is among them.
        return (at for at in map(_microseconds, self._steps(moment + 60 * MICROSECONDS, reverse=True)) if at <= moment)

    def _steps(self, moment: int, *, reverse: bool) -> Iterator[datetime]:
        from cronsim import CronSim

        local = datetime.fromtimestamp(moment // MICROSECONDS, UTC).astimezone(self._zone)
        steps: Iterator[datetime] = CronSim(self._line, local, reverse=reverse)
        return steps


class Every:
    """Every so many seconds, counted from 1970 UTC."""

    def __init__(self, seconds: float) -> None:
        self._length = round(seconds * MICROSECONDS)
        if self._length <= 0:
            raise ValueError("an interval must be longer than nothing")

    def after(self, moment: int) -> Iterator[int]:
        number = moment // self._length
        while True:
            number += 1
            yield number * self._length

    def before(self, moment: int) -> Iterator[int]:
        for number in range(moment // self._length, -1, -1):
            yield number * self._length


class Schedule:
    """A rhythm less the moments its calendar closes."""

    def __init__(self, rhythm: Rhythm, calendar: Calendar | None = None) -> None:
        self._rhythm, self._calendar = rhythm, calendar

    def next_after(self, moment: int) -> int | None:
        """The first moment due after ``moment``; None when there is none in sight."""
        return next(self._open(self._rhythm.after(moment)), None)

    def latest(self, moment: int) -> int | None:
        """The last moment due up to and with ``moment``."""
        return next(self._open(self._rhythm.before(moment)), None)

    def between(self, after: int, until: int) -> Iterator[int]:
        """The moments due after ``after``, up to and with ``until``, in their order."""
        for at in self._open(self._rhythm.after(after)):
            if at > until:
                return
            yield at

    def _open(self, moments: Iterator[int]) -> Iterator[int]:
        closed = 0
        try:
            for at in moments:
                if self._calendar is None or self._calendar.works_at(at):
                    closed = 0
                    yield at
                elif (closed := closed + 1) > _MOST_TRIES:
                    return
        except (OverflowError, ValueError):
            return  # the end of the years that can be written


def cron_fault(line: str) -> str:
    """What is wrong with a cron line, or ''."""
    from cronsim import CronSim, CronSimError

    if len(line.split()) != 5:
        return f"found {len(line.split())} fields in {line!r}"
    try:
        CronSim(line, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        return f"{str(error).lower()} in {line!r}"
    return ""


def moment_text(moment: int) -> str:
    """``2026-03-29T01:00:00.000000Z``; as texts compare, so do the moments."""
    return datetime.fromtimestamp(moment // MICROSECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%S") + (
        f".{moment % MICROSECONDS:06d}Z"
    )


def parse_moment(text: str) -> int:
    """The moment of such a text. ``ValueError`` for anything else."""
    return _microseconds(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC))


def _microseconds(moment: Any) -> int:
    whole = int(moment.timestamp() // 1)
    return whole * MICROSECONDS + int(moment.microsecond)
