"""How EDIFACT opens an interchange (ISO 9735-1): separators from UNA, or those of the syntax level named in UNB."""

from __future__ import annotations

import re
from dataclasses import replace

from waypost.formats.edi.delimiter import Delimiters, character, find_terminator, skip_trivia, split
from waypost.formats.edi.dialect import Bytes, Dialect, Header, Trailer

_HEADER_LIMIT = 2048
_LAST = re.compile(rb"[A-Za-z0-9]([^A-Za-z0-9 ])[ \t\r\n]*+\Z")
LEVEL_A = Delimiters(b"+", b":", b"", b"'", b"?")
_LEVEL_B = Delimiters(b"\x1d", b"\x1f", b"", b"\x1c")
"""UNOB in its original form: the information separators IS3, IS1 and IS4, and nothing to release them with."""
_ADVICE = 6
_OPENS = re.compile(rb"U[\r\n]*(?:N|I)[\r\n]*B")
VERSION_WITH_REPETITION = "4"
_BARE = re.compile(rb"UN[HG][^A-Za-z0-9 ]")
_FOLLOWS = re.compile(rb"[A-Za-z0-9]([^A-Za-z0-9 ])[ \t\r\n]*+(?:UN[HGO]|UIH|USH|UNZ|UIZ)(?=[^A-Za-z0-9])")


def read_header(data: Bytes, start: int, final: bool) -> Header | str | None:
    """UNA, where there is one, and the UNB or UIB segment behind it; see ``ReadHeader``. Messages right behind UNA are
    taken for an interchange whose UNB has no elements."""
    advice: list[bytes] = []
    position = start
    if data.startswith(b"UNA", start):
        position += 3
        for _ in range(_ADVICE):
            advice.append(character(data, position))
            position += len(advice[-1])
        position = skip_trivia(data, position)
    if len(data) < position + 16 and not final:
        return None if position < start + _HEADER_LIMIT else "the UNA segment is followed by no UNB segment"
    opens = _OPENS.match(data, position)
    if advice and _BARE.match(data, position) and isinstance(marks := _advised(advice), Delimiters):
        return Header(start + len(b"UNA") + sum(map(len, advice)), (b"UNB",), marks)
    if not opens:
        return "the UNA segment is followed by no UNB segment" if advice else "no UNB segment"
    delimiters = _advised(advice) if advice else _found(data, opens.end(), start, final)
    if not isinstance(delimiters, Delimiters):
        return delimiters
    end = find_terminator(data, opens.end(), delimiters, start + _HEADER_LIMIT)
    if end < 0:
        if final or len(data) >= start + _HEADER_LIMIT:
            return f"the {_tag(opens)} segment is not ended by {delimiters.segment!r}"
        return None
    row = split(bytes(data[opens.end() : end]).translate(None, b"\r\n"), delimiters.element, delimiters.release)
    if row[0] or len(row) < 2:
        return f"the {_tag(opens)} segment has no elements"
    if not advice and row[1].partition(delimiters.component)[2][:1] >= VERSION_WITH_REPETITION.encode():
        delimiters = replace(delimiters, repetition=b"*")
    return Header(end + len(delimiters.segment), (_tag(opens).encode(), *row[1:]), delimiters)


def _tag(opens: re.Match[bytes]) -> str:
    return opens[0].translate(None, b"\r\n").decode("ascii")


def _advised(advice: list[bytes]) -> Delimiters | str:
    """The separators the UNA segment names; a blank stands for none."""
    component, element, decimal, release, repetition, segment = advice
    used = [mark for mark in (component, element, release.strip(), repetition.strip(), segment) if mark]
    if not segment or not element or len(set(used)) != len(used) or any(m.isalnum() or m == b" " for m in used):
        return f"the UNA segment names {b''.join(advice)!r} as separators"
    return Delimiters(element, component, repetition.strip(), segment, release.strip(), decimal=decimal)


def _found(data: Bytes, position: int, start: int, final: bool) -> Delimiters | str | None:
    """Separators without a UNA: those of the level, or what the UNB segment itself is seen to use. None when more
    bytes are needed to see it."""
    element = character(data, position)
    if element == LEVEL_A.element:
        return LEVEL_A
    if element == _LEVEL_B.element:
        return _LEVEL_B
    component = character(data, position + len(element) + 4)
    following = _FOLLOWS.search(data, position, start + _HEADER_LIMIT)
    if not following and len(data) < start + _HEADER_LIMIT:
        if not final:
            return None
        following = _LAST.search(data, position)
    segment = following[1] if following else LEVEL_A.segment
    if not element or not component or element.isalnum() or component.isalnum() or element == b" ":
        return "the UNB segment uses no separators that can be told"
    return Delimiters(element, component, b"", segment, b"?" if b"?" not in (element, component, segment) else b"")


EDIFACT = Dialect(
    name="edifact",
    title="EDIFACT",
    start=re.compile(rb"UNA[^A-Za-z0-9](?=[^A-Za-z0-9])|U(?:[\r\n]?N[\r\n]?|I)B[^A-Za-z0-9 \t\r\n\x00]"),
    read_header=read_header,
    interchange={b"UNB": Trailer(b"UNZ", 1, 2, 5), b"UIB": Trailer(b"UIZ", 2)},
    group={b"UNG": Trailer(b"UNE", 1, 2, 5)},
    transaction={
        b"UNH": Trailer(b"UNT", 1, 2, 1), b"UIH": Trailer(b"UIT", 2, 1, 2), b"UNO": Trailer(b"UNP", 1, 2, 1)
    },
    services=frozenset((b"USH", b"USA", b"USB", b"USC", b"USD", b"USE", b"USF", b"USL", b"USR", b"UST", b"USU",
                        b"USX", b"USY")),
    addresses={b"UNB": (2, 3, 1), b"UIB": (6, 7, 1)},
    kinds={b"UNH": 2, b"UIH": 1},
    transaction_word="message",
    group_word="group",
    counts="either",
    package=b"UNO",
    reference=2,
)  # fmt: skip
