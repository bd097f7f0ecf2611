-- The two tables of the sales database. Amounts are text: SQLite keeps a decimal exactly in no other column.
CREATE TABLE IF NOT EXISTS prices (
    sku TEXT PRIMARY KEY,
    description TEXT,
    price TEXT NOT NULL,
    currency TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sales_orders (
    number TEXT NOT NULL,
    origin TEXT NOT NULL,
    customer TEXT NOT NULL,
    lines INTEGER NOT NULL,
    total TEXT NOT NULL,
    currency TEXT NOT NULL
);
