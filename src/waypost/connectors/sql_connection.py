"""SQL databases: SQLite files and PostgreSQL servers, by the form of the address.

How values are kept:

=============  ==========================================  =====================================================
value          SQLite                                      PostgreSQL
=============  ==========================================  =====================================================
decimal        text in a TEXT column; a number elsewhere,  as text, read by the server: exact in numeric
               refused where it has over 15 digits
true, false    1, 0; read back from BOOLEAN columns        boolean
date, time     ISO text                                    read by the server from ISO text; UTC when read back
object, list   JSON text; read back from JSON columns      json, jsonb
bytes          BLOB; read back as base64                   bytea; read back as base64
=============  ==========================================  =====================================================

SQLite keeps a decimal exactly in a TEXT column alone: elsewhere it makes a binary floating-point number of it, which
holds 15 digits.
"""

from __future__ import annotations

from urllib.parse import unquote

from waypost.connectors.sql_driver import Driver
from waypost.connectors.sql_options import ADDRESS_FORMS, SqlConnectionOptions, parsed
from waypost.core.errors import ConfigurationRefused, MessageError
from waypost.core.grants import Grants
from waypost.core.registry import registry


@registry.register(
    "connection",
    "sql",
    options=SqlConnectionOptions,
    example="{address: 'postgresql://db.example/erp', user: waypost}",
)
class SqlConnection:
    """A database."""

    def __init__(self, options: SqlConnectionOptions, grants: Grants) -> None:
        self.options, self._grants = options, grants
        self._driver: Driver | None = None

    @property
    def driver(self) -> Driver:
        """The open driver. ``ConfigurationRefused`` before ``open``."""
        if self._driver is None:
            raise ConfigurationRefused("the connection is closed", where=self.options.address, remedy="open it first")
        return self._driver

    async def open(self) -> None:
        """Make the driver, unless it is there; it connects when it is first asked something."""
        if self._driver is not None:
            return
        parts = parsed(self.options.address)
        if parts is None:
            raise ConfigurationRefused("the address is not understood", where="sql connection", expected=ADDRESS_FORMS)
        path = unquote(parts.path)[1:]
        if parts.scheme == "sqlite":
            from waypost.connectors.sql_sqlite import SqliteDriver

            self._driver = SqliteDriver(self._grants.root / path, self.options.timeout_seconds)
        else:
            from waypost.connectors.sql_postgres import PostgresDriver

            host, port = parts.hostname or "", parts.port or 5432
            self._driver = PostgresDriver(self.options, host, port, path, self._grants.root)

    async def check(self) -> None:
        """Ask the database anything."""
        await self.open()
        (answer,) = await self.driver.read([("SELECT 1", ())], 1)
        if isinstance(answer, MessageError):
            raise ConfigurationRefused(answer.found, where=self.driver.address, expected="a database")

    async def close(self) -> None:
        driver, self._driver = self._driver, None
        if driver is not None:
            await driver.close()


def connection_of(name: str, grants: Grants) -> SqlConnection:
    """The pool behind a connection's name."""
    connection = grants.connections.get(name)
    if connection is None or not isinstance(connection.pool, SqlConnection):
        raise ConfigurationRefused(
            f"connection {name!r} is not one to a database",
            where=grants.name or "sql",
            expected="a connection of kind sql in connections.yaml",
        )
    return connection.pool
