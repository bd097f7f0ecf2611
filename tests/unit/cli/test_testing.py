"""``test``, ``snapshot`` and ``case``: what they print, write and end with."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.unit.cli.commanding import PROJECT, Command, FakeSystem, write
from waypost.cli.verb import testing
from waypost.core.yamlfile import parse_yaml

CASES = """\
flow: copy
cases:
  - name: good
    input: {json: {k: 1, n: 1}}
    expect: {targets: {out: [{k: 1, n: 1}]}}
  - name: bad
    input: {json: {k: 1, n: 1}}
    expect: {targets: {out: [{k: 1, n: 2}]}}
"""


class TestCases:
    def test_a_failing_case_says_what_differs_and_fails_the_command(self, waypost: Command, tmp_path: Path) -> None:
        said = waypost("test", write(tmp_path, {**PROJECT, "tests/copy.yaml": CASES}))
        assert said.code == 1
        assert said.out.splitlines() == [
            "ok      tests/copy.yaml:3  copy: good", "failed  tests/copy.yaml:6  copy: bad",
            "        out[0] n: expected 2, found 1", "1 passed, 1 failed",
        ]  # fmt: skip

    def test_cases_can_be_chosen_by_name(self, waypost: Command, tmp_path: Path) -> None:
        said = waypost("test", write(tmp_path, {**PROJECT, "tests/copy.yaml": CASES}), "--only", "goo", "--json")
        assert said.code == 0
        answer = said.json
        (good,) = answer.pop("cases")
        assert answer == {"passed": 1, "failed": 0}
        assert good == {
            "file": "tests/copy.yaml", "line": 3, "subject": "copy", "case": "good", "passed": True,
            "differences": [], "findings": [],
        }  # fmt: skip

    def test_a_project_without_cases_says_so(self, waypost: Command, tmp_path: Path) -> None:
        said = waypost("test", write(tmp_path, PROJECT))
        assert (said.code, said.out) == (0, "no cases in tests/*.yaml\n")

    def test_results_are_written_for_build_servers(self, waypost: Command, tmp_path: Path) -> None:
        report = tmp_path / "junit.xml"
        said = waypost("test", write(tmp_path, {**PROJECT, "tests/copy.yaml": CASES}), "--junit", report)
        assert said.code == 1
        suites = ElementTree.parse(report).getroot()
        assert (suites.get("tests"), suites.get("failures")) == ("2", "1")
        good, bad = suites.iter("testcase")
        assert (good.get("name"), good.get("classname"), good.find("failure")) == ("good", "copy", None)
        assert bad.find("failure").text == "out[0] n: expected 2, found 1"

    def test_coverage_below_what_is_wanted_fails_the_command(self, waypost: Command, tmp_path: Path) -> None:
        root = write(tmp_path, {**PROJECT, "tests/copy.yaml": CASES})
        said = waypost("test", root, "--only", "good", "--fail-under", "90")
        assert said.code == 1
        assert "step filter: a message ends" in said.out
        assert said.out.endswith("coverage 66.7 %; wanted at least 90 %\n")
        assert waypost("test", root, "--only", "good", "--fail-under", "60").code == 0
        said = waypost("test", root, "--only", "good", "--coverage", "--json")
        assert said.json["coverage"]["percent"] == 66.7

    def test_made_up_documents_are_tried_on_request(self, waypost: Command, tmp_path: Path) -> None:
        files = {
            "schemas/n.yaml": "type: object\nproperties: {k: {type: string}, n: {type: integer}}\nrequired: [k, n]\n"
        }
        flow = PROJECT["flows/copy.yaml"].replace("steps:\n", "steps:\n  - validate: schemas/n.yaml\n")
        root = write(tmp_path, {**PROJECT, **files, "flows/copy.yaml": flow})
        said = waypost("test", root, "--generate", "5")
        assert said.code == 0 and said.out.endswith("2 passed, 0 failed\n")

    def test_watching_runs_again_after_each_change_and_survives_faults(
        self, waypost: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root = write(tmp_path, {**PROJECT, "tests/copy.yaml": CASES.partition("  - name: bad")[0]})
        texts = ["flow: [", CASES.partition("  - name: bad")[0]]

        def sleep(seconds: float) -> None:
            if not texts:
                raise KeyboardInterrupt
            write(root, {"tests/copy.yaml": texts.pop(0)})

        monkeypatch.setattr(testing.time, "sleep", sleep)
        said = waypost("test", root, "--watch")
        assert said.code == 130
        assert said.out.count("1 passed, 0 failed") == 2
        assert said.out.count("  tests/copy.yaml\n") == 2 and "not YAML" in said.out

    def test_watching_prints_no_json(self, waypost: Command, tmp_path: Path) -> None:
        assert waypost("test", write(tmp_path, PROJECT), "--watch", "--json").code == 2


SNAPSHOT = """\
flow: copy
cases:
  - name: a copy
    input: {json: {k: 1, n: 1}}
    expect: {snapshot: true}
"""


def test_a_snapshot_is_written_told_and_compared(waypost: Command, tmp_path: Path) -> None:
    root = write(tmp_path, {**PROJECT, "tests/copy.yaml": SNAPSHOT})
    assert waypost("test", root).code == 1
    said = waypost("snapshot", root)
    assert said.out == "written   tests/snapshots/copy/a-copy.json\n1 written\n"
    assert waypost("test", root).code == 0
    write(root, {"tests/copy.yaml": SNAPSHOT.replace("n: 1", "n: 2")})
    assert waypost("test", root).code == 1
    assert "expected 1, found 2" in waypost("snapshot", root).out
    assert waypost("snapshot", root, "--json").json["snapshots"][0]["what"] == "same"


def shown(**changes: Any) -> dict[str, Any]:
    answer = {
        "message": {"id": "0192", "flow": "copy", "received_at": "2026-01-01T00:00:00.000Z"},
        "input": {"text": '{"k":"a","n":1.50}', "document": {"k": "a", "n": 1.5}}, "verdict": "proved",
        "effects": [], "relatives": [], "steps": [{"step": "filter", "result": "passed"}],
        "outputs": [{"target": "out", "ordinal": 0, "document": {"k": "a", "n": 1.5}, "text": ""}],
    }  # fmt: skip
    return {**answer, **changes}


class TestCaseOfAMessage:
    def test_it_is_printed_as_a_file_of_cases(self, waypost: Command, system: FakeSystem, tmp_path: Path) -> None:
        system.answers["show"] = shown()
        said = waypost("case", "0192", "--name", "a copy", "--project", write(tmp_path, PROJECT))
        data = parse_yaml(said.out, "", []).data
        assert data["flow"] == "copy"
        (case,) = data["cases"]
        assert case["name"] == "a copy" and case["expect"] == {"targets": {"out": [{"k": "a", "n": 1.5}]}}

    def test_it_is_added_to_a_file_whose_text_stays(self, waypost: Command, system: FakeSystem, tmp_path: Path) -> None:
        root = write(tmp_path, {**PROJECT, "tests/copy.yaml": "# ours\n" + CASES.partition("  - name: bad")[0]})
        system.answers["show"] = shown()
        said = waypost("case", "0192", "--into", "tests/copy.yaml", "--project", root)
        assert (said.code, said.err) == (0, "added to tests/copy.yaml: message 0192 goes as it did\n")
        assert (root / "tests/copy.yaml").read_text().startswith("# ours\n")
        assert waypost("test", root).out.endswith("2 passed, 0 failed\n")
        said = waypost("case", "0192", "--into", "tests/copy.yaml", "--project", root)
        assert said.code == 1 and "there is a case 'message 0192 goes as it did'" in said.err

    def test_a_new_file_is_made(self, waypost: Command, system: FakeSystem, tmp_path: Path) -> None:
        root = write(tmp_path, PROJECT)
        system.answers["show"] = shown()
        assert waypost("case", "0192", "--into", "tests/new.yaml", "--project", root).code == 0
        assert waypost("test", root).code == 0

    def test_a_file_of_another_flow_is_left_alone(self, waypost: Command, system: FakeSystem, tmp_path: Path) -> None:
        other = CASES.replace("flow: copy", "flow: other")
        root = write(tmp_path, {**PROJECT, "tests/copy.yaml": other})
        system.answers["show"] = shown()
        said = waypost("case", "0192", "--into", "tests/copy.yaml", "--project", root)
        assert said.code == 1 and "found cases of 'other'" in said.err
        assert (root / "tests/copy.yaml").read_text() == other

    def test_a_record_that_needs_what_is_around_it_becomes_its_document(
        self, waypost: Command, system: FakeSystem, tmp_path: Path
    ) -> None:
        root = write(tmp_path, PROJECT)
        given = {"text": "a,1", "context": {"text": "k,n"}, "document": {"k": "a", "n": "1"}}
        system.answers["show"] = shown(input=given)
        assert waypost("case", "0192", "--json", "--project", root).json["case"]["input"]["json"] == {
            "k": "a",
            "n": "1",
        }

    def test_a_message_that_cannot_be_recomputed_is_refused(
        self, waypost: Command, system: FakeSystem, tmp_path: Path
    ) -> None:
        system.answers["show"] = shown(verdict="environment differs", why="the version is gone")
        said = waypost("case", "0192", "--project", write(tmp_path, PROJECT))
        assert said.code == 1 and "cannot be recomputed: the version is gone" in said.err

    def test_a_message_there_is_not_is_said(self, waypost: Command, system: FakeSystem) -> None:
        system.answers["show"] = None
        assert "no message '0192'" in waypost("case", "0192").err
