"""Where a project's HTTP listener listens: written once, different from one environment to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from waypost.core.binding import split_listen
from waypost.core.errors import ProjectError
from waypost.flow.declared.project import load_project

FLOW = "flow: f\ndescription: d\nowner: o\nsource: {http: /orders}\ntargets: {out: {directory: out}}\n"


def project(root: Path, listen: str, environment: str = "environment: dev\nvalues: {port: 8099}\n") -> Path:
    for name, text in {
        "waypost.yaml": f"name: p\nlisten: {listen}\nvalues: {{port: number}}\n",
        "flows/f.yaml": FLOW,
        "environments/dev.yaml": environment,
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_address_may_come_from_the_environment(tmp_path: Path) -> None:
    loaded = load_project(project(tmp_path, "{address: '127.0.0.1:${port}'}"))
    assert split_listen(loaded.options.listen.address) == ("127.0.0.1", 8099)


def test_a_value_the_environment_does_not_have_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"waypost\.yaml:2: no value 'prot' in environment 'dev'"):
        load_project(project(tmp_path, "{address: '127.0.0.1:${prot}'}"))


@pytest.mark.parametrize("address", ["8080", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:65536", ":8080", "::1:8080"])
def test_what_is_no_host_and_port_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(ProjectError, match="host and port, such as"):
        load_project(project(tmp_path, f"{{address: '{address}'}}"))


def test_an_address_of_ip_version_six_stands_in_brackets() -> None:
    assert split_listen("[::1]:8080") == ("::1", 8080)
