"""The sql connector keeps the promises of its traits, on SQLite files and on a real PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import apsw
import asyncpg
import pytest

from tests.peers.postgres import PostgresServer
from tests.peers.server import free_port
from waypost.connectors.sql_connection import SqlConnection, SqlConnectionOptions
from waypost.core.component import Outbound, Request
from waypost.core.grants import Connection, Grants
from waypost.core.spec import Secret
from waypost.testing.connector_kit import (
    CommittedPositions,
    ConnectionSuite,
    RequesterSuite,
    SourceSuite,
    TargetSuite,
    outbound,
)

COVERS = {("source", "sql"), ("target", "sql"), ("requester", "sql"), ("connection", "sql")}
ORDERS = "CREATE TABLE {schema}orders (number TEXT PRIMARY KEY, total TEXT NOT NULL, note TEXT)"
EVENTS = "CREATE TABLE {schema}events (id {serial}, body TEXT)"
PRICES = "CREATE TABLE {schema}prices (sku TEXT, price {price}, day DATE)"


class Sqlite:
    """A database file with the tables of the cases."""

    schema = ""

    def __init__(self, root: Path) -> None:
        self.options = SqlConnectionOptions(address="sqlite:///data.db")
        self.absent = SqlConnectionOptions(address="sqlite:///nowhere/data.db")
        self.file = apsw.Connection(str(root / "data.db"))
        self.file.set_busy_timeout(5000)

    async def run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.file.execute(sql.replace("$", "?"), values).fetchall()

    async def make(self) -> None:
        await self.run(ORDERS.format(schema=""))
        await self.run(EVENTS.format(schema="", serial="INTEGER PRIMARY KEY AUTOINCREMENT"))
        await self.run(PRICES.format(schema="", price="NUMERIC"))

    async def drop(self) -> None:
        self.file.close()


class Postgres:
    """A schema of its own in a running server."""

    def __init__(self, server: PostgresServer) -> None:
        self.server, self.name = server, f"kit_{secrets.token_hex(6)}"
        self.schema = f"{self.name}."
        address = f"postgresql://{server.address}/{server.database}"
        self.options = SqlConnectionOptions(address=address, user=server.user, password=Secret(server.password))
        self.absent = replace(self.options, address=f"postgresql://127.0.0.1:{free_port()}/none")

    async def run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(self.server.dsn)
        try:
            return [tuple(row) for row in await connection.fetch(sql, *values)]
        finally:
            await connection.close()

    async def make(self) -> None:
        await self.run(f"CREATE SCHEMA {self.name}")
        await self.run(ORDERS.format(schema=self.schema))
        await self.run(EVENTS.format(schema=self.schema, serial="bigserial PRIMARY KEY"))
        await self.run(PRICES.format(schema=self.schema, price="numeric(20, 2)"))

    async def drop(self) -> None:
        await self.run(f"DROP SCHEMA {self.name} CASCADE")


class WithDatabase:
    """Fixtures: the database of the case, a connection to it and to one that is not there."""

    db: Sqlite | Postgres

    @pytest.fixture
    async def grants(self, tmp_path: Path) -> AsyncIterator[Grants]:
        self.db = Sqlite(tmp_path)
        async with connected(self.db, tmp_path) as grants:
            yield grants

    @pytest.fixture
    async def absent_grants(self, grants: Grants) -> AsyncIterator[Grants]:
        async with pooled(self.db.absent, grants) as made:
            yield made

    @pytest.fixture
    def absent(self, options: Any) -> Any:
        return options


class OnPostgres:
    """The same against the real server."""

    secrets = ("correct-horse",)

    @pytest.fixture
    async def grants(self, tmp_path: Path, postgres_server: PostgresServer) -> AsyncIterator[Grants]:
        self.db = Postgres(postgres_server)
        async with connected(self.db, tmp_path) as grants:
            yield grants


@contextlib.asynccontextmanager
async def connected(db: Sqlite | Postgres, root: Path) -> AsyncIterator[Grants]:
    await db.make()
    try:
        grants = Grants(root=root, flow="kit", name="side", positions=CommittedPositions())
        async with pooled(db.options, grants) as made:
            yield made
    finally:
        await db.drop()


@contextlib.asynccontextmanager
async def pooled(options: SqlConnectionOptions, grants: Grants) -> AsyncIterator[Grants]:
    pool = SqlConnection(options, grants)
    try:
        yield replace(grants, connections={"db": Connection(name="db", kind="sql", options=options, pool=pool)})
    finally:
        await pool.close()


def row(number: int, **changes: Any) -> Outbound:
    document = {"number": f"PO-{number:03}", "total": Decimal("12345678901234567890.10"), **changes}
    return outbound(number, b"", document=document)


class TestSqliteUpsertTarget(WithDatabase, TargetSuite):
    name = "sql"
    takes_any_body = False
    extra: ClassVar[dict[str, Any]] = {"operation": "upsert", "key": ["number"]}

    @pytest.fixture
    def options(self, grants: Grants) -> Any:
        return {"connection": "db", "table": f"{self.db.schema}orders", **self.extra}

    def outbounds(self, count: int) -> list[Outbound]:
        return [row(n) for n in range(count)]

    def refused(self) -> Outbound | None:
        return row(99, total=None)

    async def landed(self) -> Sequence[Any]:
        return await self.db.run(f"SELECT number, total FROM {self.db.schema}orders ORDER BY number")

    def as_landed(self, messages: Sequence[Outbound]) -> Sequence[Any]:
        return [(m.document["number"], "12345678901234567890.10") for m in messages]


class TestSqliteLedgerTarget(TestSqliteUpsertTarget):
    extra: ClassVar[dict[str, Any]] = {"ledger": True}


class TestSqliteInsertTarget(TestSqliteUpsertTarget):
    extra: ClassVar[dict[str, Any]] = {}


class TestPostgresUpsertTarget(OnPostgres, TestSqliteUpsertTarget):
    pass


class TestPostgresLedgerTarget(OnPostgres, TestSqliteLedgerTarget):
    pass


class TestPostgresInsertTarget(OnPostgres, TestSqliteInsertTarget):
    pass


class TestSqliteSource(WithDatabase, SourceSuite):
    name = "sql"
    opaque = False

    @pytest.fixture
    def options(self, grants: Grants) -> Any:
        return {"connection": "db", "table": f"{self.db.schema}events", "column": "id", "batch": 2, "settle_seconds": 0}

    async def put(self, bodies: Sequence[bytes]) -> None:
        for body in bodies:
            await self.db.run(f"INSERT INTO {self.db.schema}events (body) VALUES ($1)", body.decode())

    def seen_as(self, bodies: Sequence[bytes]) -> Sequence[Any]:
        return [body.decode() for body in bodies]

    def read_back(self, body: bytes) -> Any:
        return json.loads(body)["body"]


class TestPostgresSource(OnPostgres, TestSqliteSource):
    pass


class TestSqliteRequester(WithDatabase, RequesterSuite):
    name = "sql"

    @pytest.fixture
    async def grants(self, tmp_path: Path) -> AsyncIterator[Grants]:
        self.db = Sqlite(tmp_path)
        async with connected(self.db, tmp_path) as grants:
            await fill(self.db)
            yield grants

    @pytest.fixture
    def options(self, grants: Grants) -> Any:
        query = f"SELECT sku, price, day FROM {self.db.schema}prices WHERE sku = :sku"
        return {"connection": "db", "query": query}

    def questions(self) -> Iterable[tuple[Request, Any]]:
        yield Request(parameters={"sku": "A'; --"}), {"sku": "A'; --", "price": Decimal("12.5"), "day": "2026-01-31"}
        yield Request(parameters={"sku": "none"}), None
        yield Request(parameters={"sku": "B"}), {"sku": "B", "price": None, "day": None}


class TestPostgresRequester(TestSqliteRequester):
    secrets = ("correct-horse",)

    @pytest.fixture
    async def grants(self, tmp_path: Path, postgres_server: PostgresServer) -> AsyncIterator[Grants]:
        self.db = Postgres(postgres_server)
        async with connected(self.db, tmp_path) as grants:
            await fill(self.db)
            yield grants


async def fill(db: Sqlite | Postgres) -> None:
    await db.run(f"INSERT INTO {db.schema}prices VALUES ('A''; --', 12.5, '2026-01-31'), ('B', NULL, NULL)")


class TestSqliteConnection(WithDatabase, ConnectionSuite):
    name = "sql"

    @pytest.fixture
    def options(self, grants: Grants) -> Any:
        return given(self.db.options)

    @pytest.fixture
    def absent(self, grants: Grants) -> Any:
        return given(self.db.absent)


class TestPostgresConnection(OnPostgres, TestSqliteConnection):
    pass


def given(options: SqlConnectionOptions) -> dict[str, Any]:
    made: dict[str, Any] = {"address": options.address}
    if options.password:
        made |= {"user": options.user, "password": options.password}
    return made
