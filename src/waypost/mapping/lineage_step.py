"""What kinds of steps there are to lineage: each says what it changes, by its text and for one message.

A step component may offer ``lineage(options, read) -> StepLineage``; one that offers none is opaque: all it makes
comes from all it was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from waypost.mapping.bundle import Bundle
from waypost.mapping.grammar import parse
from waypost.mapping.lineage import DECIDES, Change, Link, Read
from waypost.mapping.lineage_map import map_links
from waypost.mapping.lineage_path import Path, parse_path
from waypost.mapping.lineage_reads import Known, reads_of
from waypost.mapping.lineage_trace import trace_expression, trace_map
from waypost.mapping.parsed import Parsed
from waypost.mapping.reference import TableVersion
from waypost.mapping.reference_use import ReferenceTable

NOTHING_MADE = "opaque: nobody can look inside it, so all of its input counts"


class StepLineage(Protocol):
    """What a step does to documents."""

    def change(self) -> Change:
        """For any message: places are patterns."""
        ...

    def traced(self, body: Any, made: Any, now: int, place: int) -> Change:
        """For one message, received at ``now``, of which this step made ``made``, as part number ``place`` where it
        made several."""
        ...


def passed(step: StepLineage | None) -> Change:
    """The change of a step; of one that says nothing, an opaque one."""
    return OPAQUE.change() if step is None else step.change()


@dataclass(frozen=True, slots=True)
class Opaque:
    """Everything comes from everything."""

    rule: str = "all of its input"
    place: str = ""
    note: str = NOTHING_MADE

    def change(self) -> Change:
        link = Link((), (Read(()),), rule=self.rule, place=self.place, opaque=True)
        return Change(links=(link,), note=self.note)

    def traced(self, body: Any, made: Any, now: int, place: int) -> Change:
        return Change(passes=True) if made is body else self.change()


OPAQUE = Opaque()


@dataclass(frozen=True, slots=True)
class Passing:
    """The document stays as it is; ``conditions`` (expression, what it decides) say whether the message goes on."""

    conditions: Sequence[tuple[str, str]] = ()
    exits: Sequence[tuple[str, str, str]] = ()
    """(target, condition or '', what is said of it): ways by which messages leave here."""
    ends: bool = False
    note: str = ""

    def change(self) -> Change:
        return self._change(lambda text: _static(text).all_reads)

    def traced(self, body: Any, made: Any, now: int, place: int) -> Change:
        return self._change(lambda text: trace_expression(_parsed(text), body, now))

    def _change(self, reads: Any) -> Change:
        decides = tuple(Link((), _deciding(reads(text)), rule=said) for text, said in self.conditions)
        exits = tuple(
            (target, Link((), _deciding(reads(text)) if text else (), rule=said)) for target, text, said in self.exits
        )
        return Change(passes=True, decides=decides, exits=exits, ends=self.ends, note=self.note)


@dataclass(frozen=True, slots=True)
class Mapped:
    """A map document makes another document."""

    bundle: Bundle

    def change(self) -> Change:
        return Change(links=map_links(self.bundle))

    def look_into(self, versions: Mapping[str, TableVersion]) -> None:
        """Trace with these versions of reference data, by name, from now on."""
        rest = [self.bundle]
        while rest:
            bundle = rest.pop()
            rest += bundle.uses.values()
            for table in bundle.tables.values():
                if isinstance(table, ReferenceTable) and table.declaration.name in versions:
                    table.version = versions[table.declaration.name]

    def traced(self, body: Any, made: Any, now: int, place: int) -> Change:
        return Change(links=trace_map(self.bundle, body, now))


@dataclass(frozen=True, slots=True)
class Parted:
    """Each item of a list becomes a document, with some fields of the whole."""

    items: str
    keep: Mapping[str, str] = field(default_factory=dict)
    into: str = ""

    def change(self) -> Change:
        items = _static(self.items)
        links = [Link((name,), tuple(_static(text).all_reads), _static(text).place, f"{name} ← {text}")
                 for name, text in self.keep.items()]  # fmt: skip
        return Change(links=(*links, self._item(items.at(None).place, items.at(None).all_reads)))

    def traced(self, body: Any, made: Any, now: int, place: int) -> Change:
        items = _static(self.items)
        one = (*items.place, place) if items.place is not None else None
        links = [
            Link((name,), tuple(trace_expression(_parsed(text), body, now)), _static(text).place, f"{name} ← {text}")
            for name, text in self.keep.items()
            if self.into or name not in _item_fields(made, name, self.keep)
        ]
        reads = trace_expression(_parsed(self.items), body, now) if one is None else frozenset((Read(one),))
        return Change(links=(*links, self._item(one, reads)))

    def _item(self, place: Path | None, reads: frozenset[Read]) -> Link:
        target = (self.into,) if self.into else ()
        return Link(target, tuple(reads), place, f"each of {self.items}")


def _item_fields(made: Any, name: str, keep: Mapping[str, str]) -> Sequence[str]:
    """Kept fields hidden by a field of the item; which they are cannot be told from the part alone."""
    return ()


@dataclass(frozen=True, slots=True)
class Enriched:
    """What a system answers is put into the document."""

    system: str
    parameters: Mapping[str, str]
    into: str
    when: str = ""
    take: str = ""

    def change(self) -> Change:
        asked = frozenset(r for text in self.parameters.values() for r in _static(text).all_reads)
        return self._change(asked, _static(self.when).all_reads if self.when else frozenset())

    def traced(self, body: Any, made: Any, now: int, place: int) -> Change:
        if made is body:
            return Change(passes=True)
        asked = frozenset(r for text in self.parameters.values() for r in trace_expression(_parsed(text), body, now))
        return self._change(asked, trace_expression(_parsed(self.when), body, now) if self.when else frozenset())

    def _change(self, asked: frozenset[Read], when: frozenset[Read]) -> Change:
        answer = Read((), outside=f"the answer of {self.system}")
        asks = ", ".join(f"{name}: {text}" for name, text in self.parameters.items())
        said = f"{self.into} ← {f'{self.take} of ' if self.take else ''}the answer of {self.system} to {asks}"
        reads = (answer, *_deciding(asked | when))
        return Change(links=(Link(parse_path(self.into), reads, rule=said),), passes=True)


def _deciding(reads: Any) -> tuple[Read, ...]:
    return tuple(sorted({Read(read.path, DECIDES, read.outside) for read in reads}, key=str))


def _parsed(text: str) -> Parsed:
    return parse(text)


def _static(text: str) -> Known:
    return reads_of(_parsed(text))
