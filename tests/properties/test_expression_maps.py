"""Properties of maps: compiled and slow way agree, and any text is a map or a list of faults."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.test_expression_properties import expressions, roots, same
from waypost.core.errors import DataError, Fault
from waypost.mapping.bundle import Bundle
from waypost.mapping.compile import CompiledMap
from waypost.mapping.reader import read_map
from waypost.mapping.replay import apply_slowly

texts = expressions.filter(lambda text: "lookup" not in text)
rules = st.one_of(
    texts.map(lambda t: {"from": t}),
    st.tuples(texts, texts).map(lambda t: {"from": t[0], "when": t[1]}),
    st.tuples(texts, texts).map(lambda t: {"from": t[0], "default": t[1], "null": True}),
    st.just({"value": [1, "x"]}),
    st.tuples(texts, texts).map(lambda t: {"each": f"{t[0]} as l", "from": t[1]}),
    st.tuples(texts, st.sampled_from(["skip", "collect"])).map(lambda t: {"from": t[0], "on_error": t[1]}),
    st.tuples(texts, texts, texts).map(lambda t: {"each": f"{t[0]} as l", "group_by": t[1], "from": t[2]}),
    st.tuples(texts, texts, texts).map(lambda t: {"each": f"{t[0]} as l", "with": [f"{t[1]} as m"], "from": t[2]}),
    st.tuples(texts, texts, st.sampled_from(["l.a", "l", "a", "m.a"]), texts, st.sampled_from(["all", "matched"])).map(
        lambda t: {
            "each": f"{t[0]} as l",
            "from": t[3],
            "where": t[2].replace("m", "l"),
            "with": [{"each": f"{t[1]} as m", "on": t[2].replace("m", "l"), "equals": "m", "keep": t[4]}],
        }
    ),
)
targets = st.sampled_from(["p", "q", "r.s", "r.t", "u"])
tables = st.recursive(
    st.dictionaries(targets, rules, min_size=1, max_size=4),
    lambda inner: st.dictionaries(
        targets,
        st.one_of(
            rules,
            st.tuples(texts, inner, texts).map(lambda t: {"each": f"{t[0]} as c", "fields": t[1], "where": t[2]}),
            inner.map(lambda t: {"fields": t}),
        ),
        min_size=1,
        max_size=3,
    ),
    max_leaves=4,
)


def result(run: Any) -> Any:
    try:
        return run()
    except DataError as error:
        return str(error)


def yaml(value: Any) -> str:
    """``value`` in YAML's flow style, every text in double quotes."""
    import json

    return json.dumps(value)


@given(tables, roots)
@settings(max_examples=250, deadline=None)
def test_a_compiled_map_and_the_slow_way_agree(fields: dict[str, Any], message: Any) -> None:
    faults: list[Fault] = []
    document = read_map(yaml({"map": "m", "fields": fields}), "m.yaml", faults)
    if document is None:
        assert faults
        return
    bundle = Bundle(document)
    compiled = CompiledMap(bundle)
    slow = result(lambda: apply_slowly(bundle, message, 3))
    assert same(slow, result(lambda: compiled.apply(message, 3)))
    if not isinstance(slow, str):
        try:
            fast = compiled._call(message, 3)
        except Exception:  # noqa: BLE001 - anything sends it to the slow way
            return
        assert same(fast, slow)


@given(st.text(max_size=200), st.lists(st.sampled_from(["map: m\n", "fields:\n", "  a: b\n", "  c: {each: d", "}\n"])))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_map_or_a_list_of_faults(text: str, lines: list[str]) -> None:
    for written in (text, "".join(lines)):
        faults: list[Fault] = []
        assert (read_map(written, "m.yaml", faults) is None) == bool(faults)
