"""A map held against the schemas of its source and target: what cannot be right is told before a message comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from waypost.core.errors import Fault, near
from waypost.mapping.document import Entry, Group, Loop, MapDocument, Rule, Use
from waypost.mapping.infer import Finding, infer, mentioned, remedy_for
from waypost.mapping.parsed import ROOT, Parsed
from waypost.mapping.reading import GROUP, INDEX
from waypost.mapping.shape import ANY, LIST, MAP, NUMBER, TEXT, WHOLE, Shape, of_kind, of_value, shown_codes, union

_NONE: frozenset[str] = frozenset()


def check_agreement(document: MapDocument, source: Shape, target: Shape, faults: list[Fault]) -> None:
    """Add every disagreement to ``faults``, each with the line of its rule and what to do."""
    checker = _Checker(document, source, faults)
    scope = {ROOT: source}
    if document.errors and target.fields is not None and document.errors not in target.fields and target.closed:
        checker.unknown_target(document.lines.get("errors", 1), document.errors, document.errors, target)
    line = document.lines.get("fields", 1)
    checker.entries(document.entries, target, scope, _NONE, line, "", {document.errors} - {""})


class _Checker:
    def __init__(self, document: MapDocument, source: Shape, faults: list[Fault]) -> None:
        self.document, self.source, self.faults = document, source, faults

    def fault(self, line: int, found: str, expected: str = "", remedy: str = "") -> None:
        fault = Fault(self.document.file, line, "map", found, expected, remedy)
        if fault not in self.faults:
            self.faults.append(fault)

    def shape(self, parsed: Parsed, entry: Entry, scope: Mapping[str, Shape], sure: frozenset[str]) -> Shape:
        """The shape of an expression, its findings told with the entry's line."""
        findings: list[Finding] = []
        found = infer(parsed, scope, findings, sure)
        for each in findings:
            where = "" if each.part == parsed.text else f" at column {each.column}"
            self.fault(
                entry.line, f"{entry.path} ← `{each.part}`{where}: {each.found}", each.expected, each.remedy
            )  # fmt: skip
        return found

    # ── targets ──────────────────────────────────────────────────────────────────────────────────────────────

    def entries(
        self, entries: Sequence[Entry], target: Shape, scope: Mapping[str, Shape], sure: frozenset[str], line: int,
        above: str, filled: set[str],
    ) -> None:  # fmt: skip
        for entry in entries:
            filled = filled | {entry.name}
            wanted = ANY
            if target.fields is not None:
                if entry.name in target.fields:
                    wanted = target.fields[entry.name]
                elif target.closed:
                    self.unknown_target(entry.line, entry.path, entry.name, target)
            self.entry(entry, wanted, scope, sure, entry.name in target.needed)
        for name in sorted(target.needed - filled):
            self.fault(line, f"nothing fills the required target {above}{name}", f"a rule for {above}{name}")

    def unknown_target(self, line: int, path: str, name: str, target: Shape) -> None:
        fields = target.fields or {}
        remedy = near(name, fields) or f"known: {', '.join(list(fields)[:8])}"
        self.fault(line, f"the target schema has no {path}", "a field of the target schema", remedy)

    def entry(
        self, entry: Entry, wanted: Shape, scope: Mapping[str, Shape], sure: frozenset[str], needed: bool
    ) -> None:  # fmt: skip
        if entry.when is not None:
            self.shape(entry.when, entry, scope, sure)
            sure = sure | mentioned(entry.when.tree)
            if needed and not (isinstance(entry, Rule) and entry.null):
                self.fault(
                    entry.line, f"the required target {entry.path} has a condition", "a value in every case",
                    "write the condition into the expression: A if CONDITION else B",
                )  # fmt: skip
        if isinstance(entry, Group):
            self.kind(entry, wanted, MAP)
            if not needed and len(entry.entries) == 1:  # left out with its only field
                wanted = replace(wanted, needed=wanted.needed - {entry.entries[0].name})
            self.entries(entry.entries, wanted, scope, sure, entry.line, f"{entry.path}.", set())
        elif isinstance(entry, Loop):
            self.kind(entry, wanted, LIST)
            self.loop(entry, wanted.item or ANY, scope, sure)
        elif isinstance(entry, Use):
            self.kind(entry, wanted, MAP)
            self.shape(entry.of, entry, scope, sure)
        else:
            self.value(entry, wanted, self.rule(entry, scope, sure), needed)

    def kind(self, entry: Entry, wanted: Shape, made: str) -> None:
        if not wanted.unknown and made not in wanted.present:
            given = of_kind(made).says()
            self.fault(entry.line, f"{entry.path} is made as {given}", f"{wanted.says()}, as the target schema says")

    def rule(self, rule: Rule, scope: Mapping[str, Shape], sure: frozenset[str]) -> Shape:
        """The shape of a rule's value."""
        if rule.source is None:
            return of_value(rule.value)
        found = self.shape(rule.source, rule, scope, sure)
        if rule.default is not None:
            return union((found.surely(), self.shape(rule.default, rule, scope, sure)))
        return found.maybe(rule.on_error in ("skip", "collect"))

    def loop(self, loop: Loop, item: Shape, scope: Mapping[str, Shape], sure: frozenset[str]) -> None:
        rows = dict(scope)
        rows[loop.variable] = self.items(loop, loop.each, scope, sure)
        for source in loop.more:
            found = self.items(loop, source.each, scope if source.on is not None else rows, sure)
            rows[source.variable] = found.maybe(source.keep_all)
            if source.on is not None and source.equals is not None:
                self.shape(source.on, loop, rows, sure)
                self.shape(source.equals, loop, {**scope, source.variable: found}, sure)
        rows[INDEX] = of_kind(WHOLE)
        if loop.where is not None:
            self.shape(loop.where, loop, rows, sure)
            sure = sure | mentioned(loop.where.tree)
        inner = rows
        if loop.group_by is not None:
            fields = {s.variable: rows[s.variable] for s in loop.more} | {loop.variable: rows[loop.variable]}
            each = Shape(frozenset((MAP,)), fields, True, frozenset(fields)) if loop.more else rows[loop.variable]
            made = {"key": self.shape(loop.group_by, loop, rows, sure), "items": Shape(frozenset((LIST,)), item=each)}
            inner = {**scope, GROUP: Shape(frozenset((MAP,)), made, True, frozenset(made)), INDEX: of_kind(WHOLE)}
        if loop.item is not None:
            self.entry(loop.item, item, inner, sure, False)
        else:
            if not item.unknown and MAP not in item.present:
                self.fault(loop.line, f"the items of {loop.path} are mappings", f"{item.says()} for each item")
            self.entries(loop.entries, item, inner, sure, loop.line, f"{loop.path}[].", set())

    def items(self, loop: Loop, each: Parsed, scope: Mapping[str, Shape], sure: frozenset[str]) -> Shape:
        listed = self.shape(each, loop, scope, sure)
        if listed.unknown:
            return ANY
        if LIST not in listed.present:
            self.fault(
                loop.line, f"{loop.path} ← `{each.text}`: it is {listed.says()}", "a list to walk",
                "use as_list(…)" if MAP in listed.present else "",
            )  # fmt: skip
            return ANY
        return listed.item or ANY

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────

    def value(self, rule: Rule, wanted: Shape, found: Shape, needed: bool) -> None:
        """Hold the value of a rule against its target."""
        if needed and found.optional and not rule.null:
            self.fault(
                rule.line, f"the required target {rule.path} may stay empty: its source may be missing",
                "a value in every case", "give the rule a default",
            )  # fmt: skip
        if found.unknown or wanted.unknown:
            return
        fits = found.present & wanted.present or (WHOLE in found.present and NUMBER in wanted.present)
        if not fits:
            self.fault(
                rule.line, f"{rule.path} is given {found.says()}", f"{wanted.says()}, as the target schema says",
                remedy_for(found, wanted.present),
            )  # fmt: skip
            return
        if wanted.codes is not None and found.codes is not None:
            self.codes(rule, wanted, found)
        elif (
            wanted.longest is not None and found.longest is not None and TEXT in found.present
            and found.longest > wanted.longest
        ):  # fmt: skip
            self.fault(
                rule.line, f"{rule.path} may have {found.longest} characters",
                f"at most {wanted.longest}, as the target schema says", f"cut it: left(…, {wanted.longest})",
            )  # fmt: skip

    def codes(self, rule: Rule, wanted: Shape, found: Shape) -> None:
        outside = [code for code in found.codes or () if code not in (wanted.codes or ())]
        if outside:
            known = [str(code) for code in wanted.codes or ()]
            remedy = near(str(outside[0]), known) or "translate it with a lookup"
            self.fault(
                rule.line, f"{rule.path} may be {shown_codes(outside)}, outside its list of codes",
                f"one of {shown_codes(wanted.codes or ())}", remedy,
            )  # fmt: skip
