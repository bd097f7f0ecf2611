"""A map document as one HTML page for reviewers: no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from waypost.core.page import Html, element, facts, html, page, table
from waypost.mapping.sheet import COLUMNS, head_of, rows_of

_PLAIN = ("target", "note", "owner")


def to_html(data: Mapping[str, Any]) -> str:
    """The page of a map document's plain data: its head, then a row for each rule, only the columns that are used."""
    rows = rows_of(data)
    columns = [name for name in COLUMNS if any(name in row for row in rows)]
    head = head_of(data)
    title = head.get("map", "map")
    body = [[_cell(name, row.get(name, ""), "each" in row) for name in columns] for row in rows]
    known = [(name, text) for name, text in head.items() if name != "map"]
    return page(title, [element("h1", title), facts(known), table(columns, body)])


def _cell(name: str, text: str, loop: bool) -> Html:
    said = html(text) if name in _PLAIN or not text else element("code", text)
    return element("div", said, "loop") if loop else said
