-- The books of a store: what is waited for from partners and owed to them; made from the ledgers of exchanges of all shards.
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- How far the ledger of each shard was taken in.
CREATE TABLE IF NOT EXISTS cursor (shard INTEGER PRIMARY KEY, birth TEXT NOT NULL, turn INTEGER NOT NULL);

-- ``id`` is a hash of what it is; ``word``: open, accepted, partly or rejected; ``plain``: the number without padding;
-- ``due`` 0: nobody waited; ``data`` is JSON, as it is told.
CREATE TABLE IF NOT EXISTS expectation (
    id INTEGER PRIMARY KEY,
    partner TEXT NOT NULL,
    flow TEXT NOT NULL,
    level TEXT NOT NULL,
    plain TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    due INTEGER NOT NULL,
    word TEXT NOT NULL,
    late INTEGER NOT NULL,
    again INTEGER NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS expectation_number ON expectation (partner, level, plain);
CREATE INDEX IF NOT EXISTS expectation_time ON expectation (partner, opened_at, id);
CREATE INDEX IF NOT EXISTS expectation_all ON expectation (opened_at, id);
CREATE INDEX IF NOT EXISTS expectation_open ON expectation (due, opened_at) WHERE word = 'open';
CREATE INDEX IF NOT EXISTS expectation_waiting ON expectation (partner, due, opened_at) WHERE word = 'open';
CREATE INDEX IF NOT EXISTS expectation_trouble ON expectation (partner, opened_at)
    WHERE word IN ('partly', 'rejected') OR late = 1 OR again = 1;
CREATE INDEX IF NOT EXISTS expectation_troubles ON expectation (opened_at)
    WHERE word IN ('partly', 'rejected') OR late = 1 OR again = 1;

-- By what an expectation is found: the messages that opened it, its numbers without padding, the values of its keys.
CREATE TABLE IF NOT EXISTS named (value TEXT NOT NULL, expectation INTEGER NOT NULL, PRIMARY KEY (value, expectation))
    WITHOUT ROWID;

-- What somebody should know, once each. ``told``: 0 not yet, 1 when it happened, 2 it had happened before the books
-- were made. ``item``: partner, level and number it is about.
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    partner TEXT NOT NULL,
    item TEXT NOT NULL,
    at INTEGER NOT NULL,
    told INTEGER NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS event_time ON event (partner, at);
CREATE INDEX IF NOT EXISTS event_untold ON event (at) WHERE told = 0;
CREATE INDEX IF NOT EXISTS event_unmatched ON event (item) WHERE kind = 'unmatched';
