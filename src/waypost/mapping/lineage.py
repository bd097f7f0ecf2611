"""Where values come from and where they go: links between the places of two documents, and chains of them.

A *link* says of one place of the document after a step which places of the document before it made it, and by which
rule. Places are patterns (``lines[].sku``) where a flow is looked at, and single ones (``lines[2].sku``) where one
message is. What a step says of all its links is a *change*; the changes of a flow's steps, one after another, are a
chain, through which ``origins`` follows a place back to the input.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from waypost.mapping.lineage_path import ANY_ITEM, Path, begins, path_text

VALUE, DECIDES = "value", "decides"
"""A place gives a value, or it decides about one: by a condition, by how often a loop runs, by choosing an item."""
CONSTANT = "a constant"
_MOST = 100_000


@dataclass(frozen=True, slots=True, order=True)
class Read:
    """A place that a rule reads, in the document before the step; or, where ``outside`` is not empty, something that
    is no part of the message: a lookup, the answer of a system, the time it was received."""

    path: Path
    role: str = VALUE
    outside: str = ""

    def deciding(self) -> Read:
        return replace(self, role=DECIDES)


@dataclass(frozen=True, slots=True)
class Link:
    """How ``target`` came to be. ``copies``: all below it is what was below that place before. ``rule`` is what its
    author wrote, ``place`` where (file and line). ``opaque``: nobody can look inside, so all of the input counts."""

    target: Path
    reads: tuple[Read, ...] = ()
    copies: Path | None = None
    rule: str = ""
    place: str = ""
    opaque: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What a step does to a document. ``passes``: what no link names stays as it is. ``decides`` are the rules that
    say whether, or whereto, the message goes on; ``exits`` those by which it leaves for a target here, by the target's
    name; after ``ends`` no message goes on."""

    step: str = ""
    kind: str = ""
    links: tuple[Link, ...] = ()
    passes: bool = False
    decides: tuple[Link, ...] = ()
    exits: tuple[tuple[str, Link], ...] = ()
    ends: bool = False
    note: str = ""

    def at(self, path: Path) -> Iterator[tuple[Link, tuple[Read, ...]]]:
        """The links that made ``path``, each with what it read for it."""
        above = [link for link in self.links if begins(path, link.target)]
        below = [link for link in self.links if len(link.target) > len(path) and begins(link.target, path)]
        nearest = max((len(link.target) for link in above), default=-1)
        for link in above:
            if len(link.target) == nearest:
                yield link, _shifted(link, path)
        for link in below:
            yield link, _shifted(link, link.target)
        if self.passes and nearest < 0:
            yield Link(path, copies=path), (Read(path),)


def _shifted(link: Link, path: Path) -> tuple[Read, ...]:
    """What a link read for a place at or below its target."""
    if link.copies is None:
        return link.reads
    inside = (*link.copies, *path[len(link.target) :])
    return tuple(dict.fromkeys((Read(inside), *(r for r in link.reads if r.role == DECIDES or r.outside))))


@dataclass(frozen=True, slots=True)
class Applied:
    """A rule on the way of a value: the step, what was written there and where."""

    step: str
    rule: str
    place: str
    target: Path
    opaque: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """A place of the input, or something outside, that a value comes from, and the rules between, first to last."""

    read: Read
    rules: tuple[Applied, ...] = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """A place of what a target gets, and all it comes from."""

    path: Path
    origins: tuple[Origin, ...]
    rules: tuple[Applied, ...] = ()
    """The rules of the last step that made it; empty where it comes as it was."""

    @property
    def text(self) -> str:
        return path_text(self.path) or "(the whole message)"


@dataclass(slots=True)
class _Follower:
    changes: Sequence[Change]
    known: dict[tuple[int, Path, bool], tuple[Origin, ...]] = field(default_factory=dict)

    def origins(self, depth: int, path: Path, decides: bool = False) -> tuple[Origin, ...]:
        """What ``path`` of the document after ``depth`` steps comes from. ``decides``: of a mapping or list not what
        it holds, but that it is there and how many there are."""
        if depth == 0:
            return (Origin(Read(path)),)
        at = (depth, path, decides)
        if at not in self.known:
            self.known[at] = ()  # a change cannot lead back to itself; this bounds the work where it would
            change = self.changes[depth - 1]
            made: dict[Origin, None] = {}
            for link, reads in change.at(path):
                if decides and len(link.target) > len(path):
                    reads = tuple(read for read in reads if read.role == DECIDES)
                    if not reads:
                        continue
                made.update(dict.fromkeys(self.through(depth, change, link, reads, decides)))
            self.known[at] = tuple(made)[:_MOST]
        return self.known[at]

    def through(
        self, depth: int, change: Change, link: Link, reads: Sequence[Read], decides: bool = False
    ) -> Iterator[Origin]:
        kept = decides and link.copies is not None
        rule = (Applied(change.step, link.rule, link.place, link.target, link.opaque),) if link.rule else ()
        for read in reads:
            if read.outside:
                yield Origin(read, rule)
                continue
            for origin in self.origins(depth - 1, read.path, kept or read.role == DECIDES):
                found = origin.read.deciding() if read.role == DECIDES else origin.read
                yield Origin(found, (*origin.rules, *rule))
        if not reads and rule:
            yield Origin(Read((), VALUE, CONSTANT), rule)


def origins(changes: Sequence[Change], path: Path) -> tuple[Origin, ...]:
    """Everything that ``path`` of the document after all ``changes`` comes from."""
    return _Follower(changes).origins(len(changes), path)


def reaches(changes: Sequence[Change], paths: Sequence[Path] | None = None) -> tuple[Reach, ...]:
    """The places of the document after all ``changes`` (those of ``paths``, else every one that is known), with what
    each comes from."""
    follower = _Follower(changes)
    found: dict[Path, Reach] = {}
    for path in known_paths(changes) if paths is None else paths:
        last: tuple[Applied, ...] = ()
        if changes:
            made = [link for link, _ in changes[-1].at(path) if link.rule]
            last = tuple(Applied(changes[-1].step, k.rule, k.place, k.target, k.opaque) for k in made)
        found[path] = Reach(path, follower.origins(len(changes), path), last)
    return tuple(found.values())


def known_paths(changes: Sequence[Change]) -> list[Path]:
    """The places of the last document that its makers name; the whole document where they name none."""
    if not changes:
        return [()]
    *before, last = changes
    found: dict[Path, None] = {}
    for link in last.links:
        if link.copies is None:
            found[link.target] = None
            continue
        inside = [p for p in known_paths(before) if p and begins(p, link.copies)] if before else []
        found.update({(*link.target, *p[len(link.copies) :]): None for p in inside or [link.copies]} if link.target
                     else dict.fromkeys(p[len(link.copies) :] for p in inside or [link.copies]))  # fmt: skip
    if last.passes:
        named = [link.target for link in last.links if link.target]
        rest = [p for p in known_paths(before) if not any(begins(p, target) for target in named)]
        found = {**dict.fromkeys(p for p in rest if p or not named), **found}
    paths = list(found)
    return [p for p in paths if p or len(paths) == 1] or [()]


def deciders(changes: Sequence[Change]) -> tuple[Origin, ...]:
    """What decides whether a message comes through all ``changes``."""
    follower = _Follower(changes)
    made: dict[Origin, None] = {}
    for depth, change in enumerate(changes, 1):
        for link in change.decides:
            if not link.reads:
                continue
            found = follower.through(depth, change, link, [read.deciding() for read in link.reads])
            made.update(dict.fromkeys(found))
    return tuple(origin for origin in made if origin.read.outside != CONSTANT)


def exit_deciders(changes: Sequence[Change], change: Change, link: Link) -> tuple[Origin, ...]:
    """What decides that a message leaves by ``link``, after ``changes``."""
    follower = _Follower([*changes, change])
    reads = [read.deciding() for read in link.reads]
    found = follower.through(len(changes) + 1, change, link, reads) if reads else ()
    return tuple(origin for origin in dict.fromkeys(found) if origin.read.outside != CONSTANT)


def items_of(path: Path) -> Path:
    """The place of the items of a list."""
    return (*path, ANY_ITEM)
