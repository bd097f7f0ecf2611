"""Everything written from a declaration says what the declaration says, and no more than parsing allows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waypost.core.describe.declared import component_data, option_data, plain
from waypost.core.describe.page import component_page, error_classes, member_docs, table
from waypost.core.describe.schema import (
    REFERENCE,
    choice_schema,
    component_definitions,
    component_document,
    component_schema,
    document,
    options_schema,
)
from waypost.core.describe.starter import starter, written
from waypost.core.describe.text import component_text, list_text
from waypost.core.errors import Fault, WaypostError
from waypost.core.registry import Component, Registry, registry
from waypost.core.spec import ConnectionRef, Duration, Expression, Option, Secret, Size, Spec
from waypost.core.traits import SourceTraits
from waypost.core.yamlfile import YamlFile, parse_yaml

COMPONENTS = {f"{c.kind}-{c.name}": c for c in registry}
each_component = pytest.mark.parametrize("component", COMPONENTS.values(), ids=COMPONENTS)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseOptions:
    seconds: Annotated[int, Option("How long.", minimum=1, maximum=9)] = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class EveryTypeOptions:
    text: Annotated[str, Option("A text | with a bar.", example="abc")]
    count: Annotated[int, Option("A number.", minimum=0, maximum=5)] = 0
    ratio: Annotated[float | None, Option("A ratio.", advanced=True)] = None
    flag: Annotated[bool, Option("A flag.")] = False
    wait: Annotated[Duration, Option("A duration.", minimum=1)] = Duration(90)
    limit: Annotated[Size, Option("A size.")] = Size(64 << 20)
    colour: Annotated[Colour, Option("A colour.")] = Colour.RED
    mode: Annotated[Literal["a", "b"], Option("A mode.", deprecated="Use colour.")] = "a"
    names: Annotated[tuple[str, ...], Option("Names.")] = ()
    counts: Annotated[dict[str, int], Option("Counts.")] = field(default_factory=dict)
    password: Annotated[Secret | None, Option("A password.")] = None
    when: Annotated[Expression, Option("A condition.")] = Expression("true")
    system: Annotated[ConnectionRef, Option("A system.", kinds=("sftp",))] = ConnectionRef("")
    pause: Annotated[PauseOptions, Option("A pause.")] = field(default_factory=PauseOptions)
    pauses: Annotated[tuple[PauseOptions, ...], Option("Pauses.")] = ()
    either: Annotated[int | str, Option("Either.")] = 0
    anything: Annotated[Any, Option("Anything.")] = None


def declare(options: type[Any] = EveryTypeOptions, **more: Any) -> Component:
    registry = Registry()

    @registry.register("source", "every", options=options, **more)
    class Every:
        """Show every type of option."""

    found = registry.find("source", "every")
    assert found is not None
    return found


def faults_of(component: Component, value: Any) -> list[Fault]:
    faults: list[Fault] = []
    component.spec.parse(YamlFile("options", value), value, (), faults)
    return faults


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 12), st.floats(-3, 12), st.sampled_from(["red", "a", "5s", "x", "64MiB"])
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.dictionaries(st.sampled_from(["seconds", "n"]), SCALARS, max_size=2),
    st.lists(st.dictionaries(st.just("seconds"), SCALARS, max_size=1), max_size=2),
)


class TestSchema:
    VALIDATOR = jsonschema_rs.validator_for(component_document(declare()))

    @settings(deadline=None)
    @given(st.sampled_from([f.name for f in Spec.of(EveryTypeOptions).fields]), VALUES)
    def test_it_accepts_whatever_parsing_accepts(self, name: str, value: Any) -> None:
        options = {"text": "t", name: value}
        if not faults_of(declare(), options):
            assert self.VALIDATOR.is_valid(options), options

    @settings(deadline=None)
    @given(st.sampled_from([f.name for f in Spec.of(EveryTypeOptions).fields]), VALUES)
    def test_it_refuses_what_parsing_refuses_but_for_what_it_cannot_say(self, name: str, value: Any) -> None:
        options = {"text": "t", name: value}
        found = faults_of(declare(), options)
        whole = isinstance(value, float) and value == int(value)  # JSON knows no difference between 1 and 1.0
        if found and not whole and not any(isinstance(v, float) for v in _leaves(value)):
            assert not self.VALIDATOR.is_valid(options), (options, found)

    @pytest.mark.parametrize(
        "options, why",
        [
            ({}, "a required option is missing"),
            ({"text": "t", "cuont": 1}, "an unknown option"),
            ({"text": "t", "count": 6}, "above the bound"),
            ({"text": "t", "colour": "green"}, "no such choice"),
            ({"text": "t", "wait": "5 parsecs"}, "no duration"),
            ({"text": "t", "pause": {"seconds": 10}}, "above the bound of a nested option"),
        ],
    )
    def test_it_refuses_a_mistake(self, options: Any, why: str) -> None:
        assert not self.VALIDATOR.is_valid(options), why

    def test_a_value_of_the_environment_may_stand_for_any_value(self) -> None:
        assert self.VALIDATOR.is_valid({"text": "t", "count": "${n}", "pause": {"seconds": "${s}"}, "flag": "${f}"})
        assert not self.VALIDATOR.is_valid({"text": "t", "count": "n"})

    def test_the_shorthand_and_nothing_at_all_are_accepted_where_parsing_does(self) -> None:
        short = declare(PauseOptions, shorthand="seconds")
        validator = jsonschema_rs.validator_for(component_document(short))
        assert [validator.is_valid(v) for v in (5, None, {}, 10, "x")] == [True, True, True, False, False]
        assert not self.VALIDATOR.is_valid(None)

    def test_an_option_carries_what_an_editor_shows(self) -> None:
        properties = options_schema(Spec.of(EveryTypeOptions))["properties"]
        assert properties["wait"]["default"] == "90s"
        assert properties["text"]["examples"] == ["abc"]
        assert properties["mode"]["deprecated"] is True
        assert properties["flag"]["description"] == "A flag."

    @each_component
    def test_the_schema_of_a_component_is_sound_and_its_example_fits(self, component: Component) -> None:
        schema = component_document(component)
        jsonschema_rs.meta.validate(schema)
        example = parse_yaml(component.example, "example", []).data
        assert jsonschema_rs.validator_for(schema).is_valid(example)

    def test_exactly_one_component_of_a_kind_is_chosen(self) -> None:
        definitions = component_definitions(registry, ["source"])
        validator = jsonschema_rs.validator_for(document("source", choice_schema(registry, "source"), definitions))
        assert validator.is_valid({"memory": {"channel": "x"}})
        assert not validator.is_valid({})
        assert not validator.is_valid({"memory": {}, "directory": {"path": "in/*"}})
        assert not validator.is_valid({"memroy": {}})

    def test_no_schema_says_the_same_form_twice(self) -> None:
        text = json.dumps(component_schema(declare()))
        assert text.count('"$ref": "#/$defs/reference"}, {"$ref"') == 0
        assert REFERENCE["pattern"] == r"^\$\{[^}]*\}$"


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


class TestData:
    def test_an_option_says_type_default_bounds_and_choices(self) -> None:
        options = {f.name: option_data(f) for f in Spec.of(EveryTypeOptions).fields}
        assert options["text"]["required"] is True and "default" not in options["text"]
        assert (options["count"]["minimum"], options["count"]["maximum"]) == (0, 5)
        assert options["wait"]["default"] == "90s" and options["wait"]["minimum"] == "1s"
        assert options["colour"]["choices"] == ["red", "blue"]
        assert options["system"]["connections"] == ["sftp"]
        assert options["pauses"]["options"][0]["name"] == "seconds"
        assert options["ratio"]["advanced"] is True

    @each_component
    def test_it_is_plain_json(self, component: Component) -> None:
        data = component_data(component)
        assert json.loads(json.dumps(data)) == data

    @settings(deadline=None)
    @given(st.integers(0, 10**10))
    def test_a_duration_or_size_is_written_so_that_it_reads_back_as_the_same(self, number: int) -> None:
        @dataclass(frozen=True)
        class BothOptions:
            wait: Annotated[Duration, Option("W.")]
            limit: Annotated[Size, Option("L.")]

        written_down = {"wait": plain(Duration(number / 1000)), "limit": plain(Size(number))}
        read = Spec.of(BothOptions).parse(YamlFile("x", None), written_down, (), [])
        assert read is not None
        assert (round(read.wait * 1000), read.limit) == (number, number)

    def test_a_secret_is_never_written(self) -> None:
        assert "hunter2" not in str(plain({"a": [Secret("hunter2")]}))


class TestText:
    def test_it_names_every_option_with_its_type(self) -> None:
        text = component_text(component_data(declare(traits=SourceTraits(replies=True))))
        for field_ in Spec.of(EveryTypeOptions).fields:
            assert f"  {field_.name}  " in text
        assert "text  text, required" in text
        assert "wait  duration such as 5s or 2m, default 90s" in text
        assert "At least 0. At most 5." in text
        assert "replies: yes" in text

    def test_a_nested_option_stands_further_in(self) -> None:
        lines = component_text(component_data(declare())).splitlines()
        assert "      seconds  whole number, default 3" in lines

    @settings(deadline=None)
    @given(st.integers(40, 200))
    def test_no_line_is_wider_than_the_terminal(self, width: int) -> None:
        summary = "words " * 60
        assert all(len(line) <= width for line in list_text([("name", summary)], width))


class TestPage:
    def test_a_table_cell_cannot_break_the_table(self) -> None:
        assert table(["a"], [["x | y\nz"]]).splitlines()[2] == "| x \\| y z |"

    @each_component
    def test_the_example_of_a_page_is_yaml_that_holds_the_component(self, component: Component) -> None:
        block = component_page(component).split("```yaml\n")[1].split("```")[0]
        faults: list[Fault] = []
        data = parse_yaml(block, "page", faults).data
        assert faults == []
        assert component.name in json.dumps(data)

    def test_it_lists_the_options_of_a_nested_mapping_on_their_own(self) -> None:
        page = component_page(declare())
        assert "### `pause`" in page and "### `pauses`" in page
        assert "| `seconds` | whole number | `3` | How long. At least 1. At most 9. |" in page

    def test_every_error_class_of_waypost_has_its_place(self) -> None:
        found = error_classes(WaypostError)
        assert found[0] is WaypostError and len(found) == len(set(found))
        assert {"StoreFull", "UsageError", "EndpointTimeout"} <= {c.__name__ for c in found}

    def test_the_meaning_of_a_member_is_the_text_below_it(self) -> None:
        assert member_docs(Phase) == {"NEW": "Just made.", "OLD": ""}


class Phase(IntEnum):
    """Two phases."""

    NEW = 0
    """Just
    made."""
    OLD = 1


class TestStarter:
    @each_component
    def test_it_parses_without_a_fault(self, component: Component) -> None:
        faults: list[Fault] = []
        file = parse_yaml(starter(component), "starter", faults)
        component.spec.parse(file, file.data, (), faults)
        assert faults == []

    def test_what_is_not_set_stands_beside_as_a_comment(self) -> None:
        lines = starter(declare(example="{text: hello}")).splitlines()
        assert "text: hello  # A text | with a bar." in lines
        assert "# wait: 90s  # A duration." in lines
        assert not any(line.startswith("# ratio") for line in lines), "options for experts are left out"

    def test_what_is_given_wins_over_the_example(self) -> None:
        text = starter(declare(example="{text: hello}"), {"text": "bye"})
        assert parse_yaml(text, "starter", []).data["text"] == "bye"

    @settings(deadline=None)
    @given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text("ab:#' "), inner)))
    def test_a_written_value_reads_back(self, value: Any) -> None:
        text = written({"v": value})
        assert "\n" not in text
        assert parse_yaml(text, "x", []).data == {"v": value}
