"""Turns parsed elements into documents that maps can address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from waypost.core.errors import DataError
from waypost.formats.xml_markup import DEPTH, too_deep

ATTRIBUTE = "@"
TEXT = "#text"
CONTENT = "#content"
MOST_ATTRIBUTES = 10_000
_MOST_NAMES = 10_000
"""Names remembered: they come from outside and may be millions."""


class XmlReader:
    """Reads an lxml element as ``{name: value}``.

    A value is the element's text; or, with attributes or elements inside, a mapping of ``@attribute``, element name
    and ``#text``; elements of one name are a list. Where text stands between elements, ``#content`` lists both in
    order, each element as ``{name: value}``.
    """

    def __init__(self, prefixes: Mapping[str, str], drop: bool, lists: frozenset[str], ordered: frozenset[str]) -> None:
        """``prefixes``: URI by prefix. A name without namespace is ``{}name`` where the empty prefix has a URI."""
        self._lists, self._ordered = lists, ordered
        self._name = _names(prefixes, drop, "{}" if "" in prefixes else "")
        self._attribute = _names({p: uri for p, uri in prefixes.items() if p}, drop, "")

    @property
    def element_name(self) -> Callable[[str], str]:
        """What gives an element's name in documents, from ``{uri}local``."""
        return self._name

    @property
    def attribute_name(self) -> Callable[[str], str]:
        """The same for attributes, without the mark before it."""
        return self._attribute

    def document(self, element: Any) -> dict[str, Any]:
        """``DataError`` where it is nested too deep or has too many attributes."""
        name = self._name(element.tag)
        return {name: self._value(element, name, 1)}

    def _value(self, element: Any, name: str, depth: int) -> Any:
        if depth > DEPTH:
            raise too_deep(f"line {element.sourceline}")
        attributes = element.attrib
        made: dict[str, Any] = {}
        if attributes:
            if len(attributes) > MOST_ATTRIBUTES:
                raise DataError(f"an element of {len(attributes)} attributes", where=f"line {element.sourceline}",
                                expected=f"at most {MOST_ATTRIBUTES}", code="xml-attributes")  # fmt: skip
            made = {ATTRIBUTE + self._attribute(key): value for key, value in attributes.items()}
        text = element.text or ""
        if not len(element):
            if name in self._ordered:
                made[CONTENT] = [text] if text else []
                return made
            if text and made:
                made[TEXT] = text
            return made or text
        if name in self._ordered or text.strip() or _mixed(element):
            made[CONTENT] = self._content(element, text, depth)
            return made
        self._children(element, made, depth)
        return made

    def _children(self, element: Any, made: dict[str, Any], depth: int) -> None:
        lists = self._lists
        for child in element:
            name = self._name(child.tag)
            value = self._value(child, name, depth + 1)
            if name not in made:
                made[name] = [value] if name in lists else value
            elif isinstance(made[name], list):
                made[name].append(value)
            else:
                made[name] = [made[name], value]

    def _content(self, element: Any, text: str, depth: int) -> list[Any]:
        made: list[Any] = [text] if text else []
        for child in element:
            name = self._name(child.tag)
            made.append({name: self._value(child, name, depth + 1)})
            if child.tail:
                made.append(child.tail)
        return made


def _mixed(element: Any) -> bool:
    return any(child.tail and not child.tail.isspace() for child in element)


def _names(prefixes: Mapping[str, str], drop: bool, bare: str) -> Callable[[str], str]:
    """From ``{uri}local`` to the name in documents: ``prefix:local`` where the URI has a prefix, else as it is;
    ``bare`` is set before a name that has no namespace."""
    by_uri = {uri: prefix for prefix, uri in prefixes.items()}
    known: dict[str, str] = {}

    def named(tag: str) -> str:
        if not tag.startswith("{"):
            return bare + tag
        uri, _, local = tag[1:].partition("}")
        if drop:
            return local
        prefix = by_uri.get(uri)
        return tag if prefix is None else f"{prefix}:{local}" if prefix else local

    def name(tag: str) -> str:
        found = known.get(tag)
        if found is None:
            found = named(tag)
            if len(known) < _MOST_NAMES:
                known[tag] = found
        return found

    return name
