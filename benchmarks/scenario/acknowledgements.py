"""What is waited for from partners: how quickly the books take exchanges in, and answer over very many."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from waypost.reconcile.book_db import Asked, BookDatabase
from waypost.reconcile.exchange import Exchange, Reference
from waypost.reconcile.expectation import Expectation, Rule
from waypost.reconcile.keeping import Keeping, booked
from waypost.store.exchange_db import ExchangeDatabase, ExchangeRow

MINUTE = 60_000_000
PARTNERS = 4
TARGET_MS = 1000.0
CHUNK = 20_000
TAKEN_IN = 20_000


def run(bench: Bench) -> None:
    """Exchanges are taken in; then the books of a million are asked."""
    with bench.fresh() as folder:
        seconds = _taken_in(folder, TAKEN_IN)
        bench.add("taken in", {"exchanges_per_second": TAKEN_IN / seconds, "exchanges": TAKEN_IN})
        count = max(bench.plan.stored)
        for name, took in _asked(folder / "books.db", count).items():
            figures = {"ms": 1000 * took, "exchanges": count}
            bench.add(
                f"{count:,} exchanges: {name}", figures, target=f"≤ {TARGET_MS:g} ms", passed=1000 * took <= TARGET_MS
            )


def _rule(partner: int) -> Rule:
    return Rule("997", "x12", f"p{partner}", "sent", lambda moment: moment + 120 * MINUTE)


def _taken_in(folder: Path, count: int) -> float:
    """Seconds for sent interchanges and their acknowledgements, half each."""
    ledger, rules = ExchangeDatabase(folder / "exchanges.db"), {f"p{n}": [_rule(n)] for n in range(PARTNERS)}
    rows = []
    for number in range(count // 2):
        at, group = number * MINUTE // 10, str(number)
        said = [{"level": "group", "number": group, "verdict": "accepted", "set": "", "group": ""}]
        for sent in (1, 0):
            inside = {"groups": [group], "messages": [["855", "0001", group]], "acknowledges": [] if sent else said}
            rows.append(ExchangeRow(
                number * 4 + sent, 0, f"{'ra'[sent]}{number}", "f", "out", f"p{number % PARTNERS}", "x12",
                "" if sent else "997", at + (not sent) * MINUTE, at, at, sent, group, inside, {"po": [f"PO{number}"]},
            ))  # fmt: skip
    ledger.write(rows, [], (1, count))
    books = BookDatabase(folder / "taken.db")
    keeping, begun = Keeping(books, lambda partner: rules[partner]), time.perf_counter()
    while keeping.advance({0: ledger}):
        pass
    seconds = time.perf_counter() - begun
    books.close()
    ledger.close()
    return seconds


def _asked(path: Path, count: int) -> dict[str, float]:
    """Seconds of each question, the first time it is put, over ``count`` exchanges of a few partners."""
    books = BookDatabase(path)
    books.connection.pragma("synchronous", "OFF")  # filling is not measured
    books.connection.pragma("cache_size", -600_000)
    expectations = list[Any]()
    for one in _expectations(count):
        expectations.append(booked(one))
        if len(expectations) == CHUNK:
            _enter(books, expectations)
            expectations = []
    _enter(books, expectations)
    books.close()
    now = count * MINUTE // 10
    books = BookDatabase(path, read_only=True)
    questions: dict[str, Callable[[], Any]] = {
        "the newest of a partner": lambda: books.page(Asked(partner="p1", now=now)),
        "the newest of all": lambda: books.page(Asked(now=now)),
        "overdue of a partner": lambda: books.page(Asked(partner="p1", state="overdue", now=now)),
        "overdue of all": lambda: books.page(Asked(state="overdue", now=now)),
        "rejected of a partner": lambda: books.page(Asked(partner="p1", state="rejected", now=now)),
        "rejected of all": lambda: books.page(Asked(state="rejected", now=now)),
        "late of all": lambda: books.page(Asked(state="late", now=now)),
        "since a day": lambda: books.page(Asked(partner="p1", since=now - 1440 * MINUTE, now=now)),
        "by a business key": lambda: books.page(Asked(key="PO777", now=now)),
        "counts of a partner": lambda: books.counts("p1", 0, now),
        "counts of all": lambda: books.counts("", 0, now),
        "how fifty messages stand": lambda: books.of_messages([f"m{number}" for number in range(0, 5000, 100)]),
    }
    found = {}
    for name, question in questions.items():
        begun = time.perf_counter()
        question()
        found[name] = time.perf_counter() - begun
    books.close()
    return found


def _enter(books: BookDatabase, rows: list[Any]) -> None:
    named = {(name, row.id) for row in rows for name in row.names()}
    books.write(gone=[], rows=rows, named=named, unmatched={}, events=[], cursors={})


def _expectations(count: int) -> Iterator[Expectation]:
    """One in a hundred never acknowledged, two rejected, one late."""
    for number in range(count):
        partner, at, group = number % PARTNERS, number * MINUTE // 10, str(number)
        sent = Exchange(f"m{number}", "f", "sent", f"p{partner}", "x12", at, group, (group,), (("855", "0001", group),),
                        keys={"po": (f"PO{number}",)})  # fmt: skip
        rule = _rule(partner)
        one = Expectation(rule, sent, "group", group, "", rule.due(at))
        kind = number // PARTNERS % 100
        if kind:
            refused = kind in (1, 2)
            said = (Reference("group", group, "rejected" if refused else "accepted"),)
            one.closed_by = Exchange(f"a{number}", "g", "received", f"p{partner}", "x12", at + MINUTE, "1", kind="997",
                                     acknowledges=said)  # fmt: skip
            one.state, one.verdict, one.late = "closed", said[0].verdict, kind == 3
        yield one
