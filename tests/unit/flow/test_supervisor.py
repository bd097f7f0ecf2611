"""One system at a time runs on a store, and says which."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from waypost.core.errors import StoreLocked
from waypost.flow.supervisor import alone_in


def test_a_second_system_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    with alone_in(tmp_path), pytest.raises(StoreLocked, match=f"in use by process {os.getpid()}"), alone_in(tmp_path):
        pass
    with alone_in(tmp_path):
        assert (tmp_path / "run" / "lock").read_text().strip() == str(os.getpid())
