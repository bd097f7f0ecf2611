"""The same cases in a second process, with another hash seed, zone and locale: what is pure comes out the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from waypost.flow.declared.definition import Project
from waypost.testing.cases.declared import CaseResult

TRUSTED = frozenset({"python"})
"""Steps whose code is the project's own and not confined: flows with one are run twice."""
_PROGRAM = "import sys; sys.path[:] = {path!r}; from waypost.testing.cases.runner import tell_digests; tell_digests()"
_OTHERWISE = {"PYTHONHASHSEED": "8191", "TZ": "Pacific/Kiritimati", "LC_ALL": "C"}
_SECONDS = 300.0
_FOUND = (
    "purity: other results in a second process with another hash seed, zone and locale; find what depends on the order "
    "of a set, on hash(), on a clock or on the environment in "
)


def again(
    results: Sequence[CaseResult], digests: Mapping[tuple[str, int], str], project: Project, root: Path,
    environment: str, only: str,
) -> list[CaseResult]:  # fmt: skip
    """The results, with a difference for each case that came out otherwise in a second process."""
    doubtful = {name: steps for name, flow in project.flows.items()
                if (steps := [use.name for use in flow.steps if use.component.name in TRUSTED])}  # fmt: skip
    if not any(result.subject in doubtful for result in results):
        return [*results]
    elsewhere = _elsewhere(root, environment, only)
    made = []
    for result in results:
        at = (result.file, result.line)
        if result.subject in doubtful and elsewhere.get(at, "") != digests.get(at, ""):
            text = _FOUND + ", ".join(f"step {name}" for name in doubtful[result.subject])
            result = replace(result, differences=(*result.differences, text))
        made.append(result)
    return made


def _elsewhere(root: Path, environment: str, only: str) -> dict[tuple[str, int], str]:
    seed = os.environ.get("PYTHONHASHSEED")
    otherwise = {**_OTHERWISE, "PYTHONHASHSEED": "4099"} if seed == _OTHERWISE["PYTHONHASHSEED"] else _OTHERWISE
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(path=[p for p in sys.path if p]), str(root), environment, only],
        env={**os.environ, **otherwise}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_SECONDS,
        check=False,
    )  # fmt: skip
    try:
        told = json.loads(done.stdout or b"[]")
    except ValueError:
        return {}
    return {(file, line): digest for file, line, digest in told}
