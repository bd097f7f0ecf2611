"""Partner files are read whole or refused with every fault and its line."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from tests.unit.agreements.agreeing import ACME, faults_of, partner
from waypost.agreements.load import lint_partners, load_partners
from waypost.cli.file_schema import file_schema
from waypost.cli.scaffold import partner_files
from waypost.core.errors import Fault
from waypost.core.registry import registry
from waypost.core.yamlfile import parse_yaml
from waypost.formats.edi.agreed.lint import lint_agreements


def lint(files: dict[str, str], connections: tuple[str, ...] = ()) -> list[Fault]:
    encoded = {name: text.encode() for name, text in files.items()}
    faults: list[Fault] = []
    partners = load_partners(encoded, faults)
    return [*faults, *lint_partners(partners, encoded, connections), *lint_agreements("x12", partners, encoded)]


def test_an_id_of_digits_without_quotes_is_refused_with_its_line() -> None:
    wrong = ACME.replace('qualifier: "02", id: NORDMARKT,', "qualifier: 02, id: NORDMARKT,")
    [fault] = faults_of(wrong)
    assert (fault.line, fault.found, fault.expected) == (3, "found 2", "text in quotes")


def test_all_faults_are_found_in_one_go_with_near_names() -> None:
    wrong = ACME.replace("receive:\n    messages", "recieve:\n    messages").replace("contacts:", "contact:")
    found = {(fault.line, fault.remedy) for fault in faults_of(wrong)}
    assert found == {(9, "did you mean 'contacts'?"), (12, "did you mean 'receive'?")}


@pytest.mark.parametrize(
    ("change", "to", "found"),
    [
        ("id: NORDMARKT,", "id: NORDMARKTHANDELSGES,", "19 characters"),
        ("contact: EDI desk", "contact: EDI desc", "no contact 'EDI desc'"),
        ('{set: "850", version: "004010", group: ACMEAP, description: of the other system}',
         '{set: "850", version: "004010"}', "stands there twice"),
        ("partner: acme", "partner: Acme Inc", "found 'Acme Inc'"),
        ("partner: acme", "partner: acme\nzone: Mars/Base", "'Mars/Base' is not known"),
        ("x12:\n  receive:", "x12:\n  send: {separators: {element: a}}\n  receive:", "found 'a'"),
        ("x12:\n  receive:", "x12:\n  send: {numbers: {group: {last: 1000000000}}}\n  receive:", "as last number"),
        ("x12:\n  receive:", 'x12:\n  send: {numbers: {group: {first: 5, last: 4}}}\n  receive:', "behind the last"),
        ("x12:\n  receive:", "x12:\n  receive:\n    acknowledge: {kind: CONTRL}", "kind 'CONTRL'"),
        ("edifact: {receive", "edifact: {send: {expect: [{what: 997}]}, receive", "found '997'"),
    ],
)  # fmt: skip
def test_what_options_cannot_say_by_their_type_is_refused_too(change: str, to: str, found: str) -> None:
    assert change in ACME
    faults = faults_of(ACME.replace(change, to, 1))
    assert len(faults) == 1 and found in faults[0].found, faults


def test_a_partner_without_an_identity_of_a_standard_it_uses_is_refused() -> None:
    wrong = ACME.replace('  - {standard: edifact, qualifier: "14", id: "4012345000009"}\n', "")
    assert "none of standard edifact" in faults_of(wrong)[0].found


def test_two_partners_may_not_share_an_identity() -> None:
    files = {"partners/acme.yaml": ACME, "partners/bolt.yaml": ACME.replace("partner: acme", "partner: bolt")}
    found = [fault for fault in lint(files) if fault.code == "twice"]
    assert [(fault.file, fault.line) for fault in found] == [("partners/bolt.yaml", line) for line in (3, 4, 5)]


def test_one_identity_may_serve_two_partners_told_apart_by_their_group() -> None:
    one = ACME.replace("id: NORDMARKT,", "id: NORDMARKT, group: A,").replace("id: NORDMARKTT,", "id: T1,")
    other = one.replace("partner: acme", "partner: bolt").replace("group: A,", "group: B,").replace("T1", "T2")
    other = other.replace("4012345000009", "4012345000016")
    assert lint({"partners/acme.yaml": one, "partners/bolt.yaml": other}) == []


def test_a_file_has_the_name_of_its_partner() -> None:
    [fault] = lint({"partners/other.yaml": ACME})
    assert fault.code == "file-name" and fault.expected == "partners/acme.yaml"


def test_what_a_partner_names_must_be_in_the_project() -> None:
    text = ACME.replace("partner: acme", "partner: acme\ncalendar: retial\ncertificates: [{file: partners/c/a.pem}]")
    text += "endpoints: {van: {connection: vann}}\n"
    text = text.replace('version: "004010"}', 'version: "004010", schema: schemas/acme/85.yaml, map: maps/o.yaml}')
    files = {"partners/acme.yaml": text, "calendars/retail.yaml": "", "schemas/acme/850.yaml": "use: x12/004010/850\n"}
    found = {fault.code: fault.remedy for fault in lint(files, connections=("van",))}
    assert found == {
        "unknown-calendar": "did you mean 'retail'?", "missing-file": "make it, under one of the project's folders",
        "unknown-connection": "did you mean 'van'?", "unknown-schema": "did you mean 'schemas/acme/850.yaml'?",
    }  # fmt: skip


def test_the_version_is_that_of_the_content_and_not_of_the_layout() -> None:
    again = "# a comment\n" + ACME.replace("contacts: [{name: EDI desk, email: edi@acme.example}]", (
        "contacts:\n  - email: edi@acme.example\n    name: EDI desk"))  # fmt: skip
    assert partner(again).version == partner().version
    assert partner(ACME.replace("4h", "5h")).version != partner().version


def test_the_starter_and_the_example_fit_the_schema_and_have_no_fault() -> None:
    schema = file_schema("partner", registry)
    text = partner_files("acme", {})["partners/acme.yaml"]
    for each in (text, ACME):
        assert faults_of(each) == []
        jsonschema_rs.validator_for(json.loads(json.dumps(schema))).validate(parse_yaml(each, "", []).data)


def test_an_overlay_with_a_fault_is_told_at_its_own_line() -> None:
    text = ACME.replace('version: "004010"}', 'version: "004010", schema: schemas/acme/850.yaml}')
    overlay = "overlay: partner/acme/850\nuse: x12/004010/850\nset: {PO9/3: {codes: [KG]}}\n"
    [fault] = lint({"partners/acme.yaml": text, "schemas/acme/850.yaml": overlay})
    assert (fault.file, fault.line) == ("schemas/acme/850.yaml", 3) and "PO9" in fault.found


def test_a_policy_names_faults_that_there_are() -> None:
    text = ACME.replace("x12:\n  receive:", "x12:\n  receive:\n    validation: {severity: {element-cod: warning}}")
    [fault] = lint({"partners/acme.yaml": text})
    assert fault.line == 13 and fault.remedy == "did you mean 'element-code'?"
