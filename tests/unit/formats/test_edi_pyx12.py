"""Health care files of other people: our verdict beside that of pyx12, and each disagreement with its reason."""

from __future__ import annotations

import io
import logging
import re
from pathlib import Path

import pytest

from tests.unit.formats.edi_orders import report_on

FOLDERS = [parent / "shared/corpora/edi" for parent in Path(__file__).parents]
CORPORA = next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[4])
VERSIONS = {
    b"005010X222A2": b"005010X222A1", b"005010X223A3": b"005010X223A2", b"005010X223A1": b"005010X223A2",
}  # fmt: skip
"""Addenda pyx12 has no map of, and the one that is checked in their place."""
KNOWN = re.compile(rb"\*(00[45]010X(?:098A1|096A1|091A1|222A[12]|223A[123]|221A1|220A1|231A1|214|218))[~\n*]")
_REF87 = "pyx12 wants the addendum in REF02 of the transmission type; partners leave it out, and we take it as it comes"
DISAGREEMENTS = {
    "two-claims-single-provider.837i": "pyx12 asks for nine digits in the postal code of the billing provider and "
    "refuses CLM06; we hold neither for a fault",
    "institutional-ppo-repriced.837": "pyx12 asks for CLM06 and CLM18, which claims of that version leave out",
    "workers-compensation.837": "as institutional-ppo-repriced.837",
    "coordination-of-benefits.837": _REF87,
    "dependent-commercial-insurance-02.837": _REF87,
    "dependent-commercial-insurance-03.837": _REF87,
    "patient-is-dependent.837": _REF87,
    "patient-is-subscriber.837": _REF87,
}
"""By file; judged in docs/explanation/edi-disagreements.md."""

pyx12_params = pytest.importorskip("pyx12.params", reason="pyx12 is not installed: no second opinion")


def _files() -> list[Path]:
    return sorted(p for p in CORPORA.rglob("*") if p.is_file() and KNOWN.search(p.read_bytes()[:2000]))


if not _files():
    pytest.skip(f"no corpora at {CORPORA}: no files to disagree about", allow_module_level=True)


def theirs(content: bytes, folder: Path) -> tuple[bool, list[str]]:
    """What pyx12 says: whether it accepts, and its errors."""
    import pyx12.x12n_document

    for version, map_version in VERSIONS.items():
        content = content.replace(version, map_version)
    if b"*004010X" in content:
        content = content.replace(b"*^*00501*", b"*U*00401*", 1)  # pyx12 looks for the map by both
    path = folder / "file.edi"
    path.write_bytes(content.decode("ascii", "replace").replace("\ufffd", "?").encode())
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    handler.setLevel(logging.ERROR)
    logger = logging.getLogger("pyx12")
    logger.handlers, logger.propagate = [handler], False
    try:
        accepted = pyx12.x12n_document.x12n_document(pyx12_params.params(), str(path), io.StringIO(), None, None)
    finally:
        logger.handlers = []
    return bool(accepted), [line for line in said.getvalue().splitlines() if line.startswith("Line:")]


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.name)
def test_both_say_the_same_or_it_is_known_why_not(path: Path, tmp_path: Path) -> None:
    content = path.read_bytes()
    report = report_on(content)
    accepted, errors = theirs(content, tmp_path)
    assert (report.accepted != accepted) == (path.name in DISAGREEMENTS), (report.errors[:3], errors[:3])
