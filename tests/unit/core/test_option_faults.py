"""Options that find fault with themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from waypost.core.errors import Fault
from waypost.core.spec import Option, OptionFault, Spec
from waypost.core.yamlfile import parse_yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    first: Annotated[int, Option("Where it begins.")]
    last: Annotated[int, Option("Where it ends.")]

    def faults(self) -> Iterable[OptionFault]:
        if self.last < self.first:
            yield OptionFault("last", f"found {self.last}", f"at least {self.first}", "swap the two")


def test_what_options_find_wrong_with_themselves_is_a_fault_on_its_own_line() -> None:
    faults: list[Fault] = []
    file = parse_yaml("first: 3\nlast: 1\n", "w.yaml", faults)
    assert Spec.of(Window).parse(file, file.data, (), faults) is None
    assert [str(f) for f in faults] == ["w.yaml:2: found 1; expected at least 3; swap the two [option]"]


def test_sound_options_are_built() -> None:
    faults: list[Fault] = []
    file = parse_yaml("first: 1\nlast: 3\n", "w.yaml", faults)
    assert Spec.of(Window).parse(file, file.data, (), faults) == Window(first=1, last=3)
    assert faults == []
