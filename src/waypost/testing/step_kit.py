"""The conformance suite of steps: pure per message, whatever the batch, the process, the locale and the clock.

A test module inherits ``StepConformance``, names the step, gives it options, files and bodies, and gets the cases of
durability rule 9. A step that asks gets its answers from ``answer``. Needs pytest.
"""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from decimal import ROUND_UP, Context, Decimal, localcontext
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from waypost.core.component import Dropped, Failed, Noted, Request, Result, Routed, Split, Tapped
from waypost.core.errors import BugError, Fault
from waypost.core.grants import Grants
from waypost.core.message import Message, id_at
from waypost.core.registry import Component, registry
from waypost.core.yamlfile import YamlFile, parse_yaml

_FIRST = 0x0190_0000_0000_7000_8000_0000_0000_0000
_RECEIVED_AT = 1_700_000_000_123_456
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
HOSTILE: tuple[Any, ...] = (
    None, b"\xff\x00", "text", 5, Decimal("NaN"), True, [], [None], {}, {"": None}, {"n": float("inf")}, [[[]]],
)  # fmt: skip
"""Bodies no step expects; it must answer for each all the same."""
OTHER_PROCESSES = (
    {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONUTF8": "0"},
    {"PYTHONHASHSEED": "4242", "TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE.UTF-8"},
)


def step_component(name: str) -> Component:
    """The registered step ``name``."""
    found = registry.find("step", name)
    assert found is not None, f"no step {name!r} is registered"
    return found


def build_step(name: str, options: str, files: Mapping[str, bytes], targets: Sequence[str] = ()) -> Any:
    """The step with its options in YAML, linted as a flow's would be; it may read ``files`` and nothing else."""
    component, faults = step_component(name), list[Fault]()
    file = parse_yaml(options, "options.yaml", faults)
    parsed = component.spec.parse(file, file.data, (), faults)
    assert not faults, "\n".join(map(str, faults))
    grants = Grants(
        root=Path("."), flow="kit", name="the-step", read_file=files.__getitem__, targets=tuple(targets),
        list_files=lambda below: [name for name in sorted(files) if name.startswith(below)],
    )  # fmt: skip
    return component.build(parsed, grants)


def messages_of(bodies: Sequence[Any]) -> list[Message]:
    """One message per body (a copy of it), with headers, ordering key and correlation."""
    return [
        Message(id_at(_FIRST, at), body, _RECEIVED_AT + at, "application/json", {"from": "kit"}, f"key-{at % 3}",
                id_at(_FIRST, 60_000), id_at(_FIRST, 60_001 + at))
        for at, body in enumerate(copy.deepcopy(bodies))
    ]  # fmt: skip


def described(result: Any) -> Any:
    """A result, question or message as plain data that is equal where the other is."""
    if isinstance(result, Message):
        return {name: _plain(getattr(result, name)) for name in result.__struct_fields__}
    if isinstance(result, Split):
        return {"split": [described(child) for child in result.children]}
    if isinstance(result, Routed | Tapped):
        why = getattr(result, "reason", "")
        return {type(result).__name__: [described(result.message), list(result.targets), why]}
    if isinstance(result, Noted):
        return {"noted": [described(result.message), [one.data() for one in result.findings]]}
    if isinstance(result, Dropped):
        return {"dropped": [result.reason, result.duplicate_of]}
    if isinstance(result, Failed):
        return {"failed": [result.error.code, str(result.error), _plain(getattr(result.error, "details", ()))]}
    if isinstance(result, Request):
        return {"asks": _plain(result.parameters)}
    assert result is None, f"{result!r} is no result of a step"
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return {"number": str(value)} if isinstance(value, float | Decimal) else value


def run_step(step: Any, batch: Sequence[Message], answers: Mapping[str, Any]) -> tuple[list[Any], list[Result]]:
    """The questions and the results of a batch; ``answers`` by the encoded parameters of a question."""
    if not hasattr(step, "request"):
        return [], list(step.process(batch))
    requests = list(step.request(batch))
    asked = [r for r in requests if not isinstance(r, Failed)]
    known = [answers.get(_encode(described(r)).decode()) if isinstance(r, Request) else None for r in asked]
    going = [m for m, r in zip(batch, requests, strict=True) if not isinstance(r, Failed)]
    results = iter(step.process_answered(going, known))
    return requests, [r if isinstance(r, Failed) else next(results) for r in requests]


def outcome(step: Any, batch: Sequence[Message], answers: Mapping[str, Any]) -> list[bytes]:
    """Question and result of each message, as bytes."""
    requests, results = run_step(step, batch, answers)
    assert len(results) == len(batch), "a step answers for every message"
    return [
        _encode([described(q), described(r)]) for q, r in zip(requests or [None] * len(results), results, strict=True)
    ]


def in_this_process() -> None:
    """Run the case on standard input and write its outcome; the second process of the suite."""
    case = _decode(sys.stdin.buffer.read())
    files = {name: bytes.fromhex(data) for name, data in case["files"].items()}
    step = build_step(case["step"], case["options"], files, case["targets"])
    made = outcome(step, messages_of(case["bodies"]), case["answers"])
    sys.stdout.buffer.write(b"\n".join(made))


class StepConformance:
    """Inherit it as ``TestSomething`` and set what is below."""

    step: ClassVar[str]
    options: ClassVar[str]
    """The options, in YAML."""
    files: ClassVar[Mapping[str, bytes]] = {}
    targets: ClassVar[Sequence[str]] = ()
    """The targets of the flow the step is in, where it routes by names that messages give."""
    bodies: ClassVar[Sequence[Any]]
    """Bodies of plain JSON data and decimals; at least one that passes and, where there is one, one that fails."""
    outcomes: ClassVar[tuple[type, ...]] = (Message,)
    """The kinds of result ``bodies`` must bring about, so that the suite proves something."""

    def answer(self, parameters: Mapping[str, Any]) -> Any:
        """What the outside answers to a question."""
        raise NotImplementedError(f"{type(self).__name__} asks: give it answers")

    @pytest.fixture
    def built(self) -> Any:
        return build_step(self.step, self.options, self.files, self.targets)

    @pytest.fixture
    def answers(self, built: Any) -> dict[str, Any]:
        if not hasattr(built, "request"):
            return {}
        asked = [r for r in built.request(messages_of([*self.bodies, *HOSTILE])) if isinstance(r, Request)]
        return {_encode(described(request)).decode(): self.answer(request.parameters) for request in asked}

    @pytest.fixture
    def expected(self, built: Any, answers: dict[str, Any]) -> list[bytes]:
        return outcome(built, messages_of(self.bodies), answers)

    def test_the_bodies_bring_about_every_outcome_named(self, built: Any, answers: dict[str, Any]) -> None:
        kinds = {type(result) for result in run_step(built, messages_of(self.bodies), answers)[1]}
        assert kinds == set(self.outcomes)

    def test_a_batch_reversed_gives_each_message_the_same(
        self, built: Any, answers: dict[str, Any], expected: list[bytes]
    ) -> None:
        assert outcome(built, messages_of(self.bodies)[::-1], answers) == expected[::-1]

    def test_a_batch_of_one_gives_the_same(self, built: Any, answers: dict[str, Any], expected: list[bytes]) -> None:
        assert [outcome(built, [m], answers)[0] for m in messages_of(self.bodies)] == expected

    def test_a_message_twice_in_a_batch_gives_the_same_twice(
        self, built: Any, answers: dict[str, Any], expected: list[bytes]
    ) -> None:
        batch = [message for message in messages_of(self.bodies) for _ in range(2)]
        assert outcome(built, batch, answers) == [one for one in expected for _ in range(2)]

    def test_a_neighbour_that_no_step_expects_changes_nothing(
        self, built: Any, answers: dict[str, Any], expected: list[bytes]
    ) -> None:
        bodies = [*self.bodies, *HOSTILE]
        assert outcome(built, messages_of(bodies), answers)[: len(expected)] == expected

    @pytest.mark.parametrize("environment", OTHER_PROCESSES, ids=["seed-1", "seed-4242"])
    def test_another_process_gives_the_same_bytes(
        self, answers: dict[str, Any], expected: list[bytes], environment: dict[str, str]
    ) -> None:
        case = {
            "step": self.step, "options": self.options, "bodies": self.bodies, "answers": answers,
            "files": {name: data.hex() for name, data in self.files.items()}, "targets": self.targets,
        }  # fmt: skip
        program = "from waypost.testing.step_kit import in_this_process; in_this_process()"
        done = subprocess.run(
            [sys.executable, "-c", program], input=_encode(case), capture_output=True, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout == b"\n".join(expected)

    def test_the_thread_s_decimal_context_changes_nothing(
        self, built: Any, answers: dict[str, Any], expected: list[bytes]
    ) -> None:
        with localcontext(Context(prec=3, rounding=ROUND_UP)):
            assert outcome(built, messages_of(self.bodies), answers) == expected

    def test_the_message_is_left_as_it_was(self, built: Any, answers: dict[str, Any]) -> None:
        batch = messages_of([*self.bodies, *HOSTILE])
        run_step(built, batch, answers)
        assert repr(batch) == repr(messages_of([*self.bodies, *HOSTILE]))

    def test_messages_keep_their_identity_and_children_derive_theirs(self, built: Any, answers: dict[str, Any]) -> None:
        batch = messages_of(self.bodies)
        for message, result in zip(batch, run_step(built, batch, answers)[1], strict=True):
            if isinstance(result, Split):
                ids = [child.id for child in result.children]
                assert ids == [message.derive("the-step", at, None).id for at in range(len(ids))]
                assert {child.causation_id for child in result.children} <= {message.id}
            else:
                kept = result.message if isinstance(result, Routed | Tapped | Noted) else result
                assert not isinstance(kept, Message) or kept.id == message.id
            for made in _messages(result):
                assert made.correlation_id == message.correlation_id
                assert (made.headers, made.ordering_key) == (message.headers, message.ordering_key)
                assert made.received_at == message.received_at

    def test_a_body_that_nobody_expects_is_answered_and_no_bug(self, built: Any, answers: dict[str, Any]) -> None:
        for result in run_step(built, messages_of(HOSTILE), answers)[1]:
            assert not (isinstance(result, Failed) and isinstance(result.error, BugError)), str(result)

    def test_every_option_is_described_by_a_sentence(self) -> None:
        for field in step_component(self.step).spec.fields:
            assert field.option.summary.endswith("."), f"option {field.name!r}: {field.option.summary!r}"
        assert step_component(self.step).summary.endswith(".")

    def test_an_unknown_option_is_refused_with_a_near_name(self) -> None:
        spec, faults = step_component(self.step).spec, list[Fault]()
        spec.parse(YamlFile("options", None), {spec.fields[0].name + "x": 1}, (), faults)
        assert any(f.code == "unknown-option" and repr(spec.fields[0].name) in f.remedy for f in faults), faults

    def test_the_example_of_the_declaration_is_free_of_faults(self) -> None:
        component, faults = step_component(self.step), list[Fault]()
        example = parse_yaml(component.example, "example", faults)
        component.spec.parse(example, example.data, (), faults)
        assert component.example and faults == []


def _messages(result: Result) -> tuple[Message, ...]:
    if isinstance(result, Message):
        return (result,)
    if isinstance(result, Split):
        return result.children
    return (result.message,) if isinstance(result, Routed | Tapped | Noted) else ()
