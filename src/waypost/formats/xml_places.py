"""Where each element and attribute of an XML document stands in its bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

Part = str | int | None
Range = tuple[int, int]


@dataclass(slots=True)
class _Element:
    tag: str
    start: int
    attributes: Mapping[str, str]
    inner: int = 0
    close: int = 0
    end: int = 0
    children: list[_Element] = field(default_factory=list)


def element_tree(data: bytes, offset: int, depth: int) -> _Element | None:
    """The element ``depth`` levels below the root of ``data``, positions counted from ``offset`` on."""
    parser = expat.ParserCreate(namespace_separator=" ")
    open_elements: list[_Element] = []
    root: list[_Element] = []

    def opened(tag: str, attributes: Mapping[str, str]) -> None:
        element = _Element(_name(tag), parser.CurrentByteIndex - offset, {_name(k): v for k, v in attributes.items()})
        element.inner = _tag_end(data, parser.CurrentByteIndex) - offset
        (open_elements[-1].children if open_elements else root).append(element)
        open_elements.append(element)

    def closed(_: str) -> None:
        element = open_elements.pop()
        element.close = parser.CurrentByteIndex - offset
        empty = data[element.inner + offset - 2 : element.inner + offset] == b"/>"
        element.end = element.inner if empty else _tag_end(data, parser.CurrentByteIndex) - offset
        element.close = element.inner if empty else element.close

    parser.StartElementHandler, parser.EndElementHandler = opened, closed
    parser.Parse(data, True)
    found = root[0] if root else None
    for _ in range(depth):
        found = found.children[0] if found and found.children else None
    return found


def xml_place(
    element: _Element, path: Sequence[Part], data: bytes, name: Callable[[str], str], attribute: Callable[[str], str],
    shift: int,
) -> Range | None:  # fmt: skip
    """The bytes of a place of the document of ``element``: an element whole, its text, or an attribute's value.
    ``data`` are the bytes that positions count from, ``shift`` what stands before them."""
    if not path:
        return element.start, element.end
    head, *rest = path
    if head != name(element.tag):
        return None
    for part in list(rest):
        if isinstance(part, int):
            if part:
                return None
            rest.remove(part)
        else:
            break
    return _inside(element, rest, data, name, attribute, shift)


def _inside(
    element: _Element, path: Sequence[Part], data: bytes, name: Any, attribute: Any, shift: int
) -> Range | None:
    if not path:
        return (element.inner, element.close) if not element.children else (element.start, element.end)
    head, *rest = path
    if head == "#text":
        return element.inner, element.close
    if isinstance(head, str) and head.startswith("@"):
        wanted = next((key for key in element.attributes if attribute(key) == head[1:]), None)
        return None if wanted is None else _attribute(element, wanted, data, shift)
    if not isinstance(head, str) or head == "#content":
        return None
    named = [child for child in element.children if name(child.tag) == head]
    at = 0
    if rest and isinstance(rest[0], int):
        at = rest.pop(0)  # type: ignore[assignment]
    elif not rest and len(named) > 1:
        return named[0].start, named[-1].end
    return _inside(named[at], rest, data, name, attribute, shift) if 0 <= at < len(named) else None


def _attribute(element: _Element, tag: str, data: bytes, shift: int) -> Range | None:
    """The value of an attribute, between its quotes."""
    local = tag.rpartition("}")[2].encode()
    opening = data[element.start + shift : element.inner + shift]
    for match in re.finditer(rb"""(?:[^\s:=<]+:)?([^\s:=<]+)\s*=\s*("[^"]*"|'[^']*')""", opening):
        if match[1] == local:
            return element.start + match.start(2) + 1, element.start + match.end(2) - 1
    return None


def _name(tag: str) -> str:
    uri, _, local = tag.rpartition(" ")
    return f"{{{uri}}}{local}" if uri else local


_TAG_END = re.compile(rb"""(?:"[^"]*"|'[^']*'|[^"'>])*>""")


def _tag_end(data: bytes, at: int) -> int:
    match = _TAG_END.match(data, at)
    return match.end() if match else len(data)
