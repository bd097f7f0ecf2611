"""Reading a map document from YAML: every fault at once, with its line and, for a wrong word, the near one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from waypost.core.errors import Fault
from waypost.core.yamlfile import Path, YamlFile, parse_yaml
from waypost.mapping.document import Entry, Group, Loop, MapDocument, Rule, Source, Use
from waypost.mapping.fault import Refused
from waypost.mapping.grammar import parse
from waypost.mapping.operation import anew
from waypost.mapping.parsed import CONSTANTS, ROOT, Parsed
from waypost.mapping.reading import GROUP, INDEX, Values, broken
from waypost.mapping.reference_use import Tables

_TOP = (
    "map", "description", "owner", "source", "target", "lookups", "functions", "constants", "errors", "fields", "tests",
)  # fmt: skip
_RULE = ("from", "value", "default", "when", "null", "on_error", "note", "owner", "tests")
_LOOP = (
    "each", "with", "where", "group_by", "when", "fields", "from", "use", "null", "on_error", "default", "note",
    "owner", "tests",
)  # fmt: skip
_GROUP = ("fields", "when", "note", "owner")
_USE = ("use", "of", "when", "note", "owner")
_SOURCE = ("each", "on", "equals", "keep")
_EACH = re.compile(r"(?P<list>.*?)(\s+as\s+(?P<name>\S+))?\s*", re.DOTALL)
_MAX_RULES = 20_000


LoadTable = Callable[[str, str, int], None]
"""Called with name, file and line of each lookup."""


def read_map(text: str, file: str, faults: list[Fault], load_table: LoadTable | None = None) -> MapDocument | None:
    """The map written in ``text``; None, with the reasons added to ``faults``, when it has any fault."""
    before = len(faults)
    document = read_document(text, file, faults, load_table)
    return document if len(faults) == before else None


def read_document(
    text: str, file: str, faults: list[Fault], load_table: LoadTable | None = None, tables: Tables | None = None
) -> MapDocument | None:
    """The same, with broken expressions in the place of those that were refused, so that the rest can be checked; None
    for what is no map at all."""
    before = len(faults)
    yaml = parse_yaml(text, file, faults)
    if len(faults) > before:
        return None
    return _Reader(yaml, faults, load_table, tables).document() if _is_mapping(yaml, faults) else None


def _is_mapping(yaml: YamlFile, faults: list[Fault]) -> bool:
    if isinstance(yaml.data, Mapping):
        return True
    faults.append(yaml.fault((), "map", "found no mapping", "map: NAME and fields:"))
    return False


class _Reader(Values):
    def __init__(
        self, yaml: YamlFile, faults: list[Fault], load_table: LoadTable | None, tables: Tables | None = None
    ) -> None:
        super().__init__(yaml, faults)
        self.load_table, self.found = load_table, tables
        self.count = 0

    def document(self) -> MapDocument:
        data = self.yaml.data
        self.words((), data, _TOP)
        name = self.text((), data, "map")
        if not name and "map" not in data:
            self.fault((), "the map has no name", "map: NAME")
        lookups = self.lookups(data.get("lookups"))
        self.tables = Tables({}) if self.found is None else self.found
        self.tables.unread = self.found is None
        for lookup in lookups:
            self.tables.setdefault(lookup, None)  # one that cannot be read is told of elsewhere
        self.functions(data.get("functions"))
        self.constants = self.read_constants(data.get("constants"))
        entries: tuple[Entry, ...] = ()
        if "fields" in data:
            entries = self.fields(("fields",), data["fields"], {}, "")
        else:
            self.fault((), "the map has no fields", "fields: with a rule for each target")
        return MapDocument(
            name=name, file=self.yaml.name, entries=entries, lookups=lookups,
            description=self.text((), data, "description"), owner=self.text((), data, "owner"),
            source=self.text((), data, "source"), target=self.text((), data, "target"),
            errors=self.text((), data, "errors"), constants=self.constants, tests=self.cases((), data),
            lines={word: self.yaml.line((word,)) for word in data},
        )  # fmt: skip

    def functions(self, data: Any) -> None:
        """Have the files of shared functions read."""
        if data is None:
            return
        if not isinstance(data, list) or not all(isinstance(file, str) for file in data):
            self.fault(("functions",), "functions are no files", "[maps/common.functions.yaml]")
            return
        for at, file in enumerate(data):
            if self.tables.load is not None:
                self.tables.load(file, self.yaml.line(("functions", at)))

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
            return Rule(name=name, path=target, line=self.yaml.line(at), source=source, names=tuple(names))
        if "each" in value:
            return self.loop(at, name, target, value, names)
        if "use" in value:
            self.words(at, value, _USE)
            return self.use(at, name, target, value, names, self.optional(at, value, "of", names))
        if "fields" in value:
            self.words(at, value, _GROUP)
            return Group(
                name=name, path=target, line=self.yaml.line(at), when=self.optional(at, value, "when", names),
                entries=self.fields((*at, "fields"), value["fields"], names, f"{target}."),
            )  # fmt: skip
        self.words(at, value, _RULE)
        return self.rule(at, name, target, value, names)

    def rule(self, at: Path, name: str, target: str, value: Mapping[str, Any], names: Mapping[str, str]) -> Rule:
        source = self.optional(at, value, "from", names)
        if ("from" in value) == ("value" in value):
            found = "both from and value" if "from" in value else "neither from nor value"
            self.fault(at, f"{target} has {found}", "from: EXPRESSION, or value: CONSTANT")
            source = broken(names)
        try:
            anew(value.get("value"))
        except Refused as refused:
            self.fault((*at, "value"), refused.found, refused.expected)
        return Rule(
            name=name, path=target, line=self.yaml.line(at), source=source, value=value.get("value"),
            default=self.optional(at, value, "default", names), when=self.optional(at, value, "when", names),
            null=self.flag(at, value, "null"), on_error=self.policy(at, value), names=tuple(names),
            note=self.text(at, value, "note"), owner=self.text(at, value, "owner"), tests=self.cases(at, value),
        )  # fmt: skip

    def use(
        self, at: Path, name: str, target: str, value: Mapping[str, Any], names: Mapping[str, str], of: Parsed | None
    ) -> Use:
        file = self.text(at, value, "use")
        if of is None:
            self.fault(at, f"{target} does not say what the map is applied to", "of: EXPRESSION")
            of = broken(names)
        return Use(
            name=name, path=target, line=self.yaml.line(at), file=file, of=of, note=self.text(at, value, "note"),
            when=self.optional(at, value, "when", names), owner=self.text(at, value, "owner"),
        )  # fmt: skip

    # ── loops ────────────────────────────────────────────────────────────────────────────────────────────────

    def loop(self, at: Path, name: str, target: str, value: Mapping[str, Any], names: Mapping[str, str]) -> Loop:
        self.words(at, value, _LOOP)
        each, variable = self.walked((*at, "each"), value["each"], "item", names)
        rows = {**names, variable: _origin(each)}
        more: list[Source] = []
        for place, one in enumerate(self.further(at, value)):
            more.append(self.source((*at, "with", place), one, names, rows))
            rows[more[-1].variable] = _origin(more[-1].each)
        group_by = self.optional(at, value, "group_by", rows)
        inner = {**names, GROUP: ""} if group_by is not None else rows
        rows = rows if more or group_by is not None else {**rows, INDEX: ""}
        entries, item = self.body(at, target, value, {**inner, INDEX: ""}, GROUP if group_by is not None else variable)
        return Loop(
            name=name, path=target, line=self.yaml.line(at), each=each, variable=variable,
            names=tuple({**inner, INDEX: ""}), where=self.optional(at, value, "where", rows),
            when=self.optional(at, value, "when", names), entries=entries, item=item, more=tuple(more),
            group_by=group_by, row_names=tuple(rows), note=self.text(at, value, "note"), owner=self.text(at, value,
        "owner"), )  # fmt: skip

    def body(
        self, at: Path, target: str, value: Mapping[str, Any], inner: Mapping[str, str], variable: str
    ) -> tuple[tuple[Entry, ...], Rule | Use | None]:
        """The fields of a loop's items, or the rule or map that makes an item."""
        given = [word for word in ("fields", "from", "use") if word in value]
        if len(given) != 1:
            text = f"the loop {target} has {' and '.join(given) or 'none of fields, from and use'}"
            self.fault(at, text, "one of fields, from and use")
        elif given == ["fields"]:
            return self.fields((*at, "fields"), value["fields"], inner, f"{target}[]."), None
        elif given == ["use"]:
            return (), self.use(at, "", f"{target}[]", {"use": value["use"]}, inner, parse(variable, names=inner))
        else:
            words = ("from", "null", "on_error", "default", "tests")
            return (), self.rule(at, "", f"{target}[]", {word: value[word] for word in words if word in value}, inner)
        return (), None

    def further(self, at: Path, value: Mapping[str, Any]) -> list[Any]:
        listed = value.get("with", [])
        if isinstance(listed, list) and len(listed) <= 8 and all(isinstance(one, Mapping | str) for one in listed):
            return listed
        self.fault((*at, "with"), "with is no list of sources", "at most 8 of {each: LIST as NAME, on: …, equals: …}")
        return []

    def source(self, at: Path, value: Any, names: Mapping[str, str], rows: Mapping[str, str]) -> Source:
        data = value if isinstance(value, Mapping) else {"each": value}
        self.words(at, data, _SOURCE)
        joined = "on" in data or "equals" in data
        each, variable = self.walked((*at, "each"), data.get("each", ""), "", names if joined else rows)
        if variable in rows:
            self.fault(at, f"the loop name {variable!r} is taken", "another name")
        if ("on" in data) != ("equals" in data):
            self.fault(at, "one of on and equals is missing", "on: EXPRESSION and equals: EXPRESSION, or neither")
        keep = data.get("keep", "all" if joined else "matched")
        if keep not in ("all", "matched") or (keep == "all" and not joined):
            self.fault((*at, "keep"), f"keep is {keep!r}", "all or matched; all needs on and equals")
        return Source(
            each=each, variable=variable, on=self.optional(at, data, "on", rows), keep_all=keep == "all",
            equals=self.optional(at, data, "equals", {**names, variable: _origin(each)}),
        )  # fmt: skip

    def walked(self, at: Path, value: Any, otherwise: str, names: Mapping[str, str]) -> tuple[Parsed, str]:
        """The list and the name of ``LIST as NAME``."""
        match = _EACH.fullmatch(str(value))
        variable = (match and match["name"]) or otherwise
        taken = (ROOT, INDEX, GROUP, *CONSTANTS, *self.constants)
        if not variable.isidentifier() or variable.startswith("_") or variable in taken:
            self.fault(at, f"the loop name {variable!r} cannot be used", "each: LIST as NAME")
            variable = "item"
        return self.expression(at, match["list"] if match else "", names), variable


def _opened(entry: Entry | None) -> Any:
    """A group that others may add to as (line, entries by name); anything else as it is."""
    if isinstance(entry, Group) and entry.when is None:
        return entry.line, {inner.name: _opened(inner) for inner in entry.entries}
    return entry


def _origin(each: Parsed) -> str:
    """The path of the items of a list, where the list is a plain path."""
    return f"{each.origin}[]" if each.origin is not None else ""
