"""However often the fold is flushed, fails to flush and is reopened, it says what a simple model says."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from waypost.store.derived import CommittedGroup
from waypost.store.protocol import Location
from waypost.store.record import (
    KEPT,
    ORDER_ROW,
    OUT_ROW,
    Accepted,
    Activated,
    AnyRecord,
    ArrivalBegun,
    ArrivalDisposed,
    ArrivalEnded,
    Bodies,
    Claimed,
    Closed,
    Commanded,
    Decided,
    Delivered,
    DeliveryFailed,
    Effects,
    Failure,
    Intended,
    MovedAway,
    Numbered,
    Opened,
    OutboundBody,
    Positioned,
    Produced,
    State,
    StepState,
    TimerDone,
    TimerSet,
    message_state,
    pack_refs,
    ref_of,
    unpack_refs,
)
from waypost.store.state import StateFold

FLOWS, SLOTS, NAMES = ("a", "b"), (-1, 7), ("x", "y\x00z")


class Model:
    """The meaning of the records, said as plainly as possible; keeps every batch for ever."""

    def __init__(self) -> None:
        self.batches: dict[int, dict[str, Any]] = {}
        self.arrivals: dict[int, list[Any]] = {}
        self.told: set[int] = set()
        self.retelling: dict[int, list[int]] = {}
        self.flat: dict[tuple[Any, ...], Any] = {}
        self.activations: list[Any] = []
        self.incarnation, self.clean = 0, True

    def live(self, seq: int) -> dict[str, Any] | None:
        b = self.batches.get(seq)
        return b if b and (seq in self.told or not finished(b)) else None

    def change(self, refs: tuple[int, ...], state: int) -> None:
        live = {ref >> 20: self.live(ref >> 20) for ref in refs}
        for ref in refs:
            if b := live[ref >> 20]:
                b["states"][ref & 0xFFFFF] = state
                if state not in KEPT:
                    b["retries"].pop(ref, None)
        self.told -= {seq for seq in self.told if not finished(self.batches[seq])}

    def apply(self, at: Location, r: AnyRecord) -> None:
        match r:
            case Accepted() if r.seq in self.batches:
                b = self.batches[r.seq]
                b["accepted"] = at
                self.retelling[r.seq] = [0, 0]
                if finished(b):
                    self.told.add(r.seq)
                    b.update(effects=(), produced=())
            case Accepted():
                b = {"r": r, "accepted": at, "effects": (), "produced": (), "targets": (), "rows": [], "moved": False}
                self.batches[r.seq] = {**b, "states": [], "retries": {}}
                self.top(("position", r.flow, r.partition, -1), r.position)
            case Effects() if b := self.live(r.seq):
                b["effects"] = self.placed(r.seq, 0, b["effects"], at)
            case Produced() if b := self.live(r.seq):
                b["produced"] = self.placed(r.seq, 1, b["produced"], at)
                if r.first_row == len(b["states"]):
                    rows = list(OUT_ROW.iter_unpack(r.rows))
                    b["targets"] = r.targets
                    b["rows"] += [row[:3] for row in rows]
                    b["states"] += [row[3] for row in rows]
                    for f in r.failures:
                        ref = ref_of(r.seq, f.row)
                        b["retries"][ref] = (0, 0, f.error_class, f.code, f.text, r.at, None)
            case Intended():
                self.change(unpack_refs(r.refs), State.DOUBTFUL)
            case Delivered():
                self.change(unpack_refs(r.refs), State.DELIVERED)
            case Decided():
                self.change(unpack_refs(r.refs), r.state)
            case DeliveryFailed() if b := self.live(r.ref >> 20):
                body = b["retries"].get(r.ref, (None,))[-1]
                b["retries"][r.ref] = (r.attempt, r.next_at, r.error_class, r.code, r.text, r.at, body)
                self.change((r.ref,), r.state)
            case OutboundBody() if b := self.live(r.ref >> 20):
                if b["states"][r.ref & 0xFFFFF] in KEPT:
                    b["retries"][r.ref] = (*b["retries"].get(r.ref, (0, 0, "", "", "", 0, None))[:-1], at)
            case MovedAway():
                self.change(unpack_refs(r.refs), State.MOVED)
                for seq in r.seqs:
                    self.batches[seq]["moved"] = True
            case Opened():
                self.incarnation, self.clean = r.incarnation, False
            case Closed():
                self.clean = True
            case ArrivalBegun():
                self.arrivals[r.number] = [r.flow, r.name, r.identity, r.size, 0, 0]
            case ArrivalEnded():
                self.arrivals[r.number][3:5] = [r.size, r.at]
            case ArrivalDisposed():
                self.arrivals[r.number][5] = r.at
            case Positioned():
                self.top(("position", r.flow, r.partition, r.slot), r.position)
            case Claimed():
                self.flat.update({("claim", scope, key): message for scope, key, message, _ in r.items})
            case Numbered():
                self.top(("number", r.name), r.value)
            case TimerSet():
                self.flat["timer", r.name] = (r.due, r.payload)
            case TimerDone():
                self.flat.pop(("timer", r.name), None)
            case StepState():
                self.flat["step", r.flow, r.step, r.key] = r.value
            case Commanded():
                self.flat["command", r.subject] = r.state
            case Activated():
                self.activations.append((r.version, r.at, r.who, r.details))

    def placed(self, seq: int, kind: int, places: tuple[Any, ...], at: Location) -> tuple[Any, ...]:
        """The places told again in a group take the place of those there were, in order."""
        told = self.retelling.get(seq, [len(places)] * 2)
        told[kind] += 1
        return (*places[: told[kind] - 1], at, *places[told[kind] :])

    def top(self, key: tuple[Any, ...], value: Any) -> None:
        self.flat[key] = max(self.flat.get(key, value), value)


def finished(b: dict[str, Any]) -> bool:
    return b["moved"] or (left(b) == 0 and not KEPT.intersection(b["states"]))


def left(b: dict[str, Any]) -> int:
    return int(b["r"].count) - len({row[0] for row in b["rows"]})


def picture_of_model(m: Model) -> dict[str, Any]:
    seen: dict[str, Any] = {"batches": {}, "retries": {}, "counts": {}, "arrivals": {}}
    for seq, b in m.batches.items():
        r = b["r"]
        counts = seen["counts"].setdefault(r.flow, dict.fromkeys([s.name.lower() for s in State], 0) | {"accepted": 0})
        counts["accepted"] += r.count
        counts["moved"] += r.count * b["moved"]
        for state in b["states"]:
            counts[State(state).name.lower()] += 1
        if r.arrival and not b["moved"]:
            words = seen["arrivals"].setdefault(r.arrival, {})
            for i in range(r.count):
                word = message_state([State(s) for s, row in zip(b["states"], b["rows"], strict=True) if row[0] == i])
                words[word] = words.get(word, 0) + 1
        if not finished(b):
            plain = (r.flow, r.count, r.at, r.order, r.arrival, b["accepted"], b["effects"], b["produced"])
            seen["batches"][seq] = (*plain, b["targets"], b["rows"], b["states"])
            seen["retries"].update(b["retries"])
    seen["arrivals"] = {n: (*m.arrivals[n], seen["arrivals"].get(n, {})) for n in m.arrivals}
    seen["flat"] = {k: v for k, v in m.flat.items() if v}
    return {**seen, "activations": m.activations, "opened": (m.incarnation, m.clean)}


def picture_of_fold(f: StateFold, model: Model) -> dict[str, Any]:
    seen: dict[str, Any] = {"batches": {}, "retries": {}, "flat": {}, "counts": f.counts(), "arrivals": {}}
    for seq in model.batches:
        if b := f.batch(seq):
            rows = list(struct.iter_unpack("<HBH", b.rows))
            plain = (b.flow, b.count, b.at, b.order, b.arrival, b.accepted, b.effects, b.produced)
            seen["batches"][seq] = (*plain, b.targets, rows, list(b.states))
        for row in range(len(model.batches[seq]["states"])):
            if (t := f.retry(ref := ref_of(seq, row))) is not None:
                seen["retries"][ref] = (t.attempt, t.next_at, t.error_class, t.code, t.text, t.at, t.body)
    for flow in FLOWS:
        for partition in NAMES:
            for slot in SLOTS:
                seen["flat"]["position", flow, partition, slot] = f.position(flow, partition, slot)
        for name in NAMES:
            seen["flat"]["step", flow, "s", name] = f.step_state(flow, "s", name)
    for name in NAMES:
        seen["flat"]["claim", "scope", name.encode()] = f.claim("scope", name.encode())
        seen["flat"]["number", name] = f.number(name)
        seen["flat"]["command", name] = f.commands().get(name)
    seen["flat"].update({("timer", name): (due, payload) for name, due, payload in f.timers()})
    for arrival, words in f.arrivals():
        a, shown = arrival, {word: count for word, count in words.items() if count}
        seen["arrivals"][a.number] = (a.flow, a.name, a.identity, a.size, a.ended_at, a.disposed_at, shown)
    seen["flat"] = {k: v for k, v in seen["flat"].items() if v}
    return {**seen, "activations": list(f.activations()), "opened": (f.incarnation, f.clean)}


def positions_as_asked(flat: dict[tuple[Any, ...], Any]) -> dict[tuple[Any, ...], Any]:
    """A slot stands at least where the whole partition stands."""
    out = dict(flat)
    for flow in FLOWS:
        for partition in NAMES:
            whole = out.get(("position", flow, partition, -1), "")
            for slot in SLOTS:
                if best := max(whole, out.get(("position", flow, partition, slot), "")):
                    out["position", flow, partition, slot] = best
    return out


class Scribe:
    """Turns drawn numbers into records that a shard could write."""

    def __init__(self, draw: Callable[[int], int], model: Model) -> None:
        self.draw, self.model, self.seq, self.arrival, self.when = draw, model, 0, 0, 1000

    def group(self, place: int) -> list[tuple[Location, AnyRecord]]:
        """The next group, which the model has taken in."""
        group: list[tuple[Location, AnyRecord]] = []
        self.when += 1
        for _ in range(1 + self.draw(3)):
            for record in self.verb():
                group.append((Location(1, place, len(group)), record))
                self.model.apply(*group[-1])
        self.model.told.clear()
        self.model.retelling.clear()
        return group

    def verb(self) -> list[AnyRecord]:
        often = [self.accept, self.produce, self.outcome, self.fail, self.tell_again] * 2
        verbs = [*often, self.outcome, self.move, self.other, self.process]
        return verbs[self.draw(len(verbs))]()

    def accept(self) -> list[AnyRecord]:
        self.seq, count = self.seq + 1, 1 + self.draw(4)
        flow = FLOWS[self.draw(2)]
        order = b"".join(ORDER_ROW.pack(self.draw(3)) for _ in range(count))
        position = f"{self.when:09}" if self.draw(2) else ""
        arrival = self.draw(self.arrival + 1)
        first = self.seq.to_bytes(14, "big") + b"\0\0"
        plain = (self.seq, flow, "v", first, count, self.when, Bodies(b"", b""))
        return [Accepted(*plain, partition=NAMES[self.draw(2)], position=position, arrival=arrival, order=order),
                *([Effects(self.seq, ())] if self.draw(2) else [])]  # fmt: skip

    def batch(self, wanted: Callable[[dict[str, Any]], bool]) -> tuple[int, dict[str, Any]] | None:
        found = [(seq, b) for seq, b in self.model.batches.items() if wanted(b)]
        return found[self.draw(len(found))] if found else None

    def produce(self) -> list[AnyRecord]:
        chosen = self.batch(lambda b: not b["states"] and not b["moved"])
        return [self.produced(*chosen)] if chosen else []

    def produced(self, seq: int, b: dict[str, Any]) -> Produced:
        targets, states = (1 + self.draw(2)), (State.OPEN, State.OPEN, State.FILTERED, State.DEAD, State.PARKED)
        rows, failures = [], []
        for message in range(b["r"].count):
            for target in range(targets):
                state = states[self.draw(len(states))]
                if state in (State.DEAD, State.PARKED):
                    failures.append(Failure(len(rows), "step", "data", "code", "text"))
                rows.append(OUT_ROW.pack(message, target, 0, state, bytes(16)))
        return Produced(seq, ("t", "u")[:targets], b"".join(rows), tuple(failures), at=self.when)

    def refs(self) -> bytes:
        chosen = self.batch(lambda b: bool(b["states"]))
        if not chosen:
            return b""
        seq, b = chosen
        n = len(b["states"])
        start, step = self.draw(n), 1 + self.draw(3)
        rows = list(range(start, n, step))
        if self.draw(4) == 0:
            rows = rows[1:] + rows[:1]
        also = self.batch(lambda b: bool(b["states"])) if self.draw(3) == 0 else None
        return pack_refs([ref_of(seq, row) for row in rows] + ([ref_of(also[0], 0)] if also and also[0] != seq else []))

    def outcome(self) -> list[AnyRecord]:
        refs = self.refs()
        state = (State.OPEN, State.PARKED, State.CANCELLED, State.DEAD)[self.draw(4)]
        return [(Intended(refs), Decided(refs, state, self.when, "me", "why", "verb"),
                 Delivered(refs, self.when, 5), Delivered(refs, self.when, 5))[self.draw(4)]]  # fmt: skip

    def fail(self) -> list[AnyRecord]:
        refs = unpack_refs(self.refs())
        if not refs:
            return []
        state = (State.RETRYING, State.RETRYING, State.PARKED, State.DEAD)[self.draw(4)]
        failed = DeliveryFailed(refs[0], self.when, 1 + self.draw(3), state, self.when + 9, "transient", "c", "t")
        body = OutboundBody(refs[-1], "text/plain", Bodies(b"", b"x"))
        return [[failed], [failed, body], [body]][self.draw(3)]

    def tell_again(self) -> list[AnyRecord]:
        """A carried copy, or a finished batch wanted back by a decision in the same commit."""
        chosen = self.batch(lambda b: bool(b["states"]))
        if not chosen:
            return []
        seq, b = chosen
        states = b["states"]
        if set(states) == {State.DELIVERED} and self.draw(2):
            states = [State.OPEN] * len(states)  # as it was at first
        rows = b"".join(OUT_ROW.pack(*row, state, bytes(16)) for row, state in zip(b["rows"], states, strict=True))
        story: list[AnyRecord] = [b["r"], *(Effects(seq, ()) for _ in b["effects"]), Produced(seq, b["targets"], rows)]
        if self.draw(2):
            wanted = pack_refs([ref_of(seq, row) for row in range(self.draw(len(b["states"])) + 1)])
            story.append(Decided(wanted, State.OPEN, self.when, "me", "again", "resend"))
        return story

    def move(self) -> list[AnyRecord]:
        chosen = self.batch(lambda b: not b["states"] and not b["moved"])
        seqs = (chosen[0],) if chosen and self.draw(2) else ()
        return [MovedAway(b"" if seqs else self.refs(), seqs, 1, self.when)]

    def process(self) -> list[AnyRecord]:
        return [(Opened(self.when, self.when, bool(self.draw(2)), "f"), Closed(self.when))[self.draw(2)]]

    def other(self) -> list[AnyRecord]:
        flow, name, value = FLOWS[self.draw(2)], NAMES[self.draw(2)], self.draw(5)
        kind = self.draw(9)
        if kind == 0 or not self.arrival:
            self.arrival += 1
            return [ArrivalBegun(self.arrival, flow, "p", name, f"i{self.arrival}", value, self.when)]
        number = 1 + self.draw(self.arrival)
        text = str(value)
        return [[Positioned(flow, name, text, SLOTS[self.draw(2)]), ArrivalEnded(number, self.when, 1, 2, "h"),
                 ArrivalDisposed(number, self.when), Claimed((("scope", name.encode(), text.encode(), 0),)),
                 Numbered(name, value), TimerSet(name, value, b"p"), TimerDone(name),
                 StepState(flow, "s", name, text.encode() if value else b""),
                 Commanded(name, "paused" if value else "", self.when, "me", ""),
                 Activated(text, self.when, "me", {"n": value})][(kind + value) % 10]]  # fmt: skip


class Broken(Exception):
    pass


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1 << 40))
def test_the_fold_agrees_with_the_model_whenever_it_is_flushed_or_reopened(seed: int) -> None:
    draw = random.Random(seed).randrange
    model = Model()
    scribe = Scribe(draw, model)
    with TemporaryDirectory() as folder:
        path = Path(folder, "state.db")
        fold, unstored = StateFold(path, lambda: 0), []
        staged: Callable[[], None] | None = None
        for place in range(80):
            group = CommittedGroup(scribe.group(place), (1, place + 1), 100)
            fold.apply(group)
            unstored.append(group)
            event = draw(12)
            if event == 0 and staged is None:
                staged = fold.stage()
            elif event == 1 and staged is not None:
                staged()
                staged = None
            elif event == 2 and staged is None:
                fail_to_flush(fold)
            elif event == 3:
                staged = None
                fold = reopen(fold, path)
                for late in unstored:
                    if late.end > fold.watermark:
                        fold.apply(late)
            elif event == 4 and staged is None:
                fold.flush()
                unstored.clear()
        expected = picture_of_model(model)
        expected["flat"] = positions_as_asked(expected["flat"])
        assert picture_of_fold(fold, model) == expected
        fold = reopen(fold, path)
        for late in unstored:
            if late.end > fold.watermark:
                fold.apply(late)
        assert picture_of_fold(fold, model) == expected
        fold.close()


def reopen(fold: StateFold, path: Path) -> StateFold:
    """As after a crash: what was not flushed is gone."""
    fold._database.close()
    return StateFold(path, lambda: 0)


def fail_to_flush(fold: StateFold) -> None:
    write, database = fold._database.write, fold._database

    def refuse(changes: Any) -> None:
        raise Broken

    database.write = refuse  # type: ignore[method-assign]
    try:
        fold.flush()
    except Broken:
        pass
    finally:
        database.write = write  # type: ignore[method-assign]
