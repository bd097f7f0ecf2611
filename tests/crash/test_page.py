"""The page on the proofs says what can be run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.mutants.__main__ import parser as of_mutants
from waypost.testing.crash.__main__ import parser as of_crash
from waypost.testing.ledger.__main__ import parser as of_ledger
from waypost.testing.ledger.plants import PLANTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/proofs.md").read_text("utf-8")
PARSERS = {"waypost.testing.crash": of_crash, "waypost.testing.ledger": of_ledger, "tests.mutants": of_mutants}


@pytest.mark.parametrize("command", re.findall(r"^\$ python -m (.*)$", PAGE, re.MULTILINE))
def test_a_command_of_the_page_is_understood(command: str) -> None:
    module, *arguments = shlex.split(command)
    PARSERS[module]().parse_args(arguments)


def test_every_plant_of_the_ledger_is_on_the_page() -> None:
    assert {name for name in PLANTS if f"`{name}`" in PAGE} == set(PLANTS)


def test_every_file_the_page_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", PAGE)
    assert len(named) >= 6
    assert [name for name in named if not (ROOT / name).exists()] == []
