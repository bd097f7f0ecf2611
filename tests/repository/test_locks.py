"""The lock files pin everything that is declared, by hash, and say nothing of where it comes from."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.repository import ROOT, assert_none

LOCKS = ("base", "build", "dev")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; .+?)?((?: --hash=sha256:[0-9a-f]{64})+)$")


def entries(lock: str) -> list[str]:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    return [" ".join(line.split()) for line in text.replace("\\\n", " ").splitlines() if line.strip()]


@cache
def pins(lock: str) -> dict[str, str]:
    matches = [PIN.match(entry) for entry in entries(lock)]
    return {canonicalize_name(match[1]): match[2] for match in matches if match}


def declared() -> dict[str, list[str]]:
    """The requirements each lock must hold."""
    data: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = data["project"], data["dependency-groups"]
    extras = [r for extra in project["optional-dependencies"].values() for r in extra]
    dev = [r for r in groups["dev"] if isinstance(r, str)]
    return {
        "base": project["dependencies"],
        "build": groups["build"],
        "dev": [*project["dependencies"], *extras, *groups["build"], *dev],
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_nothing_but_pinned_versions_with_hashes(lock: str) -> None:
    assert_none(entry for entry in entries(lock) if not PIN.match(entry))
    assert len(pins(lock)) == len(entries(lock))


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_no_address(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    assert re.findall(r"\S*(?:://|file:|@ )\S*", text) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_declared_requirement_is_pinned_within_its_bounds(lock: str) -> None:
    for text in declared()[lock]:
        requirement = Requirement(text)
        pinned = pins(lock).get(canonicalize_name(requirement.name))
        assert pinned is not None, f"{text} is not in requirements/{lock}.lock: run tools/lock"
        assert requirement.specifier.contains(Version(pinned)), f"{text}, pinned {pinned}: run tools/lock"


@pytest.mark.parametrize("lock", ["base", "build"])
def test_the_demo_runs_on_the_versions_that_are_tested(lock: str) -> None:
    assert pins(lock).items() - pins("dev").items() == set()
