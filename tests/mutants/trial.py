"""Tests collected once, then run for each mutant in a process forked for it: only those that come to the function."""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import Phase, settings

from tests.mutants.change import Mutant, mark, put_in_place

_EXAMPLES = 100
"""Most examples of a property test: those that notice a change notice it early."""
_LONG_SECONDS = 2.0
"""Tests that take longer, of the bounds of work above all, are left out."""
_MORE_BYTES = 2 << 30
"""Memory that a mutant may take beyond what this process has."""
_WALL_SECONDS = 900
_NOT_PLACED, _SURVIVED, _NOTICED, _BROKEN = 3, 4, 5, 6


@dataclass
class Reach:
    """Where one test comes to, and the processor time it takes."""

    item: pytest.Item
    lines: set[tuple[str, int]]
    seconds: float


def collected(tests: Iterable[str], then: Callable[[list[pytest.Item]], int]) -> int:
    """What ``then`` answers, called in this process with the tests collected and none of them run."""
    os.environ.pop("CI", None)
    settings.register_profile(
        "mutants", derandomize=True, database=None, phases=[Phase.explicit, Phase.generate], deadline=None
    )
    settings.load_profile("mutants")
    plugin = _Loop(then)
    arguments = ["-s", "-o", "timeout=0", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    arguments += [word for name in ("xdist", "cacheprovider") for word in ("-p", f"no:{name}")]
    code = pytest.main([*arguments, *tests], plugins=[plugin])
    if plugin.answer is None:
        print(f"the tests cannot be collected: pytest ended with {code}", file=sys.stderr)
        return 2
    return plugin.answer


class _Loop:
    def __init__(self, then: Callable[[list[pytest.Item]], int]) -> None:
        self.then = then
        self.answer: int | None = None
        self.failed = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if not session.testsfailed:
            for item in session.items:
                _fewer_examples(getattr(item, "obj", None))
            gc.collect()
            gc.freeze()
            self.answer = self.then(session.items)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A failure ends the forked process at once."""
        if report.failed:
            os._exit(_NOTICED)


def _fewer_examples(test: Any) -> None:
    own = getattr(test, "_hypothesis_internal_use_settings", None)
    if own is not None and own.max_examples > _EXAMPLES:
        test._hypothesis_internal_use_settings = settings(own, max_examples=_EXAMPLES)


def _run(item: pytest.Item) -> None:
    """Run one test; a failure ends this process with ``_NOTICED``."""
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)


def reach_of(items: list[pytest.Item], modules: Iterable[str]) -> list[Reach] | str:
    """Where each test comes to in ``modules``; or the name of one that fails without any change."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _watched(items, modules, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        told = [json.loads(line) for line in pipe]
    os.waitpid(child, 0)
    if len(told) < len(items):
        return items[len(told)].nodeid
    return [
        Reach(item, {(file, line) for file, lines in reached.items() for line in lines}, seconds)
        for item, (reached, seconds) in zip(items, told, strict=True)
        if seconds < _LONG_SECONDS
    ]


def _watched(items: list[pytest.Item], modules: Iterable[str], writing: int) -> None:
    """Run each test in a process of its own, with marks in the modules, and tell of each where it came to."""
    reached = {str(sys.modules[module].__file__): mark(module) for module in modules}
    for item in items:
        child = os.fork()
        if child == 0:
            _told(item, reached, writing)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != _SURVIVED:
            break


def _told(item: pytest.Item, reached: dict[str, set[int]], writing: int) -> None:
    """Run one test, tell where it came to and how long it took, and end this process; after a while at the latest."""
    begun = time.process_time()

    def tell(*_: Any) -> None:
        answer = {file: sorted(lines) for file, lines in reached.items()}, time.process_time() - begun
        os.write(writing, json.dumps(answer).encode() + b"\n")
        os._exit(_SURVIVED)

    _quiet()
    signal.signal(signal.SIGPROF, tell)
    signal.setitimer(signal.ITIMER_PROF, _LONG_SECONDS + 0.1)
    _run(item)
    tell()


def noticed(mutant: Mutant, reaches: list[Reach]) -> bool | None:
    """Whether a test fails, hangs or dies; None where the mutant cannot be put in place. Tests that come to the very
    line are run first, the quickest of them first of all."""
    line = (mutant.file, mutant.statement)
    chosen = [each for each in reaches if (mutant.file, mutant.begins) in each.lines]
    chosen.sort(key=lambda each: (line not in each.lines, each.seconds))
    child = os.fork()
    if child == 0:
        try:
            _tried(mutant, chosen)
        finally:
            os._exit(_BROKEN)
    end = time.monotonic() + _WALL_SECONDS
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            if code == _BROKEN:
                raise RuntimeError(f"{mutant.place} could not be tried")
            return None if code == _NOT_PLACED else code != _SURVIVED
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def _tried(mutant: Mutant, chosen: list[Reach]) -> None:
    os.setsid()
    _quiet()
    if not put_in_place(mutant):
        os._exit(_NOT_PLACED)
    resource.setrlimit(resource.RLIMIT_AS, (_virtual_bytes() + _MORE_BYTES,) * 2)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    for reach in chosen:
        # One that takes many times as long as without a change hangs; the signal ends the process.
        signal.setitimer(signal.ITIMER_PROF, 2 + 10 * reach.seconds)
        _run(reach.item)
    os._exit(_SURVIVED)


def _virtual_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _quiet() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
