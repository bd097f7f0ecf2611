"""The examples in the docstrings of the formats are true."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "module", ["place", "edi.envelope", "edi.schema.model", "edi.schema.notation", "edi.examine.release"]
)
def test_examples_are_true(module: str) -> None:
    results = doctest.testmod(importlib.import_module(f"waypost.formats.{module}"))
    assert (results.failed, results.attempted > 0) == (0, True)
