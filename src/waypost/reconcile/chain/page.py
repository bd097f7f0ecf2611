"""The page of a chain ledger, light and dark, for the screen and for paper; written as the chains come."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #57606a; --line: #d0d7de; --fill: #f3f5f7;
  --bad: #a40e26; --badfill: #fdecee; --good: #116329; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #14181d; --soft: #9aa4af; --line: #363d46;
  --fill: #1e242b; --bad: #ff9a9f; --badfill: #3a1c20; --good: #7ee2a0; } }
* { box-sizing: border-box; }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .2rem; } h2 { font-size: 1.05rem; margin: 0; }
p.sub { color: var(--soft); margin: 0 0 1.2rem; }
section { border: 1px solid var(--line); border-radius: 6px; margin: 0 0 1rem; overflow: hidden; break-inside: avoid; }
section > header { display: flex; gap: .8rem; align-items: baseline; padding: .55rem .8rem; background: var(--fill);
  border-bottom: 1px solid var(--line); flex-wrap: wrap; }
section > header .who { color: var(--soft); } section > div { padding: .6rem .8rem; overflow-x: auto; }
.state { font-weight: 600; margin-left: auto; color: var(--good); } .troubled .state { color: var(--bad); }
ol.steps { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; list-style: none; padding: 0; margin: 0 0 .6rem; }
ol.steps li { color: var(--soft); } ol.steps b { color: var(--ink); }
table { border-collapse: collapse; width: 100%; margin: .2rem 0 .5rem; }
th, td { text-align: left; padding: .2rem .7rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 500; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
ul.bad { margin: 0; padding: .45rem .8rem .45rem 1.8rem; background: var(--badfill); color: var(--bad);
  border-radius: 4px; }
@media print { body { margin: 0; max-width: none; } }
"""


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
    yield (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_text(title)}</title>'
           f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
           f'<h1>{_text(title)}</h1><p class="sub">{_text(subtitle)}</p>\n')  # fmt: skip
    for section in sections:
        yield _section(section)
    told = ", ".join(f"{count:,} {state}" for state, count in sorted(counts.items())) or "nothing found"
    yield f'<p class="sub">{_text(told)}</p></body></html>\n'


def _section(one: Section) -> str:
    steps = "".join(f"<li><b>{_text(what)}</b> {_text(said)}</li>" for what, said in one.steps)
    parts = [f'<ol class="steps">{steps}</ol>']
    if one.rows:
        head = "".join(f"<th{_numeric(one, n)}>{_text(cell)}</th>" for n, cell in enumerate(one.head))
        body = "".join(
            "<tr>" + "".join(f"<td{_numeric(one, n)}>{_text(cell)}</td>" for n, cell in enumerate(row)) + "</tr>"
            for row in one.rows
        )
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    if one.problems:
        parts.append('<ul class="bad">' + "".join(f"<li>{_text(text)}</li>" for text in one.problems) + "</ul>")
    return (f'<section{" class=" + chr(34) + "troubled" + chr(34) if one.troubled else ""}><header><h2>'
            f'{_text(one.title)}</h2><span class="who">{_text(one.who)}</span><span class="state">{_text(one.state)}'
            f'</span></header><div>{"".join(parts)}</div></section>\n')  # fmt: skip


def _numeric(one: Section, column: int) -> str:
    return ' class="n"' if column in one.numeric else ""


def _text(value: str) -> str:
    return html.escape(value)
