"""What happens while a system runs is written a line each."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest

from waypost.core.event import BatchAccepted, EndpointLost, MessageDied
from waypost.observe.log import EventLog

ACCEPTED = BatchAccepted(flow="f", messages=3)
DIED = MessageDied(flow="f", message="m1", place="erp", cause="refused\nbadly")


def logged(*events: Any, **options: Any) -> list[str]:
    stream = io.StringIO()
    log = EventLog(stream, **options)
    for event in events:
        log(event)
    return stream.getvalue().splitlines()


def test_an_event_is_its_sentence_behind_time_and_level() -> None:
    accepted, died = logged(ACCEPTED, DIED)
    assert re.fullmatch(r"\d\d:\d\d:\d\d f: accepted 3 messages", accepted)
    assert re.fullmatch(r"\d\d:\d\d:\d\d error f: m1 is a dead letter at erp: refused badly", died)


def test_quiet_leaves_out_what_nobody_must_act_on() -> None:
    lines = logged(ACCEPTED, EndpointLost(endpoint="erp", cause="x"), DIED, quiet=True)
    assert [line.split()[1] for line in lines] == ["warning", "error"]


def test_as_json_an_event_carries_its_fields() -> None:
    (line,) = logged(DIED, form="json")
    event = json.loads(line)
    assert (event["event"], event["level"], event["flow"], event["place"]) == ("MessageDied", "error", "f", "erp")
    assert event["text"] == str(DIED) and event["at"].endswith("Z")


class Broken(io.StringIO):
    """A stream whose reader has left."""

    tries = 0

    def write(self, text: str) -> int:
        self.tries += 1
        raise BrokenPipeError


def test_a_log_nobody_reads_any_more_never_stops_the_system() -> None:
    stream = Broken()
    log = EventLog(stream)
    log(ACCEPTED)
    log(ACCEPTED)
    assert stream.tries == 1


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_is_one_line_whatever_a_text_holds(form: str) -> None:
    assert len(logged(DIED, DIED, form=form)) == 2


def test_of_several_workers_each_line_says_which_one_speaks() -> None:
    (line,) = logged(ACCEPTED, worker=1)
    assert re.fullmatch(r"\d\d:\d\d:\d\d worker 1: f: accepted 3 messages", line)
    assert json.loads(logged(ACCEPTED, worker=1, form="json")[0])["worker"] == 1
