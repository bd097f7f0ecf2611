"""The verbs of daily work with partners, in a project that runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.flows.test_acknowledgement_ledger import ACK, WAITING
from tests.flows.trading import CONFIRMATION, IN, ORDERS, OUT
from tests.unit.cli.commanding import Command, write
from waypost.cli.verb.expecting import _standing

CONFIRM = OUT.replace("{memory: in}", "{directory: {path: confirm/*.ndjson}}").replace(
    "format: json\n", "format: {json: {lines: true}}\n"
).replace("{memory: out,", '{directory: {path: out, name: "{id}.edi"},')  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, waypost: Command) -> Path:
    root = write(
        tmp_path / "p",
        {
            "waypost.yaml": "name: trade\n", "partners/acme.yaml": WAITING, "flows/confirm.yaml": CONFIRM,
            "flows/orders.yaml": IN.replace("{memory: out}", "{directory: orders}"),
            "confirm/1.ndjson": CONFIRMATION % 1 + "\n", "in/1.edi": ORDERS,
        },
    )  # fmt: skip
    assert waypost("run", root, "--once").code == 0
    return root


def test_the_whole_day_of_an_interchange(project: Path, waypost: Command) -> None:
    [one] = waypost("expectations", "--project", project, "--json").json["expectations"]
    assert (one["what"], one["state"], one["number"]) == ("x12/997", "open", "7")
    assert waypost("expectations", "--project", project, "--state", "overdue").out == "nothing is waited for\n"
    viewed = waypost("edi", "view", "--message", one["message"], "--project", project)
    assert "purchase order" in viewed.out and "000000041" in viewed.out
    again = waypost("partner", "resend", one["message"], "--new-numbers", "--project", project, "--json").json
    assert again["count"] == 1
    waits = waypost("show", one["message"], "--project", project)
    assert "acknowledgements  waiting" in waits.out and "x12/997 of group 7, owed to us: open, due" in waits.out
    (project / "in/2.edi").write_text(ACK.format(group="7", code="R"))
    assert waypost("run", project, "--once").code == 0
    said = waypost("partner", "acks", "acme", "--troubled", "--project", project)
    assert said.code == 1 and said.out.startswith("rejected: x12/997 of group 7")
    assert "owed to us" in said.out
    answer = waypost("edi", "view", "--message", one["message"], "--acknowledgement", "--project", project).out
    assert "= refused" in answer and "control number of the group      7" in answer
    rows = waypost("messages", "--flow", "confirm", "--project", project, "--json").json["messages"]
    states = {row["id"]: row["acknowledgement"] for row in rows}
    assert states.pop(one["message"]) == "rejected" and list(states.values()) == ["waiting"]
    assert "delivered, rejected" in waypost("messages", "--project", project).out
    told = waypost("partner", "acks", "--project", project, "--json").json
    assert told["counts"]["rejected"] == told["event_counts"]["rejected"] == 1 and told["counts"]["open"] == 1
    assert [row["state"] for row in told["acknowledgements"]] == ["closed", "open"]
    waits = waypost("partner", "acks", "acme", "--state", "rejected", "--project", project, "--json").json
    assert [row["message"] for row in waits["acknowledgements"]] == [one["message"]]
    assert waypost("partner", "acks", "--overdue", "--project", project).out.startswith("nothing is waited for")
    assert waypost("partner", "acks", "--state", "opne", "--project", project).code == 2
    assert waypost("status", "--project", project, "--json").json["acknowledgements"]["open"] == 1
    shown = waypost("show", one["message"], "--project", project, "--json").json["acknowledgements"]
    assert shown["state"] == "rejected"
    assert shown["expectations"][0]["verdict"] == "rejected" and shown["expectations"][0]["closed_by"]
    numbers = waypost("partner", "numbers", "acme", "--project", project, "--json").json["numbers"]
    assert {row["sequence"]: row["next"] for row in numbers}["acme/x12/test/interchange"] == "43"


def test_at_rest_it_is_said_that_nothing_goes_out_before_the_project_runs(project: Path, waypost: Command) -> None:
    [one] = waypost("expectations", "--project", project, "--json").json["expectations"]
    said = waypost("partner", "resend", one["message"], "--project", project).out
    assert said.endswith("1 interchange to be sent again; it goes out once the project runs\n")


def test_a_number_is_set_for_what_the_environment_is_for(project: Path, waypost: Command) -> None:
    write(project, {"environments/live.yaml": "environment: live\nclass: prod\n",
                    "environments/dev.yaml": "environment: dev\n"})  # fmt: skip
    for environment, usage in (("dev", "test"), ("live", "production")):
        arguments = ("partner", "set-number", "acme", "500", "--why", "a backup", "--project", project)
        said = waypost(*arguments, "--env", environment)
        assert said.out.startswith(f"acme/x12/{usage}/interchange: next 500"), said.err
    said = waypost("partner", "set-number", "acme", "600", "--why", "x", "--usage", "production", "--project", project)
    assert said.out.startswith("acme/x12/production/interchange: next 600")


def test_a_changed_overlay_is_tried_on_what_is_stored(project: Path, waypost: Command) -> None:
    assert waypost("partner", "simulate", "acme", "--project", project).code == 0
    overlay = {"schemas/850.yaml": "use: x12/004010/850\nset: {PO1/3: {codes: [CS]}}\n"}
    named = WAITING.replace('version: "004010"}', 'version: "004010", schema: schemas/850.yaml}')
    write(project, {**overlay, "partners/acme.yaml": named})
    said = waypost("partner", "simulate", "acme", "--project", project, "--json")
    assert said.code == 1 and list(said.json["newly_failing"]) == ["element-code PO103"]


def test_samples_become_an_overlay_that_accepts_them_and_a_guide(project: Path, waypost: Command) -> None:
    samples = []
    for number in range(3):
        samples.append(project / f"s{number}.edi")
        samples[-1].write_text(ORDERS.replace("NM-2026-0815", f"NM-{number}"))
    made = waypost("partner", "infer", "acme", *samples, "--to", project / "made", "--json").json
    [proposal] = made["proposals"]
    assert proposal["messages"] == 3 and 'PO1/3: {codes: ["EA", "KG"]}' in proposal["overlay"]
    assert 'BEG/3: {type: "AN 1..5"}' in proposal["overlay"]
    overlay, guide = project / "made/850-004010.yaml", (project / "made/guide.html").read_text()
    assert waypost("edi", "check", *samples, "--schema", overlay).code == 0
    other = project / "other.edi"
    other.write_text(ORDERS.replace("*EA*", "*CS*"))
    assert waypost("edi", "check", other, "--schema", overlay).code == 1
    assert "<code>PO103</code>" in guide and "<script" not in guide


def test_a_document_is_shown_as_text_html_and_json(tmp_path: Path, waypost: Command) -> None:
    file = tmp_path / "po.edi"
    file.write_text(ORDERS.replace("Nordmarkt Handel", "Nord<Handel"))
    text = waypost("edi", "view", file, "--project", tmp_path).out
    assert "850 purchase order" in text and "BEG01     purpose" in text and "= original" in text
    dated = {line.split()[0]: line.split("= ")[1] for line in text.splitlines() if "= 20" in line}
    assert {"ISA09", "GS04", "BEG05", "DTM02"} <= dated.keys() and dated["ISA09"] == "2026-04-12"
    page = waypost("edi", "view", file, "--html", "--project", tmp_path).out
    assert "<title>850 purchase order, NORDMARKT → 4399902099992, 000000417</title>" in page
    assert page.startswith("<!doctype html>") and "Nord&lt;Handel" in page and "Nord<Handel" not in page
    assert json.loads(waypost("edi", "view", file, "--json", "--project", tmp_path).out)["segments"]


def test_dates_and_implied_decimals_are_told_as_people_write_them(tmp_path: Path, waypost: Command) -> None:
    file = tmp_path / "invoice.edi"
    file.write_text(
        ORDERS.replace("ST*850*", "ST*810*").replace("GS*PO*", "GS*IN*").replace("CTT*", "TDS*11805~CTT*")
        + "UNB+UNOC:3+A:14+B:14+261116:0815+7'UNH+1+ORDERS:D:96A:UN'BGM+220+1+9'DTM+137:20261116:102'"
        "DTM+2:202611160815:203'UNT+5+1'UNZ+1+7'"
    )
    lines = waypost("edi", "view", file, "--project", tmp_path).out.splitlines()
    assert [line.split()[-3:] for line in lines if "TDS01" in line or "DTM01-2" in line] == [
        ["11805", "=", "118.05"], ["20261116", "=", "2026-11-16"], ["or", "period", "202611160815"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("edi", "view"), "nothing to show"),
        (("partner", "set-number", "acme", "0", "--why", "x"), "0 is not in the range"),
        (("partner", "set-number", "acme", "1", "--why", "x", "--level", "grop"), "did you mean"),
        (
            ("edi", "view", "--message", "01a223eb-5227-7000-b4ff-4c5a0a440000", "--acknowledgement"),
            "nothing acknowledges",
        ),
        (("edi", "view", "x.edi", "--acknowledgement"), "--acknowledgement of a file"),
        (("partner", "resend", "01a223eb-5227-7000-b4ff-4c5a0a440000"), "no interchange"),
        (("expectations", "--state", "opn"), "did you mean 'open'?"),
    ],
)
def test_what_cannot_be_done_is_said(project: Path, waypost: Command, arguments: tuple[str, ...], words: str) -> None:
    said = waypost(*arguments, "--project", project)
    assert said.code == 2 and words in said.err


def test_a_partner_s_file_is_reported_on_as_text_json_and_page(project: Path, waypost: Command) -> None:
    good, bad = project / "in/1.edi", project / "bad.edi"
    good.write_text(ORDERS)
    bad.write_text(ORDERS.replace("CTT*2", "CTT*9"))
    assert waypost("partner", "check", "acme", good, "--project", project).code == 0
    said = waypost("partner", "check", "acme", bad, "--project", project)
    assert (
        said.code == 1 and "✗ CTT01: 9; expected 2, the number of PO1 segments" in said.out and "AK5*R*5~" in said.out
    )
    told = waypost("partner", "check", "acme", good, bad, "--project", project, "--json").json
    assert [one["accepted"] for one in told["files"]] == [True, False]
    assert told["files"][1]["errors"][0]["place"] == "CTT01"
    page = project / "report.html"
    assert waypost("partner", "check", "acme", bad, "--project", project, "--html", page).code == 1
    assert '<tr class="bad"><td class="at mono">CTT01</td>' in page.read_text()
    both = waypost("partner", "check", "acme", good, bad, "--project", project, "--html", page)
    assert both.code == 2 and "one by one" in both.err


def test_the_cases_proposed_from_samples_run_once_their_snapshots_are_taken(project: Path, waypost: Command) -> None:
    samples = []
    for number in range(3):
        samples.append(project / f"s{number}.edi")
        samples[-1].write_text(ORDERS.replace("NM-2026-0815", f"NM-{number}"))
    told = waypost("partner", "infer", "acme", *samples, "--to", project, "--project", project, "--json").json
    assert str(project / "tests/acme-850-004010.yaml") in told["written"]
    write(project, {"schemas/850.yaml": (project / "850-004010.yaml").read_text()})
    named = WAITING.replace('version: "004010"}', 'version: "004010", schema: schemas/850.yaml}')
    write(project, {"partners/acme.yaml": named})
    assert waypost("snapshot", project).code == 0
    said = waypost("test", project)
    assert said.code == 0, said.out
    assert "a code that no sample has (QQ) is refused" in (project / "tests/acme-850-004010.yaml").read_text()
    write(project, {"partners/acme.yaml": WAITING})
    assert waypost("test", project).code == 1


def test_what_is_missing_is_not_listed_once_it_has_come_late() -> None:
    told = {
        "what": "997",
        "direction": "owed to us",
        "partner": "acme",
        "message": "m",
        "level": "group",
        "number": "1",
    }
    other = {**told, "number": "2", "event": "missing"}
    events = [{**told, "event": "missing"}, other, {**told, "event": "late"}]
    assert _standing(events) == [other, events[2]]
