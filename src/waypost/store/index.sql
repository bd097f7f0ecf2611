-- The search index of one shard; derived, and rebuilt from the journal when lost.
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- Words that many batches share: flows, versions, lists of targets.
CREATE TABLE IF NOT EXISTS word (id INTEGER PRIMARY KEY, text BLOB NOT NULL);

-- One row per batch. ``layout`` is empty where output i belongs to message i and to the one target, else the targets
-- behind a byte 1 where only they differ from that, else compressed with zlib; ``states`` is empty
-- where every output was delivered. Places are segment, offset and item, 4 bytes each.
CREATE TABLE IF NOT EXISTS batch (
    seq INTEGER PRIMARY KEY,
    flow INTEGER NOT NULL,
    version INTEGER NOT NULL,
    targets INTEGER NOT NULL,
    count INTEGER NOT NULL,
    at INTEGER NOT NULL,
    arrival INTEGER NOT NULL,
    troubled INTEGER NOT NULL,
    first BLOB NOT NULL,
    accepted BLOB NOT NULL,
    produced BLOB NOT NULL,
    story BLOB NOT NULL,
    layout BLOB NOT NULL,
    states BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS batch_first ON batch (first);
CREATE INDEX IF NOT EXISTS batch_flow ON batch (flow, first);
CREATE INDEX IF NOT EXISTS batch_arrival ON batch (arrival, first) WHERE arrival > 0;

-- Batches that hold messages in a state other than delivered, by the number of the state's word.
CREATE TABLE IF NOT EXISTS mark (seq INTEGER, word INTEGER, first BLOB NOT NULL, PRIMARY KEY (seq, word)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS mark_word ON mark (word, first, seq);

-- Outputs that failed at least once.
CREATE TABLE IF NOT EXISTS failure (
    ref INTEGER PRIMARY KEY,
    state INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    place BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS failure_by_group ON failure (fingerprint, state, at, first_at);

-- What failures have in common; ``value`` is (flow, place, class, code, masked text).
CREATE TABLE IF NOT EXISTS failure_group (fingerprint INTEGER PRIMARY KEY, value BLOB NOT NULL);

-- Where each segment's batches begin and end, for retention.
CREATE TABLE IF NOT EXISTS extent (
    segment INTEGER PRIMARY KEY,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    newest INTEGER NOT NULL
);

-- Business keys: 7 bytes of keyed hash, the number of the key's name, and the message as 8 bytes.
CREATE TABLE IF NOT EXISTS chunk (
    id INTEGER PRIMARY KEY,
    level INTEGER NOT NULL,
    stage INTEGER NOT NULL,
    first_segment INTEGER NOT NULL,
    last_segment INTEGER NOT NULL,
    postings INTEGER NOT NULL,
    slices INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    successor INTEGER NOT NULL DEFAULT 0
);
-- Postings of a chunk, sorted, some hundred a row; ``first`` is the first of them.
CREATE TABLE IF NOT EXISTS page (id INTEGER PRIMARY KEY, chunk INTEGER NOT NULL, first BLOB NOT NULL, data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS page_first ON page (chunk, first);
