"""A map document as one HTML page for reviewers: no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from waypost.mapping.sheet import COLUMNS, head_of, rows_of

_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em; color: #1a1a1a; background: #fff; }
table { border-collapse: collapse; } th, td { border: 1px solid #bbb; padding: .3em .6em; text-align: left;
vertical-align: top; } th { background: #eee; position: sticky; top: 0; } code { white-space: pre-wrap; }
tr.loop td { background: #f4f7fb; } dt { font-weight: bold; } dd { margin: 0 0 .5em 1em; }
"""
_PLAIN = ("target", "note", "owner")


def to_html(data: Mapping[str, Any]) -> str:
    """The page of a map document's plain data: its head, then a row for each rule, only the columns that are used."""
    rows = rows_of(data)
    columns = [word for word in COLUMNS if any(word in row for row in rows)]
    head = head_of(data)
    title = escape(head.get("map", "map"))
    facts = "".join(f"<dt>{escape(word)}</dt><dd>{escape(text)}</dd>" for word, text in head.items() if word != "map")
    body = "\n".join(
        f"<tr{' class=loop' if 'each' in row else ''}>"
        + "".join(f"<td>{_cell(word, row.get(word, ''))}</td>" for word in columns)
        + "</tr>"
        for row in rows
    )
    heads = "".join(f"<th scope=col>{escape(word)}</th>" for word in columns)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n<style>{_STYLE}</style>\n'
        f"<h1>{title}</h1>\n<dl>{facts}</dl>\n<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n"
        "</table>\n</html>\n"
    )


def _cell(word: str, text: str) -> str:
    shown = escape(text)
    return shown if word in _PLAIN or not shown else f"<code>{shown}</code>"
