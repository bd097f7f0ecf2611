"""What ``init`` and ``new`` write needs no repair: it lints clean, its cases pass, its conformance tests pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tests.repository import ROOT
from tests.unit.cli.commanding import PROJECT, Command, write
from waypost.cli.scaffold import write_files
from waypost.core.errors import Fault, UsageError
from waypost.core.registry import registry
from waypost.flow.declared.project import load_project
from waypost.mapping.reader import read_map


class TestInit:
    def test_the_project_checks_its_cases_pass_and_it_runs(self, waypost: Command, tmp_path: Path) -> None:
        folder = tmp_path / "My Orders"
        said = waypost("init", folder)
        assert said.code == 0 and "waypost check" in said.out
        assert waypost("check", folder).code == 0
        tested = waypost("test", folder)
        assert tested.code == 0 and "3 passed" in tested.out
        assert waypost("run", folder, "--once", "--quiet").code == 0
        assert (folder / "out").is_dir() and len(list((folder / "out").iterdir())) >= 1
        assert load_project(folder).options.name == "my-orders"

    def test_it_says_every_file_as_json(self, waypost: Command, tmp_path: Path) -> None:
        written = waypost("init", tmp_path, "--json").json["written"]
        assert {"waypost.yaml", "flows/orders.yaml", "tests/orders.yaml", ".gitignore"} <= set(written)
        assert all((tmp_path / path).is_file() for path in written)

    def test_a_folder_with_something_in_it_is_left_alone(self, waypost: Command, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_text("x")
        said = waypost("init", tmp_path)
        assert said.code == 2 and "'mine.txt'" in said.err
        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

    def test_a_fresh_git_repository_counts_as_empty(self, waypost: Command, tmp_path: Path) -> None:
        (tmp_path / ".git").mkdir()
        assert waypost("init", tmp_path).code == 0


REGISTRY = registry


BY_A_FILE = {
    name
    for name in REGISTRY.names("format")
    if any("ProjectPath" in str(field.type) for field in REGISTRY.find("format", name).spec.fields)
}
"""Formats whose records a file of the project describes, which nobody can make up."""


def flows() -> Iterator[tuple[str, str, str]]:
    """Every source with every target once, and every format."""
    sources, targets = REGISTRY.names("source"), REGISTRY.names("target")
    formats = [name for name in REGISTRY.names("format") if name not in BY_A_FILE]
    for i, (source, target) in enumerate(product(sources, targets)):
        yield source, target, formats[i % len(formats)]


class TestNewFlow:
    @pytest.mark.parametrize("source, target, form", list(flows()))
    def test_a_flow_of_any_parts_lints_clean(
        self, waypost: Command, tmp_path: Path, source: str, target: str, form: str
    ) -> None:
        write(tmp_path, {"waypost.yaml": "name: p\n"})
        if target == "channel":  # a channel nobody reads is a fault, and it is right that it is
            reader = "flow: reader\ndescription: Reads.\nowner: x\nsource: {channel: orders}\n"
            write(tmp_path, {"flows/reader.yaml": reader + "targets: {t: {memory: {channel: x}}}\n"})
        if (source, target) == ("channel", "channel"):
            pytest.skip("both examples name the same channel, which goes round in a circle")
        new = ("new", "flow", "my-flow", "--project", tmp_path)
        said = waypost(*new, "--source", source, "--target", target, "--format", form)
        assert said.code == 0, said.err
        if "as2" in (source, target):  # nobody can make up certificates
            checked = waypost("check", tmp_path)
            assert checked.code == 1 and "make it" in checked.out
            assert all("partners/" in line for line in checked.out.splitlines()), checked.out
            write(tmp_path, {"partners/us.pem": "ours", "partners/acme.pem": "theirs"})
        checked = waypost("check", tmp_path)
        assert checked.code == 0, checked.out
        assert load_project(tmp_path).flows["my-flow"].source.component.name == source

    @pytest.mark.parametrize("form", sorted(BY_A_FILE))
    def test_a_format_that_a_file_describes_says_which_is_to_be_made(
        self, waypost: Command, tmp_path: Path, form: str
    ) -> None:
        write(tmp_path, {"waypost.yaml": "name: p\n"})
        assert waypost("new", "flow", "my-flow", "--project", tmp_path, "--format", form).code == 0
        checked = waypost("check", tmp_path)
        assert checked.code == 1 and "no file 'schemas/" in checked.out and "make it" in checked.out

    def test_a_connection_the_project_has_is_used_and_none_is_added(self, waypost: Command, tmp_path: Path) -> None:
        connections = "shop: {kind: http, address: 'https://shop.example'}\n"
        write(tmp_path, {"waypost.yaml": "name: p\n", "connections.yaml": connections})
        assert waypost("new", "flow", "f", "--target", "http", "--project", tmp_path).code == 0
        assert (tmp_path / "connections.yaml").read_text() == connections
        assert load_project(tmp_path).flows["f"].targets["out"].use.options.connection == "shop"

    def test_a_connection_is_added_behind_those_that_are_there(self, waypost: Command, tmp_path: Path) -> None:
        connections = "# mine\ndb: {kind: sql, address: 'sqlite:///x.db'}"
        write(tmp_path, {"waypost.yaml": "name: p\n", "connections.yaml": connections})
        assert waypost("new", "flow", "f", "--target", "http", "--project", tmp_path).code == 0
        assert (tmp_path / "connections.yaml").read_text().startswith(connections + "\n")
        assert set(load_project(tmp_path).connections) == {"db", "erp"}

    @pytest.mark.parametrize(
        "arguments, told",
        [
            (("flow", "copy"), "is there already"),
            (("flow", "Not A Name"), "a name such as"),
            (("flow", "f", "--source", "sftpp"), "no source 'sftpp'"),
            (("flow", "f", "--format", "jsn"), "did you mean 'json'?"),
            (("connector", "x"), "no source checkout"),
            (("step", "../x"), "a name such as"),
        ],
    )
    def test_what_cannot_be_written_is_said_and_nothing_is_written(
        self, waypost: Command, tmp_path: Path, arguments: tuple[str, ...], told: str
    ) -> None:
        write(tmp_path, PROJECT)
        before = sorted(path.name for path in tmp_path.rglob("*"))
        said = waypost("new", *arguments, "--project", tmp_path)
        assert said.code == 2 and told in said.err
        assert sorted(path.name for path in tmp_path.rglob("*")) == before

    def test_outside_of_a_project_there_are_no_flows(self, waypost: Command, tmp_path: Path) -> None:
        said = waypost("new", "flow", "f", "--project", tmp_path)
        assert said.code == 2 and "is no project" in said.err


def test_a_new_map_and_a_new_step_lint_clean_in_a_flow(waypost: Command, tmp_path: Path) -> None:
    write(tmp_path, PROJECT)
    assert waypost("new", "map", "sales", "--project", tmp_path).code == 0
    assert waypost("new", "step", "mark_seen", "--project", tmp_path, "--json").json["written"] == [
        "steps/mark_seen.py"
    ]
    faults: list[Fault] = []
    read_map((tmp_path / "maps/sales.map.yaml").read_text(), "sales", faults)
    assert faults == []
    flow = tmp_path / "flows/copy.yaml"
    flow.write_text(
        flow.read_text().replace("steps:\n", "steps:\n  - map: maps/sales.map.yaml\n  - python: steps/mark_seen.py\n")
    )
    assert waypost("check", tmp_path).out.startswith("copy\n")


def test_files_are_written_all_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        write_files(tmp_path, {"a": "1", "b": "2"})
    assert not (tmp_path / "a").exists() and (tmp_path / "b").read_text() == "mine"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, as a developer has them."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tests" / "conformance").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("kind", ["connector", "format", "step"])
def test_a_new_component_passes_its_conformance_tests_as_it_is(waypost: Command, checkout: Path, kind: str) -> None:
    said = waypost("new", kind, f"sample_{kind}", "--project", checkout)
    assert said.code == 0, said.err
    source, test = said.out.splitlines()[:2]
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    options = ["-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(checkout)]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-o", f"pythonpath={checkout / 'src'}", test],
        env=environment, cwd=checkout, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    assert ran.stdout.count(".") >= 10, ran.stdout
    linted = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), source, test],
        capture_output=True, text=True,
    )  # fmt: skip
    assert linted.returncode == 0, linted.stdout
