"""Whatever is typed, a person gets words and an exit code, and a program gets JSON."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.commanding import Command, FakeSystem
from waypost.cli.main import VERBS, build
from waypost.core.errors import DataError, EndpointUnavailable, Fault, ProjectError, UsageError

ALL = [name for verbs in VERBS.values() for name, _ in verbs]
FUNCTIONS = {name: function for verbs in VERBS.values() for name, function in verbs}
STATUS = ("status", "--project", ".")


def test_help_lists_every_verb_and_cuts_no_sentence(waypost: Command) -> None:
    said = waypost("--help")
    assert said.code == 0
    for name in ALL:
        assert re.search(rf"^  {name}  +\w", said.out, re.MULTILINE), name
    assert "..." not in said.out.split("COMMAND [ARGS]...")[1]
    assert all(len(line) < 80 for line in said.out.splitlines())


@pytest.mark.parametrize("name", ALL)
def test_every_verb_explains_itself_and_speaks_json(waypost: Command, name: str) -> None:
    said = waypost(*name.split(), "--help")
    assert said.code == 0 and "--json" in said.out
    command: Any = build()
    for word in name.split():
        command = command.commands[word]
    assert all(parameter.help for parameter in command.params), "each argument and option says what it is for"
    first = (inspect.getdoc(FUNCTIONS[name]) or "").splitlines()[0]
    assert first.endswith(".") and len(first) <= 62, first


def test_the_version_is_printed(waypost: Command) -> None:
    assert waypost("--version").out.startswith("waypost 0.")


def test_nothing_typed_shows_the_help_and_is_wrong_usage(waypost: Command) -> None:
    said = waypost()
    assert said.code == 2 and "Make a project:" in said.out and said.err == ""


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("chek",), "'check'"),
        (("check", "--jsn"), "--jsn"),
        (("run", ".", "--workers", "many"), "--workers"),
        (("send",), "FLOW"),
        (("describe", "sorce"), "did you mean 'source'?"),
        (("describe", "source", "directry"), "did you mean 'directory'?"),
        (("describe", "--schema", "flows"), "did you mean 'flow'?"),
        (("schedule", "rum", "f"), "did you mean 'run'?"),
        (("dead", "lists"), "groups or list"),
        (("messages", "--state", "deed"), "did you mean 'dead'?"),
        (("messages", "--key", "a=1", "--key", "b=2"), "one business key"),
        (("retry",), "names no messages"),
        (("replay",), "names no messages"),
        (("resend", "--flow", "f"), "--target"),
        (("run", ".", "--wait"), "--once"),
        (("run", ".", "--timeout", "soon"), "30s"),
        (("run", ".", "--log", "xml"), "text or json"),
        (("new", "flaw", "x"), "did you mean 'flow'?"),
        (("send", "f", "--header", "x"), "NAME=VALUE"),
    ],
)
def test_wrong_usage_is_said_in_words_and_as_json(
    waypost: Command, system: FakeSystem, arguments: tuple[str, ...], told: str
) -> None:
    said = waypost(*arguments)
    assert said.code == 2 and said.out == "" and told in said.err
    assert "Traceback" not in said.err
    as_json = waypost(*arguments, "--json")
    assert as_json.code == 2 and as_json.err == ""
    assert as_json.json["error"]["code"] == "usage" and told in str(as_json.json["error"])
    assert system.asked == [], "nothing was asked of the system"


def test_an_error_of_the_system_is_its_text_and_exit_code_1(waypost: Command, system: FakeSystem) -> None:
    system.answers["status"] = EndpointUnavailable("no answer", where="control", remedy="start it")
    said = waypost(*STATUS)
    assert (said.code, said.out, said.err) == (1, "", "control: no answer; start it\n")
    error = waypost(*STATUS, "--json").json["error"]
    assert error["code"] == "endpoint-unavailable" and error["class"] == "transient"
    assert (error["where"], error["found"], error["remedy"]) == ("control", "no answer", "start it")
    assert error["text"] == "control: no answer; start it"


def test_wrong_usage_found_by_the_system_has_exit_code_2(waypost: Command, system: FakeSystem) -> None:
    system.answers["status"] = UsageError("no such thing")
    assert waypost(*STATUS).code == 2


def test_every_fault_of_a_project_is_listed(waypost: Command, system: FakeSystem) -> None:
    faults = [Fault("a.yaml", 3, "type", "found 1", "text"), Fault("b.yaml", 9, "type", "found 2")]
    system.answers["status"] = ProjectError(faults)
    assert waypost(*STATUS).err.splitlines() == [str(fault) for fault in faults]
    said = waypost(*STATUS, "--json").json
    assert said["error"] == {"code": "project", "text": "2 faults"}
    assert [(f["file"], f["line"], f["expected"]) for f in said["faults"]] == [("a.yaml", 3, "text"), ("b.yaml", 9, "")]


def test_an_unexpected_error_is_one_line_that_says_where_the_details_are(
    waypost: Command, system: FakeSystem, tmp_path: Path
) -> None:
    (tmp_path / "waypost.yaml").write_text("name: x\n")
    (tmp_path / ".waypost").mkdir()
    system.answers["status"] = ZeroDivisionError("by nought")
    said = waypost("status", "--project", tmp_path)
    assert said.code == 1 and said.err.count("\n") == 1 and "Traceback" not in said.err
    details = Path(said.err.split("the details are in ")[1].strip())
    assert details.parent == tmp_path / ".waypost", "the store is where its owner looks"
    assert "ZeroDivisionError: by nought" in details.read_text()


def test_without_a_project_the_details_go_to_a_temporary_file(
    waypost: Command, system: FakeSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    system.answers["status"] = RuntimeError("x")
    error = waypost("status", "--json").json["error"]
    assert error["code"] == "bug" and Path(error["details"]).parent == tmp_path


def test_a_file_that_is_not_there_is_no_fault_of_waypost(waypost: Command, system: FakeSystem) -> None:
    said = waypost("send", "f", "/nowhere/at/all")
    assert (said.code, said.err) == (1, "/nowhere/at/all: No such file or directory\n")


def test_an_interruption_is_quiet(waypost: Command, system: FakeSystem) -> None:
    system.answers["status"] = KeyboardInterrupt()
    said = waypost(*STATUS)
    assert (said.code, said.out, said.err) == (130, "", "")


def test_a_fault_of_the_content_is_exit_code_1(waypost: Command, system: FakeSystem) -> None:
    system.answers["show"] = DataError("not an id")
    assert waypost("show", "x").code == 1
