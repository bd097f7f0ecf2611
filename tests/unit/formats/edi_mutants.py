"""Documents made wrong in one place by what their schema says, so that what was done must be found.

``python -m tests.unit.formats.edi_mutants`` prints how many are found, with which code, and how many errors each gives.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.unit.formats.edi_orders import report_on
from tests.unit.formats.edi_samples import SAMPLES, Sample
from waypost.formats.edi.examine.examination import examine
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.finding import KINDS
from waypost.formats.edi.schema.load import library
from waypost.formats.edi.schema.model import UNLIMITED, Composite, Element, Loop, Use
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.schema.validator import Validator
from waypost.formats.edi.schema.walk import Step

ROUNDS = 40
SCHEMAS = Schemas(library())


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of the document: segment, element and component (0 where it is none), and what the schema says of it."""

    segment: int
    number: int
    component: int
    element: Element
    text: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A document with one fault; ``kinds`` are the names it may be found under."""

    segments: list[str]
    kinds: tuple[str, ...]
    tail: str = ""


@dataclass(slots=True)
class Bench:
    """One sample, where each of its segments stands, and the values that may be changed."""

    sample: Sample
    chance: random.Random
    steps: dict[int, Step] = field(default_factory=dict)
    leaves: list[Leaf] = field(default_factory=list)

    def __post_init__(self) -> None:
        (counted,) = report_on(self.sample.content()).sets.values()
        schema = library().schema(counted.schema)
        assert schema is not None and counted.accepted == 1
        marks = Marks("+", ":", "", "'", "?") if self.edifact else Marks("*", ":", "^", "~")
        rows = [s.split(self.mark) for s in self.sample.segments[1:-1]]
        for step in Validator(schema, marks).walk(rows):
            if step.move is not None:
                self.steps[step.index + 1] = step
        self.leaves = [leaf for at in self.steps for leaf in self._leaves(at)]

    @property
    def edifact(self) -> bool:
        return self.sample.standard == "edifact"

    @property
    def mark(self) -> str:
        return "+" if self.edifact else "*"

    def use(self, at: int) -> Use:
        move = self.steps[at].move
        assert move is not None
        return move.use

    def loop(self, at: int) -> Loop:
        """The loop a segment stands in; where it opens one, the loop around."""
        move = self.steps[at].move
        assert move is not None
        path = move.state.path
        return path[move.depth][0]

    def opens(self, at: int) -> bool:
        move = self.steps[at].move
        return move is not None and isinstance(move.item, Loop)

    def _leaves(self, at: int) -> Iterator[Leaf]:
        use, row = self.use(at), self.sample.segments[at].split(self.mark)
        marked = {(e, c) for e, c, _ in use.where}
        for number, item in enumerate(use.segment.elements, 1):
            text = row[number] if number < len(row) else ""
            if isinstance(item, Element):
                if text and (number, 1) not in marked:
                    yield Leaf(at, number, 0, item, text)
                continue
            for component, (part, value) in enumerate(zip(item.parts, text.split(":"), strict=False), 1):
                if value and (number, component) not in marked:
                    yield Leaf(at, number, component, part, value)

    def pick(self, wanted: Callable[[Leaf], bool]) -> Leaf | None:
        found = [leaf for leaf in self.leaves if wanted(leaf)]
        return self.chance.choice(found) if found else None

    def changed(self, leaf: Leaf, text: str) -> list[str]:
        """The document with one value replaced."""
        segments = list(self.sample.segments)
        row = segments[leaf.segment].split(self.mark)
        if leaf.component:
            parts = row[leaf.number].split(":")
            parts[leaf.component - 1] = text
            row[leaf.number] = ":".join(parts)
        else:
            row[leaf.number] = text
        segments[leaf.segment] = self.mark.join(row)
        return segments

    def counted(self, segments: list[str]) -> list[str]:
        """With the count of the trailer made right."""
        row = segments[-1].split(self.mark)
        row[1] = str(len(segments))
        return [*segments[:-1], self.mark.join(row)]


def missing_segment(bench: Bench) -> Mutant | None:
    """A segment the schema requires, once there, is left out."""
    found = [
        at for at in bench.steps
        if bench.use(at).required and not bench.opens(at) and bench.use(at).maximum == 1
    ]  # fmt: skip
    if not found:
        return None
    at = bench.chance.choice(found)
    segments = list(bench.sample.segments)
    del segments[at]
    return Mutant(bench.counted(segments), ("segment-missing",))


def unknown_segment(bench: Bench) -> Mutant:
    """A segment of no standard is put somewhere."""
    at = bench.chance.randrange(1, len(bench.sample.segments) - 1)
    segments = list(bench.sample.segments)
    segments.insert(at, f"QZQ{bench.mark}1{bench.mark}2")
    return Mutant(bench.counted(segments), ("segment-unknown",))


def over_maximum(bench: Bench) -> Mutant | None:
    """A segment of a kind that stands at one place only comes once more than it may."""

    def alone(at: int) -> bool:
        use, tags = bench.use(at), [u.tag for u in bench.loop(at).uses()]
        around = [u.tag for u in bench.steps[at].move.state.path[0][0].uses()]  # type: ignore[union-attr]
        return use.maximum <= 40 and tags.count(use.tag) == 1 and around.count(use.tag) == 1 and not bench.opens(at)

    found = [at for at in bench.steps if alone(at)]
    if not found:
        return None
    at = bench.chance.choice(found)
    tag = bench.use(at).tag
    near = [n for n in bench.steps if bench.use(n).tag == tag and bench.loop(n) is bench.loop(at)]
    there = 1 if len(near) == 1 else len([n for n in near if abs(n - at) < len(near)])
    segments = list(bench.sample.segments)
    segments[at:at] = [segments[at]] * (bench.use(at).maximum - there + 1)
    return Mutant(bench.counted(segments), ("segment-repeats", "loop-repeats", "segment-sequence"))


def missing_element(bench: Bench) -> Mutant | None:
    """A value the schema requires is emptied."""

    def needed(leaf: Leaf) -> bool:
        item = bench.use(leaf.segment).segment.elements[leaf.number - 1]
        if leaf.component:
            return leaf.element.required and isinstance(item, Composite)
        return item.required

    leaf = bench.pick(needed)
    return Mutant(bench.changed(leaf, ""), ("element-missing", "element-conditional")) if leaf else None


def bad_code(bench: Bench) -> Mutant | None:
    """A value outside a closed list."""
    leaf = bench.pick(lambda leaf: bool(leaf.element.codes))
    if leaf is None:
        return None
    size = len(leaf.text)
    text = next(c for c in ("QXQXQXQX"[:size], "ZQZQZQZQ"[:size], "J7J7J7J7"[:size]) if c not in leaf.element.codes)
    return Mutant(bench.changed(leaf, text), ("element-code",))


def too_long(bench: Bench) -> Mutant | None:
    """A value with more characters than there may be."""

    def free(leaf: Leaf) -> bool:
        element = leaf.element
        return not element.codes and element.kind not in ("DT", "TM", "B", "-") and element.maximum < UNLIMITED

    leaf = bench.pick(free)
    if leaf is None:
        return None
    numeric = leaf.element.kind in ("R", "n") or leaf.element.kind[0] == "N"
    text = leaf.text + ("9" if numeric else "X") * (leaf.element.maximum + 1)
    return Mutant(bench.changed(leaf, text), ("element-too-long",))


def too_short(bench: Bench) -> Mutant | None:
    """A value with fewer characters than there must be."""
    leaf = bench.pick(lambda e: e.element.minimum > 1 and not e.element.codes and e.element.kind in ("AN", "ID", "an"))
    return Mutant(bench.changed(leaf, leaf.text[:1]), ("element-too-short",)) if leaf else None


def bad_date(bench: Bench) -> Mutant | None:
    """A date that is in no calendar."""
    leaf = bench.pick(lambda leaf: leaf.element.kind == "DT")
    text = bench.chance.choice(["20241301", "20240632", "20240001"])
    return Mutant(bench.changed(leaf, text), ("element-date",)) if leaf else None


def bad_number(bench: Bench) -> Mutant | None:
    """Letters in a number."""
    leaf = bench.pick(lambda leaf: leaf.element.kind in ("R", "n") or leaf.element.kind[0] == "N")
    return Mutant(bench.changed(leaf, f"{leaf.text[:1]}X"), ("element-character",)) if leaf else None


def too_many_elements(bench: Bench) -> Mutant | None:
    """A value behind the last element there may be."""
    found = [at for at in bench.steps if bench.use(at).segment.described]
    at = bench.chance.choice(found)
    segments = list(bench.sample.segments)
    filled = len(segments[at].split(bench.mark)) - 1
    segments[at] += bench.mark * (len(bench.use(at).segment.elements) - filled + 1) + "X"
    return Mutant(segments, ("too-many-elements",))


def wrong_count(bench: Bench) -> Mutant:
    """The trailer counts otherwise."""
    row = bench.sample.segments[-1].split(bench.mark)
    row[1] = str(int(row[1]) + bench.chance.choice([-2, 3, 7]))
    return Mutant([*bench.sample.segments[:-1], bench.mark.join(row)], ("segment-count",))


def wrong_number(bench: Bench) -> Mutant:
    """The trailer has another control number."""
    row = bench.sample.segments[-1].split(bench.mark)
    row[2] = str(bench.chance.randint(1000, 9999))
    return Mutant([*bench.sample.segments[:-1], bench.mark.join(row)], ("control-number",))


def wrong_envelope(bench: Bench) -> Mutant:
    """A count or a control number of the interchange or the group is wrong."""
    cases = (
        [("UNZ+2+REF1", "interchange-count"), ("UNZ+1+REF9", "interchange-control-number")] if bench.edifact else
        [("GE*2*1|IEA*1*000000001", "group-count"), ("GE*1*9|IEA*1*000000001", "group-control-number"),
         ("GE*1*1|IEA*3*000000001", "interchange-count"), ("GE*1*1|IEA*1*000000002", "interchange-control-number")]
    )  # fmt: skip
    tail, kind = bench.chance.choice(cases)
    return Mutant(list(bench.sample.segments), (kind,), tail)


TOTALS = {
    "850": ("CTT", 1), "810": ("CTT", 1), "856": ("CTT", 1), "837P": ("CLM", 2), "835": ("CLP", 4), "834": ("QTY", 2),
    "ORDERS": ("CNT", 1), "INVOIC": ("CNT", 1), "DESADV": ("CNT", 1),
}  # fmt: skip


def wrong_total(bench: Bench) -> Mutant | None:
    """A total that does not agree with what it counts."""
    place = TOTALS.get(bench.sample.name)
    leaf = bench.pick(lambda leaf: (bench.use(leaf.segment).tag, leaf.number) == place and leaf.text.isdigit()
                      and leaf.component in (0, 2))  # fmt: skip
    return Mutant(bench.changed(leaf, str(int(leaf.text) + 5)), ("total", "rule")) if leaf else None


FAULTS: list[Callable[[Bench], Mutant | None]] = [
    missing_segment, unknown_segment, over_maximum, missing_element, bad_code, too_long, too_short, bad_date,
    bad_number, too_many_elements, wrong_count, wrong_number, wrong_envelope, wrong_total,
]  # fmt: skip


@dataclass(slots=True)
class Tally:
    """How many mutants were made, found and rightly named, and how many errors they gave."""

    made: int = 0
    found: int = 0
    right: int = 0
    errors: int = 0

    def add(self, other: Tally) -> None:
        self.made, self.found = self.made + other.made, self.found + other.found
        self.right, self.errors = self.right + other.right, self.errors + other.errors

    def __str__(self) -> str:
        each = self.errors / max(self.found, 1)
        return f"{self.found:5} of {self.made:5}  {self.right:5} right  {each:5.2f} errors each"


def tally(sample: Sample, fault: Callable[[Bench], Mutant | None], rounds: int = ROUNDS) -> Tally:
    """What becomes of ``rounds`` mutants of one sample."""
    bench, counted = Bench(sample, random.Random(f"{sample.name} {fault.__name__}")), Tally()
    for _ in range(rounds):
        mutant = fault(bench)
        if mutant is None:
            continue
        report = examine([sample.content(mutant.segments, mutant.tail)], SCHEMAS)
        errors = [e for e in report.errors if e["severity"] == "error"]
        codes = {getattr(KINDS[kind], "edifact" if bench.edifact else "x12") for kind in mutant.kinds}
        counted.add(Tally(1, bool(errors), bool(errors) and errors[0]["code"] in codes, len(errors)))
    return counted


def main() -> int:
    """Prints the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    whole = Tally()
    for fault in FAULTS:
        line = Tally()
        for sample in SAMPLES:
            line.add(tally(sample, fault, rounds))
        whole.add(line)
        print(f"{fault.__name__:18} {line}")  # noqa: T201
    for sample in SAMPLES:
        line = Tally()
        for fault in FAULTS:
            line.add(tally(sample, fault, rounds))
        print(f"{sample.name:18} {line}")  # noqa: T201
    print(f"{'all':18} {whole}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
