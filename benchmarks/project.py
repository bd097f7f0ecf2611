"""The project that is measured, its variants, and its input: flat JSON orders of 20 fields and 1 KB."""

from __future__ import annotations

from pathlib import Path

ORDERS = 5_000
"""Ordering keys."""
FIELDS = (
    "order_id", "created", "customer", "name", "street", "city", "zip", "country", "currency", "status", "channel",
    "note", "total", "tax", "weight", "priority", "carrier", "terms", "rep", "sku",
)  # fmt: skip
FILES = "{directory: {path: in/*.ndjson, after: archive, poll_seconds: 0.2}}"
HTTP = "{http: {path: /orders}}"
APPEND = "{directory: {path: out, name: NAME.ndjson, append: true}}"
SINGLE = "{directory: {path: out/NAME}}"
DEAD = "{http: {connection: erp, path: /orders}}"
"""Nobody listens at the address of this connection."""

_SCHEMA = (
    '{"type":"object","required":["order_id","customer","total"],"properties":{"order_id":{"type":"string"},'
    '"total":{"type":"number"},"customer":{"type":"string"},"priority":{"type":"integer"},'
    '"zip":{"type":"string","maxLength":10}}}'
)
_RENAMED = {"order_id": "number", "created": "ordered", "customer": "buyer"}


def make_project(
    root: Path, *, source: str = FILES, target: str = APPEND, lines: bool = True, port: int = 8080,
    max_open: int = 1_000_000,
) -> Path:  # fmt: skip
    """validate, map, route by amount to two targets; two business keys, order kept per customer."""
    for name in ("in", "out", "flows", "maps", "schemas"):
        (root / name).mkdir(parents=True)
    (root / "waypost.yaml").write_text(f"name: measured\nlisten: {{address: '127.0.0.1:{port}'}}\n")
    if target == DEAD:
        (root / "connections.yaml").write_text("erp: {kind: http, address: 'http://127.0.0.1:9'}\n")
    (root / "schemas/order.json").write_text(_SCHEMA)
    fields = "".join(f"  {_RENAMED.get(name, name)}: {name}\n" for name in FIELDS)
    (root / "maps/order.map.yaml").write_text(f"map: order\nfields:\n{fields}")
    targets = "".join(f"  {name}: {target.replace('NAME', name)}\n" for name in ("large", "small"))
    (root / "flows/orders.yaml").write_text(
        "flow: orders\ndescription: Orders validated, mapped and routed.\nowner: bench\n"
        f"source: {source}\nformat: {{json: {{lines: {str(lines).lower()}}}}}\n"
        "keys: {order: order_id, customer: customer}\n"
        "steps:\n  - validate: schemas/order.json\n  - map: maps/order.map.yaml\n"
        "  - route:\n      - {when: total > 500, to: large}\n      - {to: small}\n"
        f"targets:\n{targets}delivery: {{order_by: customer, max_open: {max_open}}}\n"
    )
    return root


def order(number: int, customers: int = ORDERS, size: int = 1024, created: str = "2026-11-20T10:00:00Z") -> bytes:
    """One order as JSON, ``size`` bytes with its line feed."""
    # A multiplier without common factors spreads the customers evenly and the same in every run.
    customer = f"C{number * 7919 % customers:06d}"
    head = (
        f'{{"order_id": "{order_id(number)}", "created": "{created}", "customer": "{customer}", '
        '"name": "Example Trading Company Ltd", "street": "12 Long Street Name", "city": "Springfield", '
        '"zip": "12345", "country": "US", "currency": "USD", "status": "new", "channel": "web", "note": "'
    )
    tail = (
        f'", "total": {number * 7919 % 100_000 / 100:.2f}, "tax": 3.25, "weight": 12, "priority": 3, '
        '"carrier": "UPS GROUND", "terms": "NET30", "rep": "rep-0042", "sku": "SKU-0000123"}\n'
    )
    return (head + "x" * (size - len(head) - len(tail)) + tail).encode()


def order_id(number: int) -> str:
    """The business key of an order."""
    return f"PO{number:08d}"


def write_orders(path: Path, count: int, *, customers: int = ORDERS, size: int = 1024, first: int = 0) -> None:
    """A file of orders, one a line, there under its name only when it is whole."""
    half = path.with_suffix(".new")
    with half.open("wb") as file:
        for start in range(first, first + count, 1000):
            file.writelines(order(n, customers, size) for n in range(start, min(start + 1000, first + count)))
    half.rename(path)


def delivered(root: Path) -> int:
    """Lines, or files, in the project's output."""
    count = 0
    for path in (root / "out").rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            with path.open("rb") as file:
                count += max(1, sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b"")))
    return count
