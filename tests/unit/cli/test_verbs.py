"""Each verb asks the system what was typed, and prints what it answers."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.commanding import Command, FakeSystem

COUNT = {"count": 2}
ASKED = [
    ("pause flow:a --why t", "pause", {"subject": "flow:a", "why": "t"}, {"subject": "flow:a", "state": "paused"}),
    ("resume all", "resume", {"subject": "all"}, {"subject": "all", "state": "as usual"}),
    ("reload", "reload", {}, {"version": "9f", "flows": ["a", "b"]}),
    ("activate 9f", "activate", {"version": "9f"}, {"version": "9f"}),
    ("versions", "versions", {}, {"versions": []}),
    ("stop", "stop", {}, {}),
    ("schedule run a", "run-schedule", {"flow": "a"}, {"flow": "a", "at": "now"}),
    ("schedule skip a", "skip-schedule", {"flow": "a"}, {"flow": "a", "at": "12:00"}),
    ("retry --state dead --flow a", "retry", {"state": "dead", "flow": "a"}, COUNT),
    ("retry --flow a --effects fresh", "retry", {"flow": "a", "effects": "fresh"}, COUNT),
    ("retry a1 --current", "retry", {"id": "a1", "current": True}, {**COUNT, "ids": ["b2"]}),
    ("hold --key po=1", "hold", {"key": "po=1"}, COUNT),
    ("release --error refused", "release", {"error": "refused"}, COUNT),
    ("cancel --file a.edi", "cancel", {"arrival": "a.edi"}, COUNT),
    ("resend --target erp --since 2h --until 1h", "resend", {"target": "erp", "since": "2h", "until": "1h"}, COUNT),
    ("files *.edi --flow a", "files", {"name": "*.edi", "flow": "a", "limit": 50}, {"files": []}),
    ("dead --flow a", "dead", {"flow": "a", "limit": 50}, {"groups": []}),
    ("messages --key 4711 --limit 7", "messages", {"key": "4711", "limit": 7}, {"messages": [], "next": None}),
]  # fmt: skip


@pytest.mark.parametrize("line, verb, params, answer", ASKED, ids=[line for line, *_ in ASKED])
def test_what_is_typed_is_asked_and_the_answer_is_printed(
    waypost: Command, system: FakeSystem, line: str, verb: str, params: dict[str, Any], answer: Any
) -> None:
    system.answers[verb] = answer
    said = waypost(*line.split())
    assert said.code == 0 and said.err == "" and said.out
    assert system.asked == [(verb, params)]
    assert waypost(*line.split(), "--json").json == answer


def test_project_and_environment_say_which_system_is_meant(waypost: Command, system: FakeSystem) -> None:
    system.answers["stop"] = {}
    waypost("stop", "--project", "here/x", "--env", "prod")
    assert system.place == (Path("here/x"), "prod")


def test_several_ids_are_decided_one_by_one_and_counted_together(waypost: Command, system: FakeSystem) -> None:
    system.answers["retry"] = COUNT
    assert waypost("retry", "a1", "b2", "--json").json == {"count": 4}
    assert [params for _, params in system.asked] == [{"id": "a1"}, {"id": "b2"}]
    assert waypost("retry", "a1").out == "2 deliveries tried again\n"


class TestSend:
    def test_a_file_is_sent_with_its_headers(self, waypost: Command, system: FakeSystem, tmp_path: Path) -> None:
        (tmp_path / "body").write_text('{"n": 1}')
        system.answers["send"] = {"ids": ["a1"]}
        assert waypost("send", "f", tmp_path / "body", "--header", "x=1=2").out == "a1\n"
        assert system.asked == [("send", {"flow": "f", "body": '{"n": 1}', "headers": {"x": "1=2"}})]

    @pytest.mark.parametrize("arguments", [(), ("-",)])
    def test_without_a_file_standard_input_is_sent(
        self, waypost: Command, system: FakeSystem, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"ISA*\xff")))
        system.answers["send"] = {"ids": []}
        waypost("send", "f", *arguments)
        assert system.asked[0][1]["body"] == b"ISA*\xff", "what is not UTF-8 goes as bytes"


MESSAGE = {
    "id": "a1", "flow": "f", "state": "dead", "received_at": "2026-11-20T10:00:00.000Z", "keys": {"po": ["1", "2"]},
    "targets": [], "failures": [{"place": "erp", "class": "data", "code": "x", "text": "refused\nbadly"}],
    "arrival": "in/1.edi", "size": 3, "version": "9f",
}  # fmt: skip


class TestMessages:
    def test_a_message_is_one_line_with_its_keys_and_its_cause(self, waypost: Command, system: FakeSystem) -> None:
        system.answers["messages"] = {"messages": [MESSAGE], "next": "a1"}
        head, row, more = waypost("messages").out.splitlines()
        assert head.split() == ["id", "flow", "state", "received", "keys", "cause"]
        cells = re.split(" {2,}", row)
        assert cells == ["a1", "f", "dead", MESSAGE["received_at"], "po=1,2", "erp: refused badly"]
        assert "--all" in more

    def test_all_follows_every_page(self, waypost: Command, system: FakeSystem) -> None:
        def pages() -> list[Any]:
            return [{"messages": [MESSAGE], "next": "a1"}, {"messages": [MESSAGE], "next": None}]

        system.answers["messages"] = pages()
        assert waypost("messages", "--all", "--limit", "1").out.count("a1") == 2
        assert [params.get("before") for _, params in system.asked] == [None, "a1"]
        system.answers["messages"] = pages()
        assert waypost("messages", "--all", "--json").json == {"messages": [MESSAGE, MESSAGE], "next": None}

    def test_dead_list_shows_dead_and_parked_ones_newest_first(self, waypost: Command, system: FakeSystem) -> None:
        system.answers["messages"] = [
            {"messages": [MESSAGE], "next": None},
            {"messages": [MESSAGE | {"id": "b2", "state": "parked"}], "next": None},
        ]
        said = waypost("dead", "list", "--json").json
        assert [m["id"] for m in said["messages"]] == ["b2", "a1"]
        assert [params["state"] for _, params in system.asked] == ["dead", "parked"]


SHOWN = {
    "message": MESSAGE, "verdict": "proved",
    "input": {"text": '{"a": 1}', "content_type": "application/json", "size": 8},
    "steps": [
        {"step": "map", "kind": "map", "before": {"a": 1, "b": 2}, "after": {"a": 5, "b": 2}, "result": "passed"},
        {"step": "cut", "kind": "split", "before": {}, "after": [{}, {}], "result": "split"},
        {"step": "check", "kind": "validate", "before": {}, "result": "failed", "error": "a is missing"},
    ],
    "effects": [],
    "outputs": [
        {"target": "erp", "ordinal": 1, "state": "delivered", "text": "x", "digest_ok": False, "attempts": [
            {"at": "T1", "outcome": "delivered", "address": "https://erp/1", "status": "201", "answer": {"text": "ok"},
             "possible_duplicate": True}]},
    ],
    "relatives": [{"id": "c3", "relation": "replay"}],
    "history": [{"at": "T2", "what": "retry", "who": "ann", "why": "erp is back"}],
}  # fmt: skip


class TestShow:
    def test_a_person_sees_what_each_step_changed_and_what_happened_at_each_target(
        self, waypost: Command, system: FakeSystem
    ) -> None:
        system.answers["show"] = SHOWN
        out = waypost("show", "a1").out
        for line in (
            "  po = 1, 2", "  from in/1.edi", "  proved", "step map  passed", "  a: 1 → 5", "step cut  split",
            "  2 children", "step check  failed", "  a is missing", "to erp/1  delivered  not what was sent then",
            "  T1  delivered  201  https://erp/1", "    answer: ok", "  replay c3", "  T2  retry  ann  erp is back",
        ):  # fmt: skip
            assert line in out.splitlines(), line
        assert "  b: " not in out, "what did not change is not shown"
        assert "possibly a duplicate" in out

    def test_one_step_is_shown_in_full(self, waypost: Command, system: FakeSystem) -> None:
        system.answers["show"] = SHOWN
        said = waypost("show", "a1", "--step", "map")
        before, after = said.out.split("before:\n")[1].split("after:\n")
        assert (json.loads(before), json.loads(after)) == ({"a": 1, "b": 2}, {"a": 5, "b": 2})
        assert waypost("show", "a1", "--step", "mop").err.strip().endswith("did you mean 'map'?")

    @pytest.mark.parametrize(
        "content, expected", [({"text": "ä"}, "ä".encode()), ({"base64": "/wA="}, b"\xff\x00")], ids=["text", "bytes"]
    )
    def test_raw_is_the_input_byte_for_byte(
        self, system: FakeSystem, capfdbinary: pytest.CaptureFixture[bytes], content: Any, expected: bytes
    ) -> None:
        from waypost.cli.main import main

        system.answers["show"] = SHOWN | {"input": content}
        assert main(["show", "a1", "--raw"]) == 0
        assert capfdbinary.readouterr().out == expected

    def test_a_message_nobody_knows_is_said(self, waypost: Command, system: FakeSystem) -> None:
        system.answers["show"] = None
        said = waypost("show", "a1")
        assert said.code == 1 and "no message 'a1'" in said.err


COMPARED = {
    "messages": [
        {"id": "a1", "outputs": [{"target": "erp", "ordinal": 0, "verdict": "same", "differences": []}], "errors": []},
        {"id": "b2", "errors": ["would ask: {}"], "outputs": [
            {"target": "erp", "ordinal": 0, "verdict": "differs", "differences": [{"path": "n", "was": 1, "is": 2}]}]},
    ],
    "count": 2, "same": 1, "differ": 1,
}  # fmt: skip


class TestReplay:
    def test_a_dry_run_prints_the_differences_field_by_field(self, waypost: Command, system: FakeSystem) -> None:
        system.answers["replay"] = COMPARED
        out = waypost("replay", "--flow", "f", "--dry-run").out.splitlines()
        assert out[:4] == ["b2", "  erp/0: differs", "    n: 1 → 2", "  would ask: {}"]
        assert out[4].startswith("1 the same, 1 differ")
        assert system.asked == [
            ("replay", {"flow": "f", "version": "current", "effects": "recorded", "key": "new", "dry_run": True})
        ]
        assert waypost("replay", "--flow", "f", "--dry-run", "--json").json == COMPARED

    @pytest.mark.parametrize(
        "keys, key, query_key",
        [
            (["po=1"], "new", "po=1"),
            (["same", "po=1"], "same", "po=1"),
            (["po=1", "new"], "new", "po=1"),
        ],
    )
    def test_key_says_which_messages_are_meant_and_whether_they_keep_their_keys(
        self, waypost: Command, system: FakeSystem, keys: list[str], key: str, query_key: str
    ) -> None:
        system.answers["replay"] = {"count": 1, "ids": ["c3"]}
        waypost("replay", *(part for value in keys for part in ("--key", value)), "--yes")
        ((_, params),) = system.asked
        assert (params["key"], params["query_key"]) == (key, query_key)

    def test_what_it_means_is_said_before_it_runs(self, waypost: Command, system: FakeSystem) -> None:
        system.answers["replay"] = {"count": 1, "ids": ["c3"]}
        said = waypost("replay", "a1", "--effects", "fresh", "--key", "same", "--version", "same", "--yes")
        assert said.out == "c3\n1 replayed\n"
        assert "the version each ran on; asks the outside anew; keeps idempotency keys" in said.err

    def test_a_person_who_says_no_replays_nothing(
        self, waypost: Command, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.setattr("sys.stdin", Terminal("n\n"))
        assert waypost("replay", "a1").code == 1
        assert system.asked == []


STATUS = {
    "project": "p", "version": "9f", "environment": "dev", "running": True, "workers": 2, "listen": "http://127.0.0.1:1",
    "flows": [{
        "flow": "f", "state": "running", "messages": {"accepted": 12345},
        "deliveries": {"delivered": 2, "open": 3, "retrying": 0, "parked": 0, "dead": 1, "filtered": 0},
        "source": {"state": "paused", "cause": "too much is open"},
        "targets": [{"target": "erp", "state": "sending", "open": 3, "circuit": "open", "cause": "connection refused"}],
    }],
    "trouble": ["source of f: no such folder"],
}  # fmt: skip


class TestStatus:
    def test_it_says_what_runs_and_what_keeps_it_from_working(self, waypost: Command, system: FakeSystem) -> None:
        system.answers["status"] = STATUS
        said = waypost("status")
        assert "p  dev  version 9f  running, 2 workers" in said.out and "12,345" in said.out
        assert said.err.splitlines() == [
            "f: source paused: too much is open", "f/erp: sending: connection refused", "source of f: no such folder",
        ]  # fmt: skip

    def test_watching_says_it_again_until_it_is_interrupted(
        self, waypost: Command, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waits = iter([None, None])

        def wait(seconds: float) -> None:
            if next(waits, KeyboardInterrupt) is KeyboardInterrupt:
                raise KeyboardInterrupt

        monkeypatch.setattr("time.sleep", wait)
        system.answers["status"] = STATUS
        said = waypost("status", "--watch", "--json")
        assert said.code == 0 and len([json.loads(line) for line in said.out.splitlines()]) == 3
