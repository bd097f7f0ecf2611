"""Judges what the trading partners got and answered by their own ledgers, and our acknowledgements by theirs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from waypost.testing.demo.play import ACME_GROUPS, DOCUMENTS, GLOBEX_INTERCHANGES, LATE, OF_ACME, OF_GLOBEX, REJECTED
from waypost.testing.demo.stage import Stage
from waypost.testing.simulators.edi_desk import Ledger

Row = tuple[str, str, str, bool]


async def judge_partners(stage: Stage) -> list[Row]:
    """One row for each thing that must be so at the partners: what, expected, found, whether it is so."""
    acme, globex = stage.acme.desk.ledger, stage.globex.desk.ledger
    return [
        _answers("groups of Acme answered by 997", ACME_GROUPS, acme),
        _answers("interchanges of Globex by CONTRL", GLOBEX_INTERCHANGES, globex),
        judged_each("855, 856, 810 at Acme, one an order", _documents("acme", OF_ACME), _held(acme)),
        judged_each("ORDRSP, DESADV, INVOIC at Globex, too", _documents("globex", OF_GLOBEX), _held(globex)),
        _numbers(
            "control numbers at Acme, no gap", _numbers_of(rb"ISA\*(?:[^*]*\*){12}0*(\d+)", stage.partner.inbound)
        ),
        _numbers(
            "control numbers at Globex, no gap", _numbers_of(rb"UNB\+(?:[^+]*\+){4}(\d+)", stage.globex.received_folder)
        ),
        _receipts(stage),
        await _sound(stage),
        *await _reconciled(stage),
    ]


def _documents(partner: str, orders: Iterable[str]) -> list[str]:
    return [f"{set_id} {order}" for order in orders for set_id in DOCUMENTS[partner]]


def _held(ledger: Ledger) -> list[str]:
    return [f"{one.set} {one.order}" for one in ledger.documents]


def _numbers_of(pattern: bytes, folder: Path) -> list[int]:
    contents = [path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")]
    return sorted(int(found[1]) for content in contents if (found := re.search(pattern, content)))


def _numbers(what: str, found: list[int]) -> Row:
    return row(what, f"1–{len(found)}", f"1–{len(found)}" if found == [*range(1, len(found) + 1)] else str(found))


def _receipts(stage: Stage) -> Row:
    """Every AS2 message of either side has the other's signed receipt."""
    kept = len(list((stage.folder / "as2-archive" / "sent").glob("*/*/receipt.json")))
    ours = f"{len(stage.globex.message_ids)} of ours"
    theirs = f"{len(GLOBEX_INTERCHANGES) + len(stage.globex.desk.ledger.documents)} of theirs"
    processed = stage.globex.receipts.count("processed")
    return row("AS2 messages with a signed receipt", f"{ours}, {theirs}", f"{kept} of ours, {processed} of theirs")


async def _sound(stage: Stage) -> Row:
    """Every file the partners have is what its schema, or the partner's overlay, asks for."""
    folders = (stage.partner.inbound, stage.globex.received_folder)
    files = [str(path) for folder in folders for path in folder.iterdir() if not path.name.startswith(".")]
    code, _ = await stage.waypost("edi", "check", "--partner", "acme", *files) if files else (1, "")
    return row("files at partners that `edi check` takes", f"{len(files)}", f"{len(files)}" if code == 0 else "not all")


async def _reconciled(stage: Stage) -> list[Row]:
    """Our books of acknowledgements against the verdicts the partners say they gave."""
    rows = await stage.expectations()
    made = []
    for partner, ledger in (("acme", stage.acme.desk.ledger), ("globex", stage.globex.desk.ledger)):
        of_partner = [one for one in rows if one["partner"] == partner]
        ours = {
            one["interchange"].lstrip("0"): one["verdict"] for one in of_partner if one["direction"] == "owed to us"
        }
        theirs = {number.lstrip("0"): verdict for number, verdict in ledger.sent.items()}
        said, found = _verdicts(theirs.values()), _verdicts(ours.values())
        made.append((f"verdicts of {partner} in our books", said, found, ours == theirs and bool(theirs)))
        owed = [one for one in of_partner if one["direction"] == "owed by us"]
        answered = sum(one["state"] == "closed" for one in owed)
        made.append(row(f"  what we owed {partner}, answered", len(ledger.answers), answered))
    rejected = [
        one["keys"]["po"][0] for one in rows if one["direction"] == "owed to us" and one["verdict"] == "rejected"
    ]
    late = [one["keys"]["po"][0] for one in rows if one["late"]]
    made.append(row("  rejected", f"{REJECTED[1]}", ", ".join(rejected)))
    made.append(row("  late", f"{LATE[1]}", ", ".join(late)))
    return made


def _answers(what: str, expected: Mapping[str, str], ledger: Ledger) -> Row:
    """Each of the partner's own interchanges has its answer, and the right one."""
    return what, _verdicts(expected.values()), _verdicts(ledger.answers.values()), dict(expected) == ledger.answers


def _verdicts(codes: Iterable[object]) -> str:
    return ", ".join(f"{count} {code}" for code, count in sorted(Counter(map(str, codes)).items()))


def row(what: str, expected: object, found: object) -> Row:
    """One thing that must be so."""
    return what, str(expected), str(found), expected == found


def judged_each(what: str, expected: Iterable[str], found: Iterable[str]) -> Row:
    """As a multiset: what is missing and what is there too often is said."""
    wanted, got = Counter(expected), Counter(found)
    said = [str(got.total())]
    said += [f"missing {name}" for name in sorted(wanted - got)] + [
        f"too often {name}" for name in sorted(got - wanted)
    ]
    return what, str(wanted.total()), ", ".join(said), wanted == got
