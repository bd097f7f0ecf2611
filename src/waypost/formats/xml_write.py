"""Writes documents as XML, and refuses what XML has no form for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from waypost.core.errors import DataError
from waypost.formats.xml_document import ATTRIBUTE, CONTENT, TEXT
from waypost.formats.xml_markup import DEPTH, too_deep

_NAME = re.compile(r"[^\W\d][\w.\-·]*")
_CLARK = re.compile(r"\{([^{}<>\"'\s]*)\}(.+)")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;"}
_IN_TEXT = re.compile("[&<>\r]")
_IN_ATTRIBUTE = re.compile('[&<>\r"\n\t]')
_TAKEN_BACK = ' xmlns=""'
_XML = "http://www.w3.org/XML/1998/namespace"


class _At(NamedTuple):
    """Where something is written. ``bare``: the default namespace of the options was taken back around it."""

    path: str
    depth: int
    bare: bool = False

    def inside(self, path: str, bare: bool) -> _At:
        return _At(path, self.depth + 1, bare)


class XmlWriter:
    """Writes what ``XmlReader`` reads; numbers, true and false are written as XML Schema does, null is left out."""

    def __init__(self, prefixes: Mapping[str, str], around: tuple[str, ...], declaration: bool) -> None:
        self._prefixes, self._around = prefixes, around
        self._default = _escaped(prefixes.get("", ""), _IN_ATTRIBUTE)
        # prefixes of ours for namespaces without one; never such as the options have
        self._element_prefix = next(each for each in _stems("ns") if each not in prefixes)
        self._attribute_prefix = next(e for e in _stems("a") if not any(p.startswith(e) for p in prefixes))
        self._start = '<?xml version="1.0" encoding="UTF-8"?>\n' if declaration else ""
        self._declared = "".join(
            f' xmlns{":" if prefix else ""}{prefix}="{_escaped(uri, _IN_ATTRIBUTE)}"'
            for prefix, uri in prefixes.items()
        )

    def document(self, document: Any) -> str:
        """``DataError`` naming the place of what cannot be written."""
        if not isinstance(document, Mapping) or len(document) != 1:
            raise DataError(f"a {type(document).__name__}", where="document",
                            expected="a mapping of one name, the root element", remedy="wrap it in a map",
                            code="xml-root")  # fmt: skip
        ((name, value),) = document.items()
        if isinstance(value, list | tuple):
            raise DataError("a list as the root", where=str(name)[:80], expected="one element",
                            remedy="split it first", code="xml-root")  # fmt: skip
        parts = [self._start]
        extra = self._declared
        for wrapper in self._around:
            tag, declared = self._tag(wrapper, _At(wrapper, 1))
            parts.append(f"<{tag}{declared}{extra}>")
            extra = ""
        self._element(str(name), "" if value is None else value, _At(str(name), 1), parts.append, extra)
        parts.extend(f"</{self._tag(wrapper, _At(wrapper, 1))[0]}>" for wrapper in reversed(self._around))
        return "".join(parts)

    def _element(self, name: str, value: Any, at: _At, put: Callable[[str], None], extra: str = "") -> None:
        if at.depth > DEPTH:
            raise too_deep(at.path[:80])
        tag, declared = self._tag(name, at)
        if declared == _TAKEN_BACK:  # not also declared, where it is the root
            extra = extra.replace(f' xmlns="{self._default}"', "")
        put(f"<{tag}{extra}{declared}")
        if not isinstance(value, Mapping):
            text = _escaped(_text(value, at.path), _IN_TEXT, at.path)
            put(f">{text}</{tag}>" if text else "/>")
            return
        for number, (key, attribute) in enumerate(value.items()):
            if isinstance(key, str) and key.startswith(ATTRIBUTE) and attribute is not None:
                self._attribute(key[1:], attribute, f"{at.path}.{key}", number, put)
        inside: list[str] = []
        bare = declared == _TAKEN_BACK or (at.bare and not declared.startswith(" xmlns="))
        self._inside(value, _At(at.path, at.depth, bare), inside.append)
        if inside:
            put(">")
            for part in inside:
                put(part)
            put(f"</{tag}>")
        else:
            put("/>")

    def _inside(self, value: Mapping[Any, Any], at: _At, put: Callable[[str], None]) -> None:
        path = at.path
        for key, child in value.items():
            if not isinstance(key, str):
                raise DataError(f"{key!r} as a name", where=path[:80], expected="text", code="xml-name")
            if key.startswith(ATTRIBUTE) or child is None:
                continue
            where = f"{path}.{key}"
            if key == TEXT:
                if text := _escaped(_text(child, where), _IN_TEXT, where):
                    put(text)
            elif key == CONTENT:
                self._content(child, at, where, put)
            elif isinstance(child, list | tuple):
                for number, item in enumerate(child):
                    self._element(key, "" if item is None else item, at.inside(f"{where}[{number}]", at.bare), put)
            else:
                self._element(key, child, at.inside(where, at.bare), put)

    def _content(self, items: Any, at: _At, path: str, put: Callable[[str], None]) -> None:
        if not isinstance(items, list | tuple):
            raise _unwritable(items, path, "a list of texts and elements")
        for number, item in enumerate(items):
            where = f"{path}[{number}]"
            if isinstance(item, Mapping) and len(item) == 1:
                ((name, value),) = item.items()
                self._element(str(name), "" if value is None else value, at.inside(where, at.bare), put)
            else:
                put(_escaped(_text(item, where), _IN_TEXT, where))

    def _attribute(self, name: str, value: Any, path: str, number: int, put: Callable[[str], None]) -> None:
        text = _escaped(_text(value, path), _IN_ATTRIBUTE, path)
        clark = _CLARK.fullmatch(name)
        if clark is None:
            put(f' {self._name(name, path)}="{text}"')
        elif clark[1] == _XML and _NAME.fullmatch(clark[2]):
            put(f' xml:{clark[2]}="{text}"')
        else:
            local, own = self._name(name, path), f"{self._attribute_prefix}{number}"
            put(f' xmlns:{own}="{_escaped(clark[1], _IN_ATTRIBUTE, path)}" {own}:{local}="{text}"' if clark[1]
                else f' {local}="{text}"')  # fmt: skip

    def _tag(self, name: str, at: _At) -> tuple[str, str]:
        """How an element's name is written, and the namespace declaration it needs there."""
        local, clark = self._name(name, at.path), _CLARK.fullmatch(name)
        if clark is None:
            return local, f' xmlns="{self._default}"' if at.bare and ":" not in name else ""
        if not clark[1]:
            return local, _TAKEN_BACK
        own = self._element_prefix
        return f"{own}:{local}", f' xmlns:{own}="{_escaped(clark[1], _IN_ATTRIBUTE, at.path)}"'

    def _name(self, name: str, path: str) -> str:
        """A name as it is written, without the namespace in braces."""
        clark = _CLARK.fullmatch(name)
        prefix, colon, local = ("", "", clark[2]) if clark else name.rpartition(":")
        known = not colon or prefix in self._prefixes or prefix == "xml"
        if not known or not _NAME.fullmatch(local) or (prefix and not _NAME.fullmatch(prefix)):
            raise DataError(f"{name[:80]!r} as a name", where=path[:80],
                            expected="a name XML allows" if known else "a prefix named in namespaces",
                            remedy="rename it in a map", code="xml-name")  # fmt: skip
        return name if clark is None else local


def _stems(word: str) -> Iterator[str]:
    """``word``, then ``word_``, ``word__`` …"""
    while True:
        yield word
        word += "_"


def _text(value: Any, path: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 400:
        return f"{value:f}"
    if isinstance(value, int) or (isinstance(value, float) and value == value and abs(value) != float("inf")):
        return repr(value)
    raise _unwritable(value, path, "text, a finite number, true, false or null")


def _unwritable(value: Any, path: str, expected: str) -> DataError:
    return DataError(f"{str(value)[:40]!r}", where=path[:80], expected=expected, remedy="convert it in a map",
                     code="xml-value")  # fmt: skip


def _escaped(text: str, marks: re.Pattern[str], path: str = "") -> str:
    if bad := _FORBIDDEN.search(text):
        raise DataError(f"the character {bad[0]!r}", where=path[:80], expected="characters XML 1.0 allows",
                        remedy="remove it in a map", code="xml-text")  # fmt: skip
    return marks.sub(lambda mark: _MARKS[mark[0]], text)
