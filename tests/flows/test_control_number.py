"""Control numbers of what is sent: from one durable sequence a partner, in order of sending, the same at every try."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.flows.system import System
from tests.flows.trading import CONFIRMATION, OUT, SENDING, project
from waypost.core.component import Outbound, Outcome
from waypost.core.errors import EndpointTimeout, EndpointUnavailable

FILES = {**project(acme=SENDING), "flows/orders.yaml": OUT}


class Mailbox:
    """Keeps what it is sent; ``script`` says what happens at each try: an error is raised, anything else is taken."""

    def __init__(self, *script: Any) -> None:
        self.script, self.tries, self.taken = list(script), [], []

    async def open(self) -> None:
        pass

    async def send(self, batch: list[Outbound]) -> list[Outcome]:
        self.tries += [out.body.decode() for out in batch]
        happens = self.script.pop(0) if self.script else None
        if isinstance(happens, Exception):
            raise happens
        if isinstance(happens, Outcome):
            return [happens]
        self.taken += [out.body.decode() for out in batch]
        return [Outcome(delivered=True)] * len(batch)

    async def close(self) -> None:
        pass


def numbers(sent: list[str]) -> list[tuple[str, str, str, str]]:
    """ISA13, GS06, ST02 and IEA02 of each interchange."""
    found = []
    for text in sent:
        rows = {line.split("*")[0]: line.rstrip("~").split("*") for line in text.replace("~", "~\n").splitlines()}
        assert rows["GE"][2] == rows["GS"][6] and rows["SE"][2] == rows["ST"][2]
        found.append((rows["ISA"][13], rows["GS"][6], rows["ST"][2], rows["IEA"][2]))
    return found


def interchanges(sent: list[str]) -> list[int]:
    return [int(isa) for isa, *_ in numbers(sent)]


async def started(tmp_path: Path, mailbox: Mailbox | None = None, files: dict[str, str] = FILES) -> System:
    system = System(tmp_path, files, **({"out": mailbox} if mailbox else {}))
    return await system.start()


async def test_the_envelope_is_as_agreed_and_numbers_follow_each_other(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(*(CONFIRMATION % n for n in range(3)))
    sent = await system.arrived(3)
    assert numbers(sent) == [(f"{41 + n:09}", str(7 + n), "0001", f"{41 + n:09}") for n in range(3)]
    now = re.search(r"ISA\*00\* {10}\*00\* {10}\*14\*4399902099992  \*ZZ\*NORDMARKT      \*(\d{6})\*", sent[0])
    assert now and now[1] != "000101" and "GS*PR*4399902099992*NORDMARKT*" in sent[0]
    await system.stop()


async def test_numbers_go_on_after_a_restart_and_after_a_kill(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(CONFIRMATION % 1)
    await system.arrived(1)
    await system.stop()
    await system.start()
    system.put(CONFIRMATION % 2)
    await system.arrived(2)
    await system.kill()
    await system.start()
    system.put(CONFIRMATION % 3)
    assert interchanges(await system.arrived(3)) == [41, 42, 43]
    await system.stop()


@pytest.mark.parametrize("error", [EndpointUnavailable("away"), EndpointTimeout("no answer")])
async def test_a_second_try_has_the_same_number_and_the_same_bytes(tmp_path: Path, error: Exception) -> None:
    mailbox = Mailbox(error)
    system = await started(tmp_path, mailbox)
    system.put(CONFIRMATION % 1)
    await system.until(lambda: mailbox.taken, step=0.5)
    assert mailbox.tries == [mailbox.taken[0]] * 2 and interchanges(mailbox.taken) == [41]
    system.put(CONFIRMATION % 2)
    await system.until(lambda: len(mailbox.taken) == 2, step=0.5)
    assert interchanges(mailbox.taken) == [41, 42]
    await system.stop()


async def test_what_was_numbered_when_the_process_died_keeps_its_number(tmp_path: Path) -> None:
    mailbox = Mailbox(*[EndpointUnavailable("away")] * 3)
    system = await started(tmp_path, mailbox)
    system.put(CONFIRMATION % 1)
    await system.until(lambda: mailbox.tries, step=0.5)
    await system.kill()
    system.targets = {"out": Mailbox()}
    await system.start()
    await system.until(lambda: system.targets["out"].taken, step=0.5)
    assert system.targets["out"].taken == mailbox.tries[:1]
    await system.stop()


async def test_a_resent_interchange_is_the_same_to_the_byte(tmp_path: Path) -> None:
    mailbox = Mailbox()
    system = await started(tmp_path, mailbox)
    system.put(CONFIRMATION % 1, CONFIRMATION % 2)
    await system.until(lambda: len(mailbox.taken) == 2)
    await system.settle()
    texts = {m["id"]: await text_of(system, m["id"]) for m in await system.messages()}
    first = next({"id": message} for message, text in texts.items() if "*000000041*" in text)
    assert (await system.ask("resend", id=first["id"], target="out"))["count"] == 1
    await system.until(lambda: len(mailbox.taken) == 3)
    system.put(CONFIRMATION % 3)
    await system.until(lambda: len(mailbox.taken) == 4)
    assert mailbox.taken[2] == mailbox.taken[0] and interchanges(mailbox.taken) == [41, 42, 41, 43]
    await system.stop()


async def text_of(system: System, message: str) -> str:
    return (await system.ask("show", id=message))["outputs"][0]["text"]


async def test_show_tells_the_bytes_that_were_sent(tmp_path: Path) -> None:
    system = await started(tmp_path)
    system.put(CONFIRMATION % 1)
    sent = await system.arrived(1)
    [message] = await system.messages()
    shown = await system.ask("show", id=message["id"])
    assert shown["verdict"] == "proved" and shown["outputs"][0]["text"] == sent[0]
    assert shown["outputs"][0]["numbers"] == {
        "acme/x12/test/interchange": [41], "acme/x12/test/group": [7]}  # fmt: skip
    await system.stop()


async def test_a_sequence_that_is_used_up_parks_or_rolls_over(tmp_path: Path) -> None:
    short = SENDING.replace("{first: 41}", "{first: 41, last: 42, at_end: stop}")
    system = await started(tmp_path, files={**FILES, "partners/acme.yaml": short})
    system.put(*(CONFIRMATION % n for n in range(3)))
    assert interchanges(await system.arrived(2)) == [41, 42]
    await system.until(lambda: any("parked" in str(event) for event in system.told))
    assert (await system.states()).count("parked") == 1
    system.write({"partners/acme.yaml": short.replace("at_end: stop", "at_end: roll-over")})
    await system.ask("reload")
    await system.ask("retry", state="parked")
    assert interchanges(await system.arrived(3)) == [41, 42, 41]
    await system.stop()


async def test_a_message_cancelled_before_it_left_leaves_void_numbers(tmp_path: Path) -> None:
    mailbox = Mailbox(Outcome(delivered=False, error="no", error_class=EndpointUnavailable.error_class))
    system = await started(tmp_path, mailbox)
    system.put(CONFIRMATION % 1)
    await system.until(lambda: mailbox.tries)
    await system.settle()
    [message] = await system.messages()
    assert (await system.ask("cancel", id=message["id"]))["count"] == 1
    assert (await system.ask("numbers", names=["acme/x12/test/interchange"]))["numbers"] == [
        {"sequence": "acme/x12/test/interchange", "last": 41, "given": 1, "void": 1}]  # fmt: skip
    await system.stop()


async def test_a_person_sets_the_next_number_with_a_reason(tmp_path: Path) -> None:
    system = await started(tmp_path)
    name = "acme/x12/test/interchange"
    answer = await system.ask("set-number", name=name, number=500, why="the partner restored a backup")
    assert answer == {"sequence": name, "last": 0, "next": 500}
    system.put(CONFIRMATION % 1)
    assert interchanges(await system.arrived(1)) == [500]
    await system.stop()


async def test_a_document_for_nobody_is_parked(tmp_path: Path) -> None:
    flow = OUT.replace("partner: acme", "partner: any")
    system = await started(tmp_path, files={**FILES, "flows/orders.yaml": flow})
    system.put('{"partner": "bolt", ' + (CONFIRMATION % 1)[1:])
    await system.until(lambda: any("parked" in str(event) for event in system.told))
    assert system.out() == [] and (await system.states()) == ["parked"]
    await system.stop()
