"""``python -m tests.mutants``: change one thing in the compiler of maps, and see whether a test notices.

Each mutant is a copy of a function with one operator, constant, condition or result changed. The tests are collected
once; each mutant is put in place of its function in a process forked from there, which runs the tests that come to the
function, the quickest first, until one fails. What no test notices *survives* and is printed with its place. A mutant
that hangs, dies or takes too much memory counts as noticed, one that means the same as before as a survivor.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import time
from collections import Counter
from functools import partial

import pytest

from tests.mutants.change import Mutant, mutants
from tests.mutants.trial import Reach, collected, noticed, reach_of

MODULES = tuple(f"waypost.mapping.{name}" for name in ("compiler", "plain", "writer", "rows", "missing", "compile"))
TESTS = (
    "tests/unit/mapping/test_ways.py", "tests/unit/mapping/test_written.py", "tests/unit/mapping/test_missing.py",
    "tests/unit/mapping/test_strict.py", "tests/unit/mapping/test_map.py", "tests/unit/mapping/test_map_words.py",
    "tests/unit/mapping/test_reference.py",
    "tests/unit/mapping/test_expression.py", "tests/unit/mapping/test_shared_function.py",
    "tests/properties/test_expression_maps.py", "tests/properties/test_expression_properties.py",
)  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """What may be asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="so many mutants, drawn by chance; 0 for all")
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="one draw for each")
    parser.add_argument("--least", type=float, default=80.0, help="percent that must be noticed")
    parser.add_argument("--modules", nargs="*", default=MODULES, help="other modules than those of the compiler")
    parser.add_argument("--tests", nargs="*", default=TESTS, help="other tests")
    return parser


def main() -> int:
    """Print the survivors and the score of each module; 1 below ``--least``."""
    asked = parser().parse_args()
    return collected(asked.tests, partial(_tried, asked))


def _tried(asked: argparse.Namespace, items: list[pytest.Item]) -> int:
    begun = time.monotonic()
    for module in asked.modules:
        importlib.import_module(module)
    found = [mutant for module in asked.modules for mutant in mutants(module)]
    reaches = reach_of(items, asked.modules)
    if isinstance(reaches, str):
        print(f"{reaches} fails without a mutant", file=sys.stderr)
        return 2
    took = time.monotonic() - begun
    print(f"{len(found)} mutants; {len(items)} tests run once without one in {took:.0f} s", flush=True)
    return max(_scored(asked, seed, found, reaches) for seed in asked.seed)


def _scored(asked: argparse.Namespace, seed: int, found: list[Mutant], reaches: list[Reach]) -> int:
    begun = time.monotonic()
    chosen = random.Random(seed).sample(found, min(asked.count or len(found), len(found)))
    chosen.sort(key=lambda mutant: (mutant.module, mutant.line))
    print(f"{len(chosen)} drawn by seed {seed}", flush=True)
    tried: Counter[str] = Counter()
    killed: Counter[str] = Counter()
    for mutant in chosen:
        answer = noticed(mutant, reaches)
        if answer is None:
            print(f"not put in place  {mutant.place}  {mutant.what}", flush=True)
            continue
        tried[mutant.module] += 1
        killed[mutant.module] += answer
        if not answer:
            print(f"survived  {mutant.place}  {mutant.what}", flush=True)
    for module in tried:
        print(f"{module}: {killed[module]} of {tried[module]} noticed, {100 * killed[module] / tried[module]:.1f} %")
    score = 100.0 * killed.total() / tried.total() if tried else 0.0
    print(f"{killed.total()} of {tried.total()} noticed: {score:.1f} % in {time.monotonic() - begun:.0f} s", flush=True)
    return 0 if score >= asked.least else 1


if __name__ == "__main__":
    sys.exit(main())
