"""What changed between two versions of a map, in the words of its rules: layout and order of writing do not count."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from waypost.mapping.document import Entry, Group, Loop, MapDocument, Rule, Use, all_entries
from waypost.mapping.parsed import Parsed

_DONE = {
    "upper": "upper-cased", "lower": "lower-cased", "title": "written with capitals at each word", "trim": "trimmed",
    "collapse": "trimmed, with single blanks", "text": "made a text", "decimal": "read as a number",
    "int": "read as a whole number", "round": "rounded", "left": "cut", "right": "cut to its end", "truncate": "cut",
    "pad_left": "filled up at its left", "pad_right": "filled up at its right", "lookup": "looked up",
    "crosswalk": "looked up", "lookup_key": "looked up", "mask": "masked", "mask_middle": "masked",
    "mask_email": "masked", "sha256": "hashed", "format_date": "written as a date", "parse_date": "read as a date",
    "to_zone": "moved to a time zone", "default": "given a default", "convert": "converted", "ascii": "made ASCII",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one target. ``kind`` is added, removed, changed or noted (nothing of what it does)."""

    target: str
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.target}: {self.text}" if self.target else self.text


def compare(old: MapDocument, new: MapDocument) -> list[Change]:
    """The changes from ``old`` to ``new``, in the order of the new map; those of the whole map have no target."""
    before, after = _by_path(old), _by_path(new)
    found = list(_heads(old, new))
    for path, entry in after.items():
        if path not in before:
            found.append(Change(path, "added", f"new, from {_said(entry)}"))
        else:
            found += _entry(path, before[path], entry)
    found += [
        Change(path, "removed", f"no longer filled (was {_said(entry)})")
        for path, entry in before.items()
        if path not in after
    ]
    return found


def touched(changes: list[Change]) -> int:
    """How many targets get another value, or may."""
    return len({change.target for change in changes if change.target and change.kind != "noted"})


def _by_path(document: MapDocument) -> dict[str, Entry]:
    return {
        entry.path: entry
        for entry in all_entries(document.entries)
        if not isinstance(entry, Group) or entry.when is not None
    }


def _heads(old: MapDocument, new: MapDocument) -> Iterator[Change]:
    for word in ("source", "target", "errors", "lookups", "constants"):
        was, now = getattr(old, word), getattr(new, word)
        if was != now:
            yield Change("", "changed", f"{word} of the map: {_plain(was)} → {_plain(now)}")
    for word in ("name", "description", "owner"):
        if getattr(old, word) != getattr(new, word):
            yield Change("", "noted", f"{word} of the map: {getattr(old, word)!r} → {getattr(new, word)!r}")


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={each}" for name, each in value.items()) or "none"
    return repr(value) if value else "none"


def _entry(path: str, old: Entry, new: Entry) -> Iterator[Change]:
    if type(old) is not type(new):
        yield Change(path, "changed", f"{_said(old)} → {_said(new)}")
        return
    if isinstance(old, Rule) and isinstance(new, Rule):
        was, now = _source(old), _source(new)
        if was != now:
            yield Change(path, "changed", _step(old, new))
    for field in fields(new):
        was, now = _shown(getattr(old, field.name)), _shown(getattr(new, field.name))
        if was == now or field.name in _UNSAID:
            continue
        if field.name in ("note", "owner", "tests"):
            yield Change(path, "noted", f"{field.name} changed")
        else:
            yield Change(path, "changed", _worded(field.name, was, now))


_UNSAID = frozenset((
    "name", "path", "line", "names", "row_names", "entries", "item", "source", "value",
))  # fmt: skip
_WORDS = {"when": "condition", "where": "filter", "on_error": "on error", "more": "further lists", "each": "walks"}


def _worded(name: str, was: Any, now: Any) -> str:
    word = _WORDS.get(name, name.replace("_", " "))
    if was in (None, "", ()):
        return f"now with {word} {now}"
    return f"no longer with {word} {was}" if now in (None, "", ()) else f"{word}: {was} → {now}"


def _shown(value: Any) -> Any:
    """A part of a rule as text that does not depend on how it is laid out."""
    if isinstance(value, Parsed):
        return ast.unparse(value.tree)
    if isinstance(value, tuple):
        return tuple(_shown(each) for each in value)
    if hasattr(value, "__dataclass_fields__"):
        shown = {f.name: _shown(getattr(value, f.name)) for f in fields(value) if f.name not in ("line", "names")}
        return " ".join(f"{name} {each}" for name, each in shown.items() if each not in (None, "", False))
    return value


def _source(rule: Rule) -> str:
    return f"constant {rule.value!r}" if rule.source is None else ast.unparse(rule.source.tree)


def _said(entry: Entry) -> str:
    if isinstance(entry, Rule):
        return _source(entry)
    if isinstance(entry, Loop):
        return f"a loop over {ast.unparse(entry.each.tree)}"
    return f"the map {entry.file}" if isinstance(entry, Use) else "a group"


def _step(old: Rule, new: Rule) -> str:
    """How one expression became another: in one word where a function was put around it or taken off."""
    was, now = _source(old), _source(new)
    if old.source is not None and new.source is not None:
        for outer, inner, word in ((new, old, "now"), (old, new, "no longer")):
            tree = outer.source.tree if outer.source is not None else None
            other = inner.source.tree if inner.source is not None else None
            if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and other is not None:
                held = [each for each in tree.args if ast.unparse(each) == ast.unparse(other)]
                if held:
                    rest = ", ".join(ast.unparse(each) for each in tree.args if each is not held[0])
                    done = _DONE.get(tree.func.id, f"passed through {tree.func.id}")
                    return f"{word} {done}" + (f" ({rest})" if rest else "")
    return f"{was} → {now}"
