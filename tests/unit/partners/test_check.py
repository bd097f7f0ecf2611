"""The report on a partner's file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flows.trading import ACME_X12, ORDERS
from tests.unit.agreements.agreeing import partner
from waypost.formats.edi.agreed.schemas import ProjectSchemas
from waypost.partners.check import MOST_SEGMENTS, PartnerReport, check
from waypost.partners.check_report import report_page, report_text

STANDARD = ProjectSchemas({})
AT = datetime(2026, 4, 12, 8, 0, tzinfo=UTC)
EDIFACT = (
    "UNB+UNOC:3+4012345000009:14+4399902099992:14+260412:0715+77'UNH+1+{kind}'BGM+220+NM-1+9'"
    "DTM+137:20260412:102'NAD+BY+4012345000009::9'LIN+1'UNS+S'UNT+7+1'UNZ+1+77'"
)


def looked_at(text: str | bytes, agreed: str = ACME_X12, files: Mapping[str, bytes] | None = None) -> PartnerReport:
    """The report on a text that acme sends."""
    acme = partner(agreed)
    content = text.encode("latin-1") if isinstance(text, str) else text
    schemas = ProjectSchemas(files) if files else STANDARD
    return check(content, "a.edi", acme, {"acme": acme}, schemas, AT)


def changed(agreed: str) -> str:
    """The agreement with more said of what is received."""
    return ACME_X12.replace("x12:\n  receive:\n", f"x12:\n  receive:\n    {agreed}\n")


def places(report: PartnerReport) -> list[tuple[str, str]]:
    return [(fault.place, fault.finding.code) for fault in report.faults]


def test_a_file_as_agreed_is_accepted_and_acknowledged() -> None:
    report = looked_at(ORDERS)
    assert report.accepted and report.complete and not report.faults
    [answer] = report.answers
    assert (answer.kind, answer.accepted, answer.sent) == ("997", True, True)
    assert "AK9*A*1*1*1~" in answer.content and "*14*4399902099992  *ZZ*NORDMARKT" in answer.content


def test_a_fault_is_told_at_its_segment_with_place_rule_and_hint() -> None:
    report = looked_at(ORDERS.replace("CTT*2", "CTT*9").replace("*EA*", "*EAAA*"))
    assert places(report) == [("PO103", "element-too-long"), ("CTT01", "total")]
    told = {shown.tag: [fault.place for fault in faults] for shown, faults in report.document if faults}
    assert told == {"PO1": ["PO103"], "CTT": ["CTT01"]}
    data = report.faults[1].data()
    assert (data["name"], data["rule"], data["expected"]) == ("totals", "850-lines", "2, the number of PO1 segments")
    assert ORDERS.replace("*EA*", "*EAAA*").index("CTT*") + 4 == data["offset"]
    assert "AK4*1**7*9~" in report.answers[0].content and not report.answers[0].accepted


def test_what_is_wrong_with_an_envelope_is_told_at_that_envelope() -> None:
    report = looked_at(ORDERS.replace("GE*1*311", "GE*3*311"))
    [(shown, [fault])] = [(shown, faults) for shown, faults in report.document if faults]
    assert (shown.level, fault.finding.code, fault.message) == ("envelope", "group-count", 0)


def test_an_interchange_that_would_be_parked_is_not_accepted_and_its_answer_not_sent() -> None:
    report = looked_at(ORDERS.replace("NORDMARKT      ", "NORDMARKTX     "))
    assert not report.covered and not report.accepted and not report.faults
    assert [answer.sent for answer in report.answers] == [False]
    assert any("would be parked" in line for line in report_text(report))


def test_a_type_that_is_not_agreed_is_a_fault() -> None:
    report = looked_at(ORDERS, ACME_X12.replace('set: "850"', 'set: "860"'))
    assert places(report)[0] == ("ST01", "not-agreed") and not report.accepted


def test_the_schema_an_agreement_names_is_the_one_that_counts() -> None:
    overlay = {"schemas/850.yaml": b"use: x12/004010/850\nset: {PO1/3: {codes: [KG]}}\n"}
    named = ACME_X12.replace('version: "004010"}', 'version: "004010", schema: schemas/850.yaml}')
    assert places(looked_at(ORDERS, named, overlay)) == [("PO103", "element-code")]


@pytest.mark.parametrize(
    ("agreed", "text", "found"),
    [
        ("validation: {extended: false}", ORDERS.replace("CTT*2", "CTT*9"), []),
        ("validation: {severity: {total: warning}}", ORDERS.replace("CTT*2", "CTT*9"), [("CTT01", "total")]),
        ("validation: {trim_spaces: true}", ORDERS.replace("*EA*", "*EA   *"), []),
        ("validation: {trailing_separators: not-allowed}", ORDERS.replace("CTT*2~", "CTT*2*~"),
         [("CTT", "trailing-separator")]),
        ("acknowledge: {on_error: accept-with-errors}", ORDERS.replace("CTT*2", "CTT*9"), [("CTT01", "total")]),
    ],
    ids=["level", "severity", "trimmed", "trailing separators", "noted"],
)  # fmt: skip
def test_the_policy_of_the_agreement_decides_what_counts(
    agreed: str, text: str, found: list[tuple[str, str]]
) -> None:  # fmt: skip
    assert places(looked_at(text, changed(agreed))) == found


def test_without_its_policy_each_of_those_would_be_judged_otherwise() -> None:
    assert places(looked_at(ORDERS.replace("CTT*2", "CTT*9"))) == [("CTT01", "total")]
    assert places(looked_at(ORDERS.replace("*EA*", "*EA   *"))) == [("PO103", "element-too-long")]
    assert places(looked_at(ORDERS.replace("CTT*2~", "CTT*2*~"))) == []


@pytest.mark.parametrize(
    ("owed", "text", "kinds"),
    [
        ("{functional: never}", ORDERS, []),
        ("{functional: errors}", ORDERS, []),
        ("{functional: errors}", ORDERS.replace("CTT*2", "CTT*9"), ["997"]),
        ("{functional: requested}", ORDERS, []),
        ("{functional: requested}", ORDERS.replace("*417*0*", "*417*1*").replace("000000417*0", "000000417*1"),
         ["TA1", "997"]),
        ('{kind: "999"}', ORDERS, ["999"]),
        ('{application: "824"}', ORDERS, ["997", "824"]),
    ],
)  # fmt: skip
def test_the_acknowledgements_are_those_the_agreement_asks_for(owed: str, text: str, kinds: list[str]) -> None:
    report = looked_at(text, changed(f"acknowledge: {owed}"))
    assert [answer.kind for answer in report.answers] == kinds


def test_edifact_is_answered_by_contrl_and_its_types_are_told_apart_by_association() -> None:
    report = looked_at(EDIFACT.format(kind="ORDERS:D:96A:UN:EAN008"))
    assert report.accepted, places(report)
    assert [answer.kind for answer in report.answers] == ["CONTRL"]
    report = looked_at(EDIFACT.format(kind="ORDERS:D:96A:UN:EAN009"))
    assert places(report) == [("UNH02", "not-agreed")]


def test_what_is_no_edi_is_one_fault() -> None:
    report = looked_at("hello")
    assert [fault.finding.code for fault in report.faults][-1] == "envelope" and not report.accepted
    assert not report.answers and "hello" not in report_page(report).partition("What is wrong")[0]


def test_a_long_document_is_shown_by_its_beginning_and_its_faults_all() -> None:
    body = "".join(f"PO1*{n}*1*EA*1**VN*A{n}~\n" for n in range(MOST_SEGMENTS))
    start, end = ORDERS.index("PO1*"), ORDERS.index("CTT*")
    report = looked_at(ORDERS[:start] + body + ORDERS[end:])
    assert not report.complete and len(report.document) == MOST_SEGMENTS
    assert places(report) == [("SE01", "segment-count")]
    assert "The rest is not shown" in report_page(report)


def test_a_page_holds_nothing_that_a_browser_would_perform() -> None:
    hostile = '<script>alert(1)</script><img src=x onerror="alert(1)">'
    report = looked_at(ORDERS.replace("Deliver to gate 3.", hostile).replace("NM-2026-0815", "'\"><svg onload=x>"))
    page = report_page(report)
    assert "<script" not in page and "<img" not in page and "<svg" not in page and "&lt;script&gt;" in page


@settings(deadline=None)
@given(st.data())
def test_whatever_is_sent_gives_a_report_and_harmless_pages(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([ORDERS, EDIFACT.format(kind="ORDERS:D:96A:UN:EAN008")])).encode())
    for _ in range(data.draw(st.integers(0, 8))):
        at = data.draw(st.integers(0, len(content)))
        much = data.draw(st.integers(0, 40))
        content[at : at + much] = data.draw(
            st.binary(max_size=12) | st.sampled_from([b"<b>", b"~", b"'", b"*", b"ISA"])
        )
    report = looked_at(bytes(content))
    page = report_page(report)
    assert "<b>" not in page and page.endswith("</html>\n")
    assert list(report_text(report)) and report.data()["file"] == "a.edi"
    assert all(len(places) == 0 or shown for shown, places in report.document)


def test_an_element_that_is_missing_is_shown_where_it_would_stand() -> None:
    page = report_page(looked_at(ORDERS.replace("BEG*00", "BEG*")))
    begins, missing, after = (page.index(f'mono">{place}</td>') for place in ("ST02", "BEG01", "BEG02"))
    assert begins < missing < after and "nothing is there" in page[missing:after]


def test_a_separator_of_components_in_a_group_header_is_no_reason_to_break_down() -> None:
    content = bytearray(ORDERS.encode())
    content[129:129] = b">"
    assert looked_at(bytes(content)).document
