"""Working time: what counts, and when so much of it has passed."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from waypost.core.calendar import Calendar, CalendarOptions, parse_calendar
from waypost.core.errors import Fault

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Calendar(
    CalendarOptions(
        zone="Europe/Berlin", working_days=("mon", "tue", "wed", "thu", "fri"), opens="08:00", closes="17:00",
        holidays=("2026-12-25",), half_days={"2026-12-24": "12:00"}, cut_offs={"orders": "15:00"},
    )
)  # fmt: skip


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-12-21T09:00", 2, "2026-12-21T11:00"),  # within the day
        ("2026-12-21T16:00", 2, "2026-12-22T09:00"),  # over the night
        ("2026-12-18T16:30", 1, "2026-12-21T08:30"),  # over the weekend
        ("2026-12-24T11:00", 2, "2026-12-28T09:00"),  # half day, holiday, weekend
        ("2026-12-20T10:00", 1, "2026-12-21T09:00"),  # begun on a Sunday
        ("2026-12-21T08:00", 9, "2026-12-21T17:00"),  # the whole day ends at its end
        ("2026-12-21T08:00", 0, "2026-12-21T08:00"),  # nothing passes at once
    ],
)
def test_only_working_time_counts_towards_a_deadline(start: str, hours: float, end: str) -> None:
    assert OFFICE.deadline(at(start), hours * 3600) == at(end)


def test_what_comes_after_the_cut_off_counts_from_the_next_working_day() -> None:
    assert OFFICE.deadline(at("2026-12-21T14:59"), 3600, "orders") == at("2026-12-21T15:59")
    assert OFFICE.deadline(at("2026-12-21T15:00"), 3600, "orders") == at("2026-12-22T09:00")


def test_an_hour_lost_to_daylight_saving_time_is_not_worked() -> None:
    whole = Calendar(CalendarOptions(zone="Europe/Berlin"))
    assert whole.deadline(at("2026-03-28T12:00"), 24 * 3600) == at("2026-03-29T13:00")


def test_a_moment_outside_of_the_hours_is_no_working_time() -> None:
    assert [OFFICE.works_at(at(f"2026-12-21T{hour}")) for hour in ("07:59", "08:00", "16:59", "17:00")] == [
        False, True, True, False]  # fmt: skip
    assert not OFFICE.works_at(at("2026-12-19T10:00"))


def test_faults_are_told_with_their_line() -> None:
    faults: list[Fault] = []
    text = 'zone: UTC\nopens: "9"\ncloses: "08:00"\nworking_days: [mon, xyz]\n'
    assert parse_calendar(text, "calendars/us.yaml", faults) is None
    assert [fault.line for fault in faults] == [4]
    faults.clear()
    parse_calendar('opens: "09:00"\ncloses: "08:00"\ncut_offs: {x: noon}\n', "calendars/us.yaml", faults)
    assert sorted(fault.line for fault in faults) == [2, 3]


def test_no_working_time_in_sight_is_said() -> None:
    never = Calendar(CalendarOptions(half_days={}, working_days=("mon",), opens="08:00", closes="08:01"))
    with pytest.raises(ValueError, match="no working time"):
        never.deadline(0, 3600 * 1000)
