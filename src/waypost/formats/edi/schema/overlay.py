"""Applies an overlay, a guide's or a partner's delta, to a schema.

``set`` maps a place to what changes there: ``REF: {max: 3}`` a segment, ``N1/REF`` one inside a loop, ``PO1/3: {codes:
[EA, CS]}`` an element, ``REF: {max: 0}`` takes it away, ``N1: {where: {1: ST}, require: [N3, N4]}`` asks more of some
occurrences of a loop. ``behind`` maps a place to what is put behind it. A guide that orders everything anew says so
with a ``body`` of its own, of segments its standard has; what it narrows wherever a segment is used stands under
``segments``.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from waypost.core.errors import Fault
from waypost.core.yamlfile import Path, YamlFile
from waypost.formats.edi.schema.message import Reader, read_body, read_rules
from waypost.formats.edi.schema.model import Composite, Element, Loop, Rule, Schema, Use
from waypost.formats.edi.schema.narrow import narrowed
from waypost.formats.edi.schema.notation import Dictionary, read_note, read_type, read_use, read_where

_KEYS = {"overlay", "use", "body", "segments", "behind", "set", "rules", "severity", "provenance", "description"}
_LIKE_KEYS = {"like", "message", "group", "behind", "set", "rules", "severity", "provenance", "description"}
_SEGMENT_KEYS = {"min", "max", "where", "require", "notes"}
_ELEMENT_KEYS = {"codes", "type", "required", "used"}
_SNIP_PARTNER = 7


def apply(file: YamlFile, schema: Schema, dictionary: Dictionary, faults: list[Fault]) -> Schema:
    """``schema`` with a file's changes; what it names wrongly is added to ``faults``. A file that says ``like`` makes a
    message of another version its own; any other is a layer more."""
    reader = Reader(file, faults)
    data = reader.mapping((), file.data)
    reader.known((), data, _LIKE_KEYS if "like" in data else _KEYS)
    root = schema.root
    if "body" in data:
        own = _narrowed(reader, data, dictionary)
        root = replace(root, body=read_body(reader, ("body",), data["body"], own))
        known = {use.tag for use in schema.root.uses()}
        for tag in sorted({use.tag for use in root.uses()} - known):
            faults.append(file.fault(("body",), "edi-schema", f"{tag} is no segment of {schema.name}", "one of it"))
    root, rules = changed(reader, data, schema.name, root, dictionary)
    severity = {**schema.severity, **reader.mapping(("severity",), data.get("severity"))}
    return replace(
        schema, root=root, rules=(*schema.rules, *rules, *read_rules(reader, data.get("rules"))), severity=severity,
        overlays=schema.overlays if "like" in data else (*schema.overlays, str(data.get("overlay") or file.name)),
        message=str(data.get("message") or schema.message), group=str(data.get("group") or schema.group),
        provenance=str(data.get("provenance") or schema.provenance),
    )  # fmt: skip


def _narrowed(reader: Reader, data: Mapping[str, Any], dictionary: Dictionary) -> Dictionary:
    """The dictionary with its segments as the guide narrows them wherever they are used."""
    segments = dict(dictionary.segments)
    for tag, changes in reader.mapping(("segments",), data.get("segments")).items():
        path: Path = ("segments", tag)
        use = reader.take(path, read_use, tag, dictionary)
        made = reader.take(path, narrowed, use, reader.mapping(path, changes), dictionary) if use else None
        segments[tag] = made.segment if made else segments[tag]
    return replace(dictionary, segments=segments, plain=dictionary.segments)


def changed(
    reader: Reader, data: Mapping[str, Any], name: str, root: Loop, dictionary: Dictionary
) -> tuple[Loop, list[Rule]]:
    """``root`` with what ``behind`` and ``set`` say of it, and the rules that come of it."""
    rules: list[Rule] = []
    for place, items in reader.mapping(("behind",), data.get("behind")).items():
        path: Path = ("behind", place)
        names = place.split("/")
        if _known(reader, root, names, path, name):
            root = _extended(root, names, read_body(reader, path, items, dictionary))
    for place, change in reader.mapping(("set",), data.get("set")).items():
        path = ("set", place)
        change = reader.mapping(path, change)
        names = place.split("/")
        element = int(names.pop()) if names[-1].isdigit() and len(names) > 1 else 0
        if not _known(reader, root, names, path, name):
            continue
        reader.known(path, change, _ELEMENT_KEYS if element else _SEGMENT_KEYS)
        if element:
            root = _changed(root, names, partial(_element, reader, number=element, change=change, path=path))
        else:
            root = _bounded(root, names, change)
            rules += _requirements(reader, names[-1], change, path)
            if change.get("notes"):
                root = _changed(root, names, partial(_notes, reader, change=change, path=path))
    return root, rules


def _known(reader: Reader, root: Loop, names: list[str], path: Path, name: str) -> bool:
    """Whether a place is there; if not, a fault says so."""
    if _exists(root, names):
        return True
    tags = {use.tag for use in root.uses()} | {loop for loop in _loops(root)}
    near = difflib.get_close_matches(names[-1], tags, 1)
    hint = f"did you mean {near[0]!r}?" if near else ""
    found = f"{'/'.join(names)!r} is nowhere in {name}"
    reader.faults.append(reader.file.fault(path, "edi-schema", found, "a place of it", hint))
    return False


def _extended(loop: Loop, names: list[str], added: tuple[Use | Loop, ...]) -> Loop:
    """The loop with ``added`` behind each place ``names`` leads to."""
    body: list[Use | Loop] = []
    for item in loop.body:
        name = item.name if isinstance(item, Loop) else item.tag
        if len(names) == 1 and name == names[0]:
            body += [item, *added]
        elif isinstance(item, Loop) and len(names) > 1:
            body.append(_extended(item, names[1:] if name == names[0] else names, added))
        else:
            body.append(item)
    return replace(loop, body=tuple(body))


def _loops(loop: Loop) -> list[str]:
    inner = [item for item in loop.body if isinstance(item, Loop)]
    return [item.name for item in inner] + [name for item in inner for name in _loops(item)]


def _exists(loop: Loop, names: list[str]) -> bool:
    for item in loop.body:
        name = item.name if isinstance(item, Loop) else item.tag
        if name == names[0] and (len(names) == 1 or (isinstance(item, Loop) and _exists(item, names[1:]))):
            return True
        if isinstance(item, Loop) and _exists(item, names):
            return True
    return False


def _changed(loop: Loop, names: list[str], change: Callable[[Use], Use]) -> Loop:
    """The loop with each use of a segment changed that ``names`` leads to; a single name is found at any depth."""
    body: list[Use | Loop] = []
    for item in loop.body:
        if isinstance(item, Loop):
            further = names[1:] if len(names) > 1 and item.name == names[0] else names
            body.append(_changed(item, further, change))
        elif len(names) == 1 and item.tag == names[0]:
            body.append(change(item))
        else:
            body.append(item)
    return replace(loop, body=tuple(body))


def _bounded(loop: Loop, names: list[str], change: Mapping[str, Any]) -> Loop:
    """The loop with the least and greatest number of what ``names`` leads to changed; 0 at most takes it away."""
    if "min" not in change and "max" not in change:
        return loop
    body: list[Use | Loop] = []
    for item in loop.body:
        name = item.name if isinstance(item, Loop) else item.tag
        if len(names) == 1 and name == names[0]:
            most = int(change.get("max", item.maximum))
            if most:
                body.append(replace(item, required=int(change.get("min", item.required)) > 0, maximum=most))
        elif isinstance(item, Loop):
            further = names[1:] if len(names) > 1 and name == names[0] else names
            body.append(_bounded(item, further, change))
        else:
            body.append(item)
    return replace(loop, body=tuple(body))


def _element(reader: Reader, use: Use, number: int, change: Mapping[str, Any], path: Path) -> Use:
    items = list(use.segment.elements)
    if number > len(items):
        count = f"{use.tag} has {len(items)} elements"
        reader.faults.append(reader.file.fault(path, "edi-schema", f"element {number}", count))
        return use
    item = items[number - 1]
    if "required" in change:
        item = replace(item, required=bool(change["required"]))
    if isinstance(item, Element):
        item = _value(reader, item, change, path)
    elif isinstance(item, Composite) and item.parts and "codes" in change:
        item = replace(item, parts=(_value(reader, item.parts[0], change, path), *item.parts[1:]))
    items[number - 1] = item
    return replace(use, segment=replace(use.segment, elements=tuple(items)))


def _value(reader: Reader, item: Element, change: Mapping[str, Any], path: Path) -> Element:
    if "codes" in change:
        item = replace(item, codes=frozenset(map(str, change["codes"])))
    if "type" in change:
        was = (item.kind, item.minimum, item.maximum)
        kind, low, high = reader.take(path, read_type, str(change["type"])) or was
        item = replace(item, kind=kind, minimum=low, maximum=high)
    return item


def _notes(reader: Reader, use: Use, change: Mapping[str, Any], path: Path) -> Use:
    count = len(use.segment.elements)
    read = [reader.take(path, read_note, str(note), count) for note in change["notes"]]
    return replace(use, segment=replace(use.segment, notes=(*use.segment.notes, *filter(None, read))))


def _requirements(reader: Reader, loop: str, change: Mapping[str, Any], path: Path) -> list[Rule]:
    """A rule for each segment an overlay requires in some occurrences of a loop."""
    where = reader.take((*path, "where"), read_where, change.get("where") or {}) or ()
    when = " and ".join(
        f"text({loop}/{element}{f'/{component}' if component > 1 else ''}) in {sorted(values)}"
        for element, component, values in where
    )
    made = []
    for tag in change.get("require") or ():
        wanted = f"implies({when}, present({tag}))" if when else f"present({tag})"
        said = f"{tag} in a {loop} loop" + (
            f" where {', '.join(f'{e:02d} is ' + ' or '.join(sorted(v)) for e, _, v in where)}" if where else ""
        )
        made.append(Rule(f"{loop}-{tag}", wanted, _SNIP_PARTNER, loop, said))
    return made
