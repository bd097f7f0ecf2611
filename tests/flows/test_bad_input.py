"""Input that is wrong, too large or out of reach: a clear text, the rest goes on, memory stays small."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.system import COPY, System
from waypost.core.event import ArrivalRefused, EndpointLost

DIRECTORY = COPY.replace("{memory: in}", "{directory: {path: 'in/*'}}").replace("keys: {k: k}\n", "").replace(
    "order_by: k, ", ""
)  # fmt: skip


async def _taken(tmp_path, flow, name, text):
    """A system that has taken in one file."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_text(text)
    system = await System(tmp_path, {"flows/copy.yaml": flow}).start()
    await system.until(lambda: not list((tmp_path / "in").glob("*.*")), step=1)
    await system.settle()
    return system


async def test_a_malformed_json_line_is_dead_with_its_place_and_the_rest_goes_on(tmp_path):
    flow = DIRECTORY.replace("format: json", "format: {json: {lines: true}}")
    system = await _taken(tmp_path, flow, "a.ndjson", '{"n":1}\n{"n":\n{"n":3}\n')
    assert await system.arrived(2) == ['{"n":1}', '{"n":3}']
    messages = await system.messages()
    assert [message["state"] for message in messages] == ["delivered", "dead", "delivered"]
    (failure,) = messages[1]["failures"]
    assert failure["place"] == "format"
    assert "line 1, column" in failure["text"]
    (row,) = (await system.ask("files"))["files"]
    assert (row["records"], row["delivered"], row["dead"]) == (3, 2, 1)
    await system.stop()


async def test_a_malformed_csv_record_is_dead_and_the_rest_goes_on(tmp_path):
    flow = DIRECTORY.replace("format: json", "format: csv")
    system = await _taken(tmp_path, flow, "a.csv", "k,n\na,1\nb\nc,3\n")
    await system.arrived(2)
    messages = await system.messages()
    assert [message["state"] for message in messages] == ["delivered", "dead", "delivered"]
    assert messages[1]["failures"][0]["class"] == "data"
    assert "1 field" in messages[1]["failures"][0]["text"] or "2" in messages[1]["failures"][0]["text"]
    await system.stop()


async def test_what_is_no_interchange_is_refused_by_name_and_cause(tmp_path):
    flow = DIRECTORY.replace("format: json", "format: x12").replace(
        "{memory: out}", "{memory: out, format: json}"
    )  # fmt: skip
    system = await _taken(tmp_path, flow, "a.edi", "this is no interchange")
    messages = await system.messages()
    refusals = [event for event in system.told if isinstance(event, ArrivalRefused)]
    assert [message["state"] for message in messages] == ["dead"] or refusals
    told = messages[0]["failures"][0]["text"] if messages else refusals[0].cause
    assert "ISA" in told
    await system.stop()


async def test_a_message_above_the_limit_is_refused_and_later_files_go_on(tmp_path):
    flow = DIRECTORY.replace("delivery: {", "delivery: {max_message_bytes: 1000, ")
    system = await _taken(tmp_path, flow, "big.json", json.dumps({"n": "x" * 5000}))
    (refusal,) = [event for event in system.told if isinstance(event, ArrivalRefused)]
    assert "big.json" in refusal.name
    assert "1000" in refusal.cause
    (row,) = (await system.ask("files"))["files"]
    assert row["error"] == refusal.cause
    assert system.control.exit_code() == 1
    (tmp_path / "in" / "small.json").write_text('{"n":1}')
    assert await system.arrived(1, step=1) == ['{"n":1}']
    await system.stop()


async def test_a_folder_that_is_not_there_is_a_trouble_until_it_is(tmp_path):
    flow = DIRECTORY.replace("in/*", "missing/*.json")
    system = await System(tmp_path, {"flows/copy.yaml": flow}).start()
    await system.until(lambda: any(isinstance(event, EndpointLost) for event in system.told), step=1)
    (trouble,) = (await system.ask("status"))["trouble"]
    assert "missing" in trouble
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / "a.json").write_text('{"n":1}')
    assert await system.arrived(1, step=5) == ['{"n":1}']
    assert (await system.ask("status"))["trouble"] == []
    await system.stop()


async def test_a_step_that_raises_parks_its_message_alone(tmp_path):
    flow = COPY.replace("targets:", "steps: [{python: steps/s.py}]\ntargets:")
    step = "def process(body):\n    return {'v': 10 // body['n']}\n"
    system = await System(tmp_path, {"flows/copy.yaml": flow, "steps/s.py": step}).start()
    system.put('{"k":1,"n":1}', '{"k":1,"n":0}', '{"k":1,"n":5}')
    assert await system.arrived(2) == ['{"v":10}', '{"v":2}']
    messages = await system.messages()
    assert messages[1]["state"] == "parked"
    assert "steps/s.py:2: ZeroDivisionError" in messages[1]["failures"][0]["text"]
    await system.stop()


async def test_a_message_without_its_ordering_key_is_dead(tmp_path):
    system = await System(tmp_path).start()
    system.put('{"n":1}', '{"k":"a"}')
    await system.arrived(1)
    (dead, _) = await system.messages()
    assert dead["state"] == "dead"
    assert dead["failures"][0]["text"] == (
        "flow copy: key 'k' has no value; mend the input, or order by a key every message has"
    )
    await system.stop()


RUN = """
import asyncio, sys
from pathlib import Path
from waypost.flow.process.supervisor import run
from waypost.flow.process.worker import RunOptions
code = asyncio.run(run(Path(sys.argv[1]), "dev", RunOptions(once=True), lambda event: print(event, file=sys.stderr)))
height = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line[:5] == "VmHWM")
print(code, height)
"""


def run_once(root: Path) -> tuple[int, float, str]:
    """A run of a project in a process of its own: exit code, megabytes at its height, what it said."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(root)], capture_output=True, text=True, env=environment, timeout=110
    )
    assert done.stdout, done.stderr
    code, height = map(int, done.stdout.split())
    return code, height / 1024, done.stderr


def project(root: Path, flow: str) -> Path:
    (root / "flows").mkdir(parents=True)
    (root / "waypost.yaml").write_text("name: test\n")
    (root / "flows" / "copy.yaml").write_text(flow)
    (root / "in").mkdir()
    return root


def test_a_huge_single_document_is_refused_before_memory_grows(tmp_path):
    root = project(tmp_path, DIRECTORY)
    with (root / "in" / "huge.json").open("wb") as file:
        file.write(b'{"n": "')
        file.truncate(1 << 30)
    code, height, said = run_once(root)
    assert code == 1
    assert "huge.json was refused" in said
    assert height < 250, f"{height} MB"


@pytest.mark.slow
def test_many_records_in_one_large_file_pass_in_little_memory(tmp_path):
    flow = DIRECTORY.replace("format: json", "format: {json: {lines: true}}").replace(
        "{memory: out}", "{directory: {path: out, append: true}}"
    )
    root = project(tmp_path, flow)
    line = json.dumps({"n": 1, "text": "x" * 2000}).encode() + b"\n"
    with (root / "in" / "many.ndjson").open("wb") as file:
        for _ in range(150):
            file.write(line * 1000)
    code, height, said = run_once(root)
    assert code == 0, said[-2000:]
    assert height < 150, f"{height} MB"


def test_a_message_that_kills_the_process_is_parked_and_the_others_are_delivered(tmp_path):
    flow = DIRECTORY.replace("format: json", "format: {json: {lines: true}}").replace(
        "{memory: out}", "{directory: {path: out, append: true}}"
    )
    root = project(tmp_path, flow.replace("targets:", "steps: [{python: steps/s.py}]\ntargets:"))
    (root / "steps").mkdir()
    kill = "def process(body):\n    return body\n"
    (root / "steps" / "s.py").write_text(kill)
    (root / "in" / "a.ndjson").write_text("".join(f'{{"n":{n}}}\n' for n in range(20)))
    deaths = 0
    while deaths <= 6:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
        done = subprocess.run(
            [sys.executable, "-c", POISONED + RUN, str(root)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
        )
        if done.returncode != 66:
            break
        deaths += 1
    assert deaths <= 5, done.stderr
    assert done.stdout.startswith("1 "), done.stderr
    lines = "".join(path.read_text() for path in (root / "out").glob("[!.]*")).splitlines()
    assert sorted(json.loads(line)["n"] for line in lines) == [n for n in range(20) if n != 7]


POISONED = """
import os
from waypost.steps.python import PythonStep
usual = PythonStep._call
PythonStep._call = lambda step, message: os._exit(66) if message.body["n"] == 7 else usual(step, message)
"""
