"""Reads a version's dictionary and a message's file; every fault names file and line."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from waypost.core.errors import Fault
from waypost.core.yamlfile import Path, YamlFile
from waypost.formats.edi.schema.model import UNLIMITED, Composite, Element, Loop, Rule, Schema, Segment, Use
from waypost.formats.edi.schema.narrow import narrowed
from waypost.formats.edi.schema.notation import Dictionary, read_item, read_note, read_type, read_use, read_where
from waypost.formats.edi.schema.rule import compile_rule

T = TypeVar("T")
_MESSAGE_KEYS = {
    "message", "standard", "version", "group", "provenance", "body", "rules", "document", "parts", "severity",
    "description", "like",
}  # fmt: skip
_DICTIONARY_KEYS = {"provenance", "like", "types", "elements", "codes", "composites", "segments"}
_LOOP_KEYS = {"loop", "min", "max", "where", "body"}
_USE_KEYS = {"segment", "where"}
_MOST_IN_BLOCK = 100


class Reader:
    """Reads parts of one file and collects what is wrong with them."""

    def __init__(self, file: YamlFile, faults: list[Fault]) -> None:
        self.file, self.faults = file, faults

    def take(self, path: Path, read: Callable[..., T], *given: object) -> T | None:
        """What ``read`` returns for what is given; a ``ValueError`` becomes a fault at ``path``, and None."""
        try:
            return read(*given)
        except ValueError as wrong:
            self.faults.append(self.file.fault(path, "edi-schema", str(wrong)))
            return None

    def mapping(self, path: Path, value: Any) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            return value
        if value is not None:
            self.faults.append(self.file.fault(path, "edi-schema", f"found {value!r}", "keys and values"))
        return {}

    def listed(self, path: Path, value: Any) -> list[Any]:
        if isinstance(value, list):
            return value
        self.faults.append(self.file.fault(path, "edi-schema", f"found {value!r}", "a list"))
        return []

    def known(self, path: Path, value: Mapping[str, Any], keys: set[str]) -> None:
        """Refuses keys that mean nothing here."""
        for key in value:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, 1)
                hint = f"did you mean {near[0]!r}?" if near else ""
                expected = f"one of {', '.join(sorted(keys))}"
                self.faults.append(self.file.fault((*path, key), "edi-schema", f"unknown key {key!r}", expected, hint))


def read_dictionary(files: Sequence[YamlFile], faults: list[Fault]) -> Dictionary:
    """Elements with their closed code lists, composites and segments of one version; what a file says goes before what
    those before it say."""
    made = Dictionary()
    readers = [Reader(file, faults) for file in files]
    parts: dict[str, dict[str, tuple[Reader, Path, Any]]] = {kind: {} for kind in _DICTIONARY_KEYS}
    for reader in readers:
        data = reader.mapping((), reader.file.data)
        reader.known((), data, _DICTIONARY_KEYS)
        for kind in ("types", "elements", "codes", "composites", "segments"):
            for key, value in reader.mapping((kind,), data.get(kind)).items():
                if kind == "types":
                    refs = reader.listed((kind, key), value)
                    parts["elements"] |= {str(ref): (reader, (kind, key), key) for ref in refs}
                else:
                    parts[kind][key] = (reader, (kind, key), value)
    made.codes = {ref: frozenset(map(str, listed or ())) for ref, (_, _, listed) in parts["codes"].items()}
    for ref, (reader, path, text) in parts["elements"].items():
        kind, low, high = reader.take(path, read_type, str(text)) or ("AN", 0, UNLIMITED)
        made.elements[ref] = Element(ref, kind, low, high, codes=made.codes.get(ref, frozenset()))
    for ref, (reader, path, listed) in parts["composites"].items():
        elements, notes = _items(reader, path, listed, made)
        made.composites[ref] = Composite(ref, tuple(e for e in elements if isinstance(e, Element)), notes)
    for tag, (reader, path, listed) in parts["segments"].items():
        made.segments[tag] = Segment(tag, *_items(reader, path, listed, made))
    return made


def _items(
    reader: Reader, path: Path, value: Any, dictionary: Dictionary
) -> tuple[tuple[Element | Composite, ...], tuple[str, ...]]:
    listed: Any = value
    notes: Sequence[Any] = ()
    if isinstance(value, Mapping):
        reader.known(path, value, {"elements", "notes"})
        listed, notes = value.get("elements"), value.get("notes", ())
    items = [
        reader.take((*path, number), read_item, str(text), dictionary)
        for number, text in enumerate(reader.listed(path, listed))
    ]
    found = tuple(item for item in items if item is not None)
    read = [reader.take(path, read_note, str(note), len(found)) for note in notes]
    return found, tuple(note for note in read if note)


def read_message(file: YamlFile, name: str, dictionary: Dictionary, faults: list[Fault]) -> Schema:
    """One message of a version."""
    reader = Reader(file, faults)
    data = reader.mapping((), file.data)
    reader.known((), data, _MESSAGE_KEYS)
    names = [*name.split("/"), "", ""][:3]
    return Schema(
        name=name,
        standard=str(data.get("standard") or names[0]),
        version=str(data.get("version") or names[1]),
        message=str(data.get("message") or names[2] or name),
        root=Loop("", True, 1, read_body(reader, ("body",), data.get("body"), dictionary)),
        group=str(data.get("group") or ""),
        segments=dictionary.segments,
        rules=read_rules(reader, data.get("rules")),
        fields=reader.mapping(("document",), data.get("document")),
        parts=reader.mapping(("parts",), data.get("parts")),
        severity=dict(reader.mapping(("severity",), data.get("severity"))),
        provenance=str(data.get("provenance") or ""),
    )


def read_body(reader: Reader, path: Path, value: Any, dictionary: Dictionary) -> tuple[Use | Loop, ...]:
    """The segments and loops of a list; those below ``any`` come in any order."""
    made: list[Use | Loop] = []
    for number, item in enumerate(reader.listed(path, value)):
        at = (*path, number)
        if isinstance(item, Mapping) and "any" in item:
            reader.known(at, item, {"any"})
            inner = read_body(reader, (*at, "any"), item["any"], dictionary)
            if any(UNLIMITED > one.maximum > _MOST_IN_BLOCK for one in inner) or (not made and len(path) > 1):
                expected = f"each at most {_MOST_IN_BLOCK} times or without limit, and not first in a loop"
                reader.faults.append(reader.file.fault(at, "edi-schema", "items that come in any order", expected))
            made += [replace(one, block=number + 1) for one in inner]
        elif (use := _one(reader, at, item, dictionary)) is not None:
            made.append(use)
    return tuple(made)


def _one(reader: Reader, path: Path, item: Any, dictionary: Dictionary) -> Use | Loop | None:
    if not isinstance(item, Mapping):
        return reader.take(path, read_use, str(item), dictionary)
    if "loop" in item:
        return _loop(reader, path, item, dictionary)
    if "segment" in item or len(item) != 1:
        return _use(reader, path, item, dictionary)
    (text, changes), *_ = item.items()
    use = reader.take(path, read_use, text, dictionary)
    return (
        reader.take((*path, text), narrowed, use, reader.mapping((*path, text), changes), dictionary) if use else None
    )


def _loop(reader: Reader, path: Path, item: Mapping[str, Any], dictionary: Dictionary) -> Loop | None:
    reader.known(path, item, _LOOP_KEYS)
    body = read_body(reader, (*path, "body"), item.get("body"), dictionary)
    if not body:
        return None
    if "where" in item and isinstance(body[0], Use):
        where = reader.take((*path, "where"), read_where, item["where"]) or ()
        body = (replace(body[0], where=where), *body[1:])
    return Loop(str(item["loop"]), int(item.get("min", 0)) > 0, int(item.get("max", UNLIMITED)), body)


def _use(reader: Reader, path: Path, item: Mapping[str, Any], dictionary: Dictionary) -> Use | None:
    reader.known(path, item, _USE_KEYS)
    use = reader.take(path, read_use, str(item.get("segment")), dictionary)
    if use is None:
        return None
    where = reader.take((*path, "where"), read_where, item.get("where") or {}) or ()
    return replace(use, where=where)


def read_rules(reader: Reader, value: Any) -> tuple[Rule, ...]:
    """The rules of a message or an overlay; each expression is compiled once, to find its faults."""
    made = []
    for number, item in enumerate(value or ()):
        path: Path = ("rules", number)
        data = reader.mapping(path, item)
        reader.known(path, data, {"id", "expression", "level", "at", "says", "severity"})
        rule = Rule(
            str(data.get("id") or f"rule-{number + 1}"), str(data.get("expression") or ""),
            reader.take((*path, "level"), _level, data.get("level", 4)) or 4,
            str(data.get("at") or ""), str(data.get("says") or ""),
            "warning" if data.get("severity") == "warning" else "error",
        )  # fmt: skip
        reader.take((*path, "expression"), compile_rule, rule)
        made.append(rule)
    return tuple(made)


def _level(value: Any) -> int:
    """A SNIP level, written ``3`` or ``snip3``."""
    text = str(value).removeprefix("snip")
    if text not in ("1", "2", "3", "4", "5", "6", "7"):
        raise ValueError(f"found level {value!r}; expected a number from 1 to 7")
    return int(text)
