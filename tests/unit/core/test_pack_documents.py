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
