"""A map document: a table of target ← expression, as a business analyst writes and reviews it.

::

    map: sales_order
    lookups: {units: lookups/units.csv}
    fields:
      number: purchase_order.number                      # an expression
      customer.id: {from: buyer.id, default: "'UNKNOWN'"}
      currency: {value: EUR}                             # a constant
      rush: {from: "true", when: priority == 'R'}
      lines:
        each: purchase_order.lines as line               # a loop; `index` counts from 0
        where: line.quantity > 0
        fields:
          sku: line.sku
          unit: lookup('units', line.unit, 'EA')
      tags: {each: purchase_order.tags as tag, from: upper(tag)}

A rule whose result is missing leaves its target out, unless it says ``null: true``. A loop over a missing list leaves
its target out, one over an empty list gives an empty list. A group without any field is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waypost.mapping.parsed import Parsed, weight_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One target and where its value comes from: ``source``, else ``default``; or the constant ``value`` where
    ``source`` is None. ``path`` is the target as reviewers read it, ``lines[].sku``."""

    name: str
    path: str
    line: int
    source: Parsed | None = None
    value: Any = None
    default: Parsed | None = None
    when: Parsed | None = None
    null: bool = False
    note: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A mapping inside the target."""

    name: str
    path: str
    line: int
    entries: tuple[Entry, ...]
    when: Parsed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A list in the target, one item for each of the list ``each`` that fits ``where``. ``entries`` are the fields of
    an item; ``item`` is the rule of an item that is a plain value."""

    name: str
    path: str
    line: int
    each: Parsed
    variable: str
    names: tuple[str, ...]
    where: Parsed | None = None
    when: Parsed | None = None
    entries: tuple[Entry, ...] = ()
    item: Rule | None = None
    note: str = ""
    owner: str = ""

    @property
    def body(self) -> tuple[Entry, ...]:
        return self.entries if self.item is None else (self.item,)

    @property
    def inside(self) -> tuple[Parsed, ...]:
        """Every expression that is evaluated for an item."""
        found = [parsed for entry in all_entries(self.body) for parsed in expressions_of(entry)]
        return (*found, self.where) if self.where is not None else tuple(found)

    @property
    def weight(self) -> int:
        """The units of work one item costs."""
        return 1 + sum(weight_of(parsed.tree) - 1 for parsed in self.inside) + len(self.inside) // 10


Entry = Rule | Group | Loop


@dataclass(frozen=True, slots=True, kw_only=True)
class MapDocument:
    """A parsed and checked map. ``source`` and ``target`` name schemas; ``lookups`` the CSV file of each lookup."""

    name: str
    file: str
    entries: tuple[Entry, ...]
    description: str = ""
    owner: str = ""
    source: str = ""
    target: str = ""
    lookups: Mapping[str, str]

    def rules(self) -> Iterator[Rule | Loop]:
        """Every rule and loop, in the order they are written."""
        yield from _rules(self.entries)

    @property
    def paths(self) -> frozenset[str]:
        """The places of the message the map reads."""
        return frozenset(path for parsed in self.expressions() for path in parsed.paths)

    def expressions(self) -> Iterator[Parsed]:
        """Every expression of the map."""
        for entry in all_entries(self.entries):
            yield from expressions_of(entry)


def all_entries(entries: Sequence[Entry]) -> Iterator[Entry]:
    """The entries with all that is inside them."""
    for entry in entries:
        yield entry
        if isinstance(entry, Group):
            yield from all_entries(entry.entries)
        elif isinstance(entry, Loop):
            yield from all_entries(entry.body)


def _rules(entries: tuple[Entry, ...]) -> Iterator[Rule | Loop]:
    return (entry for entry in all_entries(entries) if not isinstance(entry, Group))


def expressions_of(entry: Entry) -> Iterator[Parsed]:
    """The expressions of one entry, not of what is inside it."""
    found: tuple[Parsed | None, ...] = (entry.when,)
    if isinstance(entry, Rule):
        found = (entry.when, entry.source, entry.default)
    elif isinstance(entry, Loop):
        found = (entry.when, entry.each, entry.where)
    return (parsed for parsed in found if parsed is not None)
