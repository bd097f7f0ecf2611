"""The conformance suite of steps finds the ways a step can be impure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import pytest

from waypost.core.component import Result
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Option
from waypost.testing.step_kit import StepConformance, build_step, messages_of, outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedOptions:
    size: Annotated[int, Option("No full stop")] = 0


class Planted:
    """A step with a planted mistake."""

    def __init__(self, options: PlantedOptions, grants: Grants) -> None:
        self.seen = 0


class CountsMessages(Planted):
    """Remembers what came before."""

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        self.seen += len(batch)
        return [m.with_body({"seen": self.seen}) for m in batch]


class LooksAtNeighbours(Planted):
    """Takes the size of the batch."""

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        return [m.with_body({"n": len(batch)}) for m in batch]


class Mutates(Planted):
    """Changes the body in place."""

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        for m in batch:
            if isinstance(m.body, dict):
                m.body["n"] = 0
        return list(batch)


class UsesTheContext(Planted):
    """Computes in the thread's decimal context."""

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        return [m.with_body({"third": Decimal(1) / 3}) for m in batch]


class LosesCorrelation(Planted):
    """Makes a message of its own."""

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        return [Message(m.id, m.body, m.received_at) for m in batch]


class Raises(Planted):
    """Calls a strange body a bug."""

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        return [m.with_body(m.body["n"]) for m in batch]


PLANTED = {
    CountsMessages: "test_a_batch_of_one_gives_the_same",
    LooksAtNeighbours: "test_a_message_twice_in_a_batch_gives_the_same_twice",
    Mutates: "test_the_message_is_left_as_it_was",
    UsesTheContext: "test_the_thread_s_decimal_context_changes_nothing",
    LosesCorrelation: "test_messages_keep_their_identity_and_children_derive_theirs",
    Raises: "test_a_body_that_nobody_expects_is_answered_and_no_bug",
}


@pytest.fixture
def planted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(registry, "_components", {(c.kind, c.name): c for c in registry})
    registry.register("step", "planted", options=PlantedOptions, example="{size: 1}")(request.param)
    yield request.param


@pytest.mark.parametrize("planted", PLANTED, ids=[kind.__name__ for kind in PLANTED], indirect=True)
def test_a_planted_mistake_is_found(planted: Any) -> None:
    class Suite(StepConformance):
        step, options, bodies = "planted", "{}", ({"n": 1}, {"n": 2})

    step, case = build_step("planted", "{}", {}), getattr(Suite(), PLANTED[planted])
    given = {"built": step, "answers": {}, "expected": outcome(step, messages_of(Suite.bodies), {})}
    wanted = case.__code__.co_varnames[1 : case.__code__.co_argcount]
    with pytest.raises((AssertionError, TypeError, KeyError)):
        case(**{name: given[name] for name in wanted})


@pytest.mark.parametrize("planted", [CountsMessages], indirect=True)
def test_a_declaration_without_sentence_is_found(planted: Any) -> None:
    class Suite(StepConformance):
        step, options, bodies = "planted", "{}", ()

    with pytest.raises(AssertionError, match="No full stop"):
        Suite().test_every_option_is_described_by_a_sentence()


def test_a_step_that_depends_on_the_hash_seed_is_found() -> None:
    code = b"def process(body):\n    return {'first': next(iter({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}))}\n"

    class Suite(StepConformance):
        step, options, files, bodies = "python", "s.py", {"s.py": code}, ({"n": 1},)

    with pytest.raises(AssertionError):
        for environment in ({"PYTHONHASHSEED": str(seed)} for seed in range(1, 6)):
            step = build_step("python", "s.py", Suite.files)
            Suite().test_another_process_gives_the_same_bytes(
                {}, outcome(step, messages_of(Suite.bodies), {}), environment
            )
