"""Every scenario runs to its end at its smallest size; what it measures there is no figure and is not looked at."""

from __future__ import annotations

import json

import pytest

from benchmarks.__main__ import SCENARIOS, main


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_comes_to_its_end_and_keeps_what_it_found(name, tmp_path):
    kept = tmp_path / "found.json"
    code = main(["--quick", "--json", "--only", name, "--folder", str(tmp_path / "work"), "--keep", str(kept)])
    found = json.loads(kept.read_text())
    assert code == 0, found["rows"]
    assert found["plan"]["name"] == "quick"
    assert {row["scenario"] for row in found["rows"]} == {name}
    assert any(row["figures"] for row in found["rows"])


def test_a_scenario_that_breaks_down_says_so_and_fails_the_run(tmp_path, monkeypatch):
    def broken(bench):
        raise RuntimeError("9 messages of 10 came out")

    monkeypatch.setattr("benchmarks.scenario.journal.run", broken)
    kept = tmp_path / "found.json"
    assert main(["--quick", "--only", "journal", "--folder", str(tmp_path), "--keep", str(kept)]) == 1
    (row,) = json.loads(kept.read_text())["rows"]
    assert row["passed"] is False
    assert "9 messages of 10 came out" in row["note"]
