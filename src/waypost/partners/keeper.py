"""The books of acknowledgements of a running system: kept by one worker, asked by whoever looks, told as events.

An event is a row of the books, entered once with what caused it; it is told after that, and remembered as told after
that again. Who dies between telling and remembering tells it once more; nothing is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from waypost.core.clock import Clock
from waypost.core.errors import UsageError, near
from waypost.core.event import (
    AcknowledgementLate,
    AcknowledgementMissing,
    AcknowledgementRejected,
    AcknowledgementRepeated,
    AcknowledgementUnmatched,
    Event,
)
from waypost.flow.declared.definition import Project
from waypost.flow.history.queries import moment
from waypost.partners.ledger import rules_of
from waypost.reconcile.book_db import FILE, STATES, Asked, BookDatabase, BookedRow, EventRow, is_current
from waypost.reconcile.expectation import RANKS, Rule, state_of
from waypost.reconcile.keeping import GRACE, Keeping
from waypost.store.backup import snapshot
from waypost.store.exchange_db import FILE as EXCHANGES
from waypost.store.exchange_db import ExchangeDatabase, read
from waypost.store.exchange_feed import seen

LOOK_SECONDS = 0.5
FORGET_SECONDS = 3600.0
MOST_EVENTS = 1000
Params = Mapping[str, Any]


class BookKeeper:
    """Keeps and answers for the books of one store. Its database is used under ``_turn``, in threads."""

    def __init__(self, store: Path, project: Callable[[], Project], clock: Clock) -> None:
        self._store, self._project, self._clock = store, project, clock
        self._turn = threading.Lock()
        self._ledgers: dict[int, ExchangeDatabase] = {}
        self._known: tuple[str, dict[str, list[Rule]]] = ("", {})
        self._held = ExitStack()
        self.books: BookDatabase | None = None
        self._forgot = clock.monotonic()

    def open(self) -> None:
        """Take the books for writing. Blocks."""
        self.books = self._held.enter_context(contextlib.closing(BookDatabase(self._store / FILE)))
        self.books.begin(self._clock.now())
        self._keeping = Keeping(self.books, self._rules)

    def look(self, ledgers: Mapping[int, ExchangeDatabase]) -> None:
        """Take the books of a system at rest: in place where they are up to date with these ledgers, else a copy."""
        self._ledgers = dict(ledgers)
        path = self._store / FILE
        if is_current(path):
            self.books = BookDatabase(path, read_only=True)
            if Keeping(self.books, self._rules).is_current(self._ledgers):
                self._held.callback(self.books.close)
                return
            self.books.close()
        copy = Path(self._held.enter_context(TemporaryDirectory(prefix="waypost-books-")), FILE)
        if path.exists():
            snapshot(str(path), str(copy))
        self.books = self._held.enter_context(contextlib.closing(BookDatabase(copy)))
        keeping = Keeping(self.books, self._rules)
        while keeping.advance(self._ledgers):
            pass

    def close(self) -> None:
        """Let the books go."""
        with self._turn:
            self._held.close()

    def _rules(self, partner: str) -> Sequence[Rule]:
        project = self._project()
        if self._known[0] != project.version:
            known: dict[str, list[Rule]] = {}
            for rule in rules_of(project):
                known.setdefault(rule.partner, []).append(rule)
            self._known = (project.version, known)
        return self._known[1].get(partner, [])

    # keeping

    async def keep(self, emit: Callable[[Event], None]) -> None:
        """Take in what is exchanged and tell what somebody should know, until cancelled."""
        while True:
            await self.settle()
            await self.tell(emit)
            await self._clock.sleep(LOOK_SECONDS)

    async def tell(self, emit: Callable[[Event], None]) -> None:
        """Tell what nobody was told of, and remember it, one after the other."""
        for row in await asyncio.to_thread(self.untold):
            emit(event_of(row))
            await asyncio.to_thread(self.told, [row.id])

    async def settle(self) -> None:
        """Take in all that the ledgers have by now."""
        while await asyncio.to_thread(self._advance):
            pass

    def _advance(self) -> int:
        with self._turn:
            self._meet()
            count = self._keeping.advance(self._ledgers) if self._ledgers else 0
            if not count:
                self._keeping.miss(self._horizon())
                self._forget()
            return count

    def _meet(self) -> None:
        """Open the ledgers of shards that have one by now, and anew one that took the place of another."""
        for folder in self._store.glob("shard-*"):
            number = int(folder.name.removeprefix("shard-"))
            if number not in self._ledgers and (found := read(folder / EXCHANGES)) is not None:
                self._ledgers[number] = self._held.enter_context(contextlib.closing(found))

    def _horizon(self) -> int:
        """Up to when all that was committed anywhere is in the ledgers."""
        moments = [seen(self._store / f"shard-{number:02d}") for number in self._ledgers]
        return min([*moments, self._clock.now()]) if moments else 0

    def _forget(self) -> None:
        keep = float(self._project().options.retention.exchanges)
        if keep and self._clock.monotonic() - self._forgot > FORGET_SECONDS:
            self._forgot = self._clock.monotonic()
            assert self.books is not None
            self.books.forget(self._clock.now() - round(keep * 1_000_000))

    def untold(self) -> list[EventRow]:
        """What happened and nobody was told of."""
        with self._turn:
            assert self.books is not None
            return self.books.untold(self._horizon() - GRACE)

    def told(self, ids: Sequence[int]) -> None:
        """Remember that it was told."""
        with self._turn:
            assert self.books is not None
            self.books.tell(ids)

    # asking

    async def answer(self, params: Params) -> dict[str, Any]:
        """``what`` is ``acks`` (a page of expectations with counts and events), ``said`` (how messages stand) or
        ``summary`` (what is open and overdue in all)."""
        what = {"acks": self._acks, "said": self._said, "summary": self._summary}.get(str(params.get("what") or "acks"))
        if what is None:
            raise UsageError(f"what {params.get('what')!r}", expected="acks, said or summary")
        return await asyncio.to_thread(self._under_lock, what, params)

    def _under_lock(self, what: Callable[[BookDatabase, Params], dict[str, Any]], params: Params) -> dict[str, Any]:
        with self._turn:
            assert self.books is not None
            return what(self.books, params)

    def _acks(self, books: BookDatabase, params: Params) -> dict[str, Any]:
        now, partner, state = self._clock.now(), str(params.get("partner") or ""), str(params.get("state") or "")
        if state and state not in STATES:
            raise UsageError(f"--state {state!r}", expected=f"one of {', '.join(STATES)}", remedy=near(state, STATES))
        since, limit = moment(params.get("since"), now), int(params.get("limit") or 100)
        before = params.get("before")
        rows = books.page(Asked(
            partner=partner, flow=str(params.get("flow") or ""), state=state, key=str(params.get("key") or ""),
            since=since, now=now, before=(int(before[0]), int(before[1])) if before else None, limit=limit,
        ))  # fmt: skip
        return {
            "expectations": [_row(row, now) for row in rows], "counts": books.counts(partner, since, now),
            "next": [rows[-1].opened_at, rows[-1].id] if len(rows) == limit else None,
            "overdue": self._overdue(books, partner, since, now),
            "events": [{"event": row.kind, "told": row.told == 1, "at": row.at, **row.data}
                       for row in books.events(partner, since, MOST_EVENTS)],
            "event_counts": books.event_counts(partner, since),
        }  # fmt: skip

    def _overdue(self, books: BookDatabase, partner: str, since: int, now: int) -> list[dict[str, Any]]:
        """What is missing and was not entered as an event yet, as nothing runs or it was due a moment ago."""
        asked = Asked(partner=partner, state="overdue", since=max(since, 0), now=now, limit=MOST_EVENTS)
        late = [row for row in books.page(asked) if row.due > books.missed_to]
        return [{"event": "missing", "told": False, "at": row.due, **row.data} for row in late]

    def _said(self, books: BookDatabase, params: Params) -> dict[str, Any]:
        now, found = self._clock.now(), books.of_messages([str(one) for one in params.get("messages") or ()])
        told = {message: [_row(row, now) for row in rows] for message, rows in found.items()}
        return {"messages": {m: {"state": _worst(rows), "expectations": rows} for m, rows in told.items() if rows}}

    def _summary(self, books: BookDatabase, params: Params) -> dict[str, Any]:
        return books.counts("", 0, self._clock.now())


def _row(row: BookedRow, now: int) -> dict[str, Any]:
    state = "closed" if row.word != "open" else "overdue" if 0 < row.due < now else "open"
    return {**row.data, "state": state}


def _worst(rows: Sequence[Mapping[str, Any]]) -> str:
    """How a message stands: the worst of what acknowledges it, '' where only documents are waited for."""
    said = [state_of(row["verdict"], str(row["state"])) for row in rows if row["level"] != "document"]
    return max(said, key=RANKS.index, default="")


def event_of(row: EventRow) -> Event:
    """What is told of an event of the books."""
    data = row.data
    number = " ".join(filter(None, (data["set"] or data["level"], data["number"])))
    named = {"partner": row.partner, "what": data["what"], "number": number, "message": data["message"]}
    if row.kind == "unmatched":
        return AcknowledgementUnmatched(**named)
    named["direction"] = data["direction"]
    if row.kind == "rejected":
        codes = ", ".join(data["codes"]) or "none given"
        return AcknowledgementRejected(**named, verdict=str(data["verdict"]), codes=codes)
    if row.kind == "duplicate":
        return AcknowledgementRepeated(**named, again=str(data["duplicate"]))
    return (AcknowledgementLate if row.kind == "late" else AcknowledgementMissing)(**named)
