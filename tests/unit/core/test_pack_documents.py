"""Documents as banks send them fit the packs, and what is wrong in them is found at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.core.test_pack import CAMT, FILES, PAIN, told
from waypost.testing.format_kit import build_format

FOLDER = Path(__file__).parent / "pack_documents"


def findings(name: str, *changes: tuple[str, str]) -> list[str]:
    text = (FOLDER / f"{name}.xml").read_text("utf-8")
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    xml = PAIN if name == "pain.001" else CAMT
    (document,) = build_format("xml", xml).decode([text.encode()], b"")
    assert not isinstance(document, Exception), document
    options = f"{{xsd: pack:iso-20022/{name}, rules_file: pack:iso-20022/{name}.rules.yaml, document: {{xml: {xml}}}}}"
    return told(options, document)


@pytest.mark.parametrize("name", ["pain.001", "camt.053"])
def test_a_document_as_banks_send_it_fits(name: str) -> None:
    assert findings(name) == []


@pytest.mark.parametrize("name", ["pain.001", "camt.053"])
def test_it_is_written_as_it_was_read(name: str) -> None:
    format_ = build_format("xml", PAIN if name == "pain.001" else CAMT, FILES)
    first = format_.decode([(FOLDER / f"{name}.xml").read_bytes()], b"")
    assert format_.decode(format_.encode(first), b"") == first


@pytest.mark.parametrize(
    ("name", "old", "new", "finding"),
    [
        ("pain.001", "<NbOfTxs>2<", "<NbOfTxs>4<", "NbOfTxs batch-counted"),
        ("pain.001", "<CtrlSum>1500.00<", "<CtrlSum>1500.01<", "CtrlSum batch-sum"),
        ("pain.001", "<CtrlSum>1750.5<", "<CtrlSum>1500<", "CtrlSum control-sum"),
        ("pain.001", "NL91ABNA0417164300", "NL91ABNA0417164301", "creditor-iban"),
        ("pain.001", "<ChrgBr>SLEV<", "<ChrgBr>OUR<", "ChrgBr"),
        ("pain.001", "<CcyOfTrf>USD<", "<CcyOfTrf>usd<", "CcyOfTrf"),
        ("pain.001", "<BirthDt>1980-01-02<", "<BirthDt>02.01.1980<", "BirthDt"),
        ("pain.001", "<BICFI>COBADEFF<", "<BICFI>COBADEF<", "BICFI"),
        ("pain.001", "<ReqdExctnDt><Dt>2026-03-02</Dt></ReqdExctnDt>", "", "element-content"),
        ("pain.001", "<Cdtr><Nm>Muster Inc.", "<Cdtr><Vorname>x</Vorname><Nm>Muster Inc.", "Vorname"),
        ("camt.053", ">9142.17</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt>", ">9142.18</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt>",
         "Bal balances-agree"),
        ("camt.053", "PDNG", "BOOK", "Bal balances-agree"),
        ("camt.053", "<NbOfNtries>4<", "<NbOfNtries>3<", "entries-counted"),
        ("camt.053", "<Sum>824.00<", "<Sum>725.00<", "credits-summed"),
        ("camt.053", "<Sum>1582.83<", "<Sum>1582.38<", "debits-summed"),
        ("camt.053", "<CpyDplctInd>DUPL<", "<CpyDplctInd>DUP<", "CpyDplctInd"),
        ("camt.053", "<Sts><Cd>BOOK</Cd></Sts>", "", "element-content"),
        ("camt.053", 'Ccy="EUR">725.00', '>725.00', "Ccy"),
        ("camt.053", "<ValDt><Dt>2026-03-02<", "<ValDt><Dt>2026-02-30<", "Dt"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_it_is_found(name: str, old: str, new: str, finding: str) -> None:
    found = findings(name, (old, new))
    assert any(finding in one for one in found), found


def _entry(code: str, receiving: str, cents: int, addenda: str, number: int) -> str:
    check = (10 - sum(int(d) * w for d, w in zip(receiving, (3, 7, 1, 3, 7, 1, 3, 7), strict=True)) % 10) % 10
    return (
        f"6{code}{receiving}{check}{'77':17}{cents:010d}{'EMP':15}{'DOE JANE & SONS':22}  {addenda}09100001{number:07d}"
    )


def ach(*, cut: int = 94, credit: int = 150_050) -> str:
    """Payroll with a prenote and an offset, and a debit with its invoice, as an originator sends them."""
    batches = [
        ("200", "PPD", [_entry("22", "02100002", 150_050, "0", 1), _entry("33", "12104288", 0, "0", 2),
                        _entry("27", "09100001", 150_050, "0", 3)], 23_304_291, 150_050, credit),
        ("225", "CCD", [_entry("27", "02100002", 12_345, "1", 4), f"705{'RMR*IV*88120**123.45':80}00010000004"],
         2_100_002, 12_345, 0),
    ]  # fmt: skip
    lines = [f"101 0910000191234567890260302{'0815'}A094101{'FED RESERVE':23}{'MUSTER PAYROLL':23}{'REF':8}"]
    for number, (service, kind, entries, hashed, debit, credits) in enumerate(batches, 1):
        company = f"{'MUSTER':16}{'':20}1123456789{kind}{'PAYROLL':10}260302260303   109100001{number:07d}"
        lines += [f"5{service}{company}", *entries]
        lines.append(f"8{service}{len(entries):06d}{hashed:010d}{debit:012d}{credits:012d}1123456789{'':25}09100001"
                     f"{number:07d}")  # fmt: skip
    lines[2] = lines[2][:cut]
    lines.append(f"9000002000002{5:08d}{25_404_293:010d}{162_395:012d}{credit:012d}{'':39}")
    lines += ["9" * 94] * (20 - len(lines))
    return "\r\n".join(lines) + "\r\n"


def told_of_ach(text: str) -> list[str]:
    (document,) = build_format("fixed", "{layout: pack:nacha/file, unit: content}", FILES).decode([text.encode()], b"")
    assert not isinstance(document, Exception), document
    return told("{layout: pack:nacha/file, rules_file: pack:nacha/file.rules.yaml}", document)


def test_an_ach_file_as_an_originator_sends_it_fits() -> None:
    assert told_of_ach(ach()) == []


def test_a_line_that_lost_its_end_and_a_wrong_total_are_found() -> None:
    found = told_of_ach(ach(cut=93, credit=150_051))
    assert any("trace_number trace-number" in one for one in found)
    assert any("total_credit batch-credit" in one for one in found)


def test_a_batch_without_its_header_is_named() -> None:
    lines = ach().split("\r\n")
    (error,) = build_format("fixed", "{layout: pack:nacha/file, unit: content}", FILES).decode(
        ["\n".join(lines[:1] + lines[2:]).encode()], b""
    )
    assert str(error).startswith("line 2: no 'file_control' but 'entry'")
