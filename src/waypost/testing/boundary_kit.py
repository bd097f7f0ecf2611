"""The conformance suite of steps that combine messages: whatever dies when, the result is as if it had not.

A test module inherits ``BoundaryConformance``, names the step, gives it options and a script of what happens, and gets
the cases of durability rules 2, 3, 8 and 10. Needs pytest.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from waypost.core.component import Failed
from waypost.core.errors import BugError, Fault
from waypost.core.yamlfile import YamlFile, parse_yaml
from waypost.flow.member.codec import read, write
from waypost.testing.boundary_bench import Bench
from waypost.testing.boundary_system import BoundarySystem, Mortal
from waypost.testing.cases.coverage import is_reason
from waypost.testing.step_kit import HOSTILE, build_step, messages_of, step_component

Script = Sequence[Any]
"""What happens: a document that comes, a list of documents that come together, or a number of seconds that pass."""

FLOW = """\
flow: kit
description: One step that combines messages.
owner: ops
source: {{memory: in}}
format: json
keys: {{id: id}}
steps:
  - name: the-step
    {step}: {options}
targets:
  out: {{memory: out}}
{more}
"""
MOST_COMMITS = 400


async def played(root: Path, files: Mapping[str, str], script: Script, mortal: Mortal) -> BoundarySystem:
    """The system after the script, still running."""
    system = BoundarySystem(root, files, mortal)
    await system.start()
    await system.settle()
    for event in script:
        if isinstance(event, int | float) and not isinstance(event, bool):
            await system.advance(event)
        else:
            many = event if isinstance(event, list) else [event]
            await system.put(*(msgspec.json.encode(document) for document in many))
    return system


class BoundaryConformance:
    """Inherit it as ``TestSomething`` and set what is below."""

    step: ClassVar[str]
    options: ClassVar[str]
    """The options, in YAML, on one line."""
    files: ClassVar[Mapping[str, str]] = {}
    """Further files of the project."""
    targets: ClassVar[str] = ""
    """Further lines of the flow."""
    script: ClassVar[Script]
    """Must end with nothing waiting, so that every run can be compared to its end."""
    expected: ClassVar[Sequence[Any]]
    """The documents that come out, in any order; with ``in_order`` in this one."""
    in_order: ClassVar[bool] = False

    @property
    def project(self) -> dict[str, str]:
        flow = FLOW.format(step=self.step, options=self.options, more=self.targets)
        return {"flows/kit.yaml": flow, **self.files}

    def came_out(self, system: BoundarySystem) -> Any:
        """What came out, in a form in which equal results are equal."""
        bodies = list(system.out)
        return bodies if self.in_order else Counter(bodies)

    @pytest.fixture
    def built(self) -> Any:
        return build_step(self.step, self.options, {name: text.encode() for name, text in self.files.items()})

    @pytest.fixture
    def place(self) -> Iterator[Path]:
        """A folder in memory where there is one: what a sync is good for is proved elsewhere."""
        memory = Path("/dev/shm")
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
            yield Path(folder)

    async def test_the_script_brings_out_what_is_expected_and_leaves_nothing(self, place: Path) -> None:
        system = await played(place, self.project, self.script, Mortal())
        expected = [msgspec.json.encode(document) for document in self.expected]
        assert self.came_out(system) == (expected if self.in_order else Counter(expected))
        assert system.boundary("kit", "the-step").count == 0
        await system.stop()

    @pytest.mark.parametrize("durable", [False, True], ids=["before", "after"])
    async def test_a_death_at_any_commit_changes_nothing(self, place: Path, durable: bool) -> None:
        """The process dies at each commit in turn: before it is durable, or after, with nobody told."""
        whole = await played(place / "whole", self.project, self.script, counting := Mortal())
        expected = self.came_out(whole)
        await whole.stop()
        deaths = 0
        for at in range(1, min(counting.count, MOST_COMMITS) + 1):
            system = await played(place / str(at), self.project, self.script, Mortal(at, durable=durable))
            assert self.came_out(system) == expected, f"dead at commit {at}"
            assert system.boundary("kit", "the-step").count == 0, f"dead at commit {at}"
            deaths += system.deaths
            await system.stop()
        assert deaths >= counting.count // 2, "the kit must kill"

    async def test_a_start_anew_and_other_workers_between_any_two_events_change_nothing(self, place: Path) -> None:
        """After each event the system ends, its keys are shared by three workers and by one again, and it begins."""
        whole = await played(place / "whole", self.project, self.script, Mortal())
        expected = self.came_out(whole)
        await whole.stop()
        system = BoundarySystem(place / "moved", self.project)
        for event in [[], *self.script]:
            await system.start()
            await system.settle()
            if isinstance(event, int | float):
                await system.advance(event)
            else:
                many = event if isinstance(event, list) else [event]
                await system.put(*(msgspec.json.encode(document) for document in many))
            await system.stop()
            await system.move(3)
            await system.move(1)
        assert self.came_out(system) == expected

    def test_the_group_of_a_message_depends_on_it_alone(self, built: Any) -> None:
        documents = [
            d for e in self.script if not isinstance(e, int | float) for d in (e if isinstance(e, list) else [e])
        ]
        batch = messages_of([*documents, *HOSTILE])
        together = [_told(one) for one in built.correlate(batch)]
        assert [_told(one) for one in built.correlate(batch[::-1])] == together[::-1]
        assert [_told(built.correlate([message])[0]) for message in batch] == together
        assert repr(batch) == repr(messages_of([*documents, *HOSTILE]))

    async def test_what_no_step_expects_is_answered_and_no_bug(self, built: Any) -> None:
        bench = Bench(built)
        await bench.put_messages([m for m in messages_of(HOSTILE) if _can_wait(m.body)])
        await bench.advance(10_000_000)
        for key in bench.groups:
            await bench.force(key, "release")
        for _, fate in bench.ended:
            assert not (isinstance(fate, Failed) and isinstance(fate.error, BugError)), str(fate)
        assert not [freed for freed in bench.released if "bug" in freed.error]

    async def test_why_groups_go_is_declared_for_coverage(self, built: Any) -> None:
        file = parse_yaml(self.options, "options", [])
        reasons = step_component(self.step).spec.parse(file, file.data, (), []).reasons  # type: ignore[union-attr]
        bench = Bench(built)
        for event in self.script:
            if isinstance(event, int | float):
                await bench.advance(event)
            else:
                await bench.put(*(event if isinstance(event, list) else [event]))
            while bench.asked:
                for key, ask in bench.take_asked():
                    await bench.answer(key, ask.name, {})
        await bench.advance(10_000_000)
        assert reasons and bench.released
        assert [f.reason for f in bench.released if not any(is_reason(one, f.reason) for one in reasons)] == []

    async def test_a_cancelled_group_leaves_no_timer_behind(self, built: Any) -> None:
        bench = Bench(built)
        documents = [
            d for e in self.script if not isinstance(e, int | float) for d in (e if isinstance(e, list) else [e])
        ]
        await bench.put(documents[0])
        for key in bench.groups:
            await bench.force(key, "cancel")
        assert bench.groups == []
        await bench.advance(10_000_000)
        assert bench.next_timer() is None

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


def _documents(script: Script) -> list[Any]:
    """Every document that comes in a script."""
    events = [event for event in script if not isinstance(event, int | float)]
    return [document for event in events for document in (event if isinstance(event, list) else [event])]


def _told(key: Any) -> str:
    return f"failed: {key.error}" if isinstance(key, Failed) else f"key: {key}"


def _can_wait(document: Any) -> bool:
    """Whether a document has bytes at a boundary; others are refused on their way to it."""
    try:
        read(write(document))
    except (TypeError, ValueError):
        return False
    return True
