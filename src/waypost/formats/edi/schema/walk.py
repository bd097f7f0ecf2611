"""Leads a message that may be broken through its automaton: one fault, one finding.

Where a segment does not fit, several explanations are tried (it is too much; it and its neighbour changed places; what
comes before it is missing; the segment that opens its loop is missing) and the one after which the next segments fit
best is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from waypost.formats.edi.finding import Finding, finding
from waypost.formats.edi.schema.automaton import Automaton, Missing, Move, State
from waypost.formats.edi.schema.model import Loop, Schema, Use

Row = Sequence[str]
_AHEAD = 5


@dataclass(slots=True)
class Step:
    """One segment: where it was placed, or None; and what is wrong about its place. ``excess`` is how many segments
    there are too many because of that, negative when some are missing."""

    index: int
    move: Move | None
    findings: list[Finding]
    excess: int = 0


@dataclass(frozen=True, slots=True)
class _Repair:
    """An explanation: how many faults it assumes in all, what it makes of the segments; by ``excess`` there are too
    many of them."""

    cost: int
    name: str
    excess: int
    moves: tuple[Move | None, ...] = ()
    opener: Use | None = None


class Walker:
    """Walks messages of one schema whose elements are separated by ``component`` inside."""

    def __init__(self, schema: Schema, automaton: Automaton, component: str) -> None:
        self._schema, self._machine, self._component = schema, automaton, component

    def walk(self, rows: Sequence[Row], surplus: int = 0) -> Iterator[Step]:
        """A step for each row, in order, and one at the end for what is missing there. Positions count from 2. By
        ``surplus`` there are more segments than the trailer says: between explanations as good, it decides."""
        state, counts, lost, index = self._machine.start, [0], False, 0
        while index < len(rows):
            move = self._fitting(state, counts, rows, index)
            if move is not None and self._cost_of(move, counts) == 0:
                state, lost = _take(move, counts), False
                yield Step(index, move, self._coded(move, rows[index], index))
                index += 1
                continue
            repair = self._repair(state, counts, rows, index, move, surplus)
            for step in self._apply(repair, state, counts, rows, index, lost):
                if step.move is not None:
                    state = _take(step.move, counts)
                yield step
            lost = repair.name == "skip" and rows[index][0] in self._machine.tags
            index += len(repair.moves) or 1
        missing = [_missing(m, len(rows) + 2) for m in state.unmet]
        yield Step(len(rows), None, missing, -len(missing))

    def _choose(self, state: State, counts: Sequence[int], row: Row) -> Move | None:
        """The best place for ``row``: in bounds and passing over nothing required, else the nearest to it."""
        moves = state.after(row[0])
        if not moves:
            return None
        fitting = [m for m in moves if self._marked(m.use, row)] or list(moves)
        return min(fitting, key=lambda m: self._cost_of(m, counts))

    def _fitting(self, state: State, counts: list[int], rows: Sequence[Row], index: int) -> Move | None:
        """The best place for a row; of several that fit, such as loops side by side that open alike, the one after
        which the next rows fit best."""
        sound = [m for m in state.after(rows[index][0]) if self._marked(m.use, rows[index])]
        sound = [m for m in sound if not self._cost_of(m, counts)]
        if len(sound) < 2:
            return self._choose(state, counts, rows[index])
        until = next((n for n in range(index + 1, len(rows)) if rows[n][0] == rows[index][0]), len(rows))
        ahead = rows[index + 1 : min(until, index + 1 + _AHEAD)]
        ends = index + 1 + len(ahead) >= len(rows)
        return min(sound, key=lambda m: self._cost(m, counts, ahead, ends))

    def _cost_of(self, move: Move, counts: Sequence[int]) -> int:
        over = move.over or (move.repeats and counts[move.depth] + 1 > move.most)
        return len(move.missing) + over

    def _marked(self, use: Use, row: Row) -> bool:
        return all(self._says(row, e, c) in values for e, c, values in use.where)

    def _says(self, row: Row, element: int, component: int) -> str:
        parts = row[element].split(self._component) if element < len(row) else []
        return parts[component - 1] if component <= len(parts) else ""

    def _coded(self, move: Move, row: Row, index: int) -> list[Finding]:
        """A finding where no value marks this place apart, though one should."""
        return [
            finding("element-code", row[0], index + 2, loop=move.state.loop, element=e, component=c if c > 1 else 0,
                    level="element", found=repr(self._says(row, e, c)[:40]),
                    expected=f"one of {', '.join(sorted(v)[:12])}")
            for e, c, v in move.use.where if self._says(row, e, c) not in v
        ][:1]  # fmt: skip

    def _repair(
        self, state: State, counts: list[int], rows: Sequence[Row], index: int, move: Move | None, surplus: int
    ) -> _Repair:
        ahead = rows[index + 1 : index + 1 + _AHEAD]
        ends = index + 1 + _AHEAD >= len(rows)
        found: list[_Repair] = []
        if move is not None:
            cost = self._cost_of(move, counts) + self._cost(move, counts, ahead, ends)
            found.append(_Repair(cost, "take", -len(move.missing) if move.missing else 1, (move,)))
        once_more = move is not None and not move.missing  # it was there too often, so it is not out of order
        if index + 1 < len(rows) and not once_more:
            first = self._choose(state, counts, rows[index + 1])
            if first is not None and not self._cost_of(first, counts):
                after = counts.copy()
                second = self._choose(_take(first, after), after, rows[index])
                if second is not None and not self._cost_of(second, after):
                    cost = 1 + self._cost(second, after, rows[index + 2 : index + 2 + _AHEAD], ends)
                    found.append(_Repair(cost, "swap", 0, (first, second)))
        for opener, opened in self._openings(state, rows[index]):
            found.append(_Repair(1 + self._cost(opened, counts, ahead, ends), "open", -1, (opened,), opener))
        found.append(_Repair(1 + self._cost(None, counts, ahead, ends, state), "skip", 1))
        return min(found, key=lambda r: (r.cost, _sign(r.excess) != _sign(surplus)))

    def _cost(
        self, move: Move | None, counts: list[int], ahead: Sequence[Row], ends: bool, state: State | None = None
    ) -> int:
        """How many faults the segments ahead would show after ``move``, or from ``state`` on."""
        counts, total = counts.copy(), 0
        at = _take(move, counts) if move is not None else state
        assert at is not None
        for row in ahead:
            following = self._choose(at, counts, row)
            if following is None:
                total += 1
            else:
                total += self._cost_of(following, counts)
                at = _take(following, counts)
        return total + (len(at.unmet) if ends else 0)

    def _openings(self, state: State, row: Row) -> Iterator[tuple[Use, Move]]:
        """The loops ahead that ``row`` would stand in had they been opened."""
        for depth, index, item in state.ahead():
            if isinstance(item, Loop) and row[0] in self._machine.inside(item):
                inside = self._machine.state(state.led(depth, index))
                for move in inside.after(row[0]):
                    if not move.missing and move.depth > depth:
                        yield item.opener, move

    def _apply(
        self, repair: _Repair, state: State, counts: list[int], rows: Sequence[Row], index: int, lost: bool
    ) -> Iterator[Step]:
        tag, position = rows[index][0], index + 2
        if repair.name == "skip":
            known = tag in self._machine.tags
            yield Step(index, None, [] if lost and known else [self._misplaced(tag, position, state)], 1)
        elif repair.name == "swap":
            first, second = repair.moves
            said = finding("segment-sequence", tag, position, loop=state.loop,
                           found=f"{tag} before {rows[index + 1][0]}",
                           expected=f"{rows[index + 1][0]} first")  # fmt: skip
            yield Step(index + 1, first, [])
            yield Step(index, second, [said])
        elif repair.name == "open" and repair.opener is not None and repair.moves[0] is not None:
            move = repair.moves[0]
            opener = repair.opener.tag
            yield Step(index, move, [finding("segment-missing", opener, position, loop=move.state.loop,
                                             found=f"{tag} without the {opener} that opens its loop",
                                             expected=opener)], -1)  # fmt: skip
        else:
            yield self._taken(repair.moves[0], rows[index], index, counts)

    def _taken(self, move: Move | None, row: Row, index: int, counts: Sequence[int]) -> Step:
        assert move is not None
        findings = [_missing(m, index + 2) for m in move.missing]
        excess = -len(findings)
        count = move.most + 1 if move.over else counts[move.depth] + 1
        if move.over or (move.repeats and count > move.most):
            code = "loop-repeats" if isinstance(move.item, Loop) else "segment-repeats"
            findings.append(finding(code, row[0], index + 2, loop=move.state.loop,
                                    found=f"{count} times {row[0]}",
                                    expected=f"at most {move.most}"))  # fmt: skip
            excess += 1
        return Step(index, move, findings + self._coded(move, row, index), excess)

    def _misplaced(self, tag: str, position: int, state: State) -> Finding:
        if tag in self._machine.tags:
            return finding("segment-sequence", tag, position, loop=state.loop, found=f"{tag} out of order",
                           expected=_next(state))  # fmt: skip
        code = "segment-not-in-set" if tag in self._schema.segments else "segment-unknown"
        what = "segment" if tag in self._schema.segments else "unknown segment"
        return finding(code, tag[:12], position, loop=state.loop, found=f"{what} {tag[:12]!r}",
                       expected=f"a segment of {self._schema.message}")  # fmt: skip


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _take(move: Move, counts: list[int]) -> State:
    """The state after ``move``; ``counts``, how often the item last matched at each depth occurred, follows."""
    count = counts[move.depth] + 1 if move.repeats else 1
    deeper = len(move.state.path) - move.depth - 1
    counts[move.depth :] = [count, *[1] * deeper]
    return move.state


def _missing(missing: Missing, position: int) -> Finding:
    item = missing.item
    tag, where = item.tag, (item.opener if isinstance(item, Loop) else item).where
    marked = " or ".join(value for _, _, values in where for value in sorted(values)[:4])
    expected = f"{tag} with {marked}" if marked else tag
    return finding("segment-missing", tag, position, loop=missing.loop, found=f"no {tag} before this segment",
                   expected=expected)  # fmt: skip


def _next(state: State) -> str:
    """What could have come, in a few words."""
    shown = list(dict.fromkeys(item.tag for _, _, item in state.ahead()))
    return ", ".join(shown[:8]) + ("…" if len(shown) > 8 else "") if shown else "the end of the message"
