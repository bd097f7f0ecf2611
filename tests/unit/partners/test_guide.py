"""Sample files, and the companion guide made from an agreement."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.flows.trading import ACME_X12
from tests.unit.agreements.agreeing import partner
from waypost.flow.declared.project import load_project
from waypost.formats.edi.agreed.schemas import ProjectSchemas
from waypost.formats.edi.generate import FAULTS
from waypost.partners.check import check
from waypost.partners.guide import Guide, guide_page
from waypost.partners.samples import NotMade, Sample, samples

AT = datetime(2026, 4, 12, tzinfo=UTC)
AGREED = ACME_X12.replace(
    '      - {set: "850", version: "004010", group: ACMEAP, description: of the other system}\n', ""
)
SENDING = AGREED.replace("x12:\n", 'x12:\n  send: {messages: [{set: "855", version: "004010"}]}\n')


def made(agreed: str = SENDING, files: dict[str, bytes] | None = None, faults: int = 4) -> list[Sample | NotMade]:
    return list(samples(partner(agreed), files or {}, AT, faults=faults))


def test_every_agreed_document_has_a_valid_sample_and_some_with_one_fault() -> None:
    found = made()
    names = [one.name for one in found if isinstance(one, Sample)]
    assert {"receive/850-004010.edi", "send/855-004010.edi", "receive/ORDERS-D96A-EAN008.edi"} <= set(names)
    assert len(names) == len(found) == len(set(names)) == 3 + 2 * 4
    acme, schemas = partner(SENDING), ProjectSchemas({})
    for one in found:
        assert isinstance(one, Sample)
        if one.way == "receive":
            report = check(one.content, one.name, acme, {"acme": acme}, schemas, AT)
            assert report.accepted is not bool(one.kind), one.name
            assert bool(one.wrong) is bool(one.kind) and len(one.wrong) <= 2
            assert report.covered


def test_a_sample_we_send_has_our_identity_as_its_sender() -> None:
    [one] = [one for one in made(faults=0) if isinstance(one, Sample) and one.way == "send"]
    assert one.content.startswith(b"ISA*00*          *00*          *14*4399902099992  *ZZ*NORDMARKT")


def test_samples_follow_the_overlay_that_was_agreed() -> None:
    overlay = {"schemas/850.yaml": b"use: x12/004010/850\nset: {PO1/3: {codes: [KG], required: true}}\n"}
    agreed = AGREED.replace('version: "004010"}', 'version: "004010", schema: schemas/850.yaml}')
    [valid, *_] = made(agreed, overlay, faults=0)
    assert isinstance(valid, Sample) and valid.content.count(b"*KG") == valid.content.count(b"PO1*")


def test_a_document_without_a_schema_is_said_to_have_no_sample() -> None:
    [one, _] = made(AGREED.replace('set: "850"', 'set: "899"'), faults=0)
    assert one == NotMade("receive", "899", "there is no schema for it")


def test_no_more_faults_are_made_than_there_are_kinds() -> None:
    kinds = [one.kind for one in made(AGREED, faults=100) if isinstance(one, Sample) and one.set == "850" and one.kind]
    assert len(kinds) == len(set(kinds)) <= len(FAULTS) and len(kinds) > 10


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "partners").mkdir()
    (tmp_path / "schemas").mkdir()
    (tmp_path / "waypost.yaml").write_text("name: trade\n")
    (tmp_path / "schemas/850.yaml").write_text(
        "use: x12/004010/850\nset: {PO1/3: {codes: [KG, EA]}, FOB: {max: 0}}\n"
        "rules: [{id: acme-lines, level: snip7, expression: 'count(PO1) <= 5', says: at most five lines}]\n"
    )
    agreed = SENDING.replace('version: "004010"}', 'version: "004010", schema: schemas/850.yaml}', 2).replace(
        '{set: "855", version: "004010", schema: schemas/850.yaml}', '{set: "855", version: "004010"}'
    )
    (tmp_path / "partners/acme.yaml").write_text(
        agreed + "service_levels: [{name: ship notice, what: '856', after: '850', penalty: '<b>150 USD</b>'}]\n"
    )
    return tmp_path


def test_a_guide_tells_the_agreement_its_documents_and_what_changed(project: Path) -> None:
    loaded = load_project(project)
    acme = loaded.partners["acme"]
    every = made(files=dict(loaded.files), faults=1)
    found = [one for one in every if isinstance(one, Sample)]
    page = guide_page(Guide(acme, loaded, AT, found, (), partner(AGREED)))
    for said in ("NORDMARKT", "4399902099992", "You send: 850 purchase order", "We send: 855", "acme-lines",
                 "at most five lines", "ship notice", "edi@acme.example", "receive/850-004010.edi", "What changed",
                 "CONTRL", "always sent", "<code>EA</code> each, <code>KG</code> kilogram"):  # fmt: skip
        assert said in page, said
    assert "<code>FOB</code>" not in page.partition("We send: 855")[0] and "<b>150 USD" not in page
    assert "<script" not in page and "http" not in page.partition("<style>")[0]


def test_a_document_told_once_is_not_told_again(project: Path) -> None:
    (project / "partners/acme.yaml").write_text(ACME_X12)
    loaded = load_project(project)
    page = guide_page(Guide(loaded.partners["acme"], loaded, AT))
    assert page.count("<h2>You send: 850") == 2 and page.count("<h4>BEG") == 1 and "those told above" in page
