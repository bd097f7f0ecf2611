"""The reference pages of ``docs/reference``, all made from declarations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from waypost.cli.reference_edi import redaction_page, schemas_page
from waypost.cli.reference_map import functions_page, map_page
from waypost.cli.scaffold import PARTNER_WORDS, template
from waypost.core.describe.page import (
    NOTICE,
    code,
    component_pages,
    errors_page,
    file_page,
    index_page,
    joined,
    markdown,
    member_docs,
    table,
)
from waypost.core.registry import Registry

OTHERS = (
    ("flow.md", "Flows: flows/*.yaml"),
    ("project.md", "The project: waypost.yaml"),
    ("connections.md", "Connections: connections.yaml"),
    ("environment.md", "Environments: environments/*.yaml"),
    ("test.md", "Cases: tests/*.yaml"),
    ("partner.md", "Trading partners: partners/*.yaml"),
    ("calendar.md", "Calendars: calendars/*.yaml"),
    ("mapping.md", "Maps: maps/*.map.yaml"),
    ("functions.md", "Functions of expressions"),
    ("edi-schemas.md", "EDI schemas that come along"),
    ("edi-redaction.md", "What redaction of EDI replaces"),
    ("cli.md", "The command line"),
    ("errors.md", "Errors"),
    ("states.md", "States of a message"),
)


def pages(registry: Registry, command: Any) -> dict[str, str]:
    """Every page by its path below ``docs/reference``; ``command`` is the whole command line."""
    return {
        "README.md": index_page(registry, OTHERS),
        **component_pages(registry),
        **_file_pages(),
        "edi-schemas.md": schemas_page(),
        "edi-redaction.md": redaction_page(),
        "cli.md": cli_page(command),
        "errors.md": _errors_page(),
        "states.md": states_page(),
        "mapping.md": map_page(),
        "functions.md": functions_page(),
    }


def write_pages(folder: Path, registry: Registry, command: Any) -> list[str]:
    """Write every page whose text is another and remove those of components that are gone; their paths."""
    wanted, changed = pages(registry, command), []
    for path, text in wanted.items():
        at = folder / path
        if not at.is_file() or at.read_text("utf-8") != text:
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_text(text, "utf-8")
            changed.append(path)
    for path in stale(folder, wanted):
        (folder / path).unlink()
        changed.append(path)
    return sorted(changed)


def stale(folder: Path, wanted: dict[str, str]) -> list[str]:
    """Pages written from a declaration that is gone; pages written by hand are left alone."""
    found = [path for path in folder.rglob("*.md") if path.relative_to(folder).as_posix() not in wanted]
    return [path.relative_to(folder).as_posix() for path in found if path.read_text("utf-8").startswith(NOTICE)]


def _file_pages() -> dict[str, str]:
    from waypost.agreements.declaration import PartnerOptions
    from waypost.core.calendar import CalendarOptions
    from waypost.flow.declared.definition import ConnectionClass, FlowOptions, KeyOptions, ProjectOptions
    from waypost.flow.declared.environment import EnvironmentOptions
    from waypost.testing.cases.declared import CASE_EXAMPLE, CaseFileOptions

    classes = " or ".join(f"`{c.value}`" for c in ConnectionClass)
    return {
        "flow.md": file_page(
            "Flows", "A file of `flows/` holds one flow.", [("Options", FlowOptions), ("A key", KeyOptions)], _FLOW
        ),
        "project.md": file_page(
            "The project", "`waypost.yaml` says what holds for all flows.", [("Options", ProjectOptions)],
            "name: order-to-cash",
        ),
        "connections.md": joined([
            NOTICE, "# Connections",
            "`connections.yaml` names the systems that flows talk to. Each name has a `kind`, which is one of the "
            f"[connections](README.md#connections) and says which options follow, and may have a `class`: {classes}. "
            "One of class `prod` is refused in an environment of another class.",
            code("yaml", _CONNECTIONS),
        ]),
        "environment.md": file_page(
            "Environments",
            "A file of `environments/` holds what differs between dev, test, stage and prod; `--env NAME` chooses it. "
            "`${name}` below a component's or a connection's name puts in a value or a secret; a secret must be the "
            "whole text. `environment_class` is written `class`.",
            [("Options", EnvironmentOptions)], _ENVIRONMENT,
        ),
        "test.md": file_page(
            "Cases",
            "A file of `tests/` holds cases of one flow; `waypost test` runs them through the same compiled steps as "
            "messages, and calls nothing outside.",
            [("Options", CaseFileOptions)], CASE_EXAMPLE,
        ),
        "partner.md": file_page(
            "Trading partners",
            "A file of `partners/` holds one partner and what is agreed with it. `format: {x12: {partner: acme}}` uses "
            "it in a flow. Ids, qualifiers, versions and the like are written in quotes, so that no zero gets lost.",
            [("Options", PartnerOptions)], template("partner.yaml.txt", PARTNER_WORDS),
        ),
        "calendar.md": file_page(
            "Calendars",
            "A file of `calendars/` says when work is done. Schedules, deadlines and expectations use it by its name.",
            [("Options", CalendarOptions)], _CALENDAR,
        ),
    }  # fmt: skip


_FLOW = """\
flow: acme-orders
description: Purchase orders of Acme become sales orders in the ERP.
owner: order-to-cash
source:
  directory: {path: in/*.ndjson}
format: {json: {lines: true}}
keys: {po: purchase_order.number}
steps:
  - filter: total > 0
targets:
  erp: {http: {connection: erp, path: /sales-orders}}
delivery: {order_by: po, retry: {attempts: 8, first: 1s, limit: 5m}}"""
_CONNECTIONS = """\
erp:
  kind: http
  address: ${erp_address}"""
_ENVIRONMENT = """\
environment: test
class: test
values: {erp_address: https://erp.test.example/api}
secrets: {erp_password: {variable: ERP_PASSWORD}}"""


_CALENDAR = """\
zone: America/Chicago
working_days: [mon, tue, wed, thu, fri]
opens: "08:00"
closes: "17:00"
holidays: ["2026-12-25"]
cut_offs: {orders: "15:00"}"""


def _errors_page() -> str:
    import waypost.core.errors as errors

    head, _, rest = (errors.__doc__ or "").partition("::\n\n")
    drawing, _, tail = rest.partition("\n\n")
    return errors_page(joined([head, code("text", drawing), markdown(tail)]), errors.WaypostError)


def states_page() -> str:
    """Every state of a delivery, and the word for the message that follows from its deliveries."""
    from waypost.store.record import ACTIVE, KEPT, State, message_state

    said = member_docs(State)
    rows = [
        [f"`{state.name.lower()}`", said[state.name], f"`{message_state([state])}`",
         "yes" if state in ACTIVE else "", "yes" if state in KEPT else ""]
        for state in State
    ]  # fmt: skip
    order = sorted(State, key=lambda one: sum(message_state([one, other]) == message_state([one]) for other in State))
    words = list(dict.fromkeys(message_state([state]) for state in reversed(order)))
    return joined([
        NOTICE, "# States of a message",
        "Each delivery of a message has a state of its own; targets don't wait for each other. A message that was "
        "filtered or failed in a step has one such row too, without a target.",
        table(["delivery", "what it means", "message shown as", "worked on by itself", "kept beyond its age"], rows),
        "The word for a message is that of its least finished delivery, in this order: "
        + ", ".join(f"`{word}`" for word in words) + ". A message without any row yet is `received`.",
    ])  # fmt: skip


def cli_page(command: Any) -> str:
    """Every verb with its arguments and options."""
    parts = [
        NOTICE, "# The command line",
        "Exit codes: 0 done, 1 the thing asked for failed, 2 wrong usage, 130 interrupted. With `--json` standard "
        "output holds plain JSON and nothing else; an error is then `{\"error\": {\"code\", \"text\", …}}`.",
    ]  # fmt: skip
    for heading, verbs in command.headings().items():
        parts.append(f"## {heading}")
        for name, verb in verbs:
            parts += _verb_parts(name, verb)
    return joined(parts)


def _verb_parts(name: str, command: Any) -> Iterator[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    context = command.make_context(name, [], resilient_parsing=True)
    yield f"### waypost {name}"
    yield code("text", " ".join(["waypost", name, *_usage(command, context)]))
    yield "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    rows = [[f"`{a.metavar or a.name.upper()}`", a.help or ""] for a in arguments]
    rows += [[f"`{', '.join(o.opts)}{' ' + o.metavar if o.metavar else ''}`", _option_help(o)] for o in options]
    if rows:
        yield table(["", ""], rows)


def _usage(command: Any, context: Any) -> Iterator[str]:
    """What may stand behind the command, with ``...`` where there may be several."""
    if command.options_metavar:
        yield command.options_metavar
    for parameter in command.get_params(context):
        for piece in parameter.get_usage_pieces(context):
            yield piece if parameter.nargs != -1 or piece.endswith("...") else f"{piece}..."


def _option_help(option: Any) -> str:
    default = option.default
    if option.is_flag or default in (None, "", False) or callable(default):
        return option.help or ""
    return f"{option.help} Default: `{default}`."
