"""A project's faults are found all at once: one hides no other, and no mistake is a fault of Waypost."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from waypost.core.errors import ProjectError
from waypost.flow.declared.project import project_of

FLOW: dict[str, Any] = {
    "flow": "copy",
    "description": "Copies.",
    "owner": "ops",
    "source": {"directory": {"path": "in/*.ndjson"}},
    "format": {"json": {"lines": True}},
    "keys": {"k": "k", "other": {"path": "o", "ignore": ["case"]}},
    "steps": [{"filter": "n >= 0"}, {"name": "again", "filter": {"condition": "n < 5"}}],
    "targets": {"out": {"directory": {"path": "out"}, "format": "json", "keys": {"p": "k"}, "answer_keys": {"a": "b"}}},
    "delivery": {"order_by": "k", "retry": {"attempts": 3}},
}


def faults(flow: Any, **files: str) -> dict[str, int]:
    """Code and line of each fault."""
    made = {"waypost.yaml": "name: x\n", "flows/f.yaml": yaml.safe_dump(flow, sort_keys=False)}
    made |= {name.replace("__", "/") + ".yaml": text for name, text in files.items()}
    try:
        project_of({name: text.encode() for name, text in made.items()}, Path("."), "dev")
    except ProjectError as error:
        return {f"{fault.file}:{fault.code}": fault.line for fault in error.faults}
    return {}


def test_the_flow_these_tests_break_is_sound() -> None:
    assert faults(FLOW) == {}


PLANTED: list[tuple[dict[str, Any], str]] = [
    ({"owner": None}, "type"),
    ({"sorce": 1}, "unknown-option"),
    ({"source": {"directory": {"pth": "x"}}}, "unknown-option"),
    ({"format": "jsn"}, "unknown-format"),
    ({"steps": [{"filtr": "n"}]}, "unknown-step"),
    ({"steps": [{"map": "maps/none.map.yaml"}]}, "missing-file"),
    ({"targets": {"out": {"http": {"connection": "none", "path": "/x"}}}}, "unknown-connection"),
    ({"targets": {"out": {"directory": {"path": "out", "append": "maybe"}}}}, "type"),
    ({"delivery": {"retry": {"attempts": 0}}}, "range"),
    ({"delivery": {"order_by": "kk"}}, "unknown-key"),
    ({"keys": {"k": "n >"}}, "expression"),
]


@pytest.mark.parametrize("one", range(len(PLANTED)), ids=[f"{code}-{i}" for i, (_, code) in enumerate(PLANTED)])
def test_no_fault_of_a_flow_hides_another(one: int) -> None:
    change, code = PLANTED[one]
    assert f"flows/f.yaml:{code}" in faults(FLOW | change)
    for other, (further, its_code) in enumerate(PLANTED):
        if other != one and not set(change) & set(further):
            found = faults(FLOW | change | further)
            assert {f"flows/f.yaml:{code}", f"flows/f.yaml:{its_code}"} <= set(found), (change, further)


def test_faults_within_one_mapping_do_not_hide_each_other() -> None:
    found = faults(FLOW | {"delivery": {"order_by": "kk", "retry": {"attempts": 0}}})
    assert set(found) == {"flows/f.yaml:range", "flows/f.yaml:unknown-key"}


def test_a_fault_in_waypost_yaml_hides_none_of_a_flow() -> None:
    found = faults(FLOW | {"format": "jsn"}, waypost="nam: x\n")
    assert {"waypost.yaml:missing-option", "flows/f.yaml:unknown-format"} <= set(found)


def test_a_channel_whose_reader_cannot_be_read_is_not_said_to_have_none() -> None:
    writes = FLOW | {"targets": {"out": {"channel": {"channel": "x"}}}}
    reader = yaml.safe_dump(FLOW | {"flow": "reader", "source": {"chanel": {"channel": "x"}}}, sort_keys=False)
    assert set(faults(writes, flows__reader=reader)) == {"flows/reader.yaml:unknown-source"}


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(data, dict | list):
        items = data.items() if isinstance(data, dict) else enumerate(data)
        found += [place for key, value in items for place in places(value, (*path, key))]
    return found


STRANGE = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 3), st.just(0.5),
    st.sampled_from(["", "x", "${x}", "n >", "json", "out"]),
    st.lists(st.one_of(st.none(), st.just("x"), st.just({"filter": 1})), max_size=2),
    st.dictionaries(st.sampled_from(["filter", "directory", "http", "json", "path", "name", "x"]),
                    st.one_of(st.none(), st.just("x"), st.just({}), st.just([1]), st.just({"path": 1})), max_size=2),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(places(FLOW)), STRANGE), min_size=1, max_size=3))
def test_whatever_stands_in_a_flow_is_sound_or_a_fault_with_its_line(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    flow = copy.deepcopy(FLOW)
    for path, value in changes:
        at: Any = flow
        try:
            for part in path[:-1]:
                at = at[part]
            at[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
    assert all(line >= 1 for line in faults(flow).values())
