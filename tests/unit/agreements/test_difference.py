"""A change of an agreement is told option by option."""

from __future__ import annotations

from tests.unit.agreements.agreeing import ACME, partner
from waypost.agreements.difference import changes


def told(before: str, after: str) -> list[str]:
    return [str(change) for change in changes(partner(before).options, partner(after).options)]


def test_a_changed_option_is_told_with_both_values() -> None:
    assert told(ACME, ACME.replace("4h", "5h")) == [
        "- escalation[4h EDI desk]: {after: 4h, contact: EDI desk, by: mail}",
        "+ escalation[5h EDI desk]: {after: 5h, contact: EDI desk, by: mail}",
    ]
    after = ACME.replace('{set: "850", version: "004010"}', '{set: "850", version: "004010", schema: x12/004010/850}')
    assert told(ACME, after) == ["~ x12.receive.messages[850 004010].schema: none → x12/004010/850"]


def test_writing_a_default_or_moving_an_entry_is_no_change() -> None:
    lines = ACME.splitlines(keepends=True)
    lines[2:4] = [lines[3], lines[2]]
    assert told(ACME, "".join(lines).replace("partner: acme", "partner: acme\nzone: UTC")) == []


def test_a_new_partner_is_all_additions() -> None:
    assert all(change.before is None for change in changes(None, partner().options))
