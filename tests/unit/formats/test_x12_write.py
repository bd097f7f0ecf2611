"""What the x12 format writes, and what it refuses to write."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from waypost.core.errors import DataError, Fault
from waypost.core.registry import registry
from waypost.core.yamlfile import parse_yaml
from waypost.testing.format_kit import build_format, decode_all, frame

ORDERS = (Path(__file__).parents[2] / "golden/formats/purchase_order.edi").read_bytes()
DOCUMENT: dict[str, Any] = {
    "interchange": {"sender": "US", "receiver": "THEM", "date": "2026-04-12", "time": "07:15", "control_number": "7"},
    "group": {"functional_id": "PR", "sender": "US", "receiver": "THEM", "date": "2026-04-12", "time": "07:15",
              "control_number": "7"},
    "transaction": {"set": "855", "control_number": "0001"},
    "rows": [["BAK", "00", "AD", Decimal("1.50"), 7, None, ["a", "b"], None]],
}  # fmt: skip


def write(document: Any, options: str = "{}") -> Any:
    return build_format("x12", options).encode([document])[0]


def test_envelope_trailers_and_counts_are_made() -> None:
    assert write(DOCUMENT, "{new_lines: true}").decode().splitlines() == [
        "ISA*00*          *00*          *ZZ*US             *ZZ*THEM           *260412*0715*U*00401*000000007*0*P*>~",
        "GS*PR*US*THEM*20260412*0715*7*X*004010~",
        "ST*855*0001~",
        "BAK*00*AD*1.50*7**a>b~",
        "SE*3*0001~",
        "GE*1*7~",
        "IEA*1*000000007~",
    ]


def test_what_was_read_is_written_again_byte_for_byte() -> None:
    format_ = build_format("x12", "{unit: group, check: false, new_lines: true}")
    (group,) = decode_all(format_, frame(format_, [ORDERS])[0])
    assert format_.encode([group]) == [ORDERS]


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"rows": [["REF", "a*b"]]}, "x12-separator", "segment 2 REF, element 1: separator '*' in 'a*b'"),
        ({"rows": [["REF", "x", ["a", "b>c"]]]}, "x12-separator", "separator '>'"),
        ({"rows": [["REF", "a\nb"]]}, "x12-character", "a control character"),
        ({"rows": [["REF", {"a": 1}]]}, "x12-document", "expected text or a finite number"),
        ({"rows": [["REF", Decimal("NaN")]]}, "x12-document", "NaN"),
        ({"rows": [["REF", True]]}, "x12-document", "True"),
        ({"rows": [["ref", "x"]]}, "x12-document", "begins with a tag"),
        ({"rows": None}, "x12-document", "no rows"),
        ({"transaction": {"set": "TA1", "control_number": "0001"}}, "x12-document", "three digits"),
        ({"group": None}, "x12-document", "no group"),
        (
            {"interchange": {"sender": "S" * 16, "usage": "X"}},
            "x12-envelope",
            "longer than 15; interchange.receiver is",
        ),
        ({"group": {"functional_id": "PO", "control_number": "x"}}, "x12-envelope", "expected digits"),
    ],
)
def test_what_cannot_be_written_is_refused_with_its_place(change: dict[str, Any], code: str, says: str) -> None:
    error = write({**DOCUMENT, **change})
    assert isinstance(error, DataError)
    assert (error.code, says in str(error)) == (code, True), str(error)


def test_separators_in_data_are_replaced_where_the_options_say_by_what() -> None:
    written = write({**DOCUMENT, "rows": [["REF", "a*b~c"]]}, "{replace_separators: '-'}")
    assert b"REF*a-b-c~" in written


def test_a_repeated_element_needs_a_separator() -> None:
    repeated = {**DOCUMENT, "rows": [["REF", [["a"], ["b", "c"]]]]}
    assert b"REF*a^b>c~" in write(repeated)
    error = write(repeated, '{repetition_separator: ""}')
    assert isinstance(error, DataError)
    assert "set repetition_separator" in str(error)


@pytest.mark.parametrize(
    "options",
    ["{element_separator: a}", "{element_separator: '>'}", "{segment_terminator: ''}", "{replace_separators: '*'}"],
)
def test_separators_that_make_no_sense_are_faults(options: str) -> None:
    component = registry.find("format", "x12")
    assert component is not None
    faults: list[Fault] = []
    file = parse_yaml(options, "flow.yaml", faults)
    assert component.spec.parse(file, file.data, (), faults) is None
    assert len(faults) == 1
