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
      weight: {from: decimal(weight), on_error: default, default: 0}
      ship_to: {use: maps/address.map.yaml, of: parties.ship_to}
      orders:
        each: purchase_order.lines as line               # grouped: `group.key` and `group.items` in its fields
        group_by: line.order
        fields:
          order: group.key
          pieces: sum_by(group.items, 'quantity')
      deliveries:
        each: purchase_order.lines as line
        with:                                            # several sources: each pair that fits
          - {each: shipments as shipment, on: line.no, equals: shipment.line, keep: matched}
        fields:
          sku: line.sku
          shipped: shipment.date

A rule whose result is missing leaves its target out, unless it says ``null: true``. A loop over a missing list leaves
its target out, one over an empty list gives an empty list. A group without any field is left out.

``functions`` names files of functions that maps share: ``[maps/common.functions.yaml]``.

``source`` and ``target`` name JSON Schemas; the map is checked against both. ``constants`` are names for fixed texts
and numbers. ``use`` puts another map there, applied to the value ``of`` (in a loop: to its item).

``on_error`` says what happens when a rule cannot be evaluated: ``fail`` the message (as without it), take the
``default``, ``skip`` the target, or ``collect``: the other rules are evaluated first, then the message fails with all
errors at once; where the map says ``errors: FIELD``, it goes on, with the errors in that target.

``with`` walks further lists for each item; with ``on`` and ``equals`` those items alone whose values are equal and not
missing (``keep: all``: once without a partner where there is none). ``group_by`` collects the items by a value.
``where`` is judged before grouping; in both cases ``index`` counts what is left.

``tests`` of a rule or of the map are cases: ``{given: {…}, gives: …}``, or ``error: TEXT``; loop names are given by
name. ``waypost map test`` runs them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from waypost.mapping.parsed import Parsed, weight_of

ON_ERROR = ("fail", "default", "skip", "collect")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A test case of a rule or a map: ``gives`` is the value of the target, None for one left out; ``error``, where it
    is not empty, a part of the error's text."""

    line: int
    given: Any
    gives: Any = None
    error: str = ""


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
    on_error: str = "fail"
    note: str = ""
    owner: str = ""
    names: tuple[str, ...] = ()
    tests: tuple[Case, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A target made by another map (``file``), applied to the value ``of``."""

    name: str
    path: str
    line: int
    file: str
    of: Parsed
    when: Parsed | None = None
    note: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A further list of a loop: its items are named ``variable``; with ``on`` and ``equals`` only those are walked for
    which both are equal. ``keep_all``: an item of the loop without a partner is kept, once."""

    each: Parsed
    variable: str
    on: Parsed | None = None
    equals: Parsed | None = None
    keep_all: bool = False

    @property
    def expressions(self) -> tuple[Parsed, ...]:
        return tuple(parsed for parsed in (self.each, self.on, self.equals) if parsed is not None)


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
    an item; ``item`` is the rule of an item that is a plain value, or the map it is made by. ``more`` are further lists
    walked for each item, ``group_by`` what the items are collected by; ``names`` are the local names of its fields,
    ``row_names`` those of ``where`` and ``group_by``."""

    name: str
    path: str
    line: int
    each: Parsed
    variable: str
    names: tuple[str, ...]
    where: Parsed | None = None
    when: Parsed | None = None
    entries: tuple[Entry, ...] = ()
    item: Rule | Use | None = None
    more: tuple[Source, ...] = ()
    group_by: Parsed | None = None
    row_names: tuple[str, ...] = ()
    note: str = ""
    owner: str = ""

    @property
    def by_rows(self) -> bool:
        """Whether the items are made first, out of several lists or by grouping, and then walked."""
        return bool(self.more) or self.group_by is not None

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


Entry = Rule | Group | Loop | Use


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
    errors: str = ""
    lookups: Mapping[str, str]
    constants: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    """The line of each word at the head of the file."""
    tests: tuple[Case, ...] = ()

    def rules(self) -> Iterator[Rule | Loop | Use]:
        """Every rule, loop and used map, in the order they are written."""
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


def _rules(entries: tuple[Entry, ...]) -> Iterator[Rule | Loop | Use]:
    return (entry for entry in all_entries(entries) if not isinstance(entry, Group))


def expressions_of(entry: Entry) -> Iterator[Parsed]:
    """The expressions of one entry, not of what is inside it."""
    found: tuple[Parsed | None, ...] = (entry.when,)
    if isinstance(entry, Rule):
        found = (entry.when, entry.source, entry.default)
    elif isinstance(entry, Use):
        found = (entry.when, entry.of)
    elif isinstance(entry, Loop):
        rows = [parsed for source in entry.more for parsed in source.expressions]
        found = (entry.when, entry.each, entry.where, *rows, entry.group_by)
    return (parsed for parsed in found if parsed is not None)
