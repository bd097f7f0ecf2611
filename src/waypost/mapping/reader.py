"""Reading a map document from YAML: every fault at once, with its line and, for a wrong word, the near one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from waypost.core.errors import Fault, near
from waypost.core.yamlfile import Path, YamlFile, parse_yaml
from waypost.mapping.document import Entry, Group, Loop, MapDocument, Rule
from waypost.mapping.fault import ExpressionFault
from waypost.mapping.grammar import parse
from waypost.mapping.parsed import CONSTANTS, ROOT, Parsed

INDEX = "index"
_TOP = ("map", "description", "owner", "source", "target", "lookups", "fields")
_RULE = ("from", "value", "default", "when", "null", "note", "owner")
_LOOP = ("each", "where", "when", "fields", "from", "null", "note", "owner")
_GROUP = ("fields", "when", "note", "owner")
_EACH = re.compile(r"(?P<list>.*?)(\s+as\s+(?P<name>\S+))?\s*", re.DOTALL)
_MAX_RULES = 20_000


LoadTable = Callable[[str, str, int], None]
"""Called with name, file and line of each lookup."""


def read_map(text: str, file: str, faults: list[Fault], load_table: LoadTable | None = None) -> MapDocument | None:
    """The map written in ``text``; None, with the reasons added to ``faults``, when it has any fault."""
    before = len(faults)
    yaml = parse_yaml(text, file, faults)
    if len(faults) > before:
        return None
    return _Reader(yaml, faults, load_table).document() if _is_mapping(yaml, faults) else None


def _is_mapping(yaml: YamlFile, faults: list[Fault]) -> bool:
    if isinstance(yaml.data, Mapping):
        return True
    faults.append(yaml.fault((), "map", "found no mapping", "map: NAME and fields:"))
    return False


class _Reader:
    def __init__(self, yaml: YamlFile, faults: list[Fault], load_table: LoadTable | None) -> None:
        self.yaml, self.faults, self.load_table = yaml, faults, load_table
        self.tables: list[str] = []
        self.count = 0

    def document(self) -> MapDocument | None:
        data, before = self.yaml.data, len(self.faults)
        self.words((), data, _TOP)
        name = self.text((), data, "map")
        if not name and "map" not in data:
            self.fault((), "the map has no name", "map: NAME")
        lookups = self.lookups(data.get("lookups"))
        self.tables = list(lookups)
        entries: tuple[Entry, ...] = ()
        if "fields" in data:
            entries = self.fields(("fields",), data["fields"], {}, "")
        else:
            self.fault((), "the map has no fields", "fields: with a rule for each target")
        made = MapDocument(
            name=name, file=self.yaml.name, entries=entries, lookups=lookups,
            description=self.text((), data, "description"), owner=self.text((), data, "owner"),
            source=self.text((), data, "source"), target=self.text((), data, "target"),
        )  # fmt: skip
        return made if len(self.faults) == before else None

    def fault(self, path: Path, found: str, expected: str = "", remedy: str = "") -> None:
        self.faults.append(self.yaml.fault(path, "map", found, expected, remedy))

    def words(self, path: Path, data: Mapping[str, Any], known: Iterable[str]) -> None:
        for word in data:
            if word not in known:
                remedy = near(word, known) or f"known: {', '.join(known)}"
                self.fault((*path, word), f"unknown word {word!r}", "", remedy)

    def text(self, path: Path, data: Mapping[str, Any], word: str) -> str:
        value = data.get(word)
        if value is None or isinstance(value, str):
            return value or ""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        self.fault((*path, word), f"{word} is no text", "a text")
        return ""

    def lookups(self, data: Any) -> dict[str, str]:
        if data is None:
            return {}
        if not isinstance(data, Mapping) or not all(isinstance(file, str) for file in data.values()):
            self.fault(("lookups",), "lookups are not named files", "{units: lookups/units.csv}")
            return {}
        for name, file in data.items():
            if self.load_table is not None:
                self.load_table(name, file, self.yaml.line(("lookups", name)))
        return dict(data)

    # ── entries ──────────────────────────────────────────────────────────────────────────────────────────────

    def fields(self, path: Path, data: Any, names: Mapping[str, str], above: str) -> tuple[Entry, ...]:
        """The entries of a ``fields:`` table; dotted targets are put together into groups."""
        if not isinstance(data, Mapping) or not data:
            self.fault(path, "fields is no table of targets", "target: expression")
            return ()
        tree: dict[str, Any] = {}
        for key, value in data.items():
            self.count += 1
            if self.count > _MAX_RULES:
                self.fault((*path, key), "the map has too many rules", f"at most {_MAX_RULES}")
                return ()
            self.place(tree, (*path, key), key, value, names, above)
        return tuple(self.gather(tree, above))

    def place(
        self, tree: dict[str, Any], at: Path, key: str, value: Any, names: Mapping[str, str], above: str
    ) -> None:  # fmt: skip
        *groups, last = key.split(".")
        if not all((*groups, last)) or any(bracket in key for bracket in "[]"):
            self.fault(at, f"the target {key!r} is no path", "names with dots between them, such as customer.id")
            return
        for depth, group in enumerate(groups):
            below = tree.setdefault(group, (self.yaml.line(at), {}))
            if not isinstance(below, tuple):
                self.fault(at, f"{'.'.join(groups[: depth + 1])} has a value of its own", "a value or fields, not both")
                return
            tree = below[1]
        target = f"{above}{key}"
        entry = self.entry(at, last, target, value, names)
        opened = _opened(entry)
        if (
            isinstance(opened, tuple)
            and isinstance(tree.get(last), tuple)
            and tree[last][1].keys().isdisjoint(opened[1])
        ):
            tree[last][1].update(opened[1])
        elif last in tree:
            self.fault(at, f"{target} is written twice", "each target once")
        elif opened is not None:
            tree[last] = opened

    def gather(self, tree: dict[str, Any], above: str) -> Iterable[Entry]:
        for name, entry in tree.items():
            if isinstance(entry, tuple):
                line, inner = entry
                path = f"{above}{name}"
                yield Group(name=name, path=path, line=line, entries=tuple(self.gather(inner, f"{path}.")))
            else:
                yield entry

    def entry(self, at: Path, name: str, target: str, value: Any, names: Mapping[str, str]) -> Entry | None:
        if not isinstance(value, Mapping):
            source = self.expression(at, value, names)
            return None if source is None else Rule(name=name, path=target, line=self.yaml.line(at), source=source)
        if "each" in value:
            return self.loop(at, name, target, value, names)
        if "fields" in value:
            self.words(at, value, _GROUP)
            return Group(
                name=name, path=target, line=self.yaml.line(at), when=self.optional(at, value, "when", names),
                entries=self.fields((*at, "fields"), value["fields"], names, f"{target}."),
            )  # fmt: skip
        self.words(at, value, _RULE)
        return self.rule(at, name, target, value, names)

    def rule(self, at: Path, name: str, target: str, value: Mapping[str, Any], names: Mapping[str, str]) -> Rule | None:
        if ("from" in value) == ("value" in value):
            found = "both from and value" if "from" in value else "neither from nor value"
            self.fault(at, f"{target} has {found}", "from: EXPRESSION, or value: CONSTANT")
            return None
        source = self.optional(at, value, "from", names)
        return Rule(
            name=name, path=target, line=self.yaml.line(at), source=source, value=value.get("value"),
            default=self.optional(at, value, "default", names), when=self.optional(at, value, "when", names),
            null=self.flag(at, value, "null"), note=self.text(at, value, "note"), owner=self.text(at, value, "owner"),
        )  # fmt: skip

    def loop(self, at: Path, name: str, target: str, value: Mapping[str, Any], names: Mapping[str, str]) -> Loop | None:
        self.words(at, value, _LOOP)
        match = _EACH.fullmatch(str(value["each"]))
        variable = (match and match["name"]) or "item"
        each = self.expression((*at, "each"), match["list"] if match else "", names)
        if not variable.isidentifier() or variable.startswith("_") or variable in (ROOT, INDEX, *CONSTANTS):
            self.fault((*at, "each"), f"the loop name {variable!r} cannot be used", "each: LIST as NAME")
            return None
        if ("fields" in value) == ("from" in value):
            self.fault(at, f"the loop {target} has {'both' if 'from' in value else 'neither'} fields and from", "one")
            return None
        if each is None:
            return None
        inner = {**names, variable: _origin(each), INDEX: ""}
        entries: tuple[Entry, ...] = ()
        item: Rule | None = None
        if "fields" in value:
            entries = self.fields((*at, "fields"), value["fields"], inner, f"{target}[].")
        else:
            words = {word: value[word] for word in ("from", "null") if word in value}
            item = self.rule(at, "", f"{target}[]", words, inner)
        return Loop(
            name=name, path=target, line=self.yaml.line(at), each=each, variable=variable, names=tuple(inner),
            where=self.optional(at, value, "where", inner), when=self.optional(at, value, "when", names),
            entries=entries, item=item, note=self.text(at, value, "note"), owner=self.text(at, value, "owner"),
        )  # fmt: skip

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────

    def flag(self, at: Path, data: Mapping[str, Any], word: str) -> bool:
        value = data.get(word, False)
        if not isinstance(value, bool):
            self.fault((*at, word), f"{word} is {value!r}", "true or false")
        return value is True

    def optional(self, at: Path, data: Mapping[str, Any], word: str, names: Mapping[str, str]) -> Parsed | None:
        return self.expression((*at, word), data[word], names) if word in data else None

    def expression(self, at: Path, value: Any, names: Mapping[str, str]) -> Parsed | None:
        """The checked expression of a YAML value: text, or a number, true or false standing for itself."""
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, int | float):
            value = repr(value)
        if not isinstance(value, str):
            self.fault(at, "found a list" if isinstance(value, list) else "nothing is written", "an expression")
            return None
        try:
            return parse(value, names=names, tables=self.tables)
        except ExpressionFault as fault:
            self.faults.append(fault.fault(self.yaml.name, self.yaml.line(at)))
            return None


def _opened(entry: Entry | None) -> Any:
    """A group that others may add to as (line, entries by name); anything else as it is."""
    if isinstance(entry, Group) and entry.when is None:
        return entry.line, {inner.name: _opened(inner) for inner in entry.entries}
    return entry


def _origin(each: Parsed) -> str:
    """The path of the items of a list, where the list is a plain path."""
    return f"{each.origin}[]" if each.origin is not None else ""
