"""Options that several verbs share: a dataclass stands for a group of them in a verb's signature."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print plain JSON and nothing else.")]
EnvironmentName = Annotated[str, typer.Option("--env", metavar="NAME", help="The environment whose values are used.")]
ProjectFolder = Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder.")]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which project's system is meant, and how its answer is printed."""

    project: Annotated[Path, typer.Option("--project", metavar="DIR", help="The project's folder.")] = Path(".")
    environment: EnvironmentName = "dev"
    as_json: AsJson = False


@dataclass(frozen=True, kw_only=True)
class Which:
    """Which messages are meant: all that fit everything given."""

    flow: Annotated[str, typer.Option("--flow", metavar="NAME", help="Messages of this flow.")] = ""
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help="In this state: dead, parked, retrying, delivered …")
    ] = ""
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="NAME=VALUE", help="With this business key; a value alone fits any name."),
    ] = None
    arrival: Annotated[str, typer.Option("--file", metavar="NAME", help="That came in this file.")] = ""
    target: Annotated[str, typer.Option("--target", metavar="NAME", help="With a delivery to this target.")] = ""
    error: Annotated[str, typer.Option("--error", metavar="TEXT", help="Whose failure says this.")] = ""
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="Accepted since: 2026-11-20T14:00, or an age such as 2h.")
    ] = ""
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="Accepted before.")] = ""


GROUPS: tuple[type[Any], ...] = (Place, Which)


def expanded(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with each parameter that is a group of options replaced by the options of that group."""
    hints = typing.get_type_hints(function, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[type[Any], list[str]]] = {}
    for parameter in inspect.signature(function).parameters.values():
        kind = hints[parameter.name]
        if kind in GROUPS:
            options = _options(kind)
            groups[parameter.name] = (kind, [option.name for option in options])
            parameters += options
        else:
            parameters.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))

    def call(**given: Any) -> Any:
        for name, (kind, fields) in groups.items():
            given[name] = kind(**{field: given.pop(field) for field in fields})
        return function(**given)

    call.__name__, call.__doc__, call.__module__ = function.__name__, function.__doc__, function.__module__
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _options(group: type[Any]) -> list[inspect.Parameter]:
    hints = typing.get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in dataclasses.fields(group)
    ]
