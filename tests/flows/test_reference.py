"""Reference data in running flows: one version a batch, recorded; a missing row parks a group that its row releases."""

from __future__ import annotations

import json

import pytest

from tests.flows.system import System
from tests.flows.test_engine import Counting
from waypost.core.errors import UsageError
from waypost.flow.declared.reference_data import ReferenceData
from waypost.store.backup import Backup
from waypost.store.embedded import EmbeddedStore
from waypost.store.folds import open_folds
from waypost.store.verify import verify

CARRIERS = """\
reference: carriers
owner: logistics
key: code
columns: {scac: text, days: {type: whole, required: false}}
initial: reference/carriers.csv
"""
FLOW = """\
flow: copy
description: Orders with the carrier's code.
owner: ops
source: {memory: in}
format: json
keys: {k: k}
steps:
  - map: maps/order.map.yaml
  - filter: in_reference('carriers', carrier)
targets:
  out: {memory: out}
delivery: {order_by: k, retry: {attempts: 3, first: 1s, limit: 10s}}
"""
MAP = "map: order\nfields: {n: n, carrier: c, scac: \"reference('carriers', c)\"}\n"
FILES = {"flows/copy.yaml": FLOW, "maps/order.map.yaml": MAP, "reference/carriers.yaml": CARRIERS,
         "reference/carriers.csv": "code,scac,days\nDHL,DHLX,2\n"}  # fmt: skip


def order(n: int, carrier: str, key: str = "a") -> str:
    return json.dumps({"n": n, "c": carrier, "k": key})


def sent(system: System) -> list[tuple[int, str]]:
    return [(d["n"], d["scac"]) for batch in system.targets["out"].sends for m in batch for d in [json.loads(m.body)]]


async def started(tmp_path, files=FILES) -> System:
    return await System(tmp_path, files, out=Counting()).start()


async def change(system: System, key: str, who: str = "ann", **values: object) -> dict:
    return await system.ask("reference", what="set", table="carriers", key=key, values=values, who=who, why="asked")


async def test_a_change_holds_for_the_next_message_without_a_restart(tmp_path):
    system = await started(tmp_path)
    system.put(order(1, "DHL"))
    await system.until(lambda: len(sent(system)) == 1)
    assert (await change(system, "DHL", scac="DHLE"))["version"] == 2
    system.put(order(2, "DHL"))
    await system.until(lambda: len(sent(system)) == 2)
    assert sent(system) == [(1, "DHLX"), (2, "DHLE")]
    await system.stop()


async def test_the_version_is_recorded_and_shown_messages_stay_as_they_were(tmp_path):
    system = await started(tmp_path)
    system.put(order(1, "DHL"))
    await system.until(lambda: len(sent(system)) == 1)
    await system.settle()
    await change(system, "DHL", scac="DHLE")
    message = (await system.messages())[0]["id"]
    shown = await system.ask("show", id=message)
    assert shown["verdict"] == "proved"
    (first, second) = shown["effects"]
    assert first["step"] == "map/reference" and first["answer"]["carriers"][0] == 1
    assert second["step"] == "filter/reference"
    same = await system.ask("replay", id=message, dry_run=True)
    assert (same["same"], same["differ"]) == (1, 0)
    fresh = await system.ask("replay", id=message, dry_run=True, effects="fresh")
    assert fresh["messages"][0]["outputs"][0]["differences"] == [{"path": "scac", "was": "DHLX", "is": "DHLE"}]
    await system.ask("replay", id=message)
    await system.until(lambda: len(sent(system)) == 2)
    await system.ask("replay", id=message, effects="fresh")
    await system.until(lambda: len(sent(system)) == 3)
    assert [scac for _, scac in sent(system)] == ["DHLX", "DHLX", "DHLE"]
    await system.stop()


async def test_a_missing_row_parks_one_group_and_its_row_releases_it_in_order(tmp_path):
    system = await started(tmp_path)
    for n, carrier in enumerate(["XX-4711", "DHL", "XX-4711", "YY", "XX-4711"]):
        system.put(order(n, carrier))
    await system.until(lambda: len(sent(system)) == 1)
    await system.settle()
    assert sorted(await system.states()) == ["delivered", *["parked"] * 4]
    groups = (await system.ask("reference-waiting"))["groups"]
    assert [(g["value"], g["count"], g["flows"], g["there"]) for g in groups] == [
        ("XX-4711", 3, ["copy"], False), ("YY", 1, ["copy"], False)
    ]  # fmt: skip
    dead = (await system.ask("dead"))["groups"]
    assert {group["count"] for group in dead} == {3, 1}, "one group for each value"
    assert (await system.ask("status"))["waiting"][0]["count"] == 3
    await change(system, "XX-4711", scac="XXCO")
    (there, _) = (await system.ask("reference-waiting"))["groups"]
    assert there["there"] and there["error"] == "unmapped:carriers=XX-4711"
    assert await system.ask("release", state="parked", error=there["error"]) == {"count": 3}
    await system.until(lambda: len(sent(system)) == 4)
    assert sent(system)[1:] == [(0, "XXCO"), (2, "XXCO"), (4, "XXCO")]
    assert len((await system.ask("reference-waiting"))["groups"]) == 1
    await system.stop()


async def test_a_row_holds_by_the_time_the_message_was_received(tmp_path):
    system = await started(tmp_path)
    system.put(order(1, "DHL"))
    await system.until(lambda: len(sent(system)) == 1)
    await system.ask(
        "reference", what="set", table="carriers", key="DHL", values={"scac": "LATER"}, **{"from": "2999-01-01"}
    )
    system.put(order(2, "DHL"))
    await system.until(lambda: len(sent(system)) == 2)
    assert sent(system) == [(1, "DHLX"), (2, "DHLX")]
    rows = (await system.ask("reference", what="show", table="carriers"))["rows"]
    assert [(r["values"]["scac"], r["valid_from"], r["valid_to"]) for r in rows] == [
        ("DHLX", "", "2999-01-01"), ("LATER", "2999-01-01", "")
    ]  # fmt: skip
    await system.stop()


async def test_a_table_that_wants_approval_takes_a_second_person(tmp_path):
    system = await started(tmp_path, {**FILES, "reference/carriers.yaml": CARRIERS + "approval: true\n"})
    made = await change(system, "UPS", scac="UPSN")
    assert made["proposal"] == 1 and made["version"] == 1
    with pytest.raises(UsageError, match="another person"):
        await system.ask("reference", what="approve", table="carriers", proposal=1, who="ann")
    assert (await system.ask("reference", what="show", table="carriers", key="UPS"))["count"] == 0
    approved = await system.ask("reference", what="approve", table="carriers", who="bob")
    assert approved["version"] == 2 and approved["approved"]
    assert (await system.ask("reference", what="show", table="carriers", key="UPS"))["count"] == 1
    history = (await system.ask("reference", what="history", table="carriers"))["history"]
    assert [(h["kind"], h["who"]) for h in history] == [("approved", "bob"), ("proposal", "ann"), ("change", "project")]
    await system.stop()


async def test_a_proposal_whose_key_changed_since_is_not_approved(tmp_path):
    system = await started(tmp_path, {**FILES, "reference/carriers.yaml": CARRIERS + "approval: true\n"})
    await change(system, "DHL", scac="A")
    await change(system, "DHL", who="eve", scac="B")
    await system.ask("reference", what="approve", table="carriers", proposal=1, who="bob")
    with pytest.raises(UsageError, match="DHL changed since"):
        await system.ask("reference", what="approve", table="carriers", proposal=2, who="bob")
    assert (await system.ask("reference", what="reject", table="carriers", proposal=2, who="bob"))["version"] == 2
    await system.stop()


async def test_what_cannot_be_a_row_is_refused_with_every_cause(tmp_path):
    system = await started(tmp_path)
    with pytest.raises(
        UsageError, match=r"scacc: no such column; did you mean 'scac'.*days: found 'x'; expected a whole"
    ):
        await change(system, "UPS", scacc="A", scac="B", days="x")
    with pytest.raises(UsageError, match="scac: found ''; expected a value"):
        await change(system, "UPS")
    with pytest.raises(UsageError, match="nothing would change"):
        await change(system, "DHL", scac="DHLX")
    with pytest.raises(UsageError, match="no reference table 'carrier'; did you mean 'carriers'"):
        await system.ask("reference", what="show", table="carrier")
    await system.stop()


async def test_a_killed_system_uses_what_it_recorded(tmp_path):
    """The change is durable and used, the batch that used it is not: after the restart nothing of it is wrong."""
    system = await started(tmp_path)
    system.put(order(1, "DHL"))
    await system.until(lambda: len(sent(system)) == 1)
    await system.settle()
    await change(system, "DHL", scac="DHLE")
    system.put(order(2, "DHL"))
    await system.kill()
    out = system.targets["out"]
    system = await System(tmp_path, FILES, out=out).start()
    system.put(order(3, "DHL"))
    await system.until(lambda: (3, "DHLE") in sent(system))
    await system.settle()
    assert (1, "DHLE") not in sent(system)
    for message in await system.messages():
        assert (await system.ask("show", id=message["id"]))["verdict"] == "proved"
    await system.stop()


async def test_a_history_that_was_changed_parks_what_used_it(tmp_path):
    system = await started(tmp_path)
    system.put(order(1, "DHL"))
    await system.until(lambda: len(sent(system)) == 1)
    await system.settle()
    message = (await system.messages())[0]["id"]
    await system.stop()
    log = tmp_path / ".waypost/reference/carriers.log"
    log.unlink()
    system = await System(
        tmp_path, {**FILES, "reference/carriers.csv": "code,scac\nDHL,OTHR\n"}, out=Counting()
    ).start()
    await change(system, "UPS", scac="UPSN")
    shown = await system.ask("show", id=message)
    assert shown["verdict"] != "proved" and "another one than it was" in str(shown["steps"])
    await system.stop()


async def test_verify_finds_a_changed_byte_in_the_history(tmp_path):
    system = await started(tmp_path)
    await change(system, "UPS", scac="UPSN")
    await change(system, "UPS", scac="UPS2")
    await system.stop()
    store = EmbeddedStore(str(tmp_path / ".waypost"), folds=open_folds)
    assert [fault for *_, fault in verify(store.setting()) if fault] == []
    log = tmp_path / ".waypost/reference/carriers.log"
    log.write_bytes(log.read_bytes().replace(b"UPSN", b"UPSX", 1))
    (fault,) = [fault for *_, fault in verify(store.setting()) if fault]
    assert "carriers.log" in fault and "entry 2" in fault and "not what was written" in fault


async def test_a_backup_holds_the_reference_data(tmp_path):
    system = await started(tmp_path / "here")
    await change(system, "UPS", scac="UPSN")
    store = EmbeddedStore(str(tmp_path / "here/.waypost"), folds=open_folds)
    for _ in Backup(store.setting(), str(tmp_path / "copy")).run():
        pass
    await system.stop()
    kept = ReferenceData(tmp_path / "copy", system.clock).table("carriers").newest
    assert kept.rows["UPS"][0].values["scac"] == "UPSN"


async def test_lineage_looks_into_the_version_that_was_recorded(tmp_path):
    """A value that is only in a later version, and a step that looks into reference data by an expression."""
    system = await started(tmp_path)
    await change(system, "UPS", scac="UPSN")
    system.put(order(1, "UPS"))
    await system.until(lambda: len(sent(system)) == 1)
    await system.settle()
    await system.ask("reference", what="remove", table="carriers", key="UPS")
    message = (await system.messages())[0]["id"]
    (target,) = (await system.ask("lineage", id=message))["targets"]
    (scac,) = [value for value in target["values"] if value["path"] == "scac"]
    assert scac["value"] == "UPSN"
    assert {s.get("field") or s.get("outside") for s in scac["sources"]} == {"c", "reference data carriers"}
    assert {s.get("field") or s.get("outside") for s in target["decided_by"]} == {"c", "reference data carriers"}
    await system.stop()
