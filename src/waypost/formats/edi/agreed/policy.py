"""How strictly an agreement has messages read: which findings count, what is overlooked before they are looked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from waypost.agreements.part import ValidationOptions
from waypost.formats.edi.finding import Finding, finding

_ALWAYS = frozenset({"control-number", "control-number-missing", "segment-count"})
"""What no agreement overlooks: such a message may not be the one its sender wrote."""


def judged(findings: Sequence[Finding], validation: ValidationOptions) -> list[Finding]:
    """The findings that count under a policy, each as severe as it says."""
    return [counted for one in findings if (counted := _judged(one, validation)) is not None]


def _judged(one: Finding, validation: ValidationOptions) -> Finding | None:
    if one.code in _ALWAYS:
        return one
    said = validation.severity.get(one.code)
    if said == "ignore" or one.snip > validation.snip:
        return None
    if said is None and not (validation.structure if one.snip == 1 else validation.extended):
        return None
    return replace(one, severity=said) if said else one


def trimmed(text: str, element: str, component: str) -> str:
    """A segment without spaces at the ends of its values."""
    if " " not in text:
        return text
    parts = ([one.strip(" ") for one in part.split(component)] if component else [part] for part in text.split(element))
    return element.join(component.join(part) if component else part[0].strip(" ") for part in parts)


def trailing(texts: Sequence[str], element: str, component: str) -> Iterator[Finding]:
    """Separators behind the last value of a segment. Positions count from 1 at the header before ``texts``."""
    for position, text in enumerate(texts, 2):
        if text.endswith(element) or (component and text.endswith(component)):
            yield finding("trailing-separator", text.partition(element)[0], position, found=repr(text[-10:]),
                          expected="nothing behind the last value")  # fmt: skip
