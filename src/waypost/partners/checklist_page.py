"""The go-live checklist as a page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from waypost.agreements.load import Partner
from waypost.core.page import Html, element, meter, page, table, word
from waypost.partners.checklist import Item, Score


def checklist_page(partner: Partner, found: Score, now: datetime) -> str:
    """The page."""
    title = f"{partner.options.name or partner.name}: ready to go live?"
    return page(title, _body(title, found, now))


def _body(title: str, found: Score, now: datetime) -> Iterator[object]:
    yield element("h1", title)
    missing = sum(one.must and one.state == "missing" for one in found.items)
    left = f"not yet: {missing} left that must be done"
    yield element("p", word("ready", "good") if found.ready else word(left, "bad"))
    yield element("p", f"Score {found.percent} of 100, as of {now:%Y-%m-%d %H:%M} UTC.")
    yield meter(found.percent / 100)
    yield element("h2", "Items")
    yield table(("", "item", "evidence", "what to do next"), map(_row, found.items))


def _row(one: Item) -> tuple[object, ...]:
    return _state(one), one.name, one.evidence, one.next


def _state(one: Item) -> Html:
    if one.state == "done":
        return word("done", "good")
    if one.state == "unneeded":
        return word("not needed", "open")
    return word("missing", "bad") if one.must else word("open", "warn")
