"""The verbs about trading partners."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.commanding import PROJECT, Command, write


@pytest.fixture
def project(tmp_path: Path, waypost: Command) -> Path:
    root = write(tmp_path / "p", PROJECT)
    assert (
        waypost("partner", "new", "acme", "--project", root, "--id", "01:5551234", "--us", "14:4399902099992").code == 0
    )
    return root


def test_a_new_partner_is_checked_listed_and_shown(project: Path, waypost: Command) -> None:
    assert waypost("check", project).code == 0
    [row] = waypost("partner", "list", "--project", project, "--json").json["partners"]
    assert row["identities"] == ["x12 01:5551234", "x12 01:5551234T"] and row["standards"] == ["x12"]
    shown = waypost("partner", "show", "acme", "--project", project, "--json").json
    assert shown["us"][0]["id"] == "4399902099992" and shown["version"] == row["version"]
    assert "within: 1d" in waypost("partner", "show", "acme", "--project", project).out


def test_an_unknown_partner_is_answered_with_a_near_name(project: Path, waypost: Command) -> None:
    said = waypost("partner", "show", "acne", "--project", project)
    assert said.code == 2 and "did you mean 'acme'?" in said.err


@pytest.mark.parametrize("identity", ["5551234", ":1", "01:", '01:"'])
def test_an_identity_that_is_none_is_refused(tmp_path: Path, waypost: Command, identity: str) -> None:
    root = write(tmp_path / "p", PROJECT)
    assert waypost("partner", "new", "acme", "--project", root, "--id", identity).code == 2
    assert not (root / "partners").exists()


def test_a_partner_is_compared_with_a_file_and_with_the_version_that_runs(project: Path, waypost: Command) -> None:
    path = project / "partners/acme.yaml"
    before = project / "before.yaml"
    before.write_text(path.read_text())
    none = waypost("partner", "diff", "acme", "--project", project)
    assert none.code == 2 and "has run yet" in none.err
    (project / "in").mkdir()
    assert waypost("run", project, "--once").code == 0
    path.write_text(path.read_text().replace("within: 24h", "within: 12h"))
    for against in (str(before), ""):
        told = waypost("partner", "diff", "acme", *filter(None, [against]), "--project", project, "--json").json
        [change] = told["changes"]
        assert change == {"path": "x12.send.expect[997].within", "before": "1d", "after": "12h"}
        assert told["before"] != told["after"]


def test_a_flow_that_names_an_unknown_partner_is_told_the_near_one(project: Path, waypost: Command) -> None:
    flow = project / "flows/copy.yaml"
    flow.write_text(flow.read_text().replace("format: {json: {lines: true}}", "format: {x12: {partner: acne}}"))
    said = waypost("check", project)
    assert said.code == 1 and "flows/copy.yaml:5: no partner 'acne'; did you mean 'acme'?" in said.out


def test_describe_tells_what_a_partner_file_holds(waypost: Command) -> None:
    assert "identities" in waypost("describe", "partner").out
    assert waypost("describe", "partner", "--json").json["file"] == "partner"
    assert waypost("describe", "--schema", "partner").json["required"] == ["partner", "identities", "us"]


def test_an_expectation_names_a_partner_that_there_is(project: Path, waypost: Command) -> None:
    flow = project / "flows/copy.yaml"
    flow.write_text(flow.read_text() + "expect:\n  - {what: x12/997, from: acne, within: 1h}\n")
    said = waypost("check", project)
    assert said.code == 1 and "flows/copy.yaml:13: no partner 'acne'; did you mean 'acme'?" in said.out
    flow.write_text(flow.read_text().replace("acne", "acme"))
    assert waypost("check", project).code == 0
