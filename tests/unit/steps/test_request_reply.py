"""Requests and their replies: paired once, whichever comes first, and told of when one stays alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.steps.test_lint import faults_of
from waypost.core.component import Dropped, Failed
from waypost.testing.boundary_bench import Bench
from waypost.testing.step_kit import build_step

OPTIONS = "{request: kind == 'request', correlate: q, timeout: 60s, early: 20s%s}"
ASKED = {"q": "A", "kind": "request"}
TOLD = {"q": "A", "stock": 5}
PAIR = {**ASKED, "reply": TOLD}


def bench(more: str = "") -> Bench:
    return Bench(build_step("request_reply", OPTIONS % more, {}, ("late",)))


@pytest.mark.parametrize("events", [(ASKED, TOLD), (TOLD, ASKED)], ids=["request first", "reply first"])
async def test_a_request_goes_on_with_its_reply_whichever_comes_first(events: tuple[Any, ...]) -> None:
    step = bench()
    await step.put(*events)
    assert (step.made, step.groups) == ([PAIR], [])


async def test_requests_do_not_get_each_other_s_replies() -> None:
    step = bench()
    await step.put(ASKED, {**ASKED, "q": "B"}, {**TOLD, "q": "B"})
    assert [made["q"] for made in step.made] == ["B"] and step.groups == ["A"]


async def test_a_request_without_a_reply_is_a_dead_letter_that_can_be_found() -> None:
    step = bench()
    await step.put(ASKED)
    await step.advance(59.9)
    assert step.released == []
    await step.advance(0.1)
    (freed,) = step.released
    assert freed.made == [] and freed.failure is not None and freed.failure.code == "no-reply"
    assert "'A' waited alone: no reply in time" in freed.error


async def test_a_request_without_a_reply_ends_or_goes_elsewhere_as_it_is_said() -> None:
    step = bench(", on_timeout: drop")
    await step.put(ASKED)
    await step.advance(60)
    assert (step.released[0].made, step.released[0].error) == ([], "")
    step = bench(", to: late")
    await step.put(ASKED)
    await step.advance(60)
    assert step.made == [ASKED] and b'"to":["late"]' in step.released[0].emitted[0].raw


async def test_a_reply_nobody_asked_for_is_a_dead_letter_after_a_while() -> None:
    step = bench()
    await step.put(TOLD)
    await step.advance(20)
    (freed,) = step.released
    assert freed.failure is not None and freed.failure.code == "no-request"


@pytest.mark.parametrize(("more", "kind"), [("", Failed), (", late: drop", Dropped)])
async def test_a_second_reply_is_told_or_filtered_and_changes_nothing(more: str, kind: type[Any]) -> None:
    step = bench(more)
    await step.put(ASKED, TOLD, {**TOLD, "stock": 6})
    assert step.made == [PAIR] and [type(fate) for _, fate in step.ended] == [kind]


async def test_a_reply_after_its_time_is_late_and_answers_nothing() -> None:
    step = bench(", late: drop")
    await step.put(ASKED)
    await step.advance(61)
    await step.put(TOLD)
    assert step.made == [] and isinstance(step.ended[0][1], Dropped)


async def test_an_id_that_is_open_or_done_with_is_not_used_again_by_another_request() -> None:
    step = bench()
    await step.put(ASKED, ASKED, TOLD, ASKED)
    assert step.made == [PAIR] and [type(fate) for _, fate in step.ended] == [Failed, Failed]


async def test_after_a_time_an_id_is_forgotten_and_may_come_again() -> None:
    step = bench(", remember: 10s")
    await step.put(ASKED, TOLD)
    await step.advance(10)
    assert step.remembered == []
    await step.put(ASKED, TOLD)
    assert step.made == [PAIR, PAIR]


async def test_a_person_releases_or_cancels_who_waits() -> None:
    step = bench()
    await step.put(ASKED)
    await step.force("A", "release")
    assert "released by hand" in step.released[0].error
    step = bench()
    await step.put(ASKED)
    assert await step.force("A", "cancel") == 1
    assert step.groups == []


async def test_a_request_that_cannot_take_a_reply_fails_with_it() -> None:
    step = Bench(build_step("request_reply", "{request: kind == 'request', correlate: q, timeout: 60s, into: q.r}", {}))
    await step.put(ASKED, TOLD)
    assert "has no place in a str" in step.released[0].error


def test_options_that_mean_nothing_are_refused() -> None:
    assert [f.code for f in faults_of("request_reply", OPTIONS % ", to: lat", targets=("late",))] == ["unknown-target"]
    assert "found ''" in str(faults_of("request_reply", OPTIONS % ", into: ''")[0])
