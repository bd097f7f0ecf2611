-- What one shard exchanged with partners; derived from the journal, and kept longer than its bodies.
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Batches of flows that trade: what an outcome that names an output needs to be told of its message.
CREATE TABLE IF NOT EXISTS batch (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, value BLOB NOT NULL);

-- One row per message received (sent = 0) and per output sent (sent = 1): id = output or message reference * 2 + sent.
-- ``turn`` rises with every change; 0: sent, but not known to be delivered. ``said`` is JSON: groups, messages,
-- acknowledges; ``keys`` too.
CREATE TABLE IF NOT EXISTS exchange (
    id INTEGER PRIMARY KEY,
    turn INTEGER NOT NULL,
    message TEXT NOT NULL,
    flow TEXT NOT NULL,
    target TEXT NOT NULL,
    partner TEXT NOT NULL,
    standard TEXT NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    begun_at INTEGER NOT NULL,
    times INTEGER NOT NULL,
    interchange TEXT NOT NULL,
    said TEXT NOT NULL,
    keys TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS exchange_turn ON exchange (turn) WHERE turn > 0;
CREATE INDEX IF NOT EXISTS exchange_at ON exchange (at, id) WHERE turn > 0;
CREATE INDEX IF NOT EXISTS exchange_partner ON exchange (partner, at, id) WHERE turn > 0;
CREATE INDEX IF NOT EXISTS exchange_message ON exchange (message);

-- By what exchanges are found that belong together: control numbers (``kind``: interchange, group, message) they carry or
-- name, without leading zeros, and business keys (``kind``: key, ``value``: name=value). ``at`` is that of the exchange.
CREATE TABLE IF NOT EXISTS item (
    partner TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    at INTEGER NOT NULL,
    exchange INTEGER NOT NULL,
    PRIMARY KEY (partner, kind, value, at, exchange)
) WITHOUT ROWID;
