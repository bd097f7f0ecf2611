"""No pattern of a schema holds up a worker: each is run in linear time, or given up as a finding or a fault."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from elementpath.regex import translate_pattern

from tests.unit.steps.test_validation import found
from waypost.core.errors import ProjectError
from waypost.steps.validate_pattern import Linear

BOMBS = ["(a+)+", "(a|a)*", "(.*)*x", "(a*)*(a*)*b", "((a|b)*a(a|b){12})*", "(a|aa)+"]
TEXT = "a" * 40 + "!"
MOST_SECONDS = 5
"""Of the processor; without the engine each of them takes years."""


def xsd(pattern: str) -> str:
    kind = f'<xs:restriction base="xs:string"><xs:pattern value="{pattern}"/></xs:restriction>'
    element = f'<xs:element name="f"><xs:simpleType>{kind}</xs:simpleType></xs:element>'
    return f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{element}</xs:schema>'


@pytest.mark.parametrize("pattern", [*BOMBS, "(?=(a+)+$)a", r"(a+)+\1"])
def test_a_pattern_of_a_json_schema_ends(pattern: str) -> None:
    begun = time.process_time()
    schema = json.dumps({"properties": {"f": {"pattern": f"^{pattern}$"}}})
    (one,) = found("schema: s.json", {"f": TEXT}, s_json=schema)
    assert one["rule"] == "properties/f/pattern" and time.process_time() - begun < MOST_SECONDS


@pytest.mark.parametrize("pattern", BOMBS)
def test_a_pattern_of_an_xsd_1_1_ends(pattern: str) -> None:
    begun = time.process_time()
    (one,) = found("{xsd: s.xsd, version: '1.1'}", f"<f>{TEXT}</f>", s_xsd=xsd(pattern))
    assert one["rule"] == "pattern-facets" and time.process_time() - begun < MOST_SECONDS


def test_a_pattern_that_is_too_large_for_xsd_1_1_is_a_fault_of_the_schema() -> None:
    with pytest.raises(ProjectError, match="cannot be run in bounded time"):
        found("{xsd: s.xsd, version: '1.1'}", "<f/>", s_xsd=xsd("((a{1,900}){1,900}){1,900}"))


@pytest.mark.parametrize("pattern", BOMBS[:-1])
def test_a_pattern_of_an_xsd_1_0_ends(pattern: str) -> None:
    begun = time.process_time()
    (one,) = found("xsd: s.xsd", f"<f>{TEXT}</f>", s_xsd=xsd(pattern))
    assert one["rule"] == "cvc-pattern-valid" and time.process_time() - begun < MOST_SECONDS


def test_what_libxml2_gives_up_is_a_finding() -> None:
    (one,) = found("xsd: s.xsd", f"<f>{TEXT}</f>", s_xsd=xsd("((a{1,50}){1,50}){1,50}"))
    assert one["rule"] == "pattern" and "too many steps" in one["found"]


PATTERNS = [
    r"[A-Z]{2}\d{3}", r"\D+", r"[\d-]+", r"[^\d]", r"[\i-[:]][\c-[:]]*", r"\p{Lu}+", r"[^a]|b", ".*", r"\s*x\s*",
    r"\w+", r"\W", r"[\w:-]+", r"\[\w\]?",
    r"a\\d", r"[\^\[\]&~-]+", "a|bc", "", r"\$\.\*", "[a-z-[aeiou]]+", r"\P{L}", r"(-?\d+(\.\d+)?)", "a&&b",
]  # fmt: skip
TEXTS = [
    "", "a", "b", "AB123", "AB١٢٣", "12-3", "é", "É", "x", " x\t", "x\n", "a\n", "\n", "a:b", "ab", "bc", "bcd", "a\\d",
    "a5",
    "^[]&~-", "$.*", "[w]", "[a", "_", "$", "\u00a0", "\u2003",
    "-1.50", "1.", "a_b", "a&&b", "😀", "\u0660",
]  # fmt: skip


def python_of(pattern: str) -> Any:
    return translate_pattern(pattern, xsd_version="1.1", back_references=False, lazy_quantifiers=False, anchors=False)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_linear_pattern_takes_what_the_one_of_xmlschema_takes(pattern: str) -> None:
    """Where classes stand in brackets xmlschema writes out what XML Schema means by them; that is the measure."""
    written = re.sub(r"(?<!\\)\\[dDwWsS](?![^\[]*\])", lambda found: f"[{found[0]}]", pattern)
    python, linear = re.compile(python_of(written)), Linear(python_of(pattern))
    for text in TEXTS:
        assert bool(linear.match(text)) == bool(python.match(text)), text
