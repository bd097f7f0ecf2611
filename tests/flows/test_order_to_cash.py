"""The example order-to-cash: its demonstration, its cases, and what happens when things go wrong."""

from __future__ import annotations

import asyncio
import io
import shutil
from pathlib import Path
from typing import Any

import pytest

from waypost.cli.main import main as command
from waypost.core.errors import ProjectError
from waypost.flow.declared.project import load_project
from waypost.flow.process.supervisor import run
from waypost.flow.process.worker import RunOptions
from waypost.testing.cases.runner import run_cases
from waypost.testing.demo import main
from waypost.testing.demo.partner_verdict import judged_each
from waypost.testing.demo.play import Play, until
from waypost.testing.demo.stage import Stage, example_folder, with_values
from waypost.testing.demo.teller import Teller
from waypost.testing.demo.verdict import judge

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("workers", [1, 2])
def test_everything_comes_out_as_it_should(
    workers: int, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(exit_when_done=True, folder=tmp_path / "project", workers=workers) == 0, capfd.readouterr()
    said = capfd.readouterr().out
    assert "Everything came out as it should." in said
    assert "WRONG" not in said
    assert f"cd {tmp_path / 'project'}" in said
    monkeypatch.chdir(tmp_path / "project")
    for line in said.partition("Try next")[2].splitlines():
        typed, comment, _ = line.partition("#")
        if comment:
            arguments = typed.split()[1:]
            assert command(arguments) == (1 if arguments[:2] == ["edi", "check"] else 0), typed
            assert capfd.readouterr().out.strip(), typed


def test_a_folder_in_use_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(exit_when_done=True, folder=tmp_path) == 1
    assert "the folder is not empty" in capfd.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (["a", "b", "b"], "3, too often b"),
        (["a"], "1, missing b"),
        (["a", "c"], "2, missing b, too often c"),
    ],
)
def test_the_verdict_counts_each_order_once(found: list[str], said: str) -> None:
    assert judged_each("orders", ["a", "b"], found) == ("orders", "2", said, False)
    assert judged_each("orders", ["a", "b"], ["b", "a"])[3]


async def test_a_demonstration_in_which_nothing_happened_is_judged_wrong(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "project")
    await stage.open()
    try:
        rows = await judge(stage, Play(stage, Teller(io.StringIO())))
    finally:
        await stage.close()
    wrong = [row[0] for row in rows if not row[3]]
    assert "orders in the ERP's ledger, each once" in wrong
    for what in (
        "groups of Acme answered by 997", "interchanges of Globex by CONTRL", "855, 856, 810 at Acme, one an order",
        "ORDRSP, DESADV, INVOIC at Globex, too", "files at partners that `edi check` takes",
        "verdicts of acme in our books", "verdicts of globex in our books", "  rejected", "  late", "dead letters",
    ):  # fmt: skip
        assert what in wrong


async def test_its_cases_hold() -> None:
    results = await run_cases(example_folder(), "dev")
    flows = {result.subject for result in results if not result.subject.startswith("maps/")}
    assert flows == {path.stem for path in (example_folder() / "flows").glob("*.yaml")}
    assert [(result.name, result.differences) for result in results if result.differences] == []


@pytest.mark.parametrize("environment", ["dev", "test", "prod"])
def test_it_is_without_fault_in_every_environment(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERP_TOKEN", "made up")
    assert len(load_project(example_folder(), environment).flows) == 11


def test_a_missing_secret_is_said_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ERP_TOKEN", raising=False)
    with pytest.raises(ProjectError, match="secret 'erp_token': the variable ERP_TOKEN is not set"):
        load_project(example_folder(), "prod")


def test_an_environment_gets_other_values_and_keeps_its_comments() -> None:
    text = "# why\nvalues:\n  address: here\n"
    assert with_values(text, {"address": "there"}) == "# why\nvalues:\n  address: there\n"
    with pytest.raises(KeyError):
        with_values(text, {"adress": "there"})


@pytest.mark.parametrize("name", [f"acme-{number}" for number in range(1001, 1006)])
def test_a_sample_is_as_x12_wants_it(name: str) -> None:
    rows = (example_folder() / "samples" / f"{name}.edi").read_text().split("~\n")
    assert [len(element) for element in rows[0].split("*")[1:]] == [2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1]
    opened = [n for n, row in enumerate(rows) if row.startswith("ST*")]
    closed = [n for n, row in enumerate(rows) if row.startswith("SE*")]
    assert [int(rows[end].split("*")[1]) for end in closed] == [b - a + 1 for a, b in zip(opened, closed, strict=True)]


async def test_an_order_without_a_price_can_be_mended_once_the_price_is_there(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "project")
    await stage.open()
    system = asyncio.ensure_future(run(stage.folder, "dev", RunOptions(flows=("shop-orders", "sales-orders")), print))
    try:
        async with asyncio.timeout(30):
            await until(lambda: stage.client.running, "the system")
            assert (await stage.post_order(70001))[0] == 202
            dead = await _found(stage, "dead")
            assert dead["failures"][0]["code"] == "unpriced"
            with stage.database() as database:
                database.execute("INSERT INTO prices VALUES ('LAMP-E27', 'a lamp', '3.95', 'EUR')")
            await stage.client.ask("replay", id=dead["id"], effects="fresh")
            await _found(stage, "delivered")
            assert [order.document["total"] for order in stage.erp.orders] == [23.7]
    finally:
        await stage.client.ask("stop")
        await system
        await stage.close()


async def _found(stage: Stage, state: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    async def come() -> bool:
        page = await stage.client.ask("messages", flow="sales-orders", state=state)
        found.extend(page["messages"])
        return bool(found)

    await until(come, f"a {state} message")
    return found[0]


def test_it_is_checked_and_described_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(example_folder(), tmp_path / "project")
    assert command(["check", str(folder)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the target recognises a repetition and refuses it" in said
    assert "at least once" not in said


def test_the_wheel_carries_the_example_of_the_repository() -> None:
    assert example_folder() == ROOT / "examples" / "order-to-cash"
    assert '"examples/order-to-cash" = "waypost/testing/demo/project"' in (ROOT / "pyproject.toml").read_text()
