"""The links of a map document, by its text alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from waypost.mapping.bundle import Bundle
from waypost.mapping.document import Entry, Group, Loop, Rule, Use
from waypost.mapping.lineage import CONSTANT, Link, Read
from waypost.mapping.lineage_path import Path, path_text
from waypost.mapping.lineage_reads import WHOLE, Known, Scope, reads_of
from waypost.mapping.parsed import Parsed
from waypost.mapping.reading import GROUP, INDEX


def map_links(bundle: Bundle, root: Known = WHOLE, above: Path = ()) -> tuple[Link, ...]:
    """A link for each target that the map's rules name; of a map it uses, those of that map's rules."""
    return tuple(_Mapped(bundle, root).entries(bundle.document.entries, {}, above, frozenset()))


def rule_text(entry: Rule | Loop | Use, target: Path) -> str:
    """A rule as a person reads it, in a line."""
    if isinstance(entry, Loop):
        where = f" where {entry.where.text}" if entry.where is not None else ""
        said = f"each {entry.each.text} as {entry.variable}{where}"
    elif isinstance(entry, Use):
        said = f"use {entry.file} of {entry.of.text}"
    else:
        said = repr(entry.value) if entry.source is None else entry.source.text
        said += f", else {entry.default.text}" if entry.default is not None else ""
    said += f" when {entry.when.text}" if entry.when is not None else ""
    return f"{path_text(target)} ← {said}"


class _Mapped:
    def __init__(self, bundle: Bundle, root: Known) -> None:
        self.bundle, self.root = bundle, root
        self.file = bundle.document.file

    def known(self, parsed: Parsed, scope: Scope) -> Known:
        return reads_of(parsed, scope, self.root)

    def deciding(self, parsed: Parsed | None, scope: Scope) -> frozenset[Read]:
        return frozenset() if parsed is None else self.known(parsed, scope).deciding()

    def entries(
        self, entries: Sequence[Entry], scope: Mapping[str, Known], above: Path, decides: frozenset[Read]
    ) -> Iterator[Link]:
        for entry in entries:
            target = (*above, entry.name)
            here = decides | self.deciding(entry.when, scope)
            if isinstance(entry, Rule):
                yield self.rule(entry, scope, target, here)
            elif isinstance(entry, Group):
                yield from self.entries(entry.entries, scope, target, here)
            elif isinstance(entry, Use):
                yield from self.use(entry, scope, target, here)
            else:
                yield from self.loop(entry, scope, target, here)

    def rule(self, rule: Rule, scope: Scope, target: Path, decides: frozenset[Read]) -> Link:
        text, place = rule_text(rule, target), f"{self.file}:{rule.line}"
        if rule.source is None:
            return Link(target, (Read((), outside=CONSTANT), *sorted(decides, key=_order)), rule=text, place=place)
        known = self.known(rule.source, scope)
        otherwise = frozenset[Read]() if rule.default is None else self.known(rule.default, scope).all_reads
        plain = known.place if rule.default is None else None
        reads = sorted(known.all_reads | otherwise | decides, key=_order)
        return Link(target, tuple(reads), plain, text, place)

    def use(self, use: Use, scope: Scope, target: Path, decides: frozenset[Read]) -> Iterator[Link]:
        known = self.known(use.of, scope)
        inner = Known(known.place, known.reads | decides, known.fields)
        yield from map_links(self.bundle.uses[use.file], inner, target)

    def loop(self, loop: Loop, scope: Scope, target: Path, decides: frozenset[Read]) -> Iterator[Link]:
        walked = self.known(loop.each, scope)
        row = {**scope, loop.variable: walked.at(None), INDEX: Known()}
        items = {loop.variable: walked.at(None)}
        here = decides | walked.deciding()
        for source in loop.more:
            listed = self.known(source.each, row)
            row[source.variable] = items[source.variable] = listed.at(None)
            here |= listed.deciding() | self.deciding(source.on, row) | self.deciding(source.equals, row)
        here |= self.deciding(loop.where, row)
        if loop.group_by is not None:
            here |= self.deciding(loop.group_by, row)
            listed = Known(fields=items) if loop.more else walked
            row = {**scope, INDEX: Known(), GROUP: Known(fields={
                "key": Known(reads=self.known(loop.group_by, row).all_reads), "items": listed})}  # fmt: skip
        inside = (*target, None)
        if loop.item is None:
            yield from self.entries(loop.entries, row, inside, here)
        elif isinstance(loop.item, Use):
            yield from self.use(loop.item, row, inside, here)
        else:
            yield self.rule(loop.item, row, inside, here | self.deciding(loop.item.when, row))


def _order(read: Read) -> tuple[str, str, str]:
    return read.outside, path_text(read.path), read.role
