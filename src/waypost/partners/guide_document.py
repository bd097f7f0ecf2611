"""One document of a companion guide: its loops and segments in order, their elements, the codes allowed, its rules in
words. All names are our own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from waypost.core.page import Html, element, html, joined, table
from waypost.formats.edi.schema.condition import words
from waypost.formats.edi.schema.label import Labels
from waypost.formats.edi.schema.model import UNLIMITED, Composite, Element, Loop, Rule, Schema, Segment, Use

_MOST_CODES = 40
_KINDS = {
    "AN": "text", "ID": "code", "R": "decimal", "DT": "date", "TM": "time", "B": "binary", "n": "number",
    "a": "letters", "an": "text",
}  # fmt: skip


def document_parts(schema: Schema, labels: Labels) -> Iterator[Html]:
    """The parts of a page about one document."""
    yield element("h3", "Segments in order")
    rows = list(_structure(schema.root, labels, 0))
    yield table(("segment", "name", "must", "times", "only where"), rows, ("times",))
    if schema.rules:
        yield element("h3", "Rules")
        yield table(("rule", "what must hold", "level"), map(_rule, schema.rules))
    yield element("h3", "Elements")
    shown: list[tuple[Segment, ...]] = []
    for use in schema.root.uses():
        if use.maximum == 0 or any(one == use.segment for (one,) in shown):
            continue
        shown.append((use.segment,))
        yield segment_part(use.segment, labels)


def _structure(loop: Loop, labels: Labels, depth: int) -> Iterator[tuple[object, ...]]:
    for item in loop.body:
        if item.maximum == 0:
            continue
        mark = Html("&nbsp;" * 4 * depth)
        if isinstance(item, Loop):
            name = labels.segments.get(item.tag, "")
            yield (joined([mark, element("b", f"loop {item.name}")]), f"begins with {item.tag} {name}".strip(),
                   _must(item.required), _times(item.maximum), "")  # fmt: skip
            yield from _structure(item, labels, depth + 1)
        else:
            yield (joined([mark, element("code", item.tag)]), labels.segments.get(item.tag, ""), _must(item.required),
                   _times(item.maximum), _where(item))  # fmt: skip


def segment_part(segment: Segment, labels: Labels) -> Html:
    """The elements of a segment, and the conditions between them."""
    title = element("h4", f"{segment.tag} {labels.segments.get(segment.tag, '')}".strip())
    if not segment.described:
        return joined([title, element("p", "Its elements are not checked.", "soft")])
    rows = [row for number, item in enumerate(segment.elements, 1)
            for row in _element_rows(f"{segment.tag}{number:02}", item, labels)]  # fmt: skip
    notes = [element("p", f"Condition on elements: {words(note)}.") for note in segment.notes]
    return joined([title, table(("place", "name", "must", "kind", "length", "values"), rows), *notes])


def _element_rows(place: str, item: Element | Composite, labels: Labels) -> Iterator[tuple[object, ...]]:
    if isinstance(item, Element):
        if item.kind != "-":
            yield _element_row(place, item, labels)
        return
    again = f", up to {item.repeat} times" if item.repeat > 1 else ""
    yield (element("code", place), labels.elements.get(item.ref, ""), _must(item.required), f"composite{again}", "",
           joined([element("div", f"Condition: {words(note)}.") for note in item.notes]))  # fmt: skip
    for number, part in enumerate(item.parts, 1):
        if part.kind != "-":
            yield _element_row(f"{place}-{number}", part, labels)


def _element_row(place: str, item: Element, labels: Labels) -> tuple[object, ...]:
    length = f"{item.minimum} to {item.maximum}" if item.minimum != item.maximum else str(item.maximum)
    again = f", up to {item.repeat} times" if item.repeat > 1 else ""
    return (element("code", place), labels.elements.get(item.ref, ""), _must(item.required), f"{_kind(item)}{again}",
            length, _codes(item, labels))  # fmt: skip


def _kind(item: Element) -> str:
    if item.kind.startswith("N") and item.kind[1:].isdigit():
        return f"number, {item.kind[1:]} decimals implied" if item.kind != "N0" else "whole number"
    return _KINDS.get(item.kind, item.kind)


def _codes(item: Element, labels: Labels) -> Html:
    known = sorted(item.codes)
    said = [
        joined([element("code", code), html(f" {label}" if (label := labels.code(item.ref, code)) else "")])
        for code in known[:_MOST_CODES]
    ]
    more = [html(f"and {len(known) - _MOST_CODES} more")] if len(known) > _MOST_CODES else []
    return joined([*said, *more], ", ")


def _rule(rule: Rule) -> tuple[object, ...]:
    text = rule.says or "this expression holds"
    at = f" In each loop {rule.at}." if rule.at else ""
    said = joined([f"{text.rstrip('.')}.{at} ", element("code", rule.expression)])
    return element("code", rule.id), said, f"SNIP {rule.level}" + (", warning" if rule.severity == "warning" else "")


def _where(use: Use) -> str:
    parts: Sequence[str] = [
        f"{use.tag}{number:02}{f'-{part}' if part > 1 else ''} is {' or '.join(sorted(values))}"
        for number, part, values in use.where
    ]
    return " and ".join(parts)


def _must(required: bool) -> str:
    return "must" if required else "may"


def _times(maximum: int) -> str:
    return "any number" if maximum >= UNLIMITED else f"{maximum:,}"
