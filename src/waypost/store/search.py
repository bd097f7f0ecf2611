"""Answers questions from one shard's search index, flushed or not: the newest first, a page at a time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import msgspec

from waypost.core.key import KeyRule, normalise
from waypost.core.message import BLOCK, block_of, id_at
from waypost.store import posting
from waypost.store.failure import TROUBLE, FailedOutput, FailureGroup
from waypost.store.index import SearchIndex
from waypost.store.indexed import WORDS, IndexedBatch, Output
from waypost.store.protocol import Query
from waypost.store.record import OUT_BITS, OUT_MASK, message_state
from waypost.store.sqlite import select

PAGE = 100
_HOUR_MS = 3_600_000
_AFTER_ALL = b"\xff" * 16
_NOT_LATE = object()
_EVER = 1 << 62


class Hit(msgspec.Struct, frozen=True):
    """A message that answers a query, as far as the index can tell."""

    batch: IndexedBatch
    index: int
    outputs: Sequence[Output]

    @property
    def id(self) -> bytes:
        return id_at(int.from_bytes(self.batch.first, "big"), self.index)

    @property
    def moved(self) -> bool:
        """Another batch has the message now."""
        return message_state([state for *_, state in self.outputs]) == "moved"


def _told_last(batches: Sequence[IndexedBatch], index: int) -> Hit | None:
    """A message in the batch that has it still: one that was moved away and came back is in two."""
    hits = [Hit(batch, index, batch.outputs()[index]) for batch in batches if index < batch.count]
    return next((hit for hit in hits if not hit.moved), hits[0] if hits else None)


class ShardSearch:
    """Queries on one shard's index; from any thread."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index

    def hits(self, query: Query, arrivals: Sequence[int] | None = None) -> Iterator[Hit]:
        """Messages that may be meant, newest first, without end until the index ends; those found by key still have
        to be compared with their records. ``arrivals`` are the numbers ``query.arrival`` stands for here."""
        if query.message:
            return self._by_id(query)
        if query.key is not None:
            return self._by_key(query, arrivals)
        return self._listed(query, arrivals)

    def message(self, message: bytes) -> Hit | None:
        """A message by its id."""
        first, index = block_of(message)
        wanted = first.to_bytes(16, "big")
        changed = self._index.batches.changed()
        late = [batch for batch in changed.values() if batch is not None and batch.first == wanted]
        hit = _told_last(late, index)
        if hit is None or hit.moved:
            stored = [batch for batch in self._batches("WHERE batch.first = ?", wanted) if batch.seq not in changed]
            hit = _told_last([*late, *stored], index)
        return hit

    def failures(self, hit: Hit) -> dict[int, FailedOutput]:
        """Outputs of a message that failed at least once, by row."""
        if not hit.batch.troubled:
            return {}
        late = {row: self._index.failures.late(hit.batch.seq << OUT_BITS | row, _NOT_LATE) for row, *_ in hit.outputs}
        found = {row: known for row, known in late.items() if isinstance(known, FailedOutput)}
        missing = [hit.batch.seq << OUT_BITS | row for row, known in late.items() if known is _NOT_LATE]
        for ref, value, *rest in self._ask(
            "SELECT ref, value, state, first_at, at, attempt, place "
            "FROM failure JOIN failure_group USING (fingerprint) WHERE ref IN (SELECT value FROM json_each(?))",
            _json(missing),
        ):
            found[ref & OUT_MASK] = FailedOutput(msgspec.msgpack.decode(value, type=FailureGroup), *rest)
        return found

    def groups(self, query: Query) -> list[tuple[FailureGroup, int, int, int]]:
        """(group, outputs, first, last) of outputs that are retrying, parked or dead."""
        changed = self._index.failures.changed()
        found: dict[FailureGroup, tuple[int, int, int]] = {}
        for value, count, first, last in self._ask(
            "SELECT value, count(*), min(first_at), max(at) FROM failure JOIN failure_group USING (fingerprint) "
            "WHERE state IN (1, 2, 6) AND at >= ? AND at < ? AND ref NOT IN (SELECT value FROM json_each(?)) "
            "GROUP BY fingerprint",
            query.since, query.until or _EVER, _json(list(changed)),
        ):  # fmt: skip
            found[msgspec.msgpack.decode(value, type=FailureGroup)] = (count, first, last)
        for late in changed.values():
            if late is not None and late.state in TROUBLE and query.since <= late.at < (query.until or _EVER):
                count, first, last = found.get(late.group, (0, late.first_at, late.at))
                found[late.group] = (count + 1, min(first, late.first_at), max(last, late.at))
        return [(group, *numbers) for group, numbers in found.items() if _group_is_meant(group, query)]

    # candidates

    def _by_id(self, query: Query) -> Iterator[Hit]:
        hit = self.message(query.message)
        if hit is not None and self._batch_filter(query, None)(hit.batch) and self._is_meant(hit, query):
            yield hit

    def _by_key(self, query: Query, arrivals: Sequence[int] | None) -> Iterator[Hit]:
        assert query.key is not None
        name, typed = query.key
        number = self._index.hasher.number(name)
        if name and not number:
            return
        numbers: dict[int, set[int]] = {}
        for ref in self._with_key(key_forms(typed), number):
            numbers.setdefault(ref >> OUT_BITS, set()).add(ref & OUT_MASK)
        wanted = self._batch_filter(query, arrivals)
        for _, batches in itertools.groupby(self._numbered(numbers), key=lambda batch: batch.first):
            hits = []
            for batch in filter(wanted, batches):
                outputs = batch.outputs()
                hits += [Hit(batch, index, outputs[index]) for index in numbers[batch.seq]]
            yield from (hit for hit in sorted(hits, key=lambda hit: hit.id, reverse=True) if self._is_meant(hit, query))

    def _with_key(self, values: Sequence[str], number: int) -> list[int]:
        """References of messages that carry one of some values: first what is not flushed, then the chunks."""
        wanted = [posting.bounds(self._index.hasher.hash(value), number) for value in values]
        late = posting.scan(self._index.fresh(), wanted)
        with self._index.asking:
            return late + posting.find(self._index.database.asker, wanted)

    def _numbered(self, seqs: Collection[int]) -> Iterator[IndexedBatch]:
        """Batches by their numbers, by falling first id, read a page at a time."""
        known = {seq: self._index.batches.late(seq, _NOT_LATE) for seq in seqs}
        late = [batch for batch in known.values() if isinstance(batch, IndexedBatch)]
        stored = [seq for seq, batch in known.items() if batch is _NOT_LATE]
        if len(stored) > PAGE:
            rows = self._ask(
                "SELECT seq FROM batch WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY first DESC", _json(stored)
            )
            stored = [seq for (seq,) in rows]
        pages = (stored[at : at + PAGE] for at in range(0, len(stored), PAGE))
        rest = "WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY first DESC"
        return _merged(
            iter(sorted(late, key=lambda batch: batch.first, reverse=True)),
            itertools.chain.from_iterable(self._batches(rest, _json(page)) for page in pages),
        )

    def _listed(self, query: Query, arrivals: Sequence[int] | None) -> Iterator[Hit]:
        wanted, last = self._batch_filter(query, arrivals), _last_first(query)
        changed = self._index.batches.changed()
        late = sorted((b for b in changed.values() if b is not None), key=lambda b: b.first, reverse=True)
        stored = (b for b in self._stored(query, arrivals) if b.seq not in changed)
        for first, batches in itertools.groupby(_merged(iter(late), stored), key=lambda batch: batch.first):
            meant = [batch for batch in batches if first <= last and wanted(batch)]
            if len(meant) == 1:
                yield from self._in_batch(meant[0], query)
            elif meant:  # moved away, and come back
                yield from heapq.merge(*(self._in_batch(b, query) for b in meant), key=lambda hit: hit.id, reverse=True)

    def _in_batch(self, batch: IndexedBatch, query: Query) -> Iterator[Hit]:
        outputs = batch.outputs()
        for index in range(batch.count - 1, -1, -1):
            if self._is_meant(hit := Hit(batch, index, outputs[index]), query):
                yield hit

    def _stored(self, query: Query, arrivals: Sequence[int] | None) -> Iterator[IndexedBatch]:
        """Batches in the database by falling first id, along the index that leaves the fewest."""
        source, order, conditions, arguments = self._path(query, arrivals)
        before = _last_first(query)
        if query.since:
            conditions.append(f"{order} >= ?")
            arguments.append(_first_at(query.since // 1000 - _HOUR_MS))
        compare = "<="
        while True:
            rest = f"{source} WHERE {' AND '.join([*conditions, f'{order} {compare} ?'])}"
            page = self._batches(f"{rest} ORDER BY {order} DESC LIMIT {PAGE}", *arguments, before)
            if len(page) < PAGE:
                yield from page
                return
            before, compare = page[-1].first, "<="
            whole = [batch for batch in page if batch.first != before]  # a page may end among batches of one first id
            if not whole:
                whole, compare = page, "<"
            yield from whole

    def _path(self, query: Query, arrivals: Sequence[int] | None) -> tuple[str, str, list[str], list[Any]]:
        """(join, column of the order, conditions, their arguments) of the SELECT that has to look at least."""
        order, join, conditions, arguments = "batch.first", "", [], list[Any]()
        if query.error:
            conditions.append(
                "batch.seq IN (SELECT ref >> 20 FROM failure WHERE fingerprint IN (SELECT value FROM json_each(?)))"
            )
            arguments.append(_json([group.fingerprint for group in self._error_groups(query.error)]))
        elif query.arrival:
            conditions.append("batch.arrival > 0 AND batch.arrival IN (SELECT value FROM json_each(?))")
            arguments.append(_json(list(arrivals or ())))
        elif query.state in WORDS and query.state != "delivered" and not query.target:
            order, join = "mark.first", "JOIN mark USING (seq)"
            conditions.append("mark.word = ?")
            arguments.append(WORDS.index(query.state))
        elif query.flow:
            conditions.append("batch.flow = ?")
            arguments.append(self._index.database.words.known(query.flow))
        if query.target:
            targets = self._index.database.words.numbers_where(lambda w: isinstance(w, list) and query.target in w)
            conditions.append("+batch.targets IN (SELECT value FROM json_each(?))")
            arguments.append(_json(targets))
        return join, order, conditions or ["true"], arguments

    def _error_groups(self, error: str) -> list[FailureGroup]:
        rows = self._ask("SELECT value FROM failure_group")
        groups = (msgspec.msgpack.decode(value, type=FailureGroup) for (value,) in rows)
        return [group for group in groups if _names_error(group, error)]

    def _batches(self, rest: str, *arguments: Any) -> list[IndexedBatch]:
        with self._index.asking:
            return self._index.database.batches(self._index.database.asker, rest, *arguments)

    def _ask(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        with self._index.asking:
            return select(self._index.database.asker, sql, *arguments)

    # what is meant

    def _batch_filter(self, query: Query, arrivals: Sequence[int] | None) -> Callable[[IndexedBatch], bool]:
        until = query.until or _EVER

        def wanted(batch: IndexedBatch) -> bool:
            return (
                query.since <= batch.at < until
                and (not query.flow or batch.flow == query.flow)
                and (not query.arrival or batch.arrival in (arrivals or ()))
                and (not query.target or query.target in batch.targets)
                and (not query.error or batch.troubled)
            )

        return wanted

    def _is_meant(self, hit: Hit, query: Query) -> bool:
        """Of a batch that fits, whether this message does."""
        if query.before and hit.id >= query.before:
            return False
        outputs = [output for output in hit.outputs if not query.target or output[1] == query.target]
        if query.target and not outputs:
            return False
        if query.state and message_state([state for *_, state in outputs]) != query.state:
            return False
        return not query.error or any(
            failed.state in TROUBLE and _names_error(failed.group, query.error)
            for failed in self.failures(hit).values()
        )


def key_forms(typed: str) -> list[str]:
    """Every form in which a value typed by a person may be stored, whatever rules its key has.

    >>> key_forms(" 0047a ")
    ['0047a', '47a', '0047A', '47A']
    """
    rules = list(KeyRule)
    forms: dict[str, None] = {}
    for chosen in itertools.product((False, True), repeat=len(rules)):
        applied = frozenset(rule for rule, on in zip(reversed(rules), chosen, strict=True) if on)
        forms[normalise(typed, applied)] = None
    return list(forms)


def _merged(late: Iterator[IndexedBatch], stored: Iterator[IndexedBatch]) -> Iterator[IndexedBatch]:
    """Both by falling first id."""
    ahead = next(late, None)
    for batch in stored:
        while ahead is not None and ahead.first > batch.first:
            yield ahead
            ahead = next(late, None)
        yield batch
    if ahead is not None:
        yield ahead
        yield from late


def _last_first(query: Query) -> bytes:
    """No batch whose first id is greater can hold what is meant."""
    ends = [_AFTER_ALL]
    if query.before:
        ends.append((block_of(query.before)[0]).to_bytes(16, "big"))
    if query.until:
        ends.append(_first_at(query.until // 1000 + _HOUR_MS))
    return min(ends)


def _first_at(milliseconds: int) -> bytes:
    return (max(milliseconds, 0) << 80).to_bytes(16, "big")


def _names_error(group: FailureGroup, wanted: str) -> bool:
    return wanted in (group.error_class, group.code) or wanted.casefold() in group.text.casefold()


def _group_is_meant(group: FailureGroup, query: Query) -> bool:
    return (
        (not query.flow or group.flow == query.flow)
        and (not query.target or group.place == query.target)
        and (not query.error or _names_error(group, query.error))
    )


def _json(values: Sequence[int]) -> str:
    return msgspec.json.encode(list(values)).decode()


assert BLOCK - 1 <= OUT_MASK
