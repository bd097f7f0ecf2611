"""``waypost chain orders``, ``claims`` and ``questions``."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.commanding import PROJECT, Command, FakeSystem, write
from tests.unit.formats.edi_health import CONVERSATION, interchange
from tests.unit.reconcile.retail import ORDER, SHIPPED, X12_CHAIN


@pytest.fixture
def orders(tmp_path: Path) -> list[Path]:
    made = [tmp_path / f"{number}.edi" for number in range(len(X12_CHAIN))]
    for path, content in zip(made, X12_CHAIN, strict=True):
        path.write_bytes(content)
    return made


def test_orders_are_told_with_what_differs(waypost: Command, orders: list[Path]) -> None:
    said = waypost("chain", "orders", *orders)
    assert said.code == 0 and "order PO1  BUYER and SUPPLIER  differs" in said.out
    assert "  ! line 2: price invoiced other than confirmed: expected 20, found 21\n" in said.out
    assert "1 chains: 1 differs; read 1 810, 1 820, 1 850, 1 855, 1 856" in said.err


def test_troubled_ones_give_exit_code_1(waypost: Command, orders: list[Path]) -> None:
    assert waypost("chain", "orders", *orders, "--troubled").code == 1
    assert waypost("chain", "orders", orders[0], "--troubled").code == 0
    late = ("chain", "orders", orders[0], "--troubled", "--due", "856=2d")
    assert waypost(*late, "--at", "2026-03-04T08:59").code == 0
    assert waypost(*late, "--at", "2026-03-04T09:01").code == 1
    assert waypost("chain", "orders", *orders, "--tolerance", "20/5", "--state", "differs").out.count("! ") == 1


def test_as_json_and_as_a_page(waypost: Command, orders: list[Path]) -> None:
    data = waypost("chain", "orders", *orders, "--json").json
    assert data["counts"] == {"differs": 1} and data["chains"][0]["lines"][1]["prices"]["invoiced"] == 21
    orders[0].write_bytes(ORDER.replace(b"SKU1", b"<x&"))
    page = waypost("chain", "orders", *orders, "--html").out
    assert page.startswith("<!doctype html>") and "VP:&lt;x&amp;" in page and "<x&" not in page
    assert "prefers-color-scheme: dark" in page


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--html", "--json"], "both --html and --json"),
        (["--due", "856=soon"], "--due '856=soon'"),
        (["--due", "999=2d"], "--due '999=2d'"),
        (["--tolerance", "much"], "--tolerance 'much'"),
        (["--at", "then"], "'then' is no time"),
    ],
)
def test_what_is_not_understood_is_refused(
    waypost: Command, orders: list[Path], arguments: list[str], says: str
) -> None:
    said = waypost("chain", "orders", orders[0], *arguments)
    assert said.code == 2 and says in said.out + said.err


def test_a_ledger_is_kept_and_asked_without_files(waypost: Command, orders: list[Path], tmp_path: Path) -> None:
    for order in orders:
        waypost("chain", "orders", order, "--ledger", tmp_path / "book", "--project", tmp_path)
    said = waypost("chain", "orders", "--ledger", tmp_path / "book", "--project", tmp_path, "--json")
    assert len(said.json["chains"][0]["documents"]) == 5


def _row(content: bytes, at: int, **more: Any) -> dict[str, Any]:
    return {"message": f"m{at}", "flow": "trade", "partner": "acme", "at": at, "state": "delivered",
            "standard": "x12", "interchange": "7", "raw": base64.b64encode(content).decode(), **more}  # fmt: skip


def test_stored_traffic_is_held_against_the_partner_s_file(
    waypost: Command, system: FakeSystem, tmp_path: Path
) -> None:
    root = write(tmp_path / "p", PROJECT)
    waypost("partner", "new", "acme", "--project", root, "--id", "ZZ:BUYER", "--us", "ZZ:SUPPLIER")
    levels = "service_levels:\n  - {name: asn, what: '856', after: '850', counted_from: delivery, within: 24h}\n"
    path = root / "partners/acme.yaml"
    path.write_text(path.read_text() + levels)
    day = 86_400_000_000
    start = 1_772_409_600_000_000  # 2026-03-02
    head, _, rest = ORDER.partition(b"ST*")
    received = _row(b"ST*" + rest, start, context=base64.b64encode(head).decode(), direction="received")
    sent = _row(SHIPPED, start + 7 * day + 1, direction="sent")
    system.answers |= {"exchanges": {"exchanges": [received, sent], "next": None}, "settle": {}, "books": {}}
    said = waypost("chain", "orders", "--project", root, "--json")
    [chain] = said.json["chains"]
    assert chain["partner"] == "acme" and chain["due"][0]["due"] == "2026-03-09T00:00:00Z"
    assert chain["due"][0]["state"] == "late" and chain["documents"][0]["message"] == f"m{start}"
    rows = waypost("expectations", "--project", root, "--documents", "--json").json["expectations"]
    [due] = [row for row in rows if row["what"] == "856"]
    assert (due["state"], due["late"], due["direction"], due["number"]) == ("closed", True, "owed by us", "PO1")
    assert due["due"] == "2026-03-09T00:00:00Z" and due["rule"].startswith("partners/acme.yaml:")
    none = waypost("expectations", "--project", root, "--documents", "--state", "overdue", "--json").json
    assert not [row for row in none["expectations"] if row["what"] == "856"]
    assert "856" not in waypost("expectations", "--project", root, "--json").out
    assert system.asked[0][1]["content"] is True


def test_claims_and_questions_are_told(waypost: Command, tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.edi" for name in CONVERSATION]
    for path, name in zip(files, CONVERSATION, strict=True):
        path.write_bytes(interchange(name))
    claims = waypost("chain", "claims", *files)
    assert (
        "billed 350, paid 210, the patient's 40; CO (contractual) 45 50, 97 50; PR (the patient's) 2 40" in claims.out
    )
    assert waypost("chain", "claims", *files, "--claim", "PCN-2026-00418", "--json").json["counts"] == {"denied": 1}
    assert "Claim PCN-2026-00418" in waypost("chain", "claims", *files, "--html").out
    questions = waypost("chain", "questions", *files)
    assert "270 TRC20260417001  BRIGHTWTR01 and GRANITECLR1  answered, after 0 s" in questions.out
    assert waypost("chain", "questions", files[0], "--troubled", "--at", "2027-01-01").code == 1
