"""The official suite of JSONata: every case passes but those of ``deviations.json``, each of which says why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.expression import Jsonata
from waypost.mapping.jsonata.value import NOTHING, equal

PLACES = [parent / "shared/corpora/jsonata/test/test-suite" for parent in Path(__file__).parents]
SUITE = next((place for place in PLACES if place.is_dir()), PLACES[-1])
DEVIATIONS: dict[str, str] = json.loads((Path(__file__).parent / "deviations.json").read_text())

if not SUITE.is_dir():
    pytest.skip(f"no corpora at {SUITE}: the official suite of JSONata is not run", allow_module_level=True)


def _cases() -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted(SUITE.glob("groups/*/*.json")):
        content = json.loads(path.read_text())
        for at, case in enumerate(content if isinstance(content, list) else [content]):
            if "expr-file" in case:
                case["expr"] = (path.parent / case["expr-file"]).read_text()
            found[f"{path.parent.name}/{path.stem}/{at}"] = case
    return found


CASES = _cases()


def verdict(case: dict[str, Any]) -> str:
    """'' where the case passes, else what came instead."""
    data = case.get("data", NOTHING)
    if case.get("dataset"):
        data = json.loads((SUITE / "datasets" / f"{case['dataset']}.json").read_text())
    try:
        made = Jsonata(case["expr"]).evaluate(data, bindings=case.get("bindings"), now=1_700_000_000_000)
    except JsonataError as error:
        wanted = case.get("code") or case.get("error", {}).get("code")
        return "" if error.code == wanted else f"raised {error}, not {wanted or case.get('result')!r}"
    if case.get("undefinedResult"):
        return "" if made is NOTHING else f"{made!r}, not nothing"
    if "result" not in case:
        return "" if case.get("unordered") else f"{made!r}, not {case.get('code') or case.get('error')}"
    wanted = case["result"]
    if case.get("unordered") and isinstance(made, list):
        made, wanted = sorted(made, key=repr), sorted(wanted, key=repr)
    return "" if equal(made, wanted) else f"{made!r}, not {wanted!r}"


@pytest.mark.parametrize("name", CASES)
def test_a_case_of_the_official_suite_passes(name: str) -> None:
    found = verdict(CASES[name])
    if name in DEVIATIONS:
        assert found, f"{name} passes now: take it from deviations.json"
    else:
        assert not found, found


def test_at_least_ninety_five_of_a_hundred_cases_pass() -> None:
    assert set(DEVIATIONS) <= set(CASES)
    assert 1 - len(DEVIATIONS) / len(CASES) >= 0.95
