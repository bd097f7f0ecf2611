"""``check`` says every fault, or what each flow promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.commanding import FLOW, PROJECT, Command, write


def test_a_sound_project_prints_what_each_flow_promises(waypost: Command, tmp_path: Path) -> None:
    said = waypost("check", write(tmp_path, PROJECT))
    assert said.code == 0 and said.err == ""
    assert said.out.startswith("copy\n  accepts ")
    assert "out         effectively once, order kept per k" in said.out
    assert said.out.splitlines()[-1].endswith(": 1 flow")


def test_the_same_as_json(waypost: Command, tmp_path: Path) -> None:
    said = waypost("check", write(tmp_path, PROJECT), "--json").json
    assert said["ok"] is True and said["faults"] == []
    (flow,) = said["flows"]
    assert (flow["flow"], flow["order_by"], flow["targets"][0]["target"]) == ("copy", "k", "out")
    assert flow["targets"][0]["duplicates_after_crash"] == 0


def test_every_fault_of_every_file_is_one_line_with_its_place(waypost: Command, tmp_path: Path) -> None:
    faulty = FLOW.replace("path: in", "pth: in").replace("- filter", "- filtr").replace("order_by: k", "order_by: kk")
    write(tmp_path, {**PROJECT, "flows/copy.yaml": faulty, "flows/other.yaml": "flow: [\n"})
    said = waypost("check", tmp_path)
    assert said.code == 1 and said.err.endswith(" faults\n")
    lines = said.out.splitlines()
    assert any(line.startswith("flows/copy.yaml:4: unknown option 'pth'; did you mean 'path'?") for line in lines)
    assert any(line.startswith("flows/copy.yaml:8: ") and "'filtr'" in line and "'filter'" in line for line in lines)
    assert any(line.startswith("flows/other.yaml:") for line in lines)
    as_json = waypost("check", tmp_path, "--json")
    assert as_json.code == 1 and as_json.json["ok"] is False
    assert [fault["text"] for fault in as_json.json["faults"]] == lines


@pytest.mark.parametrize("place, told", [("nowhere", "no such folder"), (".", "no waypost.yaml here")])
def test_a_folder_without_a_project_is_said(waypost: Command, tmp_path: Path, place: str, told: str) -> None:
    said = waypost("check", tmp_path / place)
    assert said.code == 1 and told in said.out and "waypost init" in said.out


def test_a_flow_that_is_switched_off_promises_nothing(waypost: Command, tmp_path: Path) -> None:
    said = waypost("check", write(tmp_path, {**PROJECT, "flows/copy.yaml": FLOW + "enabled: false\n"}))
    assert said.out.splitlines()[-1].endswith(": 0 flows, 1 off")
