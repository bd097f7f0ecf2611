"""The schedule source: downtime, skipping, running by hand, calendars that are not there."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from waypost.connectors.schedule import CatchUp, ScheduleOptions, ScheduleSource
from waypost.core.clock import ManualClock
from waypost.core.errors import ConfigurationRefused, EndpointUnavailable
from waypost.core.grants import Grants
from waypost.core.schedule import parse_moment
from waypost.core.spec import Duration
from waypost.testing.connector_kit import CommittedPositions

NOON = parse_moment("2026-01-05T12:00:00.000000Z")


class Desk:
    """A schedule source, its clock and what was committed; ``restart`` is a new process."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.root, self.clock, self.positions = root, ManualClock(NOON), CommittedPositions()
        self.options = ScheduleOptions(**options)

    async def restart(self, said: str = "") -> ScheduleSource:
        grants = Grants(root=self.root, clock=self.clock, positions=self.positions)
        source = ScheduleSource(self.options, grants)
        source.told(said)
        await source.open()
        return source

    async def times(self, source: ScheduleSource) -> list[str]:
        """What is due now, accepted."""
        times: list[str] = []
        while (delivery := await source.receive()) is not None:
            self.positions.commit(delivery)
            await delivery.accept()
            times += [json.loads(record.body)["scheduled_at"][11:-1] for record in delivery.records or ()]
        return times


async def begun(source: ScheduleSource) -> asyncio.Future[Any]:
    """A ``receive`` that waits for the clock."""
    waiting = asyncio.ensure_future(source.receive())
    for _ in range(5):
        await asyncio.sleep(0)
    return waiting


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [
        (CatchUp.NONE, []),
        (CatchUp.ONCE, ["14:00:00"]),
        (CatchUp.ALL, ["13:00:00", "13:30:00", "14:00:00"]),
    ],
)
async def test_moments_missed_while_stopped(tmp_path: Path, catch_up: CatchUp, expected: list[str]) -> None:
    desk = Desk(tmp_path, every=Duration(1800), catch_up=catch_up)
    source = await desk.restart()
    assert await desk.times(source) == []
    await desk.clock.advance(1800)
    assert await desk.times(source) == ["12:30:00"]
    await source.close()
    await desk.clock.advance(2 * 3600 - 1700)
    source = await desk.restart()
    assert await desk.times(source) == expected
    assert await desk.times(await desk.restart()) == []


async def test_all_missed_moments_come_in_batches(tmp_path: Path) -> None:
    desk = Desk(tmp_path, every=Duration(1), catch_up=CatchUp.ALL)
    await desk.clock.advance(1)
    source = await desk.restart()
    await desk.clock.advance(500)
    sizes = []
    while (delivery := await source.receive()) is not None:
        sizes.append(len(delivery.records or ()))
    assert sizes == [200, 200, 100]


async def test_a_waiting_source_wakes_at_the_moment(tmp_path: Path) -> None:
    desk = Desk(tmp_path, cron="5 12 * * *", zone="UTC")
    source = await desk.restart()
    assert await source.receive() is None
    waiting = await begun(source)
    await desk.clock.advance(299)
    assert not waiting.done()
    await desk.clock.advance(2)
    delivery = await waiting
    assert delivery is not None and delivery.records is not None
    assert json.loads(delivery.records[0].body) == {
        "scheduled_at": "2026-01-05T12:05:00Z", "local_time": "2026-01-05T12:05:00Z",
    }  # fmt: skip


def skip(source: ScheduleSource) -> str:
    moment, said = source.would_skip()
    source.told(said)
    return moment


def run(source: ScheduleSource) -> str:
    moment, said = source.would_run()
    source.told(said)
    return moment


async def test_the_next_run_can_be_skipped_and_is_skipped_after_a_restart(tmp_path: Path) -> None:
    desk = Desk(tmp_path, every=Duration(600))
    source = await desk.restart()
    assert skip(source) == "2026-01-05T12:10:00.000000Z"
    await desk.clock.advance(600)
    assert await desk.times(source) == []
    await desk.clock.advance(600)
    assert await desk.times(source) == ["12:20:00"]
    later = await desk.restart(source.would_skip()[1])
    await desk.clock.advance(600)
    assert await desk.times(later) == []


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [
        (CatchUp.NONE, []),
        (CatchUp.ONCE, ["12:20:00"]),  # the last that was not left out
        (CatchUp.ALL, ["12:10:00", "12:20:00"]),
    ],
)
async def test_a_skipped_moment_is_not_caught_up(tmp_path: Path, catch_up: CatchUp, expected: list[str]) -> None:
    desk = Desk(tmp_path, every=Duration(600), catch_up=catch_up)
    source = await desk.restart()
    await desk.times(source)
    await desk.clock.advance(1)
    run(source)
    await desk.times(source)
    await desk.clock.advance(1800)
    assert await desk.times(await desk.restart("skip:2026-01-05T12:30:00.000000Z")) == expected


@pytest.mark.parametrize("catch_up", [*CatchUp])
async def test_a_run_by_hand_that_was_not_accepted_comes_after_a_restart_and_once(
    tmp_path: Path, catch_up: CatchUp
) -> None:
    desk = Desk(tmp_path, every=Duration(600), catch_up=catch_up)
    source = await desk.restart()
    await desk.clock.advance(600)
    assert await desk.times(source) == ["12:10:00"]
    await desk.clock.advance(60)
    said = source.would_run()[1]
    await desk.clock.advance(600)
    source = await desk.restart(said)
    missed = [] if catch_up is CatchUp.NONE else ["12:20:00"]
    assert await desk.times(source) == ["12:11:00", *missed]
    assert await desk.times(await desk.restart(said)) == []


async def test_what_was_said_and_is_over_is_said_no_more(tmp_path: Path) -> None:
    desk = Desk(tmp_path, every=Duration(600))
    source = await desk.restart()
    skip(source)
    await desk.clock.advance(1200)
    assert await desk.times(source) == ["12:20:00"]
    assert source.would_skip()[1] == "skip:2026-01-05T12:30:00.000000Z"


async def test_skipping_twice_skips_two(tmp_path: Path) -> None:
    source = await Desk(tmp_path, every=Duration(600)).restart()
    assert [skip(source)[11:16], skip(source)[11:16]] == ["12:10", "12:20"]


async def test_run_now_fires_at_once_and_leaves_the_timetable_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path, every=Duration(600))
    source = await desk.restart()
    assert await source.receive() is None
    waiting = await begun(source)
    await desk.clock.advance(60)
    first, second = run(source), run(source)
    assert first < second
    delivery = await waiting
    assert delivery is not None and delivery.records is not None
    assert [record.position for record in delivery.records] == [first, second]
    assert json.loads(delivery.records[0].body)["by_hand"] == "yes"
    desk.positions.commit(delivery)
    await desk.clock.advance(600)
    assert await desk.times(source) == ["12:10:00"]


async def test_a_rejected_moment_is_the_same_moment_later(tmp_path: Path) -> None:
    desk = Desk(tmp_path, every=Duration(600))
    source = await desk.restart()
    await desk.clock.advance(600)
    delivery = await source.receive()
    assert delivery is not None
    await delivery.reject(EndpointUnavailable("busy"))
    await desk.clock.advance(600)
    assert await desk.times(source) == ["12:10:00", "12:20:00"]


async def test_a_calendar_of_the_project_is_kept(tmp_path: Path) -> None:
    (tmp_path / "calendars").mkdir()
    (tmp_path / "calendars" / "de.yaml").write_text("holidays: [2026-01-06]\n")
    desk = Desk(tmp_path, cron="0 13 * * *", calendar="de", catch_up=CatchUp.ALL)
    source = await desk.restart()
    await desk.clock.advance(3 * 86400)
    delivery = await source.receive()
    assert delivery is not None and delivery.records is not None
    assert [record.position[:10] for record in delivery.records] == ["2026-01-05", "2026-01-07"]


@pytest.mark.parametrize(
    ("text", "said"), [(None, "cannot be read"), ("holidays: [soon]", r"calendars/de\.yaml:1: found 'soon'")]
)
async def test_a_calendar_that_is_missing_or_wrong_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text:
        (tmp_path / "calendars").mkdir()
        (tmp_path / "calendars" / "de.yaml").write_text(text)
    with pytest.raises(ConfigurationRefused, match=said):
        await Desk(tmp_path, cron="0 13 * * *", calendar="de").restart()


@pytest.mark.parametrize(
    ("why", "options", "option"),
    [
        ("both", {"cron": "* * * * *", "every": Duration(5)}, "cron"),
        ("neither", {}, "cron"),
        ("not a cron line", {"cron": "every day"}, "cron"),
        ("no such zone", {"cron": "* * * * *", "zone": "Berlin"}, "zone"),
        ("leaves the folder", {"cron": "* * * * *", "calendar": "../x"}, "calendar"),
    ],
)
def test_options_that_cannot_work_are_faults(why: str, options: Any, option: str) -> None:
    assert [fault.option for fault in ScheduleOptions(**options).faults()] == [option]
