"""The PostgreSQL handed to tests is real, refuses strangers, and keeps what was committed."""

from __future__ import annotations

import asyncpg
import pytest

from tests.peers.postgres import PostgresServer


async def test_a_query_is_answered(postgres_server: PostgresServer) -> None:
    connection = await asyncpg.connect(postgres_server.dsn)
    try:
        assert await connection.fetchval("select 6 * 7") == 42
    finally:
        await connection.close()


async def test_a_wrong_password_is_refused(postgres_server: PostgresServer) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres_server.dsn, password="wrong")


async def test_what_was_committed_survives_a_kill_and_a_new_start(durable_postgres_server: PostgresServer) -> None:
    server = durable_postgres_server
    connection = await asyncpg.connect(server.dsn)
    assert await connection.fetchval("show fsync") == "on"
    await connection.execute("create table kept (n int); insert into kept values (7)")
    server.kill()
    with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
        await connection.fetchval("select n from kept")

    server.start()
    connection = await asyncpg.connect(server.dsn)
    try:
        assert await connection.fetchval("select n from kept") == 7
    finally:
        await connection.close()
