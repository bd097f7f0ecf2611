"""Reads what is said of claims and of questions: 837, 997 and 999, 277CA, 275, 276, 277, 835, 270, 271, 278."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from waypost.reconcile.chain.document import Document, Line, decimal
from waypost.reconcile.chain.entry import Reader
from waypost.reconcile.chain.reading import Read, Row, moment, part
from waypost.reconcile.chain.retail_x12 import begun

_SERVICES = {"SV1": (1, 2, 4), "SV2": (2, 3, 5), "SV3": (1, 2, 6)}
"""Of each service segment the elements with the procedure, the charge and the units."""
_PARTIES = {"85": "provider", "PR": "payer", "IL": "subscriber", "QC": "patient", "1P": "provider"}


def _note(made: Document, name: str, value: str) -> None:
    if value and value not in (known := made.refs.setdefault(name, [])):
        known.append(value)


def _add(amounts: dict[str, str], name: str, amount: str) -> None:
    amounts[name] = str((decimal(amounts.get(name, "")) or Decimal(0)) + (decimal(amount) or Decimal(0)))


def _claims(read: Read) -> Iterator[Document]:
    """One document for each claim of an 837."""
    reference, claim = "", None
    around: dict[str, str] = {}
    for row in read.rows:
        tag = row[0]
        if tag == "BHT":
            reference = part(row, 3)
        elif tag == "HL" and claim is not None:
            yield claim
            claim = None
        elif tag == "NM1" and claim is None:
            around[part(row, 1)] = part(row, 9) or part(row, 3)
        elif tag == "CLM":
            if claim is not None:
                yield claim
            claim = begun(read, "claim", part(row, 1), reference)
            claim.code, claim.total = part(row, 5, 3), part(row, 2)
            for qualifier, name in _PARTIES.items():
                _note(claim, name, around.get(qualifier, ""))
            _note(claim, "group", read.group)
            _note(claim, "control", read.control)
        elif claim is not None:
            _of_claim(claim, row)
    if claim is not None:
        yield claim


def _of_claim(claim: Document, row: Row) -> None:
    tag = row[0]
    if tag in _SERVICES:
        procedure, charge, units = _SERVICES[tag]
        code = part(row, procedure, 2) or part(row, procedure)
        claim.lines.append(Line(str(len(claim.lines) + 1), [code], part(row, units), price=part(row, charge)))
    elif tag == "REF" and part(row, 1) == "6R" and claim.lines:
        claim.lines[-1].number = part(row, 2)
    elif tag == "REF" and part(row, 1) == "F8":
        _note(claim, "replaces", part(row, 2))
    elif tag == "PWK":
        _note(claim, "attachment", part(row, 6))
    elif tag == "DTP" and part(row, 1) == "472":
        claim.dates.setdefault("service", moment(part(row, 3)[:8]))


def _syntax(read: Read) -> Iterator[Document]:
    """One document for each set a 999 or 997 names, or for the group where it names none."""
    group, control, named = "", "", False
    for row in read.rows:
        if row[0] == "AK1":
            group = part(row, 2)
        elif row[0] == "AK2":
            control = part(row, 2)
        elif row[0] in ("IK5", "AK5"):
            named = True
            made = begun(read, "syntax", group, control)
            made.code = part(row, 1)
            yield made
        elif row[0] == "AK9" and not named:
            made = begun(read, "syntax", group, "")
            made.code = part(row, 1)
            yield made


def _told(read: Read) -> Iterator[Document]:
    """One document for each trace of a 277: a receipt of a claim (277CA), or a status."""
    receipt = _is_receipt(read)
    yield from _traced(read, "receipt" if receipt else "status", claims_only=receipt)


def _is_receipt(read: Read) -> bool:
    """Whether a 277 acknowledges claims (277CA)."""
    return any(row[0] == "BHT" and part(row, 6) == "TH" for row in read.rows) or read.version.startswith("005010X214")


def _asked(read: Read) -> Iterator[Document]:
    yield from _traced(read, "inquiry")


def _traced(read: Read, kind: str, claims_only: bool = False) -> Iterator[Document]:
    """The documents of a message in which each trace is about one claim; its key is the patient's account where that
    is named, else the trace."""
    made: Document | None = None
    level, reference, provider = "", "", ""
    for row in read.rows:
        tag = row[0]
        if tag == "BHT":
            reference = part(row, 3)
        elif tag == "HL":
            level = part(row, 3)
        elif tag == "NM1" and part(row, 1) in ("85", "1P"):
            provider = part(row, 9)
        if tag in ("HL", "TRN", "SE") and made is not None:
            yield made
            made = None
        if tag == "TRN" and level in ("22", "23", "PT"):
            made = begun(read, kind, part(row, 2), part(row, 2))
            _note(made, "reference", reference)
            _note(made, "provider", provider)
        elif made is not None:
            _of_trace(made, row, claims_only)


def _of_trace(made: Document, row: Row, claims_only: bool) -> None:
    tag, qualifier = row[0], part(row, 1)
    if tag == "STC" and not made.code:
        made.code = ":".join(filter(None, (part(row, 1, 1), part(row, 1, 2))))
        made.total = part(row, 4)
        made.amounts = {"paid": part(row, 5)} if part(row, 5) else {}
        _note(made, "check", part(row, 9))
    elif tag == "REF" and qualifier == "EJ" and not claims_only:
        made.key = part(row, 2)
    elif tag == "REF" and qualifier == "1K":
        _note(made, "payer_claim", part(row, 2))
    elif tag == "AMT" and qualifier == "T3":
        made.total = part(row, 2)


def _payments(read: Read) -> Iterator[Document]:
    """One document for each claim an 835 pays."""
    trace, day, payee, claim = "", 0, "", None
    line: Line | None = None
    for row in read.rows:
        tag = row[0]
        if tag == "BPR":
            day = moment(part(row, 16))
        elif tag == "TRN":
            trace = part(row, 2)
        elif tag == "N1" and part(row, 1) == "PE":
            payee = part(row, 4)
        elif tag in ("CLP", "PLB", "SE", "LX") and claim is not None:
            yield claim
            claim, line = None, None
        if tag == "CLP":
            claim = begun(read, "remittance", part(row, 1), trace)
            claim.code, claim.total = part(row, 2), part(row, 4)
            claim.amounts = {"billed": part(row, 3), "patient": part(row, 5) or "0"}
            claim.dates = {"paid": day} if day else {}
            _note(claim, "payer_claim", part(row, 7))
            _note(claim, "provider", payee)
        elif claim is not None and tag == "SVC":
            line = Line(str(len(claim.lines) + 1), [part(row, 1, 2) or part(row, 1)], part(row, 5), price=part(row, 2))
            line.amounts["paid"] = part(row, 3)
            claim.lines.append(line)
        elif claim is not None and tag == "CAS":
            for at in range(2, len(row), 3):
                if part(row, at):
                    _add((line or claim).amounts, f"{part(row, 1)}-{part(row, at)}", part(row, at + 1))
        elif line is not None and tag == "REF" and part(row, 1) == "6R":
            line.number = part(row, 2)


def _attached(read: Read) -> Iterator[Document]:
    """One document for each trace of a 275: its key is the patient's account, else the payer's number, else the trace;
    it is called by its trace."""
    made: list[Document] = []
    reference, claim, payer_claim = "", "", ""
    for row in read.rows:
        tag, qualifier = row[0], part(row, 1)
        if tag == "BGN":
            reference = part(row, 2)
        elif tag == "TRN":
            made.append(begun(read, "attachment", "", part(row, 2)))
        elif tag == "REF" and qualifier == "EJ":
            claim = part(row, 2)
        elif tag == "REF" and qualifier == "1K":
            payer_claim = part(row, 2)
        elif tag in ("BIN", "BDS"):
            made = made or [begun(read, "attachment", "", reference)]
            length = part(row, 1 if tag == "BIN" else 2)
            _add(made[-1].amounts, "bytes", length if length.isdecimal() else "0")
    for one in made:
        one.key = claim or payer_claim or one.number
        yield one


def _talk(kind: str) -> Callable[[Read], Iterator[Document]]:
    def read_talk(read: Read) -> Iterator[Document]:
        if read.set != "277" or not _is_receipt(read):
            yield from _conversation(read, kind)

    return read_talk


def _conversation(read: Read, kind: str) -> Iterator[Document]:
    """One document for each trace of a question or an answer, or for the message where it has no trace."""
    reference, made, whole = "", None, begun(read, kind, "", "")
    rejected: list[str] = []
    for row in read.rows:
        tag = row[0]
        if tag == "BHT":
            reference = part(row, 3)
            if read.set == "278":
                kind = whole.kind = "answer" if part(row, 2) == "11" else "question"
        elif tag == "TRN":
            if made is not None:
                yield made
            made = begun(read, kind, part(row, 2), reference)
            made.refs = {"rejected": list(rejected)} if rejected else {}
        elif tag == "AAA":
            rejected.append(part(row, 3))
            _note(made or whole, "rejected", part(row, 3))
        elif tag == "EB":
            _note(made or whole, "benefit", part(row, 1))
        elif tag in ("HCR", "STC"):
            (made or whole).code = (made or whole).code or part(row, 1)
    if made is None:
        whole.key = whole.number = reference
        made = whole
    yield made


CLAIMS: Mapping[str, Reader] = {
    "837": _claims, "997": _syntax, "999": _syntax, "277": _told, "276": _asked, "835": _payments, "275": _attached,
}  # fmt: skip
QUESTIONS: Mapping[str, Reader] = {
    "270": _talk("question"), "276": _talk("question"), "271": _talk("answer"), "277": _talk("answer"),
    "278": _talk("question"),
}  # fmt: skip
