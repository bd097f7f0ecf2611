"""The project that is tortured: files fan out to an appended file, a table and, for some, a system that is away."""

from __future__ import annotations

import sqlite3
from pathlib import Path

KEYS = 500
ERP_EVERY = 25
"""Every so many messages of a key go to the HTTP system, too."""

_FLOW = """\
flow: orders
description: Every message goes to a file and a table, some to a system that is away for a while.
owner: ledger
source: {{directory: {{path: in/*.ndjson, poll_seconds: 0.1}}}}
format: {{json: {{lines: true}}}}
keys: {{k: k, id: id}}
steps:
  - filter: n >= 0
  - route:
      - {{when: n % {every} == 0, to: [log, table, erp]}}
      - {{to: [log, table]}}
targets:
  log: {{directory: {{path: out, append: true}}}}
  table: {{sql: {{connection: db, table: seen, operation: upsert, key: [id], columns: {{id: id, k: k, n: n}}}}}}
  erp: {{http: {{connection: erp, path: /orders, idempotency_header: Idempotency-Key}}}}
delivery: {{order_by: k, retry: {{attempts: 1000, first: 100ms, limit: 1s}}}}
"""
_CONNECTIONS = """\
db: {{kind: sql, address: "sqlite:///seen.db"}}
erp: {{kind: http, address: "http://127.0.0.1:{port}"}}
"""
_SCHEMA = """
CREATE TABLE seen (id TEXT PRIMARY KEY, k TEXT, n INTEGER);
CREATE TABLE book (at INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT, k TEXT, n INTEGER);
CREATE TRIGGER written AFTER INSERT ON seen BEGIN
  INSERT INTO book (id, k, n) VALUES (new.id, new.k, new.n);
END;
"""


def write_project(root: Path, erp_port: int) -> None:
    """Make the project's folder, and the table whose trigger keeps the book of what was written in which order."""
    (root / "flows").mkdir(parents=True)
    (root / "in").mkdir()
    (root / "waypost.yaml").write_text("name: ledger\n")
    (root / "flows" / "orders.yaml").write_text(_FLOW.format(every=ERP_EVERY))
    (root / "connections.yaml").write_text(_CONNECTIONS.format(port=erp_port))
    with sqlite3.connect(root / "seen.db") as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(_SCHEMA)
    db.close()
