"""A missing server is never passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

ASKS = """
import pytest
from tests.peers import plugin

@pytest.mark.parametrize("name, found", [("ssh", None), ("postgres", "/usr/bin")])
def test_it(pytestconfig, name, found):
    plugin.require(pytestconfig, name, found)
"""


@pytest.fixture
def asking(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.delenv("PEERS", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    pytester.makeconftest('pytest_plugins = ["tests.peers.plugin"]')
    pytester.makepyfile(ASKS)
    return pytester


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one-process", "xdist"])
def test_a_missing_server_skips_and_is_counted(asking: pytest.Pytester, workers: tuple[str, ...]) -> None:
    result = asking.runpytest_subprocess("-rs", *workers)
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*PEER MISSING: ssh; run tools/setup*"])
    result.stdout.fnmatch_lines(["peers: 1 used, 1 missing (ssh: run tools/setup)"])


def test_a_missing_server_fails_where_servers_are_required(
    asking: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEERS", "required")
    result = asking.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*PEER MISSING: ssh; run tools/setup (PEERS=required)*"])
