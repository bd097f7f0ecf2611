"""An interchange comes under the agreement of exactly the parties it names; what nearly fits is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.agreements.agreeing import ACME, partner
from waypost.agreements.resolution import (
    DISABLED,
    MISMATCH,
    REFUSED,
    UNKNOWN,
    Parties,
    Resolution,
    message_type,
    near_miss,
    resolve,
)

FOUND = Parties("x12", "NORDMARKT", "02", "4399902099992", "14", "P")


def resolved(parties: Parties, text: str = ACME, environment_class: str = "") -> Resolution:
    return resolve([partner(text)], parties, environment_class)


def test_the_partner_is_the_one_the_interchange_names() -> None:
    found = resolved(FOUND)
    assert found.code == "" and found.partner is not None and found.partner.name == "acme"
    assert [step.step for step in found.steps if step.taken] == ["sender", "receiver", "agreement"]


@pytest.mark.parametrize(
    ("parties", "near"),
    [
        (replace(FOUND, sender_qualifier="2"), "only leading zeros differ"),
        (replace(FOUND, sender="nordmarkt"), "only letter case differs"),
        (replace(FOUND, sender="4399902099992", sender_qualifier="14", receiver="NORDMARKT", receiver_qualifier="02"),
         "sender and receiver are swapped"),
        (replace(FOUND, sender="NORDMARKD"), "nearly the same"),
        (replace(FOUND, sender_qualifier=""), "it is empty in the interchange"),
    ],
)  # fmt: skip
def test_a_near_miss_is_refused_and_named(parties: Parties, near: str) -> None:
    found = resolved(parties)
    assert found.code == UNKNOWN and near in found.remedy and "partners/acme.yaml:" in found.remedy


def test_a_known_sender_that_writes_to_someone_else_is_told_so() -> None:
    found = resolved(replace(FOUND, receiver="4399902099999"))
    assert found.code == UNKNOWN and "is known" in found.refusal and "4399902099999" in found.refusal


def test_a_stranger_has_no_near_miss() -> None:
    found = resolved(replace(FOUND, sender="ELSEONE", sender_qualifier="ZZ"))
    assert found.code == UNKNOWN and found.remedy.startswith("add it under 'identities:'")


@pytest.mark.parametrize(
    ("sender", "usage", "environment", "code"),
    [
        ("NORDMARKT", "P", "prod", ""),
        ("NORDMARKTT", "T", "test", ""),
        ("NORDMARKT", "T", "test", MISMATCH),  # an identity of production in a test
        ("NORDMARKTT", "P", "prod", MISMATCH),
        ("NORDMARKT", "P", "test", MISMATCH),  # production in a test environment
        ("NORDMARKTT", "T", "prod", MISMATCH),
    ],
)
def test_test_and_production_never_mix(sender: str, usage: str, environment: str, code: str) -> None:
    assert resolved(replace(FOUND, sender=sender, usage=usage), environment_class=environment).code == code


def test_an_agreement_may_take_tests_in_production() -> None:
    text = ACME.replace("x12:\n  receive:", "x12:\n  receive:\n    usage: any")
    assert resolved(replace(FOUND, sender="NORDMARKTT", usage="T"), text, "prod").code == ""


def test_a_partner_that_is_not_enabled_gets_nothing_through() -> None:
    assert resolved(FOUND, ACME.replace("partner: acme", "partner: acme\nenabled: false")).code == DISABLED


def test_security_of_the_envelope_is_compared_where_it_was_agreed() -> None:
    text = ACME.replace("x12:\n  receive:", 'x12:\n  receive:\n    security: {authorisation: "S1"}')
    assert resolved(FOUND, text).code == REFUSED
    assert resolved(replace(FOUND, envelope={"authorisation": "S1"}), text).code == ""


def test_of_two_partners_the_one_whose_group_fits_is_taken() -> None:
    one = partner(ACME.replace("id: NORDMARKT,", "id: NORDMARKT, group: A,"))
    other = partner(ACME.replace("id: NORDMARKT,", "id: NORDMARKT, group: B,").replace("r: acme", "r: bolt"), "bolt")
    found = resolve([one, other], replace(FOUND, sender_group="B"))
    assert found.partner is other


def test_the_most_particular_message_type_is_taken() -> None:
    acme = partner()
    assert acme.options.x12 is not None
    messages = acme.options.x12.receive.messages
    found, _ = message_type(messages, {"set": "850", "version": "004010", "group": "ACMEAP"}, acme, "x12.receive")
    assert found is not None and found.description == "of the other system"
    plain, looked = message_type(messages, {"set": "850", "version": "004010"}, acme, "x12.receive")
    assert plain is messages[0] and [one.place for one in looked] == ["partners/acme.yaml:14", "partners/acme.yaml:15"]


def test_an_empty_association_code_is_a_near_miss() -> None:
    acme = partner()
    assert acme.options.edifact is not None
    kind = {"set": "ORDERS", "version": "D96A", "association": ""}
    found, looked = message_type(acme.options.edifact.receive.messages, kind, acme, "edifact.receive")
    assert found is None and looked[0].near == "it is empty in the interchange"


def test_near_misses_do_not_join_what_is_different() -> None:
    assert near_miss("01", "ZZ") == near_miss("0", "1") == near_miss("ABC", "ABD") == ""
