"""The page of a chain ledger, written as the chains come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from waypost.core.page import Html, element, facts, joined, pieces, table, word


@dataclass(frozen=True, slots=True)
class Section:
    """One chain on the page: its name, whose it is, its state, its documents in order, a table, what is wrong."""

    title: str
    who: str
    state: str
    troubled: bool
    steps: Sequence[tuple[str, str]]
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    numeric: frozenset[int] = field(default=frozenset())
    problems: Sequence[str] = ()


def page(title: str, subtitle: str, sections: Iterable[Section], counts: Mapping[str, int]) -> Iterator[str]:
    """The pieces of the page; ``counts`` is read at the end, when all sections have gone by."""
    yield from pieces(title, _body(title, subtitle, sections, counts))


def _body(title: str, subtitle: str, sections: Iterable[Section], counts: Mapping[str, int]) -> Iterator[Html]:
    yield element("h1", title)
    yield element("p", subtitle, "soft")
    yield from map(_section, sections)
    told = ", ".join(f"{count:,} {state}" for state, count in sorted(counts.items())) or "nothing found"
    yield element("p", told, "soft")


def _section(one: Section) -> Html:
    state = word(one.state, "bad" if one.troubled else "good")
    parts = [element("h2", joined([one.title, element("span", one.who, "soft"), state], " ")), facts(one.steps)]
    if one.rows:
        parts.append(table(one.head, one.rows, [name for at, name in enumerate(one.head) if at in one.numeric]))
    parts += [element("p", word(problem, "bad")) for problem in one.problems]
    return element("section", joined(parts, "\n"))
