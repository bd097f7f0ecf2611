"""A scorecard as a page, and its rows for a table of text."""

from __future__ import annotations

from collections.abc import Iterator

from waypost.core.page import element, joined, meter, page, table, word
from waypost.partners.scorecard import Card, Documents, Promises, middle, share

DOCUMENT_HEAD = ("partner", "period", "way", "document", "interchanges", "messages", "rejected", "reject rate",
                 "answered", "median", "most")  # fmt: skip
PROMISE_HEAD = ("partner", "period", "promise", "whose", "kept", "late", "overdue", "open", "share kept")


def document_row(one: Documents) -> tuple[str, ...]:
    """One line about documents."""
    rate = share(one.rejected, one.messages)
    return (one.partner, one.period, one.direction, f"{one.kind} ({one.standard})", f"{len(one.interchanges):,}",
            f"{one.messages:,}", f"{one.rejected:,}", percent(rate), f"{one.answered:,}", age(middle(one.seconds)),
            age(max(one.seconds, default=None)))  # fmt: skip


def promise_row(one: Promises) -> tuple[str, ...]:
    """One line about promises."""
    return (one.partner, one.period, one.name, one.whose, f"{one.kept:,}", f"{one.late:,}", f"{one.overdue:,}",
            f"{one.open:,}", percent(share(one.kept, one.kept + one.late + one.overdue)))  # fmt: skip


def percent(part: float | None) -> str:
    """A share in words.

    >>> percent(0.25), percent(None)
    ('25.0 %', '')
    """
    return "" if part is None else f"{100 * part:.1f} %"


def age(seconds: float | None) -> str:
    """A length of time as people say it.

    >>> age(0.4), age(95), age(7300), age(200_000), age(None)
    ('0.4 s', '1m 35s', '2h 1m', '2d 7h', '')
    """
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes}m {rest}s"
    return f"{hours}h {minutes}m" if hours < 48 else f"{hours // 24}d {hours % 24}h"


def scorecard_page(card: Card, title: str, since: str) -> str:
    """The page."""
    return page(title, _body(card, title, since))


def _body(card: Card, title: str, since: str) -> Iterator[object]:
    yield element("h1", title)
    yield element("p", f"Since {since}. Periods are in the partner's time zone.", "soft")
    yield element("h2", "Documents")
    if card.documents:
        yield table(DOCUMENT_HEAD, map(document_row, card.documents), DOCUMENT_HEAD[4:])
    else:
        yield element("p", "Nothing was exchanged.", "soft")
    yield element("h2", "Promises")
    if card.promises:
        yield table((*PROMISE_HEAD, ""), map(_promise, card.promises), PROMISE_HEAD[4:8])
    else:
        yield element("p", "Nothing was due: an agreement says what is in service_levels and expect.", "soft")


def _promise(one: Promises) -> tuple[object, ...]:
    part = share(one.kept, one.kept + one.late + one.overdue)
    said = word(percent(part), "good" if part == 1 else "bad") if part is not None else ""
    bar = joined([meter(part), element("div", one.penalty, "soft")]) if part is not None else ""
    return (*promise_row(one)[:-1], said, bar)
