"""Compares the books of both ends, and what the system says of itself."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from waypost.flow.process.client import Client
from waypost.testing.ledger.project import ERP_EVERY

_SHOWN = 5


def sink_faults(name: str, came: Iterable[tuple[str, int]], wanted: Mapping[str, Sequence[int]]) -> list[str]:
    """What is wrong with a sink that got (key, number) in this order."""
    faults: list[str] = []
    last: dict[str, int] = {}
    seen: Counter[tuple[str, int]] = Counter()
    for key, number in came:
        seen[key, number] += 1
        if number < last.get(key, -1):
            faults.append(f"{name}: {key} had {number} after {last[key]}")
        last[key] = max(number, last.get(key, -1))
    faults += [f"{name}: {key} {number} came {n} times" for (key, number), n in seen.items() if n > 1]
    lost = [(key, n) for key, numbers in wanted.items() for n in numbers if (key, n) not in seen]
    faults += [f"{name}: {key} {number} is lost" for key, number in lost]
    extra = len(seen) - sum(map(len, wanted.values())) + len(lost)
    return faults + ([f"{name}: {extra} that were never sent"] if extra else [])


def appended(root: Path) -> list[tuple[str, int]]:
    """What is in the appended file."""
    came = []
    for path in sorted((root / "out").glob("*.ndjson")):
        with path.open("rb") as lines:
            came += [(d["k"], d["n"]) for d in map(json.loads, lines)]
    return came


def tabled(root: Path) -> list[tuple[str, int]]:
    """What was written to the table, in the order of its book."""
    with closing(_seen(root)) as db:
        return list(db.execute("SELECT k, n FROM book ORDER BY at"))


def count_appended(root: Path) -> int:
    """How many lines the appended file has."""
    return sum(path.read_bytes().count(b"\n") for path in (root / "out").glob("*.ndjson"))


def count_tabled(root: Path) -> int:
    """How many rows the table has."""
    with closing(_seen(root)) as db:
        return int(db.execute("SELECT count(*) FROM seen").fetchone()[0])


def _seen(root: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{root / 'seen.db'}?mode=ro", uri=True, timeout=10)


def wanted_of(written: Mapping[str, int], every: int = 1) -> dict[str, Sequence[int]]:
    """Key → the numbers a sink must have."""
    return {key: range(0, count, every) for key, count in written.items()}


async def system_faults(client: Client, written: Mapping[str, int], files: int) -> list[str]:
    """What is wrong with what the system says of itself: its counts, its index, its arrivals."""
    total, rows = sum(written.values()), 2 * sum(written.values()) + sum(-(-n // ERP_EVERY) for n in written.values())
    said = (await client.ask("status"))["flows"][0]
    flow = {**said["messages"], **said["deliveries"], "behind": said["behind"]}
    expected = {"accepted": total, "delivered": rows, "open": 0, "retrying": 0, "dead": 0, "parked": 0, "behind": 0}
    faults = [f"status: {n} is {flow[n]}, not {value}" for n, value in expected.items() if flow[n] != value]
    for key, count in written.items():
        found = (await client.ask("messages", key=f"k={key}", limit=count + 10))["messages"]
        states = Counter(message["state"] for message in found)
        ids = {message["id"] for message in found}
        if states != {"delivered": count} or len(ids) != count:
            faults.append(f"index: {key} has {dict(states)}, {len(ids)} ids, not {count} delivered")
    for key in list(written)[:20]:
        found = (await client.ask("messages", key=f"id={key}-0"))["messages"]
        if [message["keys"]["id"] for message in found] != [[f"{key}-0"]]:
            faults.append(f"index: {key}-0 is found {len(found)} times")
    return faults + await _arrival_faults(client, total, files)


async def _arrival_faults(client: Client, total: int, files: int) -> list[str]:
    rows = (await client.ask("files", limit=files + 10))["files"]
    faults = [f"files: {row['name']} has not ended" for row in rows if not row["ended_at"]]
    for name in ("records", "delivered"):
        if (told := sum(row[name] for row in rows)) != total:
            faults.append(f"files: {name} add up to {told}, not {total}")
    return faults if len(rows) == files else [*faults, f"files: {len(rows)} are listed, not {files}"]


def left_behind(root: Path) -> list[str]:
    """Temporary files that should not be there any more."""
    store = root / ".waypost"
    names = [path for pattern in ("*.part", "*.new", "*.tmp") for path in store.rglob(pattern)]
    return [f"left behind: {path.relative_to(root)}" for path in names]


def shortened(faults: Sequence[str]) -> list[str]:
    """The first faults of each kind."""
    kinds: Counter[str] = Counter()
    shown = []
    for fault in faults:
        kind = fault.partition(":")[0]
        kinds[kind] += 1
        if kinds[kind] <= _SHOWN:
            shown.append(fault)
    return [*shown, *(f"{kind}: {n} faults" for kind, n in kinds.items() if n > _SHOWN)]
