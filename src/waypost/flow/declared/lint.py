"""What must fit together across files: connections, classes, files, expressions, routes, channels, order."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from waypost.agreements.load import partner_names
from waypost.core.errors import Fault, near
from waypost.core.registry import registry
from waypost.core.spec import ConnectionRef, Expression, PartnerRef, ProjectPath, Spec
from waypost.core.yamlfile import Path as YamlPath
from waypost.flow.declared.definition import ConnectionClass, ConnectionDefinition, FaultyFlow, FlowDefinition, Use
from waypost.flow.declared.environment import Environment
from waypost.flow.declared.reference_data import declared_names
from waypost.flow.member.envelope import group_target
from waypost.mapping.expression import ExpressionFault, compile_expression
from waypost.mapping.reference import declaration_file, read_declaration
from waypost.mapping.reference_use import References, initial_version

Flow = FlowDefinition | FaultyFlow
ANY_PARTNER = "any"
Connections = Mapping[str, ConnectionDefinition | None]
"""Every connection that is named; None for one whose own faults are told elsewhere."""


def lint_flows(
    flows: Iterable[Flow],
    connections: Connections,
    environment: Environment,
    files: Mapping[str, bytes],
) -> list[Fault]:
    """Every fault of what could be read of a project's files."""
    faults: list[Fault] = []
    flows = list(flows)
    for connection in connections.values():
        if connection is None:
            continue
        if (
            connection.connection_class is ConnectionClass.PROD
            and environment.environment_class is not ConnectionClass.PROD
        ):
            text = f"connection {connection.name!r} is of class prod, environment {environment.name!r} is not"
            remedy = "use another address in this environment, or run with the production environment"
            faults.append(connection.use.file.fault(connection.use.path, "prod-outside-prod", text, "", remedy))
        faults += _lint_use(connection.use, connections, files, {})
    for flow in flows:
        faults += _lint_flow(flow, connections, files)
    faults += _lint_references(files)
    faults += _lint_channels(flows)
    faults += _lint_listeners(flows)
    return faults


def _lint_flow(flow: Flow, connections: Connections, files: Mapping[str, bytes]) -> Iterator[Fault]:
    targets = [target for target in flow.targets.values() if target is not None]
    uses = [flow.source, flow.format, *flow.steps]
    for target in targets:
        uses += [target.use, target.format] if target.format is not flow.format else [target.use]
        if not target.format.traits.writes:
            text = f"format {target.format.component.name!r} cannot be written"
            yield flow.file.fault(target.use.path, "format", text, "", "give the target a format of its own")
    for use in uses:
        if use is not None:
            yield from _lint_use(use, connections, files, flow.targets)
    yield from _lint_diverted(flow)
    yield from _lint_boundaries(flow)
    order, known = flow.options.delivery.order_by, flow.options.keys
    if order and order not in known:
        text = f"no key {order!r}"
        yield flow.file.fault(("delivery", "order_by"), "unknown-key", text, "a name under 'keys:'", near(order, known))
    yield from _lint_expected(flow, files)
    for name, key in flow.keys.items():
        yield from _lint_expression(key.path, flow, ("keys", name))
    for target in targets:
        for part, keys in (("keys", target.produced_keys), ("answer_keys", target.answer_keys)):
            for name, key in keys.items():
                yield from _lint_expression(key.path, flow, ("targets", target.name, part, name))


def _lint_diverted(flow: Flow) -> Iterator[Fault]:
    """A message that reaches the end of a flow goes to every target, also to one that is meant for some alone."""
    for place, step in enumerate(flow.steps):
        if step is None or not step.traits.diverts or not step.options.to:
            continue
        later = [other for other in flow.steps[place + 1 :] if other is not None]
        if not any(other.traits.names_targets and other.component.name != "wire_tap" for other in later):
            text = f"what goes on behind {step.name!r} reaches {', '.join(map(repr, step.options.to))}, too"
            remedy = "end the flow with a step that routes, such as route: [{to: …}]"
            yield step.file.fault((*step.path, "to"), "not-routed", text, "", remedy)


def _lint_boundaries(flow: Flow) -> Iterator[Fault]:
    """The names of steps that combine messages stand among those of targets."""
    for use in flow.steps:
        if use is None or not use.traits.boundary:
            continue
        for name in (use.name, group_target(use.name)):
            if name in flow.targets:
                remedy = "name the step otherwise, with `name:` beside it"
                text = f"step {use.name!r} combines messages, and a target has its name"
                yield flow.file.fault(use.path, "twice", text, "a name of its own", remedy)


def _lint_expected(flow: Flow, files: Mapping[str, bytes]) -> Iterator[Fault]:
    """Partners and calendars that expectations name."""
    for number, one in enumerate(flow.options.expect):
        path = ("expect", number)
        for option, name in (("from", one.source), ("to", one.to)):
            if name and name not in partner_names(files):
                remedy = near(name, partner_names(files)) or "make it with: waypost partner new"
                yield flow.file.fault((*path, option), "unknown-partner", f"no partner {str(name)!r}", "", remedy)
        if one.calendar and f"calendars/{one.calendar}.yaml" not in files:
            found, remedy = f"no calendar {one.calendar!r}", f"make calendars/{one.calendar}.yaml"
            yield flow.file.fault((*path, "calendar"), "unknown-calendar", found, "", remedy)


def _lint_expression(text: str, flow: Flow, path: YamlPath) -> Iterator[Fault]:
    try:
        compile_expression(text)
    except ExpressionFault as error:
        yield flow.file.located(path, error.fault(flow.file.name, flow.file.line(path)))


def _lint_use(
    use: Use, connections: Connections, files: Mapping[str, bytes], targets: Mapping[str, Any]
) -> Iterator[Fault]:
    clean = True
    for path, value, kinds in _values(use.options, use.path):
        for fault in _lint_value(use, path, value, kinds, connections, files):
            clean = False
            yield fault
    if clean and use.component.kind == "step" and use.traits.asks == "requester":
        yield from _lint_asking(use, connections, files)
    if clean and use.component.kind == "step" and use.traits.asks == "branches":
        for name, branch in use.options.branches.items():
            at = (*use.path, "branches", name)
            yield from _lint_asking(dataclasses.replace(use, options=branch, path=at), connections, files)
    lint = getattr(use.component.build, "lint", None)
    if lint is not None and clean:
        yield from lint(use.options, use.file, use.path, files.__getitem__, tuple(targets))


def _lint_asking(use: Use, connections: Connections, files: Mapping[str, bytes]) -> Iterator[Fault]:
    """The options under ``ask`` are those of the requester that the connection's kind means."""
    connection = connections[use.options.connection]
    if connection is None:
        return
    kind = connection.use.component.name
    requester = registry.find("requester", kind)
    if requester is None:
        text = f"connection {str(use.options.connection)!r} of kind {kind!r} answers no questions"
        yield use.file.fault((*use.path, "connection"), "connection-kind", text, "a system that can be asked")
        return
    faults: list[Fault] = []
    given = {**use.options.ask, "connection": str(use.options.connection)}
    path = (*use.path, "ask")
    options = requester.spec.parse(use.file, given, path, faults)
    yield from faults
    if options is not None:
        needs = getattr(requester.build, "parameters", None)
        needed: frozenset[str] = needs(options) if needs else frozenset()
        given_names = getattr(use.options, "parameters", {})
        for name in sorted(needed.difference(given_names)):
            text, remedy = f"parameter {name!r} is not given", near(name, set(given_names) - needed)
            yield use.file.fault((*use.path, "parameters"), "parameter", text, f"{name}: EXPRESSION", remedy)
        yield from _lint_use(Use(requester, options, use.file, path, use.name), connections, files, {})


def _lint_value(
    use: Use, path: YamlPath, value: Any, kinds: tuple[str, ...],
    connections: Connections, files: Mapping[str, bytes],
) -> Iterator[Fault]:  # fmt: skip
    if isinstance(value, ConnectionRef):
        connection = connections.get(value)
        if value not in connections:
            remedy = near(value, connections) or "name it in connections.yaml"
            yield use.file.fault(path, "unknown-connection", f"no connection {str(value)!r}", "", remedy)
        elif kinds and connection and connection.use.component.name not in kinds:
            text = f"connection {str(value)!r} is of kind {connection.use.component.name!r}"
            yield use.file.fault(path, "connection-kind", text, " or ".join(kinds))
    elif isinstance(value, PartnerRef) and value != ANY_PARTNER and value not in partner_names(files):
        remedy = near(value, partner_names(files)) or "make it with: waypost partner new"
        yield use.file.fault(path, "unknown-partner", f"no partner {str(value)!r}", "", remedy)
    elif isinstance(value, ProjectPath) and value not in files:
        remedy = near(value, files) or "make it, under one of the project's folders"
        yield use.file.fault(path, "missing-file", f"no file {str(value)!r} in the project", "", remedy)
    elif isinstance(value, Expression):
        try:
            step = use.component.kind == "step"
            compile_expression(value, references=References(files.__getitem__) if step else None)
        except ExpressionFault as error:
            yield use.file.located(path, error.fault(use.file.name, use.file.line(path)))


def _values(options: Any, path: YamlPath) -> Iterator[tuple[YamlPath, Any, tuple[str, ...]]]:
    """Every value in an options instance, with its path and the connection kinds that fit."""
    kinds = {f.name: f.option.kinds for f in Spec.of(type(options)).fields}
    for field in dataclasses.fields(options):
        yield from _walk(getattr(options, field.name), (*path, field.name), kinds[field.name])


def _walk(value: Any, path: YamlPath, kinds: tuple[str, ...]) -> Iterator[tuple[YamlPath, Any, tuple[str, ...]]]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from _values(value, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, (*path, key), kinds)
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _walk(item, (*path, i), kinds)
    else:
        yield path, value, kinds


def _lint_references(files: Mapping[str, bytes]) -> Iterator[Fault]:
    """The declarations of reference data, and the files they begin with."""
    for name in declared_names(files):
        faults: list[Fault] = []
        declaration = read_declaration(name, files[declaration_file(name)], faults)
        if declaration is not None:
            initial_version(declaration, files.__getitem__, faults)
        yield from faults


def _lint_channels(flows: list[Flow]) -> Iterator[Fault]:
    """A channel needs a reader, and no chain of channels may lead back to where it began."""
    readers: dict[str, list[Flow]] = {}
    unknown = any(flow.source is None for flow in flows)  # it may be the reader that is missed
    for flow in flows:
        if flow.source is not None and flow.source.component.name == "channel":
            readers.setdefault(flow.source.options.channel, []).append(flow)
    leads: dict[str, set[str]] = {}
    for flow in flows:
        stops = _stops(flow)
        for target in flow.targets.values():
            if target is None or target.use.component.name != "channel":
                continue
            name = target.use.options.channel
            if name not in readers and not unknown:
                text = f"no flow reads channel {name!r}"
                yield flow.file.fault(
                    target.use.path, "unread-channel", text, "", near(name, readers) or "add a flow that does"
                )
            if target.name not in stops:
                leads.setdefault(flow.name, set()).update(reader.name for reader in readers.get(name, ()))
    for flow in flows:
        cycle = _cycle(flow.name, leads)
        if cycle and flow.name == min(cycle):
            text = "messages would go round for ever: " + " → ".join([*cycle, cycle[0]])
            yield flow.file.fault(("targets",), "cyclic-route", text, "", "break the circle of channels")


def _stops(flow: Flow) -> set[str]:
    """Targets that messages reach as a stop of their routing slip alone: each time they have one less to make."""
    steps = [step for step in flow.steps if step is not None]
    if not any(step.traits.itinerary for step in steps) or any(step.traits.computes_targets for step in steps):
        return set()
    named = {
        str(value)
        for step in steps
        if step.traits.names_targets
        for _, value, _ in _values(step.options, step.path)
        if not isinstance(value, Expression)
    }
    return set(flow.targets) - named


def _cycle(start: str, leads: Mapping[str, set[str]]) -> list[str]:
    trail, seen = [(start, [start])], set()
    while trail:
        here, way = trail.pop()
        for following in sorted(leads.get(here, ())):
            if following == start:
                return way
            if following not in seen:
                seen.add(following)
                trail.append((following, [*way, following]))
    return []


def _lint_listeners(flows: list[Flow]) -> Iterator[Fault]:
    taken: dict[tuple[str, str], Flow] = {}
    for flow in flows:
        if flow.source is None or not flow.source.traits.listens:
            continue
        route = (getattr(flow.source.options, "method", "POST"), flow.source.options.path)
        if route in taken:
            text = f"{' '.join(route)} is also the source of flow {taken[route].name!r}"
            yield flow.file.fault((*flow.source.path, "path"), "twice", text, "one flow a route")
        taken.setdefault(route, flow)
