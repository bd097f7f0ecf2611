"""What there is to build with is described as text, as JSON, as schemas and as pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.repository import ROOT
from tests.unit.cli.commanding import FLOW, Command
from waypost.cli.file_schema import FILES, file_schema
from waypost.cli.main import build
from waypost.cli.reference import pages, stale, write_pages
from waypost.core.describe.page import NOTICE
from waypost.core.registry import registry
from waypost.core.yamlfile import parse_yaml

REGISTRY, COMMAND = registry, build()


class TestDescribe:
    def test_everything_is_listed(self, waypost: Command) -> None:
        out = waypost("describe").out
        assert all(f"  {component.name} " in out for component in REGISTRY)
        assert {(row["kind"], row["name"]) for row in waypost("describe", "--json").json} == {
            (component.kind, component.name) for component in REGISTRY
        }

    def test_one_kind_is_listed(self, waypost: Command) -> None:
        rows = waypost("describe", "format", "--json").json
        assert [row["name"] for row in rows] == REGISTRY.names("format")

    def test_a_component_is_described_with_its_options(self, waypost: Command) -> None:
        out = waypost("describe", "source", "directory").out
        assert out.startswith("source directory\n") and "poll_seconds  number" in out
        assert waypost("describe", "source", "directory", "--json").json["options"][0]["name"] == "path"

    def test_a_name_alone_means_everything_of_that_name(self, waypost: Command) -> None:
        out = waypost("describe", "directory").out
        assert "source directory\n" in out and "target directory\n" in out

    def test_errors_and_states_are_described(self, waypost: Command) -> None:
        assert "The disk has no room left" in waypost("describe", "error", "store-full").out
        states = waypost("describe", "state", "--json").json
        assert {"dead", "parked", "delivered"} <= {row["name"] for row in states}
        assert all(row["summary"].endswith(".") for row in states)
        assert waypost("describe", "error", "store-ful").err.endswith("did you mean 'store-full'?\n")


def validator(name: str) -> Any:
    return jsonschema_rs.validator_for(file_schema(name, REGISTRY))


def read(text: str) -> Any:
    return parse_yaml(text, "x", []).data


class TestSchemas:
    @pytest.mark.parametrize("name", FILES)
    def test_the_schema_of_each_file_is_sound_and_printed(self, waypost: Command, name: str) -> None:
        schema = json.loads(waypost("describe", "--schema", name).out)
        jsonschema_rs.meta.validate(schema)
        assert schema["title"]

    def test_every_component_has_a_schema(self, waypost: Command) -> None:
        for component in REGISTRY:
            assert file_schema(f"{component.kind}/{component.name}", REGISTRY)["description"] == component.summary
        assert json.loads(waypost("describe", "--schema", "format/csv").out)["title"] == "format csv"

    def test_a_flow_fits(self) -> None:
        assert validator("flow").is_valid(read(FLOW))
        assert validator("flow").is_valid(read(FLOW.replace("{json: {lines: true}}", "json")))

    @pytest.mark.parametrize(
        "was, now, why",
        [
            ("directory: {path: in", "directory: {pth: in", "an unknown option of a source"),
            ("- filter: n >= 0", "- filtr: n >= 0", "an unknown step"),
            ("{path: out, append: true}", "{path: out, append: maybe}", "a wrong type in a target"),
            ("owner: ops\n", "", "a required option is missing"),
            ("order_by: k", "ordr_by: k", "an unknown option of a nested mapping"),
            ("out: {directory", "out: {memory: {}, directory", "two connectors in one target"),
            ("{json: {lines: true}}", "jsn", "an unknown format"),
        ],
    )
    def test_a_mistake_in_a_flow_does_not_fit(self, was: str, now: str, why: str) -> None:
        assert was in FLOW
        assert not validator("flow").is_valid(read(FLOW.replace(was, now))), why

    def test_a_connection_fits_the_options_of_its_kind(self) -> None:
        connections = validator("connections")
        assert connections.is_valid(read("erp: {kind: http, class: prod, address: '${erp_address}'}"))
        assert not connections.is_valid(read("erp: {kind: http, adress: x}"))
        assert not connections.is_valid(read("erp: {kind: htp, address: x}"))
        assert not connections.is_valid(read("erp: {address: x}"))

    def test_an_environment_says_its_class(self) -> None:
        environment = validator("environment")
        assert environment.is_valid(read("environment: prod\nclass: prod\nsecrets: {p: {variable: P}}"))
        assert not environment.is_valid(read("environment: prod\nenvironment_class: prod"))

    def test_a_project_fits(self) -> None:
        assert validator("project").is_valid(read("name: x\nretention: {dead: 10d}"))
        assert not validator("project").is_valid(read("nam: x"))


class TestPages:
    def test_the_committed_pages_are_fresh(self) -> None:
        folder, wanted = ROOT / "docs" / "reference", pages(REGISTRY, COMMAND)
        old = [p for p, text in wanted.items() if not (folder / p).is_file() or (folder / p).read_text("utf-8") != text]
        assert old + stale(folder, wanted) == [], "run: make docs"

    def test_there_is_a_page_for_each_component_and_the_list_leads_to_every_page(self) -> None:
        wanted = pages(REGISTRY, COMMAND)
        assert {f"{c.kind}/{c.name}.md" for c in REGISTRY} <= set(wanted)
        assert all(path == "README.md" or f"({path})" in wanted["README.md"] for path in wanted)

    def test_writing_them_twice_changes_nothing(self, tmp_path: Path) -> None:
        assert set(write_pages(tmp_path, REGISTRY, COMMAND)) == set(pages(REGISTRY, COMMAND))
        assert write_pages(tmp_path, REGISTRY, COMMAND) == []

    def test_the_page_of_a_component_that_is_gone_is_removed_and_pages_of_people_stay(
        self, waypost: Command, tmp_path: Path
    ) -> None:
        waypost("describe", "--pages", tmp_path)
        assert (tmp_path / "cli.md").read_text() == pages(REGISTRY, COMMAND)["cli.md"], "verbs without their options"
        (tmp_path / "source" / "gone.md").write_text(f"{NOTICE}\n\n# Gone\n")
        (tmp_path / "mine.md").write_text("# Mine\n")
        (tmp_path / "cli.md").write_text("old")
        assert waypost("describe", "--pages", tmp_path, "--json").json == {"changed": ["cli.md", "source/gone.md"]}
        assert (tmp_path / "mine.md").exists() and not (tmp_path / "source" / "gone.md").exists()

    def test_the_example_flow_of_the_reference_fits_its_schema(self) -> None:
        page = pages(REGISTRY, COMMAND)["flow.md"]
        assert validator("flow").is_valid(read(page.split("```yaml\n")[1].split("```")[0]))
