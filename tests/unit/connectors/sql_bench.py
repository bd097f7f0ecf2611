"""Databases for the cases of the sql connector: a file, and a schema of a running PostgreSQL."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.peers.postgres import PostgresServer
from waypost.connectors.sql_connection import SqlConnection, SqlConnectionOptions
from waypost.connectors.sql_requester import SqlRequester, SqlRequesterOptions
from waypost.connectors.sql_source import SqlSource, SqlSourceOptions
from waypost.connectors.sql_target import SqlTarget, SqlTargetOptions
from waypost.core.clock import Clock, ManualClock
from waypost.core.component import Outcome, Request
from waypost.core.grants import Connection, Grants
from waypost.core.spec import ConnectionRef, Secret
from waypost.testing.connector_kit import CommittedPositions, outbound

DB = ConnectionRef("db")


@dataclass
class Database:
    """One database with a connection open to it. ``run`` goes around the connector, ``prefix`` begins table names."""

    options: SqlConnectionOptions
    root: Path
    prefix: str
    execute: Callable[..., Any]
    clock: Clock = field(default_factory=ManualClock)
    positions: CommittedPositions = field(default_factory=CommittedPositions)

    def __post_init__(self) -> None:
        self.pool = SqlConnection(self.options, Grants(root=self.root))

    @property
    def grants(self) -> Grants:
        connection = Connection(name="db", kind="sql", options=self.options, pool=self.pool)
        return Grants(
            root=self.root, clock=self.clock, positions=self.positions, connections={"db": connection},
            compile_expression=lambda text: lambda document: document[text],
        )  # fmt: skip

    async def run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = await self.execute(sql.replace("#", self.prefix), *values)
        return found

    async def target(self, table: str, **options: Any) -> SqlTarget:
        target = SqlTarget(replace(SqlTargetOptions(connection=DB, table=self.prefix + table), **options), self.grants)
        await target.open()
        return target

    async def send(self, table: str, *documents: Any, **options: Any) -> Sequence[Outcome]:
        target = await self.target(table, **options)
        return await target.send([outbound(n, b"", document=document) for n, document in enumerate(documents)])

    async def source(self, **options: Any) -> SqlSource:
        if "table" in options:
            options["table"] = self.prefix + options["table"]
        given = {"settle_seconds": 0.0, **options}
        source = SqlSource(replace(SqlSourceOptions(connection=DB, column="id"), **given), self.grants)
        await source.open()
        return source

    async def ask(self, query: str, *parameters: dict[str, Any], **options: Any) -> Sequence[Any]:
        made = replace(SqlRequesterOptions(connection=DB, query=query.replace("#", self.prefix)), **options)
        requester = SqlRequester(made, self.grants)
        await requester.open()
        return await requester.ask([Request(parameters=given) for given in parameters])


@contextlib.asynccontextmanager
async def sqlite(root: Path) -> AsyncIterator[Database]:
    import apsw

    file = apsw.Connection(str(root / "data.db"))

    async def execute(sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return file.execute(sql, values).fetchall()

    database = Database(SqlConnectionOptions(address="sqlite:///data.db"), root, "", execute)
    try:
        yield database
    finally:
        await database.pool.close()
        file.close()


@contextlib.asynccontextmanager
async def postgres(server: PostgresServer, root: Path) -> AsyncIterator[Database]:
    import asyncpg

    schema = f"unit_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(server.dsn)

    async def execute(sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await connection.fetch(sql, *values)]

    options = SqlConnectionOptions(
        address=f"postgresql://{server.address}/{server.database}", user=server.user, password=Secret(server.password)
    )
    database = Database(options, root, f"{schema}.", execute)
    await execute(f"CREATE SCHEMA {schema}")
    try:
        yield database
    finally:
        await database.pool.close()
        await execute(f"DROP SCHEMA {schema} CASCADE")
        await connection.close()
