"""Packs are data with a provenance; their samples fit, and what is wrong in a sample is found."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.repository import ROOT
from waypost.core.component import Failed
from waypost.core.errors import ProjectError
from waypost.core.message import Message
from waypost.core.pack import PREFIX, pack_files, pack_names, with_packs
from waypost.core.yamlfile import parse_yaml
from waypost.flow.declared.project import load_project, project_of, read_files
from waypost.testing.cases.runner import run_cases
from waypost.testing.format_kit import build_format
from waypost.testing.step_kit import build_step, messages_of

EXAMPLE = ROOT / "examples/packs"
FILES = with_packs({"a.yaml": b" ".join(f"pack:{name}/".encode() for name in pack_names())})
PAIN = "{namespaces: {'': 'urn:iso:std:iso:20022:tech:xsd:pain.001.001.09'}, lists: [PmtInf, CdtTrfTxInf]}"
CAMT = "{namespaces: {'': 'urn:iso:std:iso:20022:tech:xsd:camt.053.001.08'}, lists: [Stmt, Bal, Ntry]}"
IDOC = "{lists: [E1EDK14, E1EDK03, E1EDKA1, E1EDK02, E1EDP01, E1EDP20, E1EDP19, E1EDS01]}"
FHIR = ("Patient", "Encounter", "Observation", "ServiceRequest", "Bundle", "MessageHeader", "Coverage", "Claim")


def sample(path: str) -> bytes:
    pack, _, rest = path.partition("/")
    return pack_files(pack)[f"samples/{rest}"]


def read(format_name: str, options: str, path: str) -> Any:
    (document,) = build_format(format_name, options, FILES).decode([sample(path)], b"")
    assert not isinstance(document, Exception), document
    return document


def json(path: str) -> Any:
    return msgspec.json.Decoder(float_hook=Decimal).decode(sample(path))


def told(options: str, body: Any) -> list[str]:
    (result,) = build_step("validate", options, FILES).process(messages_of([body]))
    if isinstance(result, Failed):
        return [f"{one['path']} {one['rule']}" for one in result.error.details]  # type: ignore[attr-defined]
    return [] if isinstance(result, Message) else [f"{one.path} {one.rule}" for one in result.findings]


def test_every_pack_says_what_it_is_and_where_it_comes_from() -> None:
    assert pack_names() == ["fhir-r4", "iso-20022", "nacha", "sap-idoc"]
    for name in pack_names():
        faults: list[Any] = []
        data = parse_yaml(pack_files(name)["pack.yaml"].decode(), name, faults).data
        assert faults == [] and data["pack"] == name and data["title"]
        assert "general knowledge" in data["provenance"]


CASES: dict[str, tuple[str, Callable[[], Any]]] = {
    **{f"fhir {name}": (f"pack:fhir-r4/{name}", lambda name=name: json(f"fhir-r4/{name}.json")) for name in FHIR},
    "fhir Claim, rules": ("rules_file: pack:fhir-r4/Claim.rules.yaml", lambda: json("fhir-r4/Claim.json")),
    "pain.001": (
        f"{{xsd: pack:iso-20022/pain.001, rules_file: pack:iso-20022/pain.001.rules.yaml, document: {{xml: {PAIN}}}}}",
        lambda: read("xml", PAIN, "iso-20022/pain.001.xml"),
    ),
    "pain.001 as text": ("xsd: pack:iso-20022/pain.001", lambda: sample("iso-20022/pain.001.xml").decode()),
    "camt.053": (
        f"{{xsd: pack:iso-20022/camt.053, rules_file: pack:iso-20022/camt.053.rules.yaml, document: {{xml: {CAMT}}}}}",
        lambda: read("xml", CAMT, "iso-20022/camt.053.xml"),
    ),
    "nacha": (
        "{layout: pack:nacha/file, rules_file: pack:nacha/file.rules.yaml}",
        lambda: read("fixed", "{layout: pack:nacha/file, unit: content}", "nacha/file.txt"),
    ),
    "nacha as text": ("layout: pack:nacha/file", lambda: sample("nacha/file.txt").decode()),
    "idoc xml": ("pack:sap-idoc/ORDERS05-xml", lambda: read("xml", IDOC, "sap-idoc/ORDERS05.xml")),
    **{
        f"idoc {name}": (f"layout: pack:sap-idoc/{name}", lambda name=name: sample(f"sap-idoc/{name}.txt").decode())
        for name in ("ORDERS05", "INVOIC02", "DESADV")
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_sample_fits(case: str) -> None:
    options, body = CASES[case]
    assert told(options, body()) == []


def changed(case: str, path: str, value: Any) -> list[str]:
    options, body = CASES[case]
    document = copy.deepcopy(body())
    at, parts = document, [int(part) if part.isdigit() else part for part in path.split("/")]
    for part in parts[:-1]:
        at = at[part]
    if value is None:
        del at[parts[-1]]
    else:
        at[parts[-1]] = value
    return told(options, document)


MANDATE = "Document/CstmrCdtTrfInitn/PmtInf/0/CdtTrfTxInf/0"


@pytest.mark.parametrize(
    ("case", "path", "value", "finding"),
    [
        ("fhir Patient", "gender", "femal", "gender properties/gender/enum"),
        ("fhir Patient", "birthDate", "29.2.1980", "birthDate properties/birthDate/pattern"),
        ("fhir Patient", "birthDate", "1980-13-01", "birthDate properties/birthDate/pattern"),
        ("fhir Patient", "birthDate", "1980-02-30", "birthDate properties/birthDate/pattern"),
        ("fhir Patient", "birthDate", "1980-02", ""),
        ("fhir Patient", "name", [], "name properties/name/minItems"),
        ("fhir Observation", "issued", "2026-04-31T10:00:00Z", "issued $defs/instant/pattern"),
        ("fhir Patient", "resourceType", "Person", "resourceType properties/resourceType/const"),
        ("fhir Patient", "deceasedBoolean", True, ""),
        ("fhir Encounter", "status", None, "status required"),
        ("fhir Observation", "valueString", "x", "not"),
        ("fhir Observation", "subject", {"reference": "nobody"}, "subject.reference"),
        ("fhir ServiceRequest", "intent", "wish", "intent properties/intent/enum"),
        ("fhir Coverage", "payor", [], "payor properties/payor/minItems"),
        ("fhir Claim", "insurance", None, "insurance required"),
        ("fhir Claim, rules", "total", {"value": 1}, "total.value claim-total"),
        ("fhir Bundle", "entry/1/resource/status", "done", "entry[1].resource.status"),
        ("fhir Bundle", "entry/0/resource/resourceType", "Patient", "entry[0].resource.resourceType"),
        ("fhir MessageHeader", "eventCoding", None, "eventCoding"),
        ("pain.001", f"{MANDATE}/CdtrAcct/Id/IBAN", "GB82WEST12345698765431", "creditor-iban"),
        ("pain.001", f"{MANDATE}/Amt/InstdAmt/#text", "100.51", "control-sum"),
        ("pain.001", f"{MANDATE}/Amt/InstdAmt/@Ccy", "EUX", "currency"),
        ("pain.001", "Document/CstmrCdtTrfInitn/GrpHdr/NbOfTxs", "3", "transactions-counted"),
        ("pain.001", "Document/CstmrCdtTrfInitn/PmtInf/0/DbtrAgt/FinInstnId/BICFI", "exmp", "BICFI"),
        ("pain.001", "Document/CstmrCdtTrfInitn/PmtInf/0/Dbtr", None, "element-content"),
        ("camt.053", "Document/BkToCstmrStmt/Stmt/0/Bal/1/Amt/#text", "899.51", "balances-agree"),
        ("camt.053", "Document/BkToCstmrStmt/Stmt/0/Acct/Id/IBAN", "DE00370400440532013000", "account-iban"),
        ("camt.053", "Document/BkToCstmrStmt/Stmt/0/Ntry/0/CdtDbtInd", "PLUS", "cvc-enumeration-valid"),
        ("nacha", "batches/0/batch_control/entry_hash", 1, "batches[0].batch_control.entry_hash batch-hash"),
        ("nacha", "file_control/entry_hash", 1, "file_control.entry_hash file-hash"),
        ("nacha", "file_control/block_count", 2, "file_control.block_count blocks"),
        ("nacha", "filler", [], "file_control.block_count blocks"),
        ("nacha", "batches/0/batch_control/total_debit", Decimal("5.26"), "batch-debit"),
        ("nacha", "batches/0/batch_control/total_credit", Decimal("1"), "batch-credit"),
        ("nacha", "batches/0/batch_control/batch_number", 2, "batch-number"),
        ("nacha", "batches/0/batch_control/entry_addenda_count", 9, "entry_addenda_count"),
        ("nacha", "batches/0/entries/1/entry/addenda_indicator", 1, "addenda-announced"),
        ("nacha", "batches/0/entries/1/entry/check_digit", "3", "routing-check-digit"),
        ("nacha", "file_control/batch_count", 3, "batch_count"),
        ("idoc xml", "ORDERS05/IDOC/E1EDP01/0/MENGE", "five", "MENGE"),
        ("idoc xml", "ORDERS05/IDOC/EDI_DC40/MESTYP", "ORDER", "MESTYP"),
    ],
)
def test_what_is_wrong_in_a_sample_is_found(case: str, path: str, value: Any, finding: str) -> None:
    found = changed(case, path, value)
    assert any(finding in one for one in found) if finding else found == [], found


@pytest.mark.parametrize("name", ["ORDERS05", "INVOIC02", "DESADV"])
def test_a_flat_idoc_with_a_segment_nobody_knows_is_refused(name: str) -> None:
    text = sample(f"sap-idoc/{name}.txt").decode() + "Z2UNKNOWN".ljust(80) + "\n"
    assert any("line" in one for one in told(f"layout: pack:sap-idoc/{name}", text))


@pytest.mark.parametrize("case", ["nacha/file.txt", *(f"sap-idoc/{n}.txt" for n in ("ORDERS05", "INVOIC02", "DESADV"))])
def test_a_file_by_a_layout_is_written_as_it_was_read(case: str) -> None:
    pack, _, name = case.partition("/")
    made = build_format("fixed", f"{{layout: pack:{pack}/{name.removesuffix('.txt')}, unit: content}}", FILES)
    (document,) = made.decode([sample(case)], b"")
    assert made.encode([document]) == [sample(case)]


def test_a_pack_is_part_of_the_version_of_a_project_that_names_it(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "p")
    project = load_project(tmp_path / "p")
    assert "pack:nacha/file.layout.yaml" in project.files
    stored = {**project.files, "pack:nacha/file.rules.yaml": b"rules: []"}
    assert project_of(stored, tmp_path / "p", "dev").version != project.version
    kept = project_of(stored, tmp_path / "p", "dev")
    assert kept.files["pack:nacha/file.rules.yaml"] == b"rules: []", "a stored version keeps the pack it had"


def test_a_project_that_names_no_pack_has_none(tmp_path: Path) -> None:
    (tmp_path / "waypost.yaml").write_text("name: t\n")
    assert not any(name.startswith(PREFIX) for name in read_files(tmp_path))


def test_a_pack_that_is_not_there_is_a_fault_with_a_near_name(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "p")
    flow = tmp_path / "p/flows/ach.yaml"
    flow.write_text(flow.read_text().replace("pack:nacha/file,", "pack:nacha/fil,"))
    with pytest.raises(ProjectError, match=r"no file 'pack:nacha/fil' in the project; did you mean 'pack:nacha/file'"):
        load_project(tmp_path / "p")


async def test_the_cases_of_the_example_pass() -> None:
    results = await run_cases(EXAMPLE, "dev")
    assert len(results) == 5 and all(result.differences == () for result in results), results
