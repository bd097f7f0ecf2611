"""An option of any value takes any value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from waypost.core.errors import Fault
from waypost.core.spec import Option, Spec
from waypost.core.yamlfile import YamlFile


@dataclass(frozen=True, slots=True, kw_only=True)
class AnythingOptions:
    value: Annotated[Any, Option("Anything.")] = "default"
    values: Annotated[tuple[Any, ...], Option("A list of anything.")] = ()


@pytest.mark.parametrize("value", [None, 0, "", {"a": None}, [None]], ids=str)
def test_nothing_is_a_value_too(value: Any) -> None:
    faults: list[Fault] = []
    options = Spec.of(AnythingOptions).parse(YamlFile("x", None), {"value": value, "values": [value]}, (), faults)
    assert faults == []
    assert options == AnythingOptions(value=value, values=(value,))
