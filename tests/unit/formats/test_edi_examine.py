"""What partners send beside plain interchanges: each thing is checked, each fault is one finding with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.formats.edi_orders import GS, ISA, edifact, report_on, x12
from waypost.formats.edi.examine.examination import examine
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.schema.code_list import CodeLists
from waypost.formats.edi.schema.load import Library, library

TRADACOMS = (
    b"STX=ANA:1+5000000000000:BUYER+5010000000001:SELLER+240131:120000+REF1++ORDHDR'MHD=1+ORDHDR:9'TYP=0430'MTR=3'"
    b"MHD=2+ORDERS:9'CLO=5000000000000'ORD=A?'1::240131'MTR=4'END=2'"
)
INTERACTIVE = (
    b"UIB+UNOA:4+DIAL1+TX1+++SENDER+RECEIVER+20240131:1200'UIH+PAORES:93:1:IA+REF1+A'ODI+X'UIT+REF1+3'UIZ+DIAL1+1'"
)
BINARY = x12(["ST*899*0001", "BIN*9*A~B*C>D~E", "SE*3*0001"], group=GS.replace("PO", "PI"))
PACKAGE = b"UNA:+.?*'UNB+UNOB:4+S+R+20240131:1200+1'UNO+1+REF:1+OBJ+5'A'B+C'UNP+5+1'UNZ+1+1'".replace(
    b"+5'A'B+C'", b"+5'A'B+C"
)
TA1 = "TA1*000000001*240101*1200*A*000~"


def test_tradacoms_is_checked() -> None:
    report = report_on(TRADACOMS)
    assert report.accepted and report.standard == "tradacoms"
    assert [s.set for s in report.sets.values()] == ["ORDHDR", "ORDERS"]


@pytest.mark.parametrize(
    "content, found",
    [
        (TRADACOMS.replace(b"MTR=4", b"MTR=5"), ("segment-count", "MTR", 1)),
        (TRADACOMS.replace(b"END=2", b"END=3"), ("interchange-count", "END", 1)),
        (TRADACOMS.replace(b"240131:120000", b"2401"), ("element-too-short", "STX", 4)),
        (TRADACOMS.replace(b"MTR=4'", b""), ("trailer-missing", "MHD", None)),
        (INTERACTIVE.replace(b"UIT+REF1+3", b"UIT+REF1+4"), ("segment-count", "UIT", 2)),
        (INTERACTIVE.replace(b"UIT+REF1", b"UIT+REF2"), ("control-number", "UIT", 1)),
        (PACKAGE.replace(b"UNZ+1+1", b"UNZ+2+1"), ("interchange-count", "UNZ", 1)),
        (x12(head=ISA.replace("*0*P*>", "*7*P*>")), ("element-code", "ISA", 14)),
        (x12(head=ISA.replace("*240101*1200*", "*241301*1200*")), ("element-date", "ISA", 9)),
        (x12(head=ISA.replace("*ZZ*SENDERID", "*Z*SENDERID")), ("element-too-short", "ISA", 5)),
        (
            x12(head=ISA.replace("*000000001*", "*00000000X*")),
            ("element-character", "ISA", 13),
        ),
        (x12(group=GS.replace("*1200*1*", "*12*1*")), ("element-too-short", "GS", 5)),
        (x12(group=GS.replace("GS*PO", "GS*IN")), ("group-mismatch", "ST", 1)),
        (x12(head=f"{ISA}~{TA1[:-1].replace('*A*', '*X*')}"), ("element-code", "TA1", 4)),
        (x12(group=TA1[:-1]).replace(b"GE*1*1~IEA*1", b"IEA*0"), ("group-missing", "ST", None)),
        (edifact().replace(b"UNB+UNOC:3", b"UNB+UNOC"), ("element-missing", "UNB", 1)),
        (
            edifact().replace(b"JANE", b"J\xe4NE").replace(b"UNOC:3", b"UNOW:4").replace(b"240101", b"20240101"),
            ("character-set", "UNH", None),
        ),
    ],
)
def test_a_fault_of_any_standard_is_one_finding(content: bytes, found: tuple[object, ...]) -> None:
    errors = [e for e in report_on(content).errors if e["severity"] == "error"]
    assert [(e["fault"], e["segment"], e["element"]) for e in errors] == [found]
    assert 0 <= errors[0]["offset"] < len(content)


@pytest.mark.parametrize("content", [INTERACTIVE, PACKAGE, x12(head=f"{ISA}~{TA1[:-1]}")], ids=["UIB", "UNO", "TA1"])
def test_what_is_sound_is_accepted(content: bytes) -> None:
    assert [e for e in report_on(content).errors if e["severity"] == "error"] == []


def test_binary_data_holds_any_byte() -> None:
    assert report_on(BINARY).accepted
    short = BINARY.replace(b"BIN*9*A~B*C>D~E", b"BIN*9*AB")
    errors = [e for e in report_on(short).errors if e["severity"] == "error"]
    assert [(e["fault"], e["segment"], e["element"], e["found"]) for e in errors] == [
        ("binary-length", "BIN", 1, "'9'")
    ]


UNPADDED = x12(head="ISA*00**00**ZZ*SENDERID*ZZ*RECEIVERID*240101*1200*U*00401*000000001*0*P*>")
SPOILED = [
    (UNPADDED, {"interchange-padding"}, True),
    (b"\xef\xbb\xbf" + x12(), set(), True),
    (b"From: someone\r\n\r\n" + x12() + b"bye" + edifact(), {"junk"}, True),
    (b"ISA*00*oops~" + x12(), {"envelope"}, False),
    (x12()[:-30], {"interchange-trailer-missing", "trailer-missing"}, False),
    (x12()[:300], {"interchange-trailer-missing", "trailer-missing"}, False),
    (x12()[:60], {"envelope"}, False),
    (x12() * 3, set(), True),
    (x12().replace(b"~", b"\x85"), set(), True),
    (x12().replace(b"*", b"|").replace(b"~", b"\n"), set(), True),
    (x12().replace(b"ISA*00*          *00*          *", b"ISA*00* *00* *"), {"interchange-padding"}, True),
    (b"", {"envelope"}, False),
    (b"UNA:+.? '" + b"".join(edifact().partition(b"UNH")[1:]).removesuffix(b"UNZ+1+REF1'"), {"envelope"}, True),
]


@pytest.mark.parametrize("content, kinds, accepted", SPOILED)
def test_what_real_partners_send_gets_a_clear_answer(content: bytes, kinds: set[str], accepted: bool) -> None:
    report = report_on(content)
    assert {e["fault"] for e in report.errors} == kinds
    assert report.accepted == accepted
    assert all(e["found"] and e["hint"] for e in report.errors)


@pytest.mark.parametrize("cut", [1, 7, 100])
def test_what_is_found_does_not_depend_on_the_pieces(cut: int) -> None:
    content = x12().replace(b"CTT*3", b"CTT*4") + b"junk" + edifact() + TRADACOMS
    pieces = [content[at : at + cut] for at in range(0, len(content), cut)]
    schemas = Schemas(library())
    assert examine(pieces, schemas).data("") == examine([content], schemas).data("")


def test_a_partner_has_overlays_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "partner" / "acme"
    folder.mkdir(parents=True)
    (folder / "850.yaml").write_text("use: x12/004010/850\nset: {PO1/3: {codes: [EA]}}\n")
    schemas = Library((tmp_path,))
    assert examine([x12()], Schemas(schemas)).accepted
    report = examine([x12()], Schemas(schemas, partner="acme"))
    assert [(e["fault"], e["segment"]) for e in report.errors] == [("element-code", "PO1")]
    other = x12(group=GS.replace("004010", "005010"))
    assert all(e["fault"] != "element-code" for e in examine([other], Schemas(schemas, partner="acme")).errors)


def test_a_code_list_of_the_user_is_asked_with_the_date_of_the_document(tmp_path: Path) -> None:
    (tmp_path / "unit.csv").write_text("code,valid_to\nEA,\nCS,2020-12-31\n")
    overlay = tmp_path / "guide.yaml"
    overlay.write_text(
        "use: x12/004010/850\nrules: [{id: units, level: 5, at: PO1, "
        "expression: \"code('unit', PO1/3, outer(BEG/5))\"}]\n"
    )
    report = examine([x12()], Schemas(library(), library().file(overlay), codes=CodeLists([tmp_path])))
    assert [(e["fault"], e["rule"], e["snip"], e["position"], e["element"]) for e in report.errors] == [
        ("code-list", "units", 5, 17, 3)
    ]


DATES = (
    ("20240229", "102", ""), ("20230229", "102", "CCYYMMDD, as format 102 says"), ("202401312359", "203", ""),
    ("20240131", "203", "CCYYMMDDhhmm, as format 203 says"), ("240131", "101", ""), ("20240101-20240131", "718", ""),
    ("2024010120240131", "718", ""), ("20240101", "718", "CCYYMMDD-CCYYMMDD, as format 718 says"), ("14", "804", ""),
    ("soon", "804", "n, as format 804 says"), ("202453", "616", ""), ("202454", "616", "CCYYWW, as format 616 says"),
    ("31/12/2024", "ZZZ", ""), ("1030", "401", ""), ("310124", "2", ""), ("320124", "2", "DDMMYY, as format 2 says"),
)  # fmt: skip


@pytest.mark.parametrize(("date", "code", "expected"), DATES)
def test_a_date_is_written_as_the_code_beside_it_says(date: str, code: str, expected: str) -> None:
    content = edifact().replace(b"DTM+137:20240215:102", f"DTM+137:{date}:{code}".encode())
    found = [(e["fault"], e["segment"], e["component"], e["found"], e["expected"]) for e in report_on(content).errors]
    assert found == ([("element-date", "DTM", 2, repr(date), expected)] if expected else [])


def test_released_characters_are_shown_as_the_file_has_them() -> None:
    content = edifact().replace(b"BGM+220", b"BGM+2?'?+2")
    (error,) = report_on(content).errors
    assert (error["segment"], error["found"]) == ("BGM", repr("2?'?+2").replace('"', "'"))


INTERACTIVE = b"UIB+UNOA:4+D+T+++A+B+20240101:1200'UIH+PAORES:93:1:IA+1+A'ODI+X'UIT+1+3'UIZ+D+1'"


@pytest.mark.parametrize(("old", "new", "segment", "element"), [
    (b"UNOA:4", b"UNO:4", "UIB", 1), (b"+D+T", b"++T:X:ABCD", "UIB", 3), (b"PAORES:93", b"PAORES:", "UIH", 1),
    (b"20240101:1200", b"2024X101:1200", "UIB", 8), (b"+1+A'", b"+1+:A'", "UIH", 3),
])  # fmt: skip
def test_the_elements_of_an_interactive_envelope_are_checked(
    old: bytes, new: bytes, segment: str, element: int
) -> None:
    assert report_on(INTERACTIVE).accepted
    errors = report_on(INTERACTIVE.replace(old, new)).errors
    found = [(e["segment"], e["element"]) for e in errors if e["severity"] == "error"]
    assert found == [(segment, element)]


def test_a_unb_without_a_component_separator_is_no_crash() -> None:
    assert not report_on("=~GS*PO*A*B*2024010UNBé+1*".encode()).accepted


def test_a_segment_that_names_the_end_of_a_package_is_an_x12_segment_like_any_other() -> None:
    body = ["ST*997*0001", "AK1*PI*2", "AK2*275*0001", "AK3*UNP*3**1", "AK5*R*5", "AK9*R*1*1*0"]
    content = x12([*body, "BIN*3*A~B", "SE*8*0001"], group="GS*FA*A*B*20240101*1200*1*X*004010")
    assert [e["segment"] for e in report_on(content).errors] == ["BIN"]
