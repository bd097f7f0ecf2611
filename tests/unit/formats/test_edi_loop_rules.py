"""Rules bound to loops: asked as a loop ends, of what stands in it, on the quick path as on the slow one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.formats.edi.schema.code_list import CodeLists
from waypost.formats.edi.schema.load import library
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.schema.validator import Validator

MARKS = Marks("*", ":", "", "~")
DICTIONARY = """
elements: {1: AN 1..9, 2: R 1..9, 3: DT 8, 4: ID 1..6}
segments: {TOP: [2!], CLM: [1!, 2!, 4], AMT: [4!, 2!], LX: [1!], SV: [4!, 2!, 3], LS: [4!], LE: [4!]}
"""
CLAIMS = """
standard: x12
body:
  - TOP!
  - loop: "2300"
    body:
      - CLM!
      - AMT*5
      - LS
      - {loop: "2400", max: 50, body: [LX!, SV!, AMT*5]}
      - LE
rules:
  - {id: total, level: 3, expression: TOP/1 == sum(CLM/2)}
  - {id: balance, level: 3, at: "2300", expression: CLM/2 == sum(SV/2)}
  - {id: paid, level: 4, at: "2300", expression: "implies(CLM/3 == 'P', present(AMT, AMT/1 == 'D'))"}
  - {id: own, level: 4, at: "2300", expression: count(own(AMT)) <= 1}
  - {id: lines, level: 4, at: "2300/2400", expression: "SV/2 <= outer(CLM/2)"}
  - {id: known, level: 5, at: "2400", expression: "code('service', SV/1, SV/3)"}
  - {id: dated, level: 4, at: "2400", expression: "implies(SV/1 == 'B', present(SV/3))"}
"""
SOUND = ["TOP*30", "CLM*A*10", "LX*1", "SV*A*4", "LX*2", "SV*A*6", "CLM*B*20*P", "AMT*D*1", "LX*1", "SV*B*20*20240105"]


def validator(folder: Path) -> Validator:
    """One for claims with service lines, and a list of services."""
    (folder / "dictionary.yaml").write_text(DICTIONARY)
    (folder / "M.yaml").write_text(CLAIMS)
    (folder / "service.csv").write_text(
        "code,valid_from,valid_to,label\nA,,,any day\nB,2024-01-01,2024-01-31,January\n"
    )
    return Validator(library().file(folder / "M.yaml"), MARKS, CodeLists([folder]))


def changed(*changes: tuple[str, str]) -> list[str]:
    return [dict(changes).get(segment, segment) for segment in SOUND]


@pytest.fixture
def claims(tmp_path: Path) -> Validator:
    return validator(tmp_path)


def test_a_message_with_rules_of_loops_is_accepted_on_the_quick_path(claims: Validator) -> None:
    assert claims.accepts(SOUND)
    assert claims.findings(SOUND) == ([], 0)


@pytest.mark.parametrize(
    "change, found",
    [
        (("SV*A*6", "SV*A*7"), ("balance", "total", "CLM", 3, 2, "/2300")),
        (("TOP*30", "TOP*31"), ("total", "total", "TOP", 2, 1, "")),
        (("AMT*D*1", "AMT*F*1"), ("paid", "rule", "AMT", 9, 0, "/2300")),
        (("SV*B*20*20240105", "SV*B*20*20240205"), ("known", "code-list", "SV", 11, 1, "/2300/2400")),
        (("SV*B*20*20240105", "SV*C*20"), ("known", "code-list", "SV", 11, 1, "/2300/2400")),
        (("SV*B*20*20240105", "SV*B*20"), ("dated", "element-conditional", "SV", 11, 3, "/2300/2400")),
    ],
    ids=lambda v: v[0] if len(v) > 2 else "",
)
def test_a_broken_rule_names_its_loop_and_segment(
    claims: Validator, change: tuple[str, str], found: tuple[object, ...]
) -> None:
    segments = changed(change)
    assert not claims.accepts(segments)
    said = [(f.rule, f.code, f.segment, f.position, f.element, f.loop) for f in claims.findings(segments)[0]]
    assert said == [found]


def test_what_stands_in_inner_loops_is_not_the_loops_own(claims: Validator) -> None:
    inside = [*SOUND[:4], "AMT*D*1", "AMT*D*1", *SOUND[4:]]
    assert claims.accepts(inside)
    outside = [*SOUND[:2], "AMT*D*1", "AMT*D*1", *SOUND[2:]]
    assert [f.rule for f in claims.findings(outside)[0]] == ["own"]


def test_a_line_is_compared_with_the_claim_around_it(claims: Validator) -> None:
    segments = changed(("SV*A*6", "SV*A*16"), ("SV*A*4", "SV*A*-6"))
    assert [f.rule for f in claims.findings(segments)[0]] == ["lines"]


@pytest.mark.parametrize(
    "bounds, wrong", [(("LS*A", "LE*A"), 0), (("LS*A", "LE*B"), 1), (("LS*A", ""), 1), (("", "LE*A"), 1)]
)
def test_bounds_of_loops_name_the_same_loop(claims: Validator, bounds: tuple[str, str], wrong: int) -> None:
    segments = [s for s in ["TOP*10", "CLM*A*10", bounds[0], "LX*1", "SV*A*10", bounds[1]] if s]
    assert claims.accepts(segments) == (not wrong)
    assert [f.code for f in claims.findings(segments)[0]] == ["loop-bounds"] * wrong


def test_a_code_list_with_a_wrong_date_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("code,valid_from\nA,soon\n")
    with pytest.raises(Exception, match=r"x\.csv:2: valid_from 'soon'; expected a date"):
        CodeLists([tmp_path]).holds("x", "A")


KEPT: list[Validator] = []


@given(st.lists(st.sampled_from([*SOUND, "SV*C*1", "SV*B*2", "AMT*D*3", "CLM*C*4*P", "LS*A", "LE*A"]), max_size=14))
def test_both_paths_agree_on_rules(tmp_path_factory: pytest.TempPathFactory, segments: list[str]) -> None:
    if not KEPT:
        KEPT.append(validator(tmp_path_factory.mktemp("claims")))
    whole = ["TOP*30", *segments]
    found = KEPT[0].findings(whole)[0]
    assert KEPT[0].accepts(whole) == (not found), found


def test_loops_that_open_alike_are_told_apart_by_what_follows(tmp_path: Path) -> None:
    (tmp_path / "dictionary.yaml").write_text("elements: {1: AN 1..9}\nsegments: {LOC: [1!], DIM: [1!], EQD: [1!]}\n")
    (tmp_path / "M.yaml").write_text("body:\n  - {loop: A, body: [LOC!, DIM!]}\n  - {loop: B, body: [LOC!, EQD!]}\n")
    alike = Validator(library().file(tmp_path / "M.yaml"), MARKS)
    assert alike.findings(["LOC*1", "DIM*1", "LOC*2", "EQD*2", "LOC*3", "EQD*3"])[0] == []
    assert alike.findings(["LOC*1", "EQD*2"])[0] == []
