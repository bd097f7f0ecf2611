"""Places in a document as tuples: a name, the number of an item, or ``ANY_ITEM`` for every item of a list.

>>> parse_path("order.lines[].sku"), parse_path('orders["@id"]')
(('order', 'lines', None, 'sku'), ('orders', '@id'))
>>> path_text(("lines", 0, "ns:sku"))
'lines[0]["ns:sku"]'
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

ANY_ITEM = None
Part = str | int | None
Path = tuple[Part, ...]

_PIECE = re.compile(r"\[(-?[0-9]*)\]|\[(\"(?:[^\"\\]|\\.)*\")\]|\['((?:[^'\\]|\\.)*)'\]|\.?([^.\[\]]+)")


def parse_path(text: str) -> Path:
    """The path that ``text`` writes; ``ValueError`` where it writes none. ``this`` alone is the whole document."""
    parts: list[Part] = []
    at = 0
    while at < len(text):
        match = _PIECE.match(text, at)
        if match is None:
            raise ValueError(f"{text!r} is no path, at character {at + 1}")
        number, quoted, single, name = match.groups()
        if number is not None:
            parts.append(int(number) if number else ANY_ITEM)
        else:
            parts.append(json.loads(quoted) if quoted is not None else single if single is not None else name)
        at = match.end()
    return () if parts == ["this"] else tuple(parts)


def path_text(path: Sequence[Part]) -> str:
    """``path`` as expressions write it; '' for the whole document."""
    text = ""
    for part in path:
        if part is ANY_ITEM or isinstance(part, int):
            text += f"[{'' if part is ANY_ITEM else part}]"
        elif part.isidentifier():
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part, ensure_ascii=False)}]"
    return text


def same_part(left: Part, right: Part) -> bool:
    """Whether two parts can be the same: every item is also each one."""
    if left is ANY_ITEM or right is ANY_ITEM:
        return not isinstance(left, str) and not isinstance(right, str)
    return left == right


def begins(path: Path, prefix: Path) -> bool:
    """Whether ``path`` lies at or inside ``prefix``."""
    return len(path) >= len(prefix) and all(map(same_part, path, prefix))


def touches(left: Path, right: Path) -> bool:
    """Whether one lies at or inside the other."""
    return begins(left, right) or begins(right, left)


def put_numbers(pattern: Path, known: Path) -> Path:
    """``pattern`` with the item numbers that ``known``, a path of the same beginning, has in those places."""
    made = list(pattern)
    for at, (part, given) in enumerate(zip(pattern, known, strict=False)):
        if not same_part(part, given):
            break
        if part is ANY_ITEM:
            made[at] = given
    return tuple(made)
