"""Keeps the books of a store in step with the ledgers of exchanges of its shards.

Whatever is new is looked at together with all that carries or names the same number or key, in every shard; what the
pure books say of these few is what is entered. So it does not matter in which order shards are taken in, or how often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from waypost.reconcile.book_db import BookDatabase, BookedRow, Cursor, EventRow, identity
from waypost.reconcile.books import Books, books_of
from waypost.reconcile.exchange import Exchange
from waypost.reconcile.expectation import ACKNOWLEDGEMENTS, FUNCTIONAL, Expectation, Rule
from waypost.store.exchange_db import AT_ONCE_MICROSECONDS, NEAR, ExchangeDatabase, ExchangeRow, Item, plain

AT_ONCE = 200
"""Exchanges taken in by one transaction."""
GRACE = 60_000_000
"""What an acknowledgement answers may come to be known after it (µs): until then it is not told that there is none."""
_NAMED_BY_MESSAGE = ACKNOWLEDGEMENTS - FUNCTIONAL - {"TA1"}
_FEW = 50
_END = 1 << 62

Rules = Callable[[str], Sequence[Rule]]
"""What is expected of a partner, or owed to it."""
Ledgers = Mapping[int, ExchangeDatabase]
Window = tuple[int, int]
Touched = tuple[str, str, str]
"""(partner, kind, value)"""


class Keeping:
    """Enters what ledgers have into the books, and what somebody should know of it. For one thread."""

    def __init__(self, books: BookDatabase, rules: Rules) -> None:
        self.books, self._rules = books, rules

    def is_current(self, ledgers: Ledgers) -> bool:
        """Whether all that the ledgers have was taken in."""
        cursors = self.books.cursors()
        newest = {number: (ledger.birth, ledger.newest()) for number, ledger in ledgers.items()}
        return all(cursors.get(number) == last or not last[1] for number, last in newest.items())

    def advance(self, ledgers: Ledgers) -> int:
        """Take in some of what is new; how many exchanges. To be called until that is 0."""
        cursors, rows = self.books.cursors(), list[ExchangeRow]()
        moved: dict[int, Cursor] = {}
        for shard, ledger in ledgers.items():
            birth, turn = cursors.get(shard, ("", 0))
            found = ledger.changed(turn if birth == ledger.birth else 0, AT_ONCE)
            if found:
                rows += found
                moved[shard] = (ledger.birth, found[-1].turn)
        if moved:
            self._enter(rows, ledgers, moved)
        return len(rows)

    def _enter(self, rows: Sequence[ExchangeRow], ledgers: Ledgers, moved: Mapping[int, Cursor]) -> None:
        made = _Made(self.books.missed_to, self.books.born)
        touched: dict[Touched, set[int]] = {}
        for row in rows:
            for item in self._items(row):
                touched.setdefault((row.partner, *item), set()).add(row.at)
        for (partner, kind, value), times in touched.items():
            covered = -1
            for at in sorted(times):
                if at > covered:
                    covered = self._fold(partner, (kind, value), at, ledgers, made)
        self.books.write(gone=made.gone, rows=list(made.rows.values()), named=made.named, unmatched=made.unmatched,
                         events=list(made.events.values()), cursors=moved)  # fmt: skip

    def _items(self, row: ExchangeRow) -> set[Item]:
        """What has to be looked at anew where a row is new: messages and keys only where something goes by them."""
        rules = self._rules(row.partner)
        messages = row.kind in _NAMED_BY_MESSAGE or len(row.said["messages"]) <= _FEW
        messages = messages or any(rule.what in _NAMED_BY_MESSAGE for rule in rules)
        keys = any(rule.of_document for rule in rules)
        wanted = {"interchange", "group", *(["message"] if messages else []), *(["key"] if keys else [])}
        return {item for item in row.items() if item[0] in wanted}

    def _fold(self, partner: str, item: Item, at: int, ledgers: Ledgers, made: _Made) -> int:
        """Make the books of what carries or names an item, nearest to a moment; up to when that says all."""
        related = _related(partner, [item], at, ledgers)
        own = {row.message for row in related}
        if item[0] == "key":
            keys = {other for row in related for other in row.items() if other[0] == "key"}
            related = _related(partner, sorted(keys), at, ledgers)
        if not any(row.kind for row in related) and not self._waits(partner, item[0]):
            return _END  # nothing is waited for, and nothing answers
        windows = _windows(related, at)
        folded = books_of(self._rules(partner), [Exchange.of(row.data()) for row in related], now=0)
        made.take(folded, partner, item, own, windows)
        return windows[-1][1]

    def _waits(self, partner: str, kind: str) -> bool:
        """Whether anything is waited for that is known by an item of this kind."""
        found = {"interchange": {"TA1", "CONTRL"}, "group": FUNCTIONAL, "message": _NAMED_BY_MESSAGE}.get(kind)
        return any(rule.of_document if found is None else rule.what in found for rule in self._rules(partner))

    def miss(self, until: int) -> None:
        """Enter what was due and did not come, where all that was committed up to a moment is in the ledgers."""
        while until > self.books.missed_to:
            overdue = self.books.due(until)
            events = [_missing(row, self.books.born) for row in overdue]
            self.books.enter_missing(events, overdue[-1].due if overdue else until)


class _Made:
    """What one transaction writes."""

    def __init__(self, missed_to: int, born: int) -> None:
        self.missed_to, self.born = missed_to, born
        self.gone: list[tuple[str, str, str, int, int]] = []
        self.rows: dict[int, BookedRow] = {}
        self.named: set[tuple[str, int]] = set()
        self.events: dict[int, EventRow] = {}
        self.unmatched: dict[str, list[int]] = {}

    def take(self, books: Books, partner: str, item: Item, own: set[str], windows: Sequence[Window]) -> None:
        """What the books say under an item, of what was opened within some windows of time."""
        level = "document" if item[0] == "key" else item[0]
        if level != "document":
            self.gone += [(partner, level, item[1], *window) for window in windows]
        for one in books.expectations:
            under = one.opened_by.message in own if level == "document" else one.place == item[1]
            within = any(since <= one.opened_by.at <= until for since, until in windows)
            if one.level == level and under and within:
                row = booked(one)
                self.rows[row.id] = row
                self.named |= {(name, row.id) for name in row.names()}
                for event in self._events(one, row):
                    self.events[event.id] = event
        self._answering_nothing(books, partner, item, windows[-1])

    def _events(self, one: Expectation, row: BookedRow) -> Iterable[EventRow]:
        if one.closed_by is not None:
            named = (str(row.id), one.closed_by.message)
            if one.verdict in ("rejected", "partly"):
                yield self._event("rejected", row, one.closed_by.at, *named)
            if one.late:
                yield self._event("late", row, one.closed_by.at, *named)
            for again in one.again:
                yield self._event("duplicate", row, again.at, str(row.id), again.message, by=again.message)
        elif 0 < row.due <= self.missed_to:
            yield _missing(row, self.born)

    def _event(self, kind: str, row: BookedRow, at: int, *named: str, by: str = "") -> EventRow:
        data = {**row.data, **({"duplicate": by} if by else {})}
        return EventRow(identity(kind, *named), kind, row.partner, "", at, 2 if at < self.born else 0, data)

    def _answering_nothing(self, books: Books, partner: str, item: Item, window: Window) -> None:
        """Acknowledgements within a window that name nothing; those known before that do now are forgotten, where the
        window is all there is."""
        name = "\x1f".join((partner, *item))
        ids = self.unmatched.setdefault(name, []) if window == (0, _END) else []
        told = {event["message"] + event["level"] + event["number"]: event for event in books.events()
                if event["event"] == "unmatched"}  # fmt: skip
        for event in told.values():
            if (event["level"], plain(event["number"])) != item or not window[0] <= event["at"] <= window[1]:
                continue
            number = identity("unmatched", event["message"], event["level"], event["number"])
            ids.append(number)
            data = {name: value for name, value in event.items() if name != "event"}
            when = 2 if event["at"] < self.born else 0
            self.events[number] = EventRow(number, "unmatched", partner, name, event["at"], when, data)


def booked(one: Expectation) -> BookedRow:
    """An expectation as it is kept."""
    data = one.data()
    named = (data["what"], data["direction"], data["partner"], data["flow"], data["message"])
    number = identity(*named, one.level, one.place, one.set, "" if one.due else "unasked")
    word = one.verdict if one.verdict is not None else "open"
    kept = {name: value for name, value in data.items() if name != "state"}
    return BookedRow(number, one.opened_by.partner, one.opened_by.flow, one.level, one.place, one.opened_by.at,
                     one.due, word, int(one.late), int(bool(one.again)), kept)  # fmt: skip


def _missing(row: BookedRow, born: int) -> EventRow:
    told = 2 if row.due < born else 0
    return EventRow(identity("missing", str(row.id)), "missing", row.partner, "", row.due, told, row.data)


def _related(partner: str, items: Sequence[Item], at: int, ledgers: Ledgers) -> list[ExchangeRow]:
    found = {}
    for shard, ledger in ledgers.items():
        for item in items:
            found.update({(shard, row.id): row for row in ledger.related(partner, item, at)})
    return list(found.values())


def _windows(related: Sequence[ExchangeRow], at: int) -> list[Window]:
    """The times at which all that belongs together is among what is related: all, or, where a number is used over and
    over, the inner half, and the first of an interchange whose messages are taken one by one."""
    if len(related) < NEAR:
        return [(0, _END)]
    times = sorted(row.at for row in related)
    before = [time for time in times if time <= at][-NEAR // 2 :]
    behind = [time for time in times if time > at][: NEAR // 2]
    inner = (before[0] if before else at, behind[-1] if behind else at)
    first = next(time for time in times if time > at - AT_ONCE_MICROSECONDS)
    return [*([(first, first)] if first < inner[0] else []), inner]
