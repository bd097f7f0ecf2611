"""The PostgreSQL driver, on asyncpg. Values travel as text and the server reads them, so it decides what fits."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waypost.connectors.sql_driver import Rows, Write, WriteRefused, Written
from waypost.connectors.sql_postgres_error import Phase, error_of
from waypost.connectors.sql_postgres_value import CODECS, plain
from waypost.connectors.sql_statement import quoted
from waypost.core.errors import ConfigurationRefused, MessageError, near

if TYPE_CHECKING:
    import ssl

    from waypost.connectors.sql_options import SqlConnectionOptions

CLOSE_SECONDS = 2.0
_TEXTS = frozenset({"text", "varchar", "bpchar", "name", "citext", "char"})
_COLUMNS = """
SELECT a.attname::text AS name, t.typname::text AS type FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_TABLES = """
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END::text AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""
_REMEMBER = """
INSERT INTO {ledger} (idempotency_key, at) SELECT key, $2::bigint FROM unnest($1::text[]) AS key
ON CONFLICT DO NOTHING RETURNING idempotency_key
"""
_LEDGER = "CREATE TABLE {ledger} (idempotency_key text PRIMARY KEY, at bigint NOT NULL)"


class PostgresDriver:
    """See ``connectors.sql_driver.Driver``."""

    mark = "$"
    settle_seconds = 1.0

    def __init__(self, options: SqlConnectionOptions, host: str, port: int, database: str, root: Path) -> None:
        self.address = f"postgresql://{host}:{port}/{database}"
        self._options, self._host, self._port, self._database, self._root = options, host, port, database, root
        self._pool: Any = None
        self._opening = asyncio.Lock()

    async def columns(self, table: str) -> Mapping[str, str]:
        async with self._connection() as (connection, _):
            found = await connection.fetch(_COLUMNS, quoted(table))
            if found:
                return {row["name"]: row["type"] for row in found}
            tables = [row["name"] for row in await connection.fetch(_TABLES)]
        remedy = near(table, tables) or "create it, or correct the name"
        raise ConfigurationRefused(f"there is no table {table!r}", where=self.address, remedy=remedy)

    def adapt(self, value: Any, column_type: str) -> Any:
        return value

    def collated(self, expression: str, column_type: str) -> str:
        return f'{expression} COLLATE "C"' if column_type in _TEXTS else expression

    async def describe(self, sql: str) -> Mapping[str, str]:
        async with self._connection() as (connection, _):
            statement = await connection.prepare(sql)
            return {attribute.name: attribute.type.name for attribute in statement.get_attributes()}

    async def read(self, questions: Sequence[tuple[str, Sequence[Any]]], limit: int) -> Sequence[Rows | MessageError]:
        """All in one transaction; when the server refuses one of several, each in its own."""
        try:
            async with self._connection() as (connection, _), connection.transaction(readonly=True):
                return [_rows(await connection.fetch(_limited(sql, limit), *values)) for sql, values in questions]
        except MessageError as error:
            if len(questions) == 1:
                return [error]
        return [(await self.read([question], limit))[0] for question in questions]

    async def make_ledger(self, table: str) -> None:
        async with self._connection() as (connection, _):
            if await connection.fetchval("SELECT to_regclass($1) IS NULL", quoted(table)):
                async with connection.transaction():
                    await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", table)
                    if await connection.fetchval("SELECT to_regclass($1) IS NULL", quoted(table)):
                        await connection.execute(_LEDGER.format(ledger=quoted(table)))

    async def write(self, writes: Sequence[Write], ledger: str, at: int) -> Written:
        try:
            async with self._connection() as (connection, phase):
                transaction = connection.transaction()
                await transaction.start()
                fresh = await self._fresh(connection, writes, ledger, at)
                for sql, rows in _runs([write for write, new in zip(writes, fresh, strict=True) if new]):
                    await connection.executemany(sql, rows)
                phase.committing = True
                await transaction.commit()
        except MessageError as error:
            raise WriteRefused(error, 0 if len(writes) == 1 else -1) from None
        return Written(fresh)

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), CLOSE_SECONDS)
        except TimeoutError:
            pool.terminate()

    async def _fresh(self, connection: Any, writes: Sequence[Write], ledger: str, at: int) -> list[bool]:
        if not ledger:
            return [True] * len(writes)
        keys = [write.key for write in writes]
        new = {row[0] for row in await connection.fetch(_REMEMBER.format(ledger=quoted(ledger)), keys, at)}
        fresh = []
        for key in keys:
            fresh.append(key in new)
            new.discard(key)
        return fresh

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[Any, Phase]]:
        """A connection of the pool; what asyncpg raises inside leaves as an error of ours. An unfinished transaction
        is rolled back by the pool's reset."""
        phase = Phase()
        try:
            pool = await self._opened()
            async with pool.acquire(timeout=self._options.timeout_seconds) as connection:
                yield connection, phase
        except Exception as error:  # noqa: BLE001  told apart by error_of
            raise error_of(error, self.address, phase) from None

    async def _opened(self) -> Any:
        async with self._opening:
            if self._pool is None:
                self._pool = await self._make_pool()
            return self._pool

    async def _make_pool(self) -> Any:
        try:
            import asyncpg
        except ImportError:
            raise ConfigurationRefused(
                "the package asyncpg is missing", where=self.address, remedy="pip install 'waypost[postgres]'"
            ) from None
        options = self._options
        return await asyncpg.create_pool(
            host=self._host, port=self._port, database=self._database, user=options.user,
            password=options.password.reveal() if options.password else "", ssl=self._tls(), min_size=1,
            max_size=options.pool, timeout=options.connect_seconds, command_timeout=options.timeout_seconds,
            init=_set_codecs, server_settings={"application_name": "waypost", "timezone": "UTC", "datestyle": "ISO"},
        )  # fmt: skip

    def _tls(self) -> ssl.SSLContext | bool:
        mode = self._options.tls or ("off" if _is_here(self._host) else "verify")
        if mode == "off":
            return False
        import ssl

        try:
            file = self._options.ca_file
            return ssl.create_default_context(cafile=str(self._root / file) if file else None)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationRefused(f"ca_file cannot be used: {error}", where=self.address) from None


def _limited(sql: str, limit: int) -> str:
    """A query of at most ``limit`` rows; PostgreSQL keeps the order of a subquery that asks for one."""
    return f"SELECT * FROM (\n{sql}\n) AS waypost_answer LIMIT {limit}"


def _rows(records: Sequence[Any]) -> Rows:
    columns = tuple(records[0].keys()) if records else ()
    return Rows(columns, [tuple(map(plain, record)) for record in records])


async def _set_codecs(connection: Any) -> None:
    for name, encoder, decoder in CODECS:
        await connection.set_type_codec(name, schema="pg_catalog", encoder=encoder, decoder=decoder, format="text")


def _runs(writes: Sequence[Write]) -> list[tuple[str, list[tuple[Any, ...]]]]:
    """Neighbours with the same statement, together."""
    runs: list[tuple[str, list[tuple[Any, ...]]]] = []
    for write in writes:
        if not runs or runs[-1][0] != write.sql:
            runs.append((write.sql, []))
        runs[-1][1].append(write.values)
    return runs


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
