"""When things are due: cron lines over changes of daylight saving time, intervals, calendars."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from waypost.core.calendar import Calendar, CalendarOptions, parse_calendar
from waypost.core.errors import Fault
from waypost.core.schedule import Cron, Every, Schedule, cron_fault, moment_text, parse_moment

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()) * 1_000_000


def local(moment: int) -> str:
    return datetime.fromtimestamp(moment // 1_000_000, UTC).astimezone(BERLIN).strftime("%m-%d %H:%M %z")


def due(line: str, since: str, count: int) -> list[str]:
    return [local(m) for m in islice(Schedule(Cron(line, BERLIN)).between(at(since), 1 << 62), count)]


@pytest.mark.parametrize(
    ("why", "line", "since", "expected"),
    [
        ("a time in the gap fires right after it", "30 2 * * *", "2026-03-28T12:00",
         ["03-29 03:00 +0200", "03-30 02:30 +0200"]),
        ("a time in the fold fires the first time only", "30 2 * * *", "2026-10-24T12:00",
         ["10-25 02:30 +0200", "10-26 02:30 +0100"]),
        ("steps go on through both hours of the fold", "*/30 * * * *", "2026-10-25T02:15",
         ["10-25 02:30 +0200", "10-25 02:00 +0100", "10-25 02:30 +0100", "10-25 03:00 +0100"]),
        ("steps have nothing in the gap", "30 * * * *", "2026-03-29T01:00",
         ["03-29 01:30 +0100", "03-29 03:30 +0200"]),
    ],
)  # fmt: skip
def test_changes_of_daylight_saving_time(why: str, line: str, since: str, expected: list[str]) -> None:
    assert due(line, since, len(expected)) == expected


YEAR = st.integers(at("2026-01-01T00:00"), at("2027-01-01T00:00"))
LINES = st.sampled_from(["30 2 * * *", "*/30 * * * *", "*/20 2 * * *", "0 2,3 * * *", "15 1 29 3 *", "59 23 * * SUN"])


@settings(max_examples=150, deadline=None)
@given(LINES, YEAR)
@example("30 2 * * *", at("2026-03-29T03:00"))
@example("30 2 * * *", at("2026-10-25T02:30") + 3_600_000_000)
@example("*/30 * * * *", at("2026-10-25T02:30") + 1)
def test_stepping_from_moment_to_moment_and_looking_back_agree(line: str, start: int) -> None:
    schedule = Schedule(Cron(line, BERLIN))
    moments = list(islice(schedule.between(start, 1 << 62), 5))
    stepped = [start]
    for _ in moments:
        stepped.append(schedule.next_after(stepped[-1]) or 0)
    assert stepped[1:] == moments
    for moment in moments:
        assert schedule.latest(moment) == moment
        assert schedule.latest(moment + 7_000_000) == moment
    assert all(start < moment for moment in moments)


@given(st.floats(0.1, 1e6), st.integers(0, 1 << 52))
def test_intervals_are_multiples_of_their_length(seconds: float, start: int) -> None:
    schedule = Schedule(Every(seconds))
    length, moment = round(seconds * 1e6), schedule.next_after(start)
    assert moment is not None and moment % length == 0 and start < moment <= start + length
    assert schedule.latest(start) == moment - length


CALENDAR = """
zone: Europe/Berlin
holidays: [2026-12-25]
half_days: {2026-12-24: "12:00"}
"""


def calendar(text: str = CALENDAR) -> Calendar | None:
    faults: list[Fault] = []
    made = parse_calendar(text, "calendars/c.yaml", faults)
    assert (made is None) == bool(faults), faults
    return made


def test_a_calendar_leaves_out_holidays_and_closed_half_days_both_ways() -> None:
    schedule = Schedule(Cron("0 9,15 * * *", BERLIN), calendar())
    start = at("2026-12-24T00:00")
    assert [local(m)[:11] for m in islice(schedule.between(start, 1 << 62), 3)] == [
        "12-24 09:00", "12-26 09:00", "12-26 15:00",
    ]  # fmt: skip
    assert schedule.latest(at("2026-12-26T08:00")) == at("2026-12-24T09:00")


def test_a_schedule_a_calendar_never_lets_through_is_never_due() -> None:
    class Closed(Calendar):
        def works_at(self, moment: int) -> bool:
            return False

    assert Schedule(Every(1), Closed(CalendarOptions())).next_after(0) is None


def test_every_fault_of_a_calendar_is_named_with_its_line() -> None:
    faults: list[Fault] = []
    text = "zone: Mars/Olympus\nholidays: [2026-13-01]\nhalf_days: {2026-12-24: noon}\n"
    assert parse_calendar(text, "c.yaml", faults) is None
    assert [str(f) for f in faults] == [
        "c.yaml:1: time zone 'Mars/Olympus' is not known; expected an IANA name such as Europe/Berlin [option]",
        "c.yaml:2: found '2026-13-01'; expected a day such as 2026-12-25 [option]",
        "c.yaml:3: found 'noon' for 2026-12-24; expected a time of day such as 12:00 [option]",
    ]


@pytest.mark.parametrize("zone", ["../../etc/passwd", "", "/etc/localtime", "Europe", "Europe/Berlin\0"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    assert [fault.option for fault in CalendarOptions(zone=zone).faults()] == ["zone"]


@pytest.mark.parametrize("line", ["* * * *", "61 * * * *", "0 0 * * * *", "a b c d e", ""])
def test_a_bad_cron_line_is_described(line: str) -> None:
    assert repr(line) in cron_fault(line)
    with pytest.raises(ValueError, match=r"found|bad"):
        Cron(line, UTC)


@given(st.integers(0, 1 << 52), st.integers(0, 1 << 52))
def test_moments_compare_as_their_texts_and_are_read_back(one: int, other: int) -> None:
    assert parse_moment(moment_text(one)) == one
    assert (moment_text(one) < moment_text(other)) == (one < other)
