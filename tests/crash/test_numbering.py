"""Control numbers survive kills of real processes: no gap, no repetition."""

from __future__ import annotations

from pathlib import Path

import pytest

from waypost.testing.numbering import judge
from waypost.testing.numbering.project import line
from waypost.testing.numbering.trial import Plan, Trial


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_no_gap_and_no_repetition_after_kills(tmp_path: Path) -> None:
    result = Trial(tmp_path / "project", Plan(kills=15, workers=2, kill_every=0.4, seed=3, timeout_seconds=300)).run()
    assert result.faults == [] and result.kills.total() == 15


def test_the_judge_finds_gaps_and_repetitions(tmp_path: Path) -> None:
    text = (
        "ISA*00*          *00*          *ZZ*WAYPOST        *ZZ*ACME           *260412*0715*U*00401*{0:09}*0*T*>~"
        "GS*PR*WAYPOST*ACME*20260412*0715*{0}*X*004010~ST*855*{1:04}~BAK*00*AC*{2}*20260412~SE*3*{1:04}~"
        "GE*1*{0}~IEA*1*{0:09}~"
    )
    for at, (number, message) in enumerate([(1, 0), (2, 2), (2, 4), (4, 6)]):
        (tmp_path / f"{at}.edi").write_text(text.format(number, 999 + number, message))
    found = judge.faults(tmp_path, 8)
    assert "acme isa: number 2 was given 2 times" in found and "acme gs: number 3 is missing" in found
    assert "message 1: sent 0 times" in found and '"id": "3"' in line(3)
