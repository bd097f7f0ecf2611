"""The sql connector on both databases: what is written, what is read, what is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.connectors.sql_bench import DB, Database, postgres, sqlite
from waypost.connectors.sql_connection import SqlConnectionOptions, connection_of
from waypost.connectors.sql_requester import SqlRequesterOptions
from waypost.connectors.sql_source import SqlSource, SqlSourceOptions
from waypost.connectors.sql_target import SqlTargetOptions, target_traits
from waypost.core.clock import ManualClock
from waypost.core.component import BATCH_FAILED
from waypost.core.errors import (
    ConfigurationRefused,
    ContractError,
    DataError,
    EndpointUnavailable,
    ErrorClass,
)
from waypost.core.grants import Grants
from waypost.core.spec import Secret
from waypost.core.traits import Repetition
from waypost.testing.connector_kit import again, outbound

INJECTIONS = [
    "'; DROP TABLE orders; --",
    '"; DROP TABLE orders; --',
    "1 OR 1=1",
    "%",
    "_",
    "\\",
    "$1",
    "?1",
    ":a",
    "é€𝄞",
]


@pytest.fixture(params=["sqlite", "postgres"])
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        async with sqlite(tmp_path) as database:
            yield database
    else:
        server = request.getfixturevalue("postgres_server")
        async with postgres(server, tmp_path) as database:
            yield database


def on_postgres(db: Database) -> bool:
    return db.prefix != ""


# ── target ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_values_are_bound_whatever_they_look_like(db: Database) -> None:
    await db.run("CREATE TABLE #orders (number TEXT)")
    outcomes = await db.send("orders", *({"number": text} for text in INJECTIONS))
    assert all(outcome.delivered for outcome in outcomes)
    assert [n for (n,) in await db.run("SELECT number FROM #orders")] == INJECTIONS
    found = await db.ask("SELECT number FROM #orders WHERE number = :n", *({"n": text} for text in INJECTIONS))
    assert [row["number"] for row in found] == INJECTIONS


async def test_values_of_every_kind_come_back_as_they_were(db: Database) -> None:
    kinds = "a BIGINT, b TEXT, c BOOLEAN, d DATE, e TIMESTAMP, f JSON, g TEXT, h TEXT"
    await db.run(f"CREATE TABLE #kinds ({kinds})")
    document = {
        "a": 2**62, "b": Decimal("10.50"), "c": True, "d": "2026-02-28", "e": "2026-02-28T10:00:00", "g": 7, "h": None,
    }  # fmt: skip
    columns = {name: name for name in "abcdefgh"}
    (outcome,) = await db.send("kinds", document | {"f": {"x": [Decimal("1.10"), None]}}, columns=columns)
    assert outcome.delivered, outcome
    (row,) = await db.ask("SELECT * FROM #kinds", {})
    assert row == document | {"b": "10.50", "g": "7", "f": {"x": [Decimal("1.10"), None]}}


async def test_expressions_say_what_goes_where(db: Database) -> None:
    await db.run("CREATE TABLE #orders (number TEXT, total TEXT)")
    outcomes = await db.send("orders", {"po": "4711", "sum": "1"}, columns={"number": "po", "total": "sum"})
    assert outcomes[0].delivered and outcomes[0].address.endswith(f"#{db.prefix}orders")
    assert await db.run("SELECT number, total FROM #orders") == [("4711", "1")]


async def test_an_upsert_replaces_the_row_with_the_key_and_leaves_other_columns(db: Database) -> None:
    await db.run("CREATE TABLE #orders (number TEXT PRIMARY KEY, total TEXT, note TEXT)")
    await db.send("orders", {"number": "1", "total": "5", "note": "kept"}, operation="upsert", key=("number",))
    outcomes = await db.send(
        "orders", {"number": "1", "total": "6"}, {"number": "2"}, operation="upsert", key=("number",)
    )
    assert [outcome.status for outcome in outcomes] == ["upserted", "upserted"]
    assert await db.run("SELECT * FROM #orders ORDER BY number") == [("1", "6", "kept"), ("2", None, None)]


async def test_the_ledger_writes_each_delivery_once_and_says_what_it_knew(db: Database) -> None:
    await db.run("CREATE TABLE #orders (number TEXT)")
    target = await db.target("orders", ledger=True)
    messages = [outbound(n, b"", document={"number": str(n)}) for n in range(3)]
    await target.send(messages[:2])
    outcomes = await target.send([again(message) for message in messages])
    assert [(o.delivered, o.status) for o in outcomes] == [
        (True, "repeated"), (True, "repeated"), (True, "inserted"),
    ]  # fmt: skip
    assert len(await db.run("SELECT * FROM #orders")) == 3
    assert len(await db.run("SELECT * FROM #waypost_ledger WHERE at > 0")) == 3


async def test_two_senders_of_the_same_delivery_write_it_once(db: Database) -> None:
    await db.run("CREATE TABLE #orders (number TEXT)")
    targets = [await db.target("orders", ledger=True) for _ in range(4)]
    messages = [outbound(n, b"", document={"number": str(n)}) for n in range(20)]
    await asyncio.gather(*(target.send(messages) for target in targets))
    assert len(await db.run("SELECT * FROM #orders")) == 20


async def test_nothing_of_a_batch_is_written_when_one_row_is_refused(db: Database) -> None:
    await db.run("CREATE TABLE #orders (number TEXT NOT NULL, total TEXT)")
    rows = [{"number": "1"}, {"number": None, "total": "x"}, {"number": "3"}]
    outcomes = await db.send("orders", *rows, ledger=True)
    assert not any(outcome.delivered for outcome in outcomes)
    assert [outcomes[0].error_code, outcomes[2].error_code] == [BATCH_FAILED, BATCH_FAILED]
    assert outcomes[1].error_code in (BATCH_FAILED, "contract")
    assert await db.run("SELECT * FROM #orders") == [] == await db.run("SELECT * FROM #waypost_ledger")
    (alone,) = await db.send("orders", rows[1], ledger=True)
    assert (alone.error_class, alone.error_code) == (ErrorClass.CONTRACT, "contract")


async def test_a_document_that_cannot_be_a_row_fails_alone_and_nothing_else_of_its_batch_is_written(
    db: Database,
) -> None:
    await db.run("CREATE TABLE #orders (number TEXT)")
    outcomes = await db.send("orders", {"number": "1"}, {"numbr": "2"}, ledger=True)
    assert [outcome.error_code for outcome in outcomes] == [BATCH_FAILED, "data"]
    assert "did you mean 'number'?" in outcomes[1].error
    assert await db.run("SELECT * FROM #orders") == []


@pytest.mark.parametrize("document", [None, [1], "x", {}, {"deep": {"a": 1}}])
async def test_a_document_without_values_is_a_data_error(db: Database, document: Any) -> None:
    await db.run("CREATE TABLE #orders (number TEXT)")
    (outcome,) = await db.send("orders", document)
    assert outcome.error_class is ErrorClass.DATA


@pytest.mark.parametrize("document", [{}, {"number": None}])
async def test_an_upsert_needs_its_key(db: Database, document: dict[str, Any]) -> None:
    await db.run("CREATE TABLE #orders (number TEXT PRIMARY KEY, total TEXT)")
    (outcome,) = await db.send("orders", document | {"total": "1"}, operation="upsert", key=("number",))
    assert outcome.error_class is ErrorClass.DATA and "key column 'number'" in outcome.error


async def test_a_duplicate_of_a_unique_key_is_refused_by_contract(db: Database) -> None:
    await db.run("CREATE TABLE #orders (number TEXT PRIMARY KEY)")
    await db.send("orders", {"number": "secret value"})
    (outcome,) = await db.send("orders", {"number": "secret value"})
    assert outcome.error_class is ErrorClass.CONTRACT and "secret value" not in outcome.error


async def test_a_missing_table_is_named_with_a_near_one(db: Database) -> None:
    await db.run("CREATE TABLE #orders (number TEXT)")
    with pytest.raises(ConfigurationRefused, match="no table") as caught:
        await db.target("ordrs")
    assert "did you mean" in caught.value.remedy and "orders" in caught.value.remedy


async def test_a_missing_column_is_named_with_a_near_one(db: Database) -> None:
    await db.run("CREATE TABLE #orders (number TEXT)")
    with pytest.raises(ConfigurationRefused, match=r"no column 'numbr'.*did you mean 'number'"):
        await db.target("orders", columns={"numbr": "x"})


async def test_an_upsert_by_what_is_no_unique_key_stops_the_flow(db: Database) -> None:
    await db.run("CREATE TABLE #orders (number TEXT)")
    with pytest.raises(ConfigurationRefused, match="ON CONFLICT"):
        await db.send("orders", {"number": "1"}, operation="upsert", key=("number",))


async def test_a_table_dropped_meanwhile_stops_the_flow(db: Database) -> None:
    await db.run("CREATE TABLE #orders (number TEXT)")
    target = await db.target("orders")
    await db.run("DROP TABLE #orders")
    with pytest.raises(ConfigurationRefused):
        await target.send([outbound(1, b"", document={"number": "1"})])


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"table": 'a"b'}, "table"),
        ({"table": "a.b.c"}, "table"),
        ({"table": "a; DROP TABLE b"}, "table"),
        ({"operation": "upsert"}, "key"),
        ({"key": ('a"',)}, "key"),
        ({"columns": {"a b": "x"}}, "columns"),
        ({"operation": "upsert", "key": ("a",), "columns": {"b": "x"}}, "columns"),
    ],
)
def test_options_that_cannot_work_are_faults(options: dict[str, Any], option: str) -> None:
    made = SqlTargetOptions(**{"connection": DB, "table": "orders", **options})
    assert [fault.option for fault in made.faults()] == [option]


def test_the_promise_follows_from_the_options() -> None:
    plain = SqlTargetOptions(connection=DB, table="t")
    upsert = SqlTargetOptions(connection=DB, table="t", operation="upsert", key=("a",))
    ledger = SqlTargetOptions(connection=DB, table="t", ledger=True)
    assert [target_traits(options).repetition for options in (plain, upsert, ledger)] == [
        Repetition.DUPLICATES, Repetition.SAME_PLACE, Repetition.RECOGNISED,
    ]  # fmt: skip
    assert target_traits(plain).batch == 1


# ── requester ────────────────────────────────────────────────────────────────────────────────────────────────────


async def priced(db: Database) -> None:
    await db.run("CREATE TABLE #prices (sku TEXT, price NUMERIC, stock BIGINT)")
    await db.run("INSERT INTO #prices VALUES ('A', 1.5, 10), ('B', 2.25, 20), ('C', 3, 30)")


async def test_a_list_is_spread_safely(db: Database) -> None:
    await priced(db)
    query = "SELECT sku FROM #prices WHERE sku IN (:skus) AND stock > :least ORDER BY sku"
    answers = await db.ask(
        query, {"skus": ["A", "C", "x') OR ('1'='1"], "least": 5}, {"skus": [], "least": 0},
        {"skus": ["B"], "least": 20}, answer="many",
    )  # fmt: skip
    assert answers == [[{"sku": "A"}, {"sku": "C"}], [], []]


async def test_an_empty_list_after_not_in_is_refused_for_it_would_match_nothing(db: Database) -> None:
    await priced(db)
    query = "SELECT sku FROM #prices WHERE sku NOT IN (:skus)"
    refused, answered = await db.ask(query, {"skus": []}, {"skus": ["A", "B"]}, answer="many")
    assert isinstance(refused, DataError) and answered == [{"sku": "C"}]


async def test_numbers_are_exact(db: Database) -> None:
    await priced(db)
    assert await db.ask("SELECT price FROM #prices WHERE sku = :sku", {"sku": "B"}) == [{"price": Decimal("2.25")}]


async def test_one_row_means_one(db: Database) -> None:
    await priced(db)
    several, none = await db.ask("SELECT sku FROM #prices WHERE stock > :n", {"n": 10}, {"n": 99})
    assert isinstance(several, ContractError) and none is None


async def test_more_rows_than_the_limit_are_an_error_not_a_cut(db: Database) -> None:
    await priced(db)
    (answer,) = await db.ask("SELECT sku FROM #prices", {}, answer="many", limit_rows=2)
    assert isinstance(answer, ContractError) and "more than 2 rows" in str(answer)


async def test_a_request_with_a_missing_parameter_fails_alone(db: Database) -> None:
    await priced(db)
    missing, found = await db.ask("SELECT stock FROM #prices WHERE sku = :sku", {"skuu": "A"}, {"sku": "A"})
    assert isinstance(missing, DataError) and "did you mean 'skuu'" in str(missing)
    assert found == {"stock": 10}


async def test_a_value_the_database_refuses_fails_alone(db: Database) -> None:
    if not on_postgres(db):
        pytest.skip("SQLite compares values of any type")
    await priced(db)
    query = "SELECT sku FROM #prices WHERE stock = :n"
    refused, found = await db.ask(query, {"n": "ten"}, {"n": Decimal("10")})
    assert isinstance(refused, DataError) and found == {"sku": "A"}


async def test_asking_cannot_change_anything(db: Database) -> None:
    await priced(db)
    query = "DELETE FROM #prices RETURNING sku"
    with pytest.raises((ConfigurationRefused, ContractError)):
        raise next(iter(await db.ask(query, {}, answer="many")))
    assert len(await db.run("SELECT * FROM #prices")) == 3


async def test_several_statements_are_refused(db: Database) -> None:
    await priced(db)
    with pytest.raises(ConfigurationRefused):
        await db.ask("SELECT 1; DELETE FROM #prices", {})
    assert len(await db.run("SELECT * FROM #prices")) == 3


@pytest.mark.parametrize("query", ["DELETE FROM t", "", "  update t set a = 1", "PRAGMA x", "ATTACH 'x' AS y"])
def test_a_query_that_does_not_ask_is_a_fault(query: str) -> None:
    assert [fault.option for fault in SqlRequesterOptions(connection=DB, query=query).faults()] == ["query"]


# ── source ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def taken(db: Database, source: SqlSource) -> list[Any]:
    """Everything there is, committed and accepted."""
    bodies: list[Any] = []
    while (delivery := await source.receive()) is not None:
        db.positions.commit(delivery)
        await delivery.accept()
        bodies += [json.loads(record.body, parse_float=Decimal) for record in delivery.records or ()]
    return bodies


async def test_rows_are_read_once_in_order_over_batches_and_restarts(db: Database) -> None:
    await db.run("CREATE TABLE #events (id BIGINT PRIMARY KEY, total NUMERIC)")
    for n in (-5, 9, 10, 100, 2**40):
        await db.run(f"INSERT INTO #events VALUES ({n}, 1.5)")
    first = await taken(db, await db.source(table="events", batch=2))
    assert first == [{"id": n, "total": Decimal("1.5")} for n in (-5, 9, 10, 100, 2**40)]
    await db.run(f"INSERT INTO #events VALUES ({2**41}, NULL)")
    assert await taken(db, await db.source(table="events", batch=2)) == [{"id": 2**41, "total": None}]


async def test_rows_of_one_moment_are_told_apart_by_their_key(db: Database) -> None:
    await db.run("CREATE TABLE #events (changed TIMESTAMP, name TEXT)")
    moments = ["2026-01-01T10:00:00", "2026-01-01T10:00:00.500", "2026-01-01T10:00:01"]
    values = ", ".join(f"('{moment}', '{name}')" for moment in moments for name in ("b", "B", "ä", "a1", "a"))
    await db.run(f"INSERT INTO #events VALUES {values}")
    got = await taken(db, await db.source(table="events", column="changed", key="name", batch=2))
    assert [row["name"] for row in got] == ["B", "a", "a1", "b", "ä"] * 3
    assert len({row["changed"] for row in got}) == 3


async def test_rows_that_cannot_be_told_apart_stop_the_flow_before_one_is_passed_over(db: Database) -> None:
    await db.run("CREATE TABLE #events (id BIGINT, name TEXT)")
    await db.run("INSERT INTO #events VALUES (1, 'a'), (2, 'b'), (2, 'c')")
    source = await db.source(table="events", batch=2)
    with pytest.raises(ConfigurationRefused, match="share id 2"):
        await source.receive()


async def test_rejected_rows_are_offered_again(db: Database) -> None:
    await db.run("CREATE TABLE #events (id BIGINT)")
    await db.run("INSERT INTO #events VALUES (1), (2), (3)")
    source = await db.source(table="events", batch=1)
    first = await source.receive()
    assert first is not None
    await source.receive()
    await first.reject(EndpointUnavailable("not now"))
    assert [row["id"] for row in await taken(db, source)] == [1, 2, 3]


async def test_a_row_without_a_position_is_not_read(db: Database) -> None:
    await db.run("CREATE TABLE #events (id BIGINT, name TEXT)")
    await db.run("INSERT INTO #events VALUES (NULL, 'a'), (1, 'b')")
    assert [row["name"] for row in await taken(db, await db.source(table="events"))] == ["b"]


async def test_a_query_can_be_polled(db: Database) -> None:
    await db.run("CREATE TABLE #events (id BIGINT, name TEXT)")
    await db.run("INSERT INTO #events VALUES (1, 'a'), (2, 'b'), (3, 'a')")
    query = f"SELECT id AS seq, name FROM {db.prefix}events WHERE name = 'a';"
    assert await taken(db, await db.source(query=query, column="seq")) == [
        {"seq": 1, "name": "a"}, {"seq": 3, "name": "a"},
    ]  # fmt: skip


async def test_a_row_that_shows_late_is_not_passed_over(db: Database) -> None:
    clock = db.clock
    assert isinstance(clock, ManualClock)
    await db.run("CREATE TABLE #events (id BIGINT)")
    await db.run("INSERT INTO #events VALUES (2)")
    source = await db.source(table="events", settle_seconds=1.0)
    waiting = asyncio.ensure_future(source.receive())
    for _ in range(1000):
        await asyncio.sleep(0 if clock._sleepers else 0.002)
    await db.run("INSERT INTO #events VALUES (1)")
    await db.run("INSERT INTO #events VALUES (4)")
    await clock.advance(1)
    delivery = await asyncio.wait_for(waiting, 5)
    assert delivery is not None
    assert [json.loads(record.body)["id"] for record in delivery.records or ()] == [1, 2]


async def test_closing_ends_the_wait_for_late_rows(db: Database) -> None:
    await db.run("CREATE TABLE #events (id BIGINT)")
    await db.run("INSERT INTO #events VALUES (2)")
    source = await db.source(table="events", settle_seconds=60.0)
    waiting = asyncio.ensure_future(source.receive())
    await asyncio.sleep(0)
    await source.close()
    assert await asyncio.wait_for(waiting, 5) is None


@pytest.mark.parametrize("options", [{"column": "idd"}, {"key": "nam"}])
async def test_a_source_names_the_column_that_is_missing(db: Database, options: dict[str, Any]) -> None:
    await db.run("CREATE TABLE #events (id BIGINT, name TEXT)")
    with pytest.raises(ConfigurationRefused, match=r"has no column.*did you mean"):
        await db.source(table="events", **options)


async def test_a_column_that_has_no_order_of_ours_is_refused(db: Database) -> None:
    await db.run("CREATE TABLE #events (id NUMERIC)")
    await db.run("INSERT INTO #events VALUES (1.5)")
    with pytest.raises(ConfigurationRefused, match="cannot be ordered"):
        await (await db.source(table="events")).receive()


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({}, "table"),
        ({"table": "a", "query": "SELECT 1"}, "table"),
        ({"table": "a-b"}, "table"),
        ({"table": "a", "column": "x;"}, "column"),
        ({"query": "SELECT :a"}, "query"),
    ],
)
def test_source_options_that_cannot_work_are_faults(options: dict[str, Any], option: str) -> None:
    made = SqlSourceOptions(**{"connection": DB, "column": "id", **options})
    assert [fault.option for fault in made.faults()] == [option]


# ── connection ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "address",
    [
        "mysql://h/d", "sqlite://", "sqlite:///", "sqlite://host/x.db", "sqlite:///x.db?mode=memory", "postgresql://h",
        "postgresql://h/d/e", "postgresql://h/d?sslmode=disable", "postgresql://u:p@h/d", "postgresql:///d", "erp.db",
        "postgresql://h:0/d", "postgresql://h:x/d", "sqlite:///a%00b",
    ],
)  # fmt: skip
def test_an_address_that_is_not_understood_is_a_fault(address: str) -> None:
    user = "" if address.startswith("sqlite") else "u"
    assert {fault.option for fault in SqlConnectionOptions(address=address, user=user).faults()} == {"address"}


def test_a_user_belongs_to_a_server_alone() -> None:
    assert [f.option for f in SqlConnectionOptions(address="postgresql://h/d").faults()] == ["user"]
    options = SqlConnectionOptions(address="sqlite:///x.db", user="u", password=Secret("p"))
    assert [f.option for f in options.faults()] == ["user"]


def test_a_connection_that_is_none_to_a_database_is_said() -> None:
    with pytest.raises(ConfigurationRefused, match="'db' is not one to a database"):
        connection_of("db", Grants(root=Path()))
