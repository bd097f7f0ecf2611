"""Redacted files keep their structure, balances and links, and nothing in them names anybody."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.formats.edi_health import CONVERSATION, PEOPLE, enveloped, interchange
from waypost.formats.edi.examine.examination import examine
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.generate import Plan, generate
from waypost.formats.edi.redact import redactor as redacting
from waypost.formats.edi.redact.policy import CATEGORIES, KEEP, Policy, Treatment, policy
from waypost.formats.edi.redact.pseudonym import Pseudonyms, gs1_check_digit, npi_check_digit, shifted
from waypost.formats.edi.redact.redactor import Redactor
from waypost.formats.edi.schema.load import library

SCHEMAS = Schemas(library())
SECRET = b"a secret of the tests"
HIPAA = [name for name in library().names() if re.match(r"x12/00[45]010(X|/275)", name)]


def redacted(content: bytes, secret: bytes = SECRET, keep: tuple[str, ...] = ()) -> bytes:
    return b"".join(Redactor(secret, SCHEMAS, keep).content([content]))


def survivors(people: Mapping[str, str], content: bytes) -> list[str]:
    """Which of the known identifiers stand in a content, in whatever case."""
    text = content.decode("utf-8", "replace").casefold()
    return [name for name, value in people.items() if value.casefold() in text]


def skeleton(content: bytes) -> list[list[int]]:
    """How many components each element of each segment has, and which elements are empty."""
    return [
        [-1 if not element.strip() else element.count(b":") for element in segment.strip().split(b"*")[1:]]
        for segment in content.split(b"~")
    ]  # fmt: skip


def values(content: bytes, tag: bytes, number: int, where: bytes = b"") -> list[str]:
    rows = [segment.strip().split(b"*") for segment in content.split(b"~")]
    return [row[number].decode() for row in rows if row[0] == tag and (not where or row[1] == where)]


# ── nothing survives ─────────────────────────────────────────────────────────────────────────────────────────────

_LETTERS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=6, max_size=12).map("QX".__add__)  # as nothing made begins
_CODE = st.from_regex(r"[A-Z]{3}[0-9]{7,9}", fullmatch=True)
_DIGITS = st.from_regex(r"[1-9][0-9]{8}", fullmatch=True)


def _day(first: int, last: int) -> st.SearchStrategy[str]:
    return st.dates(date(first, 1, 1), date(last, 12, 28)).map(lambda day: f"{day:%Y%m%d}")


_ALIKE: Mapping[str, st.SearchStrategy[str]] = {
    "birth": _day(1940, 2000), "child_birth": _day(2010, 2020), "service": _day(2026, 2026),
    "service_2": _day(2027, 2027),
    "npi": st.from_regex(r"1[0-9]{8}", fullmatch=True).map(lambda body: body + npi_check_digit(body)),
    "ein": _DIGITS, "ssn": _DIGITS, "routing": _DIGITS, "phone": st.from_regex(r"[2-9][0-9]{9}", fullmatch=True),
    "fax": st.from_regex(r"[2-9][0-9]{9}", fullmatch=True), "zip": _DIGITS, "provider_zip": _DIGITS,
    "diagnosis": st.from_regex(r"[QUV][0-9]{6}", fullmatch=True),
    "sender": _CODE, "receiver": _CODE, "member": _CODE, "claim": _CODE, "claim_2": _CODE, "record": _CODE,
    "trace": _CODE,
    "group": _CODE, "authorisation": _CODE, "payer_id": _CODE, "reference": _CODE, "account": _CODE, "check": _CODE,
    "payer_claim": _CODE,
}  # fmt: skip


@st.composite
def _people(draw: st.DrawFn) -> dict[str, str]:
    return {name: draw(_ALIKE.get(name, _LETTERS)) for name in PEOPLE}


@pytest.mark.parametrize("name", CONVERSATION)
@given(people=_people())
@settings(max_examples=5, deadline=None)
def test_no_known_identifier_survives_in_any_message(name: str, people: dict[str, str]) -> None:
    assert survivors(people, redacted(interchange(name, people))) == []


@pytest.mark.parametrize("name", CONVERSATION)
def test_what_is_redacted_is_valid_and_of_the_same_structure(name: str) -> None:
    before = interchange(name)
    after = redacted(before)
    assert examine([before], SCHEMAS).accepted and examine([after], SCHEMAS).accepted
    assert skeleton(before) == skeleton(after)


@pytest.mark.parametrize("name", HIPAA)
def test_every_guide_stays_valid_when_redacted(name: str) -> None:
    schema = library().schema(name)
    assert schema is not None
    before = b"".join(generate(schema, Plan(seed=11, count=4, size=0, faults=0, kind="")))
    assert examine([before], SCHEMAS).accepted
    report = examine([redacted(before)], SCHEMAS)
    assert report.accepted, report.data(name)["errors"][:3]


_SEEN = {
    "A": "surname", "B": "street", "C": "birth", "D": "phone", "E": "fax", "F": "email", "G": "ssn", "H": "record",
    "I": "member", "J": "claim", "K": "npi", "R": "reference",
}  # fmt: skip


@pytest.mark.parametrize("category", _SEEN)
def test_a_category_that_is_switched_off_is_seen(category: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(not survivors(PEOPLE, redacted(interchange(name))) for name in CONVERSATION)
    monkeypatch.setattr(redacting, "policy", lambda standard: _without(policy(standard), category))
    left = {one for name in CONVERSATION for one in survivors(PEOPLE, redacted(interchange(name)))}
    assert _SEEN[category] in left


def _without(declared: Policy | None, category: str) -> Policy:
    def off(said: Treatment) -> Treatment:
        by = {code: off(one) for code, one in said.by.items()}
        return dataclasses.replace(KEEP if said.category == category else said, by=by)

    assert declared is not None
    return dataclasses.replace(
        declared, elements={ref: off(said) for ref, said in declared.elements.items()},
        segments={place: off(said) for place, said in declared.segments.items()},
    )  # fmt: skip


def test_what_no_schema_knows_is_masked() -> None:
    text = CONVERSATION["270"][2].format_map(PEOPLE).replace("EQ*30\n", "EQ*30\nZZZ*{surname}*A*12\nNTE*ADD*{note}\n")
    after = redacted(enveloped("HS", "005010X279A1", text.format_map(PEOPLE)))
    assert survivors(PEOPLE, after) == [] and b"ZZZ*" in after and b"ZZZ*VANDERMEER" not in after
    unknown = enveloped("XX", "009999", "ST*999999*0001\nQQQ*KATHARINA*078051120\nSE*?*0001")
    assert survivors(PEOPLE, redacted(unknown)) == []


def test_words_where_codes_belong_are_masked() -> None:
    text = CONVERSATION["837"][2].format_map(PEOPLE).replace("HC:99213", "HC:SMITH")
    text = text.replace("HI*ABK:S72001A", "HI*BG:JONES", 1)
    text = text.replace("DTP*472*D8*20260312\nREF*6R*L2", "DTP*472*D8*20260312\nMEA*TR*HT*078051120\nREF*6R*L2")
    after = redacted(enveloped("HC", "005010X222A1", text))
    assert survivors({"a": "SMITH", "b": "JONES", "c": "078051120"}, after) == [] and b"HC:73502" in after


def test_binary_data_envelopes_and_junk_are_masked() -> None:
    inside = b"PID|1||MRN5550091||VANDERMEER^KATHARINA~ISA*"
    body = f"ST*275*0001\nBGN*11*AUTH884213*20260315\nBIN*{len(inside)}*{inside.decode()}\nSE*?*0001"
    content = enveloped("PI", "005010", body).replace(
        b"ISA*00*          *00*          ", b"ISA*01*078051120 *01*VANDERMEER"
    )
    after = redacted(b"From: KATHARINA VANDERMEER\r\n" + content + b"078051120")
    assert survivors(PEOPLE, after) == []
    assert b"BIN*%d*%s~" % (len(inside), b"X" * len(inside)) in after
    assert after.index(b"ISA*") == 28 and after[28 + 105 : 28 + 106] == b"~"


def test_edifact_and_tradacoms_are_masked_too() -> None:
    order = (
        b"UNA:+.? 'UNB+UNOC:3+5412345000013:14+4012345000094:14+240101:1200+REF1'UNH+1+ORDERS:D:96A:UN'"
        b"BGM+220+VANDERMEER1+9'DTM+137:20240101:102'FTX+AAI+++CALL KATHARINA ?+1 603'NAD+BY+5412345000013::9++"
        b"VANDERMEER BV+CINNABAR 1+EXETERVILLE++03833+US'CTA+PD+:KATHARINA'COM+KATHARINA:EM'"
        b"LIN+1++4006381333931:EN'QTY+21:5'UNS+S'"
        b"UNT+11+1'UNZ+1+REF1'"
    )
    after = redacted(order)
    assert (
        survivors(
            {"a": "VANDERMEER", "b": "KATHARINA", "c": "5412345000013", "d": "EXETERVILLE", "e": "CINNABAR"}, after
        )
        == []
    )
    assert examine([after], SCHEMAS).accepted and b"QTY+21:5'" in after
    item = after.partition(b"LIN+1++")[2][:13].decode()
    assert item != "4006381333931" and gs1_check_digit(item[:-1]) == item[-1]
    tradacoms = (
        b"STX=ANA:1+5000000000000:VANDERMEER+5010000000000+240101:120000+1'"
        b"MHD=1+ORDHDR:9'TYP=0430'SDT=KATHARINA'MTR=4'END=1'"
    )
    assert survivors({"a": "VANDERMEER", "b": "KATHARINA"}, redacted(tradacoms)) == []


def test_headers_of_edifact_may_change_their_length_and_binary_data_not() -> None:
    order = (
        b"UNA:+.? \r\n'UNB+UNOC:3+A1:14+B2:14+240101:1200+91+++1'UNH+1+ORDERS:D:96A:UN'"
        b"BGM+220+V1+9'DTM+137:20240101:102'"
        b"NAD+BY+5412345000013::9'LIN+1++4006381333931:EN'QTY+21:5'UNS+S'UNT+8+1'UNZ+1+91'"
    ).replace(b"\r\n'", b"'")
    before, after = examine([order], SCHEMAS), examine([redacted(order)], SCHEMAS)
    assert [f["fault"] for f in before.data("x")["errors"]] == [f["fault"] for f in after.data("x")["errors"]] == []
    unknown = enveloped("FA", "005010", "ST*000*0001\nBIN*5*AB~CD\nSE*?*0001")
    assert b"BIN*5*XXXXX~" in redacted(unknown)
    claim = (
        b"STX=ANA:1+5000000000000:SHOP+5010000000000+240101:120000+417'"
        b"MHD=1+ORDHDR:9'TYP=0430'SDT=KATHARINA'MTR=4'END=1'"
    )
    found = examine([redacted(claim)], SCHEMAS).data("x")["errors"]
    assert [f["fault"] for f in found if f["severity"] == "error"] == []


# ── links, balances, dates ───────────────────────────────────────────────────────────────────────────────────────


def test_messages_stay_linked_under_the_same_secret() -> None:
    claim, told, payment = (redacted(interchange(name)) for name in ("837", "277CA", "835"))
    claims = values(claim, b"CLM", 1)
    assert claims == values(payment, b"CLP", 1) == values(told, b"TRN", 2, b"2")[1:]
    assert values(claim, b"BHT", 3) == values(told, b"TRN", 2, b"2")[:1]
    asked, answered = redacted(interchange("276")), redacted(interchange("277"))
    assert values(asked, b"TRN", 2) == values(answered, b"TRN", 2)
    assert values(asked, b"NM1", 9, b"IL") == values(claim, b"NM1", 9, b"IL") == values(answered, b"NM1", 9, b"IL")
    assert values(redacted(interchange("837"), b"another secret of the tests"), b"CLM", 1) != claims


def test_amounts_and_codes_stay_and_dates_of_a_household_move_together() -> None:
    before, after = interchange("835"), redacted(interchange("835"))
    for tag, numbers in ((b"BPR", (2,)), (b"CLP", (2, 3, 4, 5)), (b"SVC", (1, 2, 3)), (b"CAS", (1, 2, 3))):
        assert all(values(before, tag, n) == values(after, tag, n) for n in numbers)

    def day(text: str) -> date:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))

    def moved(name: str, tag: bytes, number: int) -> set[int]:
        pairs = zip(
            values(interchange(name), tag, number), values(redacted(interchange(name)), tag, number), strict=True
        )
        return {(day(new) - day(old)).days for old, new in pairs}

    births, services = moved("837", b"DMG", 2), moved("837", b"DTP", 3)
    assert births == services and len(births) == 1 and max(births) < 0
    assert moved("835", b"DTM", 2) > services and moved("835", b"BPR", 16) < moved("835", b"DTM", 2)


def test_an_age_above_eighty_nine_is_put_together_with_others() -> None:
    old = {**PEOPLE, "birth": "19200229"}
    assert values(redacted(interchange("270", old)), b"DMG", 2)[0].endswith("0101")
    assert 2025 - int(values(redacted(interchange("270", old)), b"DMG", 2)[0][:4]) == 90


def test_what_a_person_keeps_stays() -> None:
    content = interchange("837")
    assert values(redacted(content, keep=("diagnoses",)), b"HI", 1) == values(content, b"HI", 1)
    assert values(redacted(content, keep=("dates",)), b"DMG", 2) == values(content, b"DMG", 2)
    assert redacted(content, keep=("partners",)).startswith(content[:60])
    kept = redacted(content, keep=("providers",))
    assert PEOPLE["npi"].encode() in kept and PEOPLE["provider_street"].encode() in kept and b"REF*EI*912345678" in kept
    assert not {"surname", "ssn", "record", "member"} & set(survivors(PEOPLE, kept))
    assert b"IEA*1*000000417" in redacted(content, keep=("control-numbers",))


def test_what_was_replaced_is_told_with_its_category() -> None:
    redactor = Redactor(SECRET, SCHEMAS)
    list(redactor.content([interchange("837")]))
    rows = {(row["element"], row["qualifier"]): row for row in redactor.account.rows()}
    assert rows["REF02", "SY"]["category"] == "G" and rows["REF02", "SY"]["guide"] == "x12/005010X222A1/837"
    assert rows["NM109", "MI"]["category"] == "I" and rows["CLM01", ""]["category"] == "J"
    assert {str(row["category"]) for row in redactor.account.rows()} <= CATEGORIES.keys()


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.sets(st.from_regex(r"[A-Z]{2}[0-9]{3}", fullmatch=True), min_size=2, max_size=40))
def test_two_identifiers_never_become_the_same(texts: set[str]) -> None:
    pseudonyms = Pseudonyms(SECRET)
    made = {pseudonyms.identifier(text) for text in texts}
    assert len(made) == len(texts) and all(re.fullmatch(r"[A-Z]{2}[0-9]{3}", one) for one in made)


@given(st.integers(1_000_000, 9_900_000))
@settings(max_examples=10, deadline=None)
def test_numbers_with_and_without_check_digits_never_meet(first: int) -> None:
    bodies = [str(first + n) for n in range(0, 2000, 37)]
    both = {text for body in bodies for text in (f"{body}5", body + gs1_check_digit(body))}
    pseudonyms = Pseudonyms(SECRET)
    made = {text: pseudonyms.identifier(text) for text in both}
    assert len(set(made.values())) == len(both)
    assert all((gs1_check_digit(a[:7]) == a[7]) == (gs1_check_digit(b[:7]) == b[7]) for a, b in made.items())


@given(st.from_regex(r"[12][0-9]{8}", fullmatch=True))
def test_check_digits_stay_right(body: str) -> None:
    pseudonyms = Pseudonyms(SECRET)
    npi = pseudonyms.identifier(body + npi_check_digit(body))
    assert npi[9] == npi_check_digit(npi[:9]) and npi[:9] != body
    routing = pseudonyms.routing("021000021")
    assert sum(int(d) * w for d, w in zip(routing, (3, 7, 1) * 3, strict=True)) % 10 == 0


@given(st.text(max_size=30), st.integers(-800, 800))
def test_what_is_no_date_is_not_taken_for_one(text: str, days: int) -> None:
    made = shifted(text, days)
    assert made is None or len(made) == len(text)


@given(st.binary(max_size=400))
@settings(max_examples=30, deadline=None)
def test_anything_is_redacted_without_failing(data: bytes) -> None:
    assert isinstance(redacted(data), bytes)
    content = bytearray(interchange("270"))
    content[300:300] = data
    redacted(bytes(content))
