"""Databases that fail: what is transient, what is in doubt, what needs a person."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from dataclasses import replace
from pathlib import Path

import apsw
import asyncpg
import pytest

from tests.peers.postgres import PostgresServer
from tests.unit.connectors.sql_bench import postgres, sqlite
from waypost.connectors.sql_connection import SqlConnection, SqlConnectionOptions
from waypost.connectors.sql_postgres_error import Phase, error_of
from waypost.core.errors import (
    AuthorisationRefused,
    ConfigurationRefused,
    ContractError,
    DataError,
    EndpointError,
    EndpointTimeout,
    EndpointUnavailable,
)
from waypost.core.grants import Grants
from waypost.core.spec import Duration, Secret
from waypost.testing.connector_kit import again, outbound


async def failure(options: SqlConnectionOptions, root: Path) -> EndpointError:
    pool = SqlConnection(options, Grants(root=root))
    try:
        with pytest.raises(EndpointError) as caught:
            await pool.check()
        return caught.value
    finally:
        await pool.close()


# ── SQLite ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    error = await failure(SqlConnectionOptions(address="sqlite:///typo.db"), tmp_path)
    assert isinstance(error, EndpointUnavailable) and "typo.db" in str(error)
    assert os.listdir(tmp_path) == []


async def test_a_file_that_is_no_database_needs_a_person(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database, " * 100)
    assert isinstance(await failure(SqlConnectionOptions(address="sqlite:///text.db"), tmp_path), ConfigurationRefused)


async def test_a_file_replaced_while_open_is_opened_anew(tmp_path: Path) -> None:
    async with sqlite(tmp_path) as db:
        await db.run("CREATE TABLE orders (number TEXT)")
        await db.send("orders", {"number": "old"})
        (tmp_path / "data.db").rename(tmp_path / "away.db")
        for ending in ("-wal", "-shm"):
            (tmp_path / f"data.db{ending}").unlink(missing_ok=True)
        with pytest.raises(EndpointUnavailable):
            await db.send("orders", {"number": "lost"})
        fresh = apsw.Connection(str(tmp_path / "data.db"))
        fresh.execute("CREATE TABLE orders (number TEXT)")
        await db.send("orders", {"number": "new"})
        assert fresh.execute("SELECT number FROM orders").fetchall() == [("new",)]
        fresh.close()


async def test_a_database_held_by_another_process_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waypost.connectors.sql_sqlite.BUSY_MS", 10)
    async with sqlite(tmp_path) as db:
        await db.run("CREATE TABLE orders (number TEXT)")
        target = await db.target("orders")
        await db.run("BEGIN IMMEDIATE")
        with pytest.raises(EndpointUnavailable, match="another process holds it"):
            await target.send([outbound(1, b"", document={"number": "1"})])
        await db.run("ROLLBACK")
        assert (await target.send([outbound(1, b"", document={"number": "1"})]))[0].delivered


async def test_a_full_disk_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    async with sqlite(tmp_path) as db:
        await db.run("CREATE TABLE orders (number TEXT)")
        target = await db.target("orders", ledger=True)
        connection = db.pool.driver._connection  # type: ignore[attr-defined]
        connection.pragma("max_page_count", connection.pragma("page_count"))
        messages = [outbound(n, b"", document={"number": "x" * 5000}) for n in range(3)]
        with pytest.raises(EndpointUnavailable, match="disk is full"):
            await target.send(messages)
        connection.pragma("max_page_count", 100_000)
        assert [o.status for o in await target.send(map(again, messages))] == ["inserted"] * 3  # type: ignore[arg-type]


async def test_a_read_only_file_needs_a_person(tmp_path: Path) -> None:
    async with sqlite(tmp_path) as db:
        await db.run("CREATE TABLE orders (number TEXT)")
        target = await db.target("orders")
        db.pool.driver._connection.pragma("query_only", True)  # type: ignore[attr-defined]
        with pytest.raises(ConfigurationRefused, match="readonly"):
            await target.send([outbound(1, b"", document={"number": "1"})])


async def test_an_endless_query_is_ended(tmp_path: Path) -> None:
    async with sqlite(tmp_path) as db:
        db.pool = SqlConnection(replace(db.options, timeout_seconds=Duration(0.2)), Grants(root=tmp_path))
        endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
        with pytest.raises(EndpointUnavailable, match=r"not done within 0\.2 s"):
            await db.ask(endless, {})
        assert await db.ask("SELECT 7 AS n", {}) == [{"n": 7}]
        await db.pool.close()


async def test_a_lone_surrogate_is_a_data_error(tmp_path: Path) -> None:
    async with sqlite(tmp_path) as db:
        await db.run("CREATE TABLE orders (number TEXT)")
        (outcome,) = await db.send("orders", {"number": "\ud800"})
        assert outcome.error_code == "data"


async def test_a_decimal_the_column_would_round_is_refused(tmp_path: Path) -> None:
    from decimal import Decimal

    async with sqlite(tmp_path) as db:
        await db.run("CREATE TABLE orders (total DECIMAL(30, 2))")
        (outcome,) = await db.send("orders", {"total": Decimal("1234567890123456789.25")})
        assert outcome.error_code == "inexact" and "declare the column TEXT" in outcome.error


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────────────────────────


def options_of(server: PostgresServer) -> SqlConnectionOptions:
    address = f"postgresql://{server.address}/{server.database}"
    return SqlConnectionOptions(address=address, user=server.user, password=Secret(server.password))


async def test_a_wrong_password_is_no_reason_to_try_again(postgres_server: PostgresServer, tmp_path: Path) -> None:
    options = replace(options_of(postgres_server), password=Secret("wrong-canary"))
    error = await failure(options, tmp_path)
    assert isinstance(error, AuthorisationRefused) and "wrong-canary" not in str(error)


async def test_a_database_that_is_not_there_needs_a_person(postgres_server: PostgresServer, tmp_path: Path) -> None:
    options = replace(options_of(postgres_server), address=f"postgresql://{postgres_server.address}/nowhere")
    assert isinstance(await failure(options, tmp_path), ConfigurationRefused)


async def test_a_server_without_tls_is_not_spoken_to_in_the_clear(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    error = await failure(replace(options_of(postgres_server), tls="verify"), tmp_path)
    assert isinstance(error, ConfigurationRefused) and "does not speak TLS" in str(error)


async def test_a_server_of_another_machine_must_be_verified() -> None:
    options = SqlConnectionOptions(address="postgresql://db.example/erp", user="u")
    pool = SqlConnection(options, Grants(root=Path()))
    await pool.open()
    context = pool.driver._tls()  # type: ignore[attr-defined]
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
    await pool.close()


async def test_a_missing_right_is_no_reason_to_try_again(postgres_server: PostgresServer, tmp_path: Path) -> None:
    async with postgres(postgres_server, tmp_path) as db:
        await db.run("CREATE TABLE #orders (number TEXT)")
        user = f"weak_{db.prefix[:-1]}"
        await db.run(f"CREATE USER {user} PASSWORD 'pw'")
        await db.run(f"GRANT USAGE ON SCHEMA {db.prefix[:-1]} TO {user}")
        db.pool = SqlConnection(replace(db.options, user=user, password=Secret("pw")), Grants(root=tmp_path))
        with pytest.raises(AuthorisationRefused, match="permission denied"):
            await db.send("orders", {"number": "1"})
        await db.pool.close()
        await db.run(f"DROP OWNED BY {user}")
        await db.run(f"DROP USER {user}")


async def test_a_value_of_the_wrong_type_is_a_data_error(postgres_server: PostgresServer, tmp_path: Path) -> None:
    async with postgres(postgres_server, tmp_path) as db:
        await db.run("CREATE TABLE #orders (n INT, d DATE, b BOOLEAN)")
        for document in ({"n": "ten"}, {"n": 2**40}, {"d": "2026-02-30"}, {"b": "maybe"}, {"n": "1\0"}):
            (outcome,) = await db.send("orders", document)
            assert outcome.error_code == "data", (document, outcome)


async def test_a_deadlock_is_tried_again(postgres_server: PostgresServer, tmp_path: Path) -> None:
    async with postgres(postgres_server, tmp_path) as db:
        await db.run("CREATE TABLE #orders (number TEXT PRIMARY KEY, total TEXT)")
        target = await db.target("orders", operation="upsert", key=("number",))
        batch = [outbound(n, b"", document={"number": str(n), "total": "x"}) for n in range(200)]
        results = await asyncio.gather(*(target.send(batch[::way]) for way in (1, -1) * 10), return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        assert all(type(error) is EndpointUnavailable for error in failures), failures
        assert len(await db.run("SELECT * FROM #orders")) == 200


async def test_a_server_that_comes_back_is_used_again(durable_postgres_server: PostgresServer, tmp_path: Path) -> None:
    server = durable_postgres_server
    pool = SqlConnection(options_of(server), Grants(root=tmp_path))
    await pool.check()
    await asyncio.to_thread(server.kill)
    with pytest.raises(EndpointUnavailable):
        await pool.check()
    await asyncio.to_thread(server.start)
    for _ in range(5):
        try:
            await pool.check()
            break
        except EndpointUnavailable:
            continue
    else:
        pytest.fail("never came back")
    await pool.close()


async def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    options = SqlConnectionOptions(address="postgresql://127.0.0.1/erp", user="u")
    error = await failure(options, tmp_path)
    assert isinstance(error, ConfigurationRefused) and "pip install 'waypost[postgres]'" in str(error)


@pytest.mark.parametrize(
    ("error", "committing", "kind"),
    [
        (asyncpg.ConnectionDoesNotExistError("gone"), False, EndpointUnavailable),
        (asyncpg.ConnectionDoesNotExistError("gone"), True, EndpointTimeout),
        (asyncpg.AdminShutdownError("bye"), True, EndpointTimeout),
        (asyncpg.InterfaceError("closed"), True, EndpointTimeout),
        (TimeoutError(), False, EndpointUnavailable),
        (TimeoutError(), True, EndpointTimeout),
        (ConnectionResetError("reset"), True, EndpointTimeout),
        (asyncpg.SerializationError("again"), True, EndpointUnavailable),
        (asyncpg.DeadlockDetectedError("again"), False, EndpointUnavailable),
        (asyncpg.DiskFullError("full"), False, EndpointUnavailable),
        (asyncpg.CannotConnectNowError("starting"), False, EndpointUnavailable),
        (asyncpg.ReadOnlySQLTransactionError("standby"), False, ConfigurationRefused),
        (asyncpg.UndefinedTableError("none"), False, ConfigurationRefused),
        (asyncpg.ForeignKeyViolationError("no such"), True, ContractError),
        (asyncpg.NumericValueOutOfRangeError("big"), False, DataError),
    ],
    ids=lambda value: getattr(type(value), "__name__", str(value)),
)
def test_an_error_is_classed_by_its_state_and_how_far_the_transaction_came(
    error: Exception, committing: bool, kind: type[Exception]
) -> None:
    assert type(error_of(error, "here", Phase(committing))) is kind
