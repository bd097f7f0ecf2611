"""The program step keeps what every step must; the program itself is an effect, and is kept within its bounds."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from waypost.core.component import Dropped, Failed, Request, Split
from waypost.core.errors import BugError, ConfigurationRefused, EndpointUnavailable, WaypostError
from waypost.core.message import Message
from waypost.core.yamlfile import YamlFile
from waypost.steps.program_pool import ProgramPool, ProgramSettings
from waypost.testing.step_kit import StepConformance, step_component

COVERS = {("step", "program")}
ANSWERS: dict[str, Any] = {
    "body": {"body": {"a": 2}}, "bodies": {"bodies": [1, {"b": 2}]}, "drop": {"drop": "old"}, "error": {"error": "no"},
}  # fmt: skip


class TestProgram(StepConformance):
    step, options = "program", "{command: [/bin/cat], files: [a.py]}"
    files: ClassVar = {"a.py": b"print(1)"}
    bodies = ({"give": "body"}, {"give": "bodies"}, {"give": "drop"}, {"give": "error"})
    outcomes = (Message, Split, Dropped, Failed)

    def answer(self, parameters: Mapping[str, Any]) -> Any:
        body = parameters["body"]
        return ANSWERS[body["give"]] if isinstance(body, dict) and "give" in body else {"body": None}


LOOP = """
import sys, json
for line in sys.stdin:
    message = json.loads(line)
    body = message["body"]
    print(json.dumps(ANSWER), flush=True)
"""


async def asked(program: str, *bodies: Any, **settings: Any) -> Any:
    """The answer to each body by a Python program that is given as its text."""
    pool = ProgramPool(ProgramSettings(
        command=(sys.executable, "p.py"), files={"p.py": program.encode()}, **{"seconds": 5.0, **settings}
    ))  # fmt: skip
    try:
        await pool.open()
        return [(await pool.ask([Request(parameters={"body": body})]))[0] for body in bodies]
    finally:
        await pool.close()


async def refused(program: str, body: Any = 1, **settings: Any) -> WaypostError:
    try:
        (answer,) = await asked(program, body, **settings)
    except WaypostError as error:
        return error
    assert isinstance(answer, WaypostError), answer
    return answer


def answering(expression: str, before: str = "") -> str:
    return before + LOOP.replace("ANSWER", expression)


async def test_a_program_is_asked_frame_by_frame_by_one_process() -> None:
    program = answering('{"body": {"n": body * 2, "pid": os.getpid()}}', "import os")
    first, second = await asked(program, 1, 2)
    assert (first["body"]["n"], second["body"]["n"]) == (2, 4)
    assert first["body"]["pid"] == second["body"]["pid"]


async def test_frames_may_have_their_length_before_them() -> None:
    program = """
import sys, struct, json
source, target = sys.stdin.buffer, sys.stdout.buffer
while head := source.read(4):
    body = json.loads(source.read(struct.unpack(">I", head)[0]))["body"]
    made = json.dumps({"body": body["text"] + "\\n!"}).encode()
    target.write(struct.pack(">I", len(made)) + made); target.flush()
"""
    assert await asked(program, {"text": "a\nb"}, frames="lengths") == [{"body": "a\nb\n!"}]


async def test_several_processes_answer_at_once() -> None:
    program = answering('{"body": time.sleep(0.3) or 1}', "import time")
    pool = ProgramPool(ProgramSettings(command=(sys.executable, "p.py"), files={"p.py": program.encode()}, processes=4))
    begun = time.monotonic()
    assert len(await pool.ask([Request(parameters={"body": n}) for n in range(4)])) == 4
    await pool.close()
    assert time.monotonic() - begun < 4 * 0.3 + 3


def _temporary() -> list[Path]:
    return [*Path(tempfile.gettempdir()).iterdir()]


async def test_its_environment_is_empty_but_for_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")
    (answer,) = await asked(answering('{"body": dict(os.environ)}', "import os"), 1, environment={"MODE": "strict"})
    assert set(answer["body"]) <= {"PATH", "HOME", "TMPDIR", "LC_ALL", "TZ", "MODE", "LC_CTYPE", "PWD"}
    assert answer["body"]["MODE"] == "strict"


async def test_it_works_in_a_directory_of_its_own_that_is_gone_afterwards() -> None:
    (answer,) = await asked(answering('{"body": [os.getcwd(), sorted(os.listdir("."))]}', "import os"), 1)
    folder, found = answer["body"]
    assert found == ["p.py"]
    assert str(folder) not in {str(path) for path in _temporary()}


@pytest.mark.parametrize(
    ("body", "said", "settings"),
    [
        ("while True: pass", "no answer in", {"seconds": 0.6}),
        ("time.sleep(60)", "no answer in", {"seconds": 0.6}),
        ("x = bytearray(1 << 29); x[::4096] = b'x' * len(x[::4096]); time.sleep(9)", "held",
         {"memory_bytes": 64 << 20}),
        ("print('x' * 300000, flush=True)", "without end", {"answer_bytes": 100000}),
        ("while True: sys.stdout.write('x' * 100000)", "without end", {"answer_bytes": 100000}),
        ("print('no json', flush=True)", "no JSON", {}),
        ("print('{\"a\": 1}', flush=True)", "a mapping with one of", {}),
        ("print('{\"body\": 1, \"drop\": 2}', flush=True)", "a mapping with one of", {}),
        ("sys.stderr.write('my trouble'); sys.stderr.flush(); time.sleep(0.3); print('oops', flush=True)",
         "it said: my trouble", {}),
    ],
)  # fmt: skip
async def test_a_program_that_misbehaves_parks_the_message(body: str, said: str, settings: dict[str, Any]) -> None:
    error = await refused(f"import sys, time\nsys.stdin.readline()\n{body}\ntime.sleep(60)", **settings)
    assert isinstance(error, BugError) and said in str(error), error


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.stderr.write('out of luck'); sys.exit(3)", "exited with 3 without an answer; it said: out of luck"),
        ("os.kill(os.getpid(), 11)", "signal 11"),
        ("raise ValueError('boom')", "ValueError: boom"),
        ("sys.stdout.write('{\"bo'); sys.stdout.flush(); os._exit(0)", "exited with 0"),
    ],
)
async def test_a_crash_is_passing_and_the_batch_is_asked_again(body: str, said: str) -> None:
    error = await refused(f"import sys, os\nsys.stdin.readline()\n{body}")
    assert isinstance(error, EndpointUnavailable) and said in str(error), error


async def test_a_program_may_call_its_own_trouble_passing_or_refuse_a_message() -> None:
    error = await refused(answering('{"error": "database away", "class": "transient"}'))
    assert isinstance(error, EndpointUnavailable) and "database away" in str(error)
    assert await asked(answering('{"error": "no such part"}'), 1) == [{"error": "no such part"}]


async def test_what_is_said_on_standard_error_is_read_however_much_it_is_and_kept_to_a_limit() -> None:
    program = answering('{"body": 1}', "import sys\nfor _ in range(300): sys.stderr.write('noise ' * 1000)\n")
    assert await asked(program, 1) == [{"body": 1}]
    error = await refused("import sys\nsys.stdin.readline()\nsys.stderr.write('x' * 10**6); sys.exit(1)")
    assert len(str(error)) < 3000


async def test_after_a_crash_the_next_question_starts_another_process() -> None:
    program = answering('{"body": 1} if body != "die" else os._exit(1)', "import os")
    pool = ProgramPool(ProgramSettings(command=(sys.executable, "p.py"), files={"p.py": program.encode()}))
    with pytest.raises(EndpointUnavailable):
        await pool.ask([Request(parameters={"body": "die"})])
    assert await pool.ask([Request(parameters={"body": 1})]) == [{"body": 1}]
    await pool.close()


FORK = """
import os, sys, time
for _ in range(20):
    if os.fork() == 0:
        try:
            os.setsid()
        except OSError:
            pass
        open(os.path.join(sys.argv[1], str(os.getpid())), "w").close() if len(sys.argv) > 1 else None
        time.sleep(300)
        os._exit(0)
print('{"body": ' + str(os.getpgid(0)) + '}', flush=True)
sys.stdin.readline(); sys.stdin.readline()
"""


async def test_what_it_forks_ends_with_it(tmp_path: Path) -> None:
    pool = ProgramPool(ProgramSettings(command=(sys.executable, "p.py"), files={"p.py": FORK.encode()}))
    (answer,) = await pool.ask([Request(parameters={"body": 1})])
    group = answer["body"]
    assert len(members(group)) == 21
    await pool.close()
    for _ in range(500):
        if not members(group):
            break
        await asyncio.sleep(0.01)
    assert members(group) == []


def members(group: int) -> list[int]:
    """The living processes of a group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] != "Z":
                found.append(int(entry.name))
    return found


REACH = {
    "reads a file of the user": "open(SECRET).read()",
    "writes a file": "open(OUT, 'w').write('x')",
    "connects": "__import__('socket').create_connection(('127.0.0.1', 9), 1)",
    "sends a datagram": "__import__('socket').socket(__import__('socket').AF_INET, 2).sendto(b'x', ('127.0.0.1', 9))",
    "reads its parent's environment": "open('/proc/%d/environ' % os.getppid(), 'rb').read()",
    "leaves its group": "os.setsid()",
}


@pytest.mark.parametrize("attempt", REACH)
async def test_what_a_program_reaches_for_outside_its_directory_is_refused(attempt: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    body = REACH[attempt].replace("SECRET", repr(str(tmp_path / "secret"))).replace("OUT", repr(str(tmp_path / "out")))
    tried = f"""
import os, sys, json
sys.stdin.readline()
try:
    made = repr({body})[:200]
except Exception as error:
    made = type(error).__name__
print(json.dumps({{"body": made}}), flush=True)
sys.stdin.readline()
"""
    (answer,) = await asked(tried, 1)
    assert answer["body"] in ("PermissionError", "ProcessLookupError"), answer
    assert not (tmp_path / "out").exists()


async def test_a_program_that_is_not_there_is_refused_when_linted_and_when_opened() -> None:
    component = step_component("program")
    options = component.spec.options(command=("no-such-program",))
    (fault,) = component.build.lint(options, YamlFile("f", None), (), {}.__getitem__, ())  # type: ignore[attr-defined]
    assert "no program 'no-such-program'" in fault.found
    with pytest.raises(ConfigurationRefused):
        await ProgramPool(ProgramSettings(command=("no-such-program",))).open()


def test_a_name_is_looked_for_in_the_system_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").write_text("#!/bin/sh\n")
    (tmp_path / "mine").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert ProgramSettings(command=("mine",)).executable() == ""
    assert json.dumps(ProgramSettings(command=("cat",)).executable())
