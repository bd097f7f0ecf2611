"""The fuzzer of expressions finds nothing, and would find what escapes."""

from collections.abc import Iterator
from typing import Any

import pytest

from waypost.mapping.function import FUNCTIONS
from waypost.mapping.function.declaration import function
from waypost.testing import expression_fuzz
from waypost.testing.expression_fuzz import Maker, Watch, foreign, run, warm_up

WATCH = Watch()


@pytest.fixture(autouse=True)
def warm() -> None:
    warm_up()


def test_random_expressions_give_a_value_or_a_located_error() -> None:
    found = run(20_000, 1, WATCH)
    assert found.escapes == [] and found.executions >= 20_000
    assert min(found.outcomes[outcome] for outcome in ("refused", "error", "value")) > 20


def test_the_same_seed_makes_the_same_texts() -> None:
    one, other = Maker(5), Maker(5)
    assert [one.text() for _ in range(20)] == [other.text() for _ in range(20)]


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Declares a function of the language and has the fuzzer call nothing else."""

    def plant(call: Any) -> None:
        function("text", types="any -> any?", name="planted")(call)
        monkeypatch.setattr(Maker, "text", lambda self: "planted(a)")

    yield plant
    FUNCTIONS.pop("planted", None)


def reads_a_file(value: Any) -> Any:
    with open("/dev/null") as file:
        return file.read()


def gives_an_object(value: Any) -> Any:
    return object()


def exits(value: Any) -> Any:
    raise SystemExit


@pytest.mark.parametrize(
    ("call", "says"), [(reads_a_file, "open"), (gives_an_object, "gave a object"), (exits, "SystemExit")]
)
def test_an_escape_is_told(planted: Any, call: Any, says: str) -> None:
    planted(call)
    found = run(50, 0, WATCH)
    assert found.escapes and says in found.escapes[0]


def test_a_slow_evaluation_is_told(planted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expression_fuzz, "SLOW_SECONDS", 0.0)
    planted(lambda value: None)
    assert " took " in run(50, 0, WATCH).escapes[0]


def test_what_is_no_document_is_found_at_any_depth() -> None:
    assert foreign({"a": [1, {"b": {1, 2}}]}) == "set"
    assert foreign({"a": [1, "b", None, 1.5]}) == ""
