"""Groups of options stand in a verb's signature as one parameter each."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.main import get_command

from waypost.cli.option import Place, Which, expanded


def verb(
    place: Place, name: Annotated[str, typer.Argument(help="N.")], which: Which, flag: bool = False
) -> tuple[Any, ...]:
    """Do it."""
    return place, name, which, flag


def perform(*arguments: str) -> Any:
    app = typer.Typer()
    app.command("verb")(expanded(verb))
    return get_command(app).main(args=list(arguments), standalone_mode=False)


def test_every_option_of_a_group_is_an_option_of_the_verb() -> None:
    names = set(inspect.signature(expanded(verb)).parameters)
    assert {"project", "environment", "as_json", "flow", "key", "name", "flag"} <= names
    assert not {"place", "which"} & names
    assert expanded(verb).__doc__ == "Do it."


def test_the_verb_is_given_each_group_as_one_value() -> None:
    place, name, which, flag = perform("n", "--project", "x", "--env", "test", "--flow", "f", "--key", "a=1", "--flag")
    assert place == Place(project=Path("x"), environment="test", as_json=False)
    assert which == Which(flow="f", key=["a=1"])
    assert (name, flag) == ("n", True)


def test_what_is_not_typed_is_as_the_group_says() -> None:
    place, _, which, flag = perform("n")
    assert (place, which, flag) == (Place(), Which(), False)


@pytest.mark.parametrize("group", [Place, Which])
def test_no_option_of_a_group_is_shared_with_the_other(group: type[Any]) -> None:
    other = Which if group is Place else Place
    assert not set(group.__dataclass_fields__) & set(other.__dataclass_fields__)
