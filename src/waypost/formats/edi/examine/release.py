"""Released characters as one character each, so that patterns and splitting need not know about them."""

from __future__ import annotations

import re

from waypost.formats.edi.schema.pattern import PLACEHOLDERS, Marks

_STRAY = re.compile("[\x01-\x05]")


def hide(text: str, marks: Marks) -> str:
    """``text`` with each release character and the separator behind it written as one placeholder.

    >>> hide("5?'4?+?:", Marks("+", ":", "", "'", "?"))
    '5\\x024\\x03\\x04'
    """
    if not marks.release:
        return text
    if _STRAY.search(text):
        text = _STRAY.sub("\x06", text)  # no character of any element: stays one that is found wrong
    if marks.release not in text:
        return text
    for mark, placeholder in zip(_released(marks), PLACEHOLDERS, strict=True):
        if mark:
            text = text.replace(marks.release + mark, placeholder)
    return text


def show(text: str, marks: Marks) -> str:
    """What ``hide`` was given."""
    if marks.release:
        for mark, placeholder in zip(_released(marks), PLACEHOLDERS, strict=True):
            if placeholder in text:
                text = text.replace(placeholder, marks.release + mark)
    return text


def _released(marks: Marks) -> tuple[str, ...]:
    return marks.release, marks.segment, marks.element, marks.component, marks.repetition
