"""Released characters as one character each, so that patterns and splitting need not know about them."""

from __future__ import annotations

import re

from waypost.formats.edi.schema.pattern import PLACEHOLDERS, Marks

_QUOTED = re.compile(r"(?<!\\)((?:\\\\)*)\\x0([1-5])")


def hide(text: str, marks: Marks) -> str:
    """``text`` with each release character and the separator behind it written as one placeholder.

    >>> hide("5?'4?+?:", Marks("+", ":", "", "'", "?"))
    '5\\x024\\x03\\x04'
    """
    release = marks.release
    if not release:
        return text
    for stray in PLACEHOLDERS:
        if stray in text:
            text = text.replace(stray, "\x06")  # no character of any element: stays one that is found wrong
    if release not in text:
        return text
    for mark, placeholder in zip(_released(marks), PLACEHOLDERS, strict=True):
        if mark:
            text = text.replace(release + mark, placeholder)
    return text


def show(text: str, marks: Marks) -> str:
    """What ``hide`` was given."""
    if marks.release:
        for mark, placeholder in zip(_released(marks), PLACEHOLDERS, strict=True):
            if placeholder in text:
                text = text.replace(placeholder, marks.release + mark)
    return text


def as_written(text: str, marks: Marks) -> str:
    """``text`` of a finding as the file has it: placeholders, which quoting wrote as their numbers, as what they are.

    >>> as_written(repr("5\\x024"), Marks("+", ":", "", "'", "?"))
    "'5?'4'"
    """
    if not marks.release or "\\x0" not in text:
        return show(text, marks)
    return show(_QUOTED.sub(lambda match: match[1] + chr(int(match[2])), text), marks)


def _released(marks: Marks) -> tuple[str, ...]:
    return marks.release, marks.segment, marks.element, marks.component, marks.repetition
