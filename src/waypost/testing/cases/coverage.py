"""Which steps, branches, targets and rules of maps the cases go through, and which they do not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from waypost.core.component import Dropped, Failed, Result
from waypost.core.message import Message
from waypost.flow.batch.compiled import CompiledFlow, Processed
from waypost.flow.declared.definition import FlowDefinition, Project, Use
from waypost.mapping.bundle import Bundle
from waypost.mapping.document import Entry, Group, Loop, MapDocument, Rule, all_entries
from waypost.mapping.expression import compile_expression
from waypost.mapping.trial import watched

PASSES, ENDS, REFUSES, REACHED = "a message passes", "a message ends", "a message is refused", "a message reaches it"
_GOES, _ANSWERS = "a group goes: {}", "{} answers"
_TWO_WAYS = {
    "filter": (PASSES, ENDS),
    "validate": (PASSES, REFUSES),
    "idempotent_receiver": (PASSES, ENDS),
}


@dataclass(frozen=True, slots=True, order=True)
class Branch:
    """One thing that can happen: ``place`` is a step, a target or a rule of a map."""

    subject: str
    file: str
    line: int
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}  {self.place}: {self.what}"


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a flow or map was gone through."""

    subject: str
    branches: int
    missed: tuple[Branch, ...]

    @property
    def percent(self) -> float:
        return 100.0 * (self.branches - len(self.missed)) / self.branches if self.branches else 100.0


class Coverage:
    """Collects what cases go through. ``expect`` says what there is before the first of them runs."""

    def __init__(self) -> None:
        self._branches: set[Branch] = set()
        self._gone: set[Branch] = set()
        self._bundle_of: Callable[[str], Bundle] = _no_bundle

    def expect(self, project: Project, maps: Sequence[str], bundle_of: Callable[[str], Bundle]) -> None:
        """Every branch of the project's flows and of ``maps``, with the maps these use."""
        self._bundle_of = bundle_of
        for flow in project.flows.values():
            self._branches.update(_of_flow(flow))
        for file in maps:
            for document in _documents(bundle_of(file)):
                self._branches.update(_of_map(document))

    def saw(self, file: str, entry: Entry, branch: str) -> None:
        """A map took a branch."""
        self._gone.add(_map_branch(file, entry, branch))

    def watcher(self, flow: CompiledFlow) -> FlowWatch:
        """Watches one batch on its way through a flow."""
        return FlowWatch(flow, self._gone.add, self._mapped)

    def _mapped(self, file: str, message: Message) -> None:
        watched(self._bundle_of(file), message.body, message.received_at, self.saw)

    def shares(self) -> list[Share]:
        """Per flow and per map."""
        made = []
        for subject in sorted({branch.subject for branch in self._branches}):
            own = {branch for branch in self._branches if branch.subject == subject}
            made.append(
                Share(subject, len(own), tuple(sorted(own - self._gone, key=lambda b: (b.line, b.place, b.what))))
            )
        return made

    @property
    def percent(self) -> float:
        """Of everything, 0 to 100."""
        known = len(self._branches)
        return 100.0 * len(self._branches & self._gone) / known if known else 100.0


class FlowWatch:
    """Sees what steps do with messages and which targets these reach."""

    def __init__(
        self, flow: CompiledFlow, gone: Callable[[Branch], None], mapped: Callable[[str, Message], None]
    ) -> None:
        self._flow, self._gone, self._mapped = flow, gone, mapped
        self._uses = {use.name: use for use in flow.definition.steps}

    def step(self, name: str, before: Sequence[tuple[int, Message]], results: Sequence[Result]) -> None:
        """As ``flow.compiled.Watcher``."""
        use = self._uses.get(name)
        if use is None:  # a format's own step
            return
        for (_, message), result in zip(before, results, strict=True):
            self._gone(_step_branch(self._flow.definition, use, _what(use, message, result)))
            for file in _maps_of(use, message):
                self._mapped(file, message)

    def ended(self, processed: Processed) -> None:
        """The batch is through."""
        for out in processed.outs:
            if out.message is not None and not self._flow.targets[out.target].boundary:
                self._gone(_target_branch(self._flow.definition, self._flow.target_names[out.target]))

    def at_boundary(self, name: str, *, reason: str = "", branch: str = "") -> None:
        """A message reached a step that combines messages; or a group went, or a system it asked answered."""
        use = self._uses[name]
        what = REACHED
        if branch:
            what = _ANSWERS.format(branch)
        elif reason:
            known = [one for one in use.options.reasons if is_reason(one, reason)]
            what = _GOES.format(known[0] if known else reason)
        self._gone(_step_branch(self._flow.definition, use, what))


def is_reason(declared: str, reason: str) -> bool:
    """Whether a group went for a reason its step declares; ``…`` stands for any text."""
    return re.fullmatch(".*".join(map(re.escape, declared.split("…"))), reason) is not None


def _maps_of(use: Use, message: Message) -> Iterator[str]:
    """The map a step puts a message through, where it does."""
    if use.component.name == "map":
        yield str(use.options.file)
    elif use.component.name == "normalizer":
        for variant in use.options.variants:
            if variant.when is None or compile_expression(variant.when).of_messages([message])[0] is True:
                if variant.map is not None:
                    yield str(variant.map)
                return


def _what(use: Use, message: Message, result: Result) -> str:
    if use.component.name == "route":
        return _rule_taken(use.options.rules, message) if not isinstance(result, Failed) else REFUSES
    if use.component.name not in _TWO_WAYS:
        return REACHED
    return ENDS if isinstance(result, Dropped) else REFUSES if isinstance(result, Failed) else PASSES


def _rule_taken(rules: Sequence[Any], message: Message) -> str:
    for place, rule in enumerate(rules):
        if rule.when is None or compile_expression(rule.when).of_messages([message])[0] is True:
            return _rule_text(place, rule)
    return ENDS


def _rule_text(place: int, rule: Any) -> str:
    condition = f"`{rule.when}`" if rule.when is not None else "otherwise"
    return f"rule {place + 1}, {condition}, is taken"


def _of_flow(flow: FlowDefinition) -> Iterator[Branch]:
    for use in flow.steps:
        ways: tuple[str, ...]
        if use.component.name == "route":
            ways = tuple(_rule_text(place, rule) for place, rule in enumerate(use.options.rules))
        elif use.traits.boundary:
            branches = use.options.branches if use.traits.asks == "branches" else ()
            ways = (REACHED, *map(_ANSWERS.format, branches), *map(_GOES.format, use.options.reasons))
        else:
            ways = _TWO_WAYS.get(use.component.name, (REACHED,))
        yield from (_step_branch(flow, use, what) for what in ways)
    yield from (_target_branch(flow, name) for name in flow.targets)


def _step_branch(flow: FlowDefinition, use: Use, what: str) -> Branch:
    return Branch(flow.name, use.file.name, use.file.line(use.path), f"step {use.name}", what)


def _target_branch(flow: FlowDefinition, name: str) -> Branch:
    return Branch(flow.name, flow.file.name, flow.file.line(("targets", name)), f"target {name}", REACHED)


def _documents(bundle: Bundle) -> Iterator[MapDocument]:
    yield bundle.document
    for used in bundle.uses.values():
        yield from _documents(used)


def _of_map(document: MapDocument) -> Iterator[Branch]:
    for entry in all_entries(document.entries):
        ways = ["when true", "when false"] if entry.when is not None else []
        if isinstance(entry, Loop):
            ways += ["item", *(("where true", "where false") if entry.where is not None else ())]
        elif not isinstance(entry, Group) and entry.when is None:
            ways.append("made")
        if isinstance(entry, Rule):
            ways += ["default"] if entry.default is not None and entry.source is not None else []
            ways += ["error"] if entry.on_error != "fail" else []
        yield from (_map_branch(document.file, entry, what) for what in ways)


_SAID = {
    "made": "is made",
    "default": "its default is taken",
    "error": "its `on_error` is followed",
    "item": "an item is made",
    "when true": "`when` holds",
    "when false": "`when` does not hold",
    "where true": "an item fits `where`",
    "where false": "an item does not fit `where`",
}


def _map_branch(file: str, entry: Entry, branch: str) -> Branch:
    return Branch(file, file, entry.line, entry.path or "(item)", _SAID[branch])


def _no_bundle(file: str) -> Bundle:
    raise LookupError(file)
