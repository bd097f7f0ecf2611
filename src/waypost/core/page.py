"""Pages for people: HTML with the one stylesheet, without scripts, that loads nothing from anywhere.

What is given as ``str`` is text and is escaped; what is already HTML is marked ``Html``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from html import escape
from importlib import resources
from typing import Literal

Tone = Literal["", "good", "warn", "bad", "open"]


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def html(value: object) -> Html:
    """A value as HTML: text is escaped, HTML stays.

    >>> html("<b>"), html(Html("<b>"))
    ('&lt;b&gt;', '<b>')
    """
    return value if isinstance(value, Html) else Html(escape(str(value)))


@cache
def style() -> str:
    """The stylesheet: for light, dark and paper, narrow and wide."""
    return (resources.files("waypost.core") / "page.css").read_text("utf-8")


def page(title: str, body: Iterable[object]) -> str:
    """A whole page of parts of a body."""
    return "".join(pieces(title, body))


def pieces(title: str, body: Iterable[object]) -> Iterator[str]:
    """A page piece by piece, so that a long one need not be held."""
    yield (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style()}</style>\n"
    )
    for part in body:
        yield f"{html(part)}\n"
    yield "</html>\n"


def element(tag: str, content: object, kind: str = "") -> Html:
    """``<tag class=kind>content</tag>``."""
    return Html(f"<{tag}{_kind(kind)}>{html(content)}</{tag}>")


def joined(parts: Iterable[object], between: str = "") -> Html:
    """Parts one after another."""
    return Html(between.join(map(html, parts)))


def word(text: str, tone: Tone) -> Html:
    """A state as word, colour and shape."""
    return element("span", text, f"word {tone}".strip())


def table(head: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[str] = ()) -> Html:
    """A table; columns named in ``numbers`` are set flush right. A narrow screen scrolls it by itself."""
    kinds = ["number" if name in numbers else "" for name in head]
    top = "".join(f'<th scope="col"{_kind(kind)}>{escape(name)}</th>' for name, kind in zip(head, kinds, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f"<td{_kind(kind)}>{html(cell)}</td>" for cell, kind in zip(row, kinds, strict=True))
        + "</tr>\n"
        for row in rows
    )
    return Html(f'<div class="wide"><table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody></table></div>')


def facts(pairs: Iterable[tuple[str, object]]) -> Html:
    """Names with their values; empty values are left out."""
    made = "".join(
        f"<dt>{escape(name)}</dt><dd>{html(value)}</dd>\n" for name, value in pairs if value not in ("", None)
    )
    return Html(f"<dl>\n{made}</dl>")


def meter(share: float) -> Html:
    """A share of 1 as a bar; say the figure in words beside it."""
    width = round(100 * min(max(share, 0.0), 1.0))
    return Html(f'<div class="meter" role="img" aria-label="{width} %"><div style="width:{width}%"></div></div>')


def _kind(kind: str) -> str:
    return f' class="{escape(kind)}"' if kind else ""
