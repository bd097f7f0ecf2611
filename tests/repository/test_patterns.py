"""The page of patterns and its examples: each pattern of the book has one, each example a pattern, and all run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository import ROOT, assert_none
from waypost.flow.declared.definition import Project
from waypost.flow.declared.project import load_project
from waypost.testing.cases.runner import run_cases

PAGE = ROOT / "docs/explanation/patterns.md"
EXAMPLES = ROOT / "examples/patterns"
_BOOK = """
file-transfer shared-database remote-procedure-invocation messaging
message-channel message pipes-and-filters message-router message-translator message-endpoint
point-to-point-channel publish-subscribe-channel datatype-channel invalid-message-channel dead-letter-channel
guaranteed-delivery channel-adapter messaging-bridge message-bus
command-message document-message event-message request-reply return-address correlation-identifier message-sequence
message-expiration format-indicator
content-based-router message-filter dynamic-router recipient-list splitter aggregator resequencer
composed-message-processor scatter-gather routing-slip process-manager message-broker
envelope-wrapper content-enricher content-filter claim-check normalizer canonical-data-model
messaging-gateway messaging-mapper transactional-client polling-consumer event-driven-consumer competing-consumers
message-dispatcher selective-consumer durable-subscriber idempotent-receiver service-activator
control-bus detour wire-tap message-history message-store smart-proxy test-message channel-purger
"""
BOOK = tuple(_BOOK.split())
"""The patterns of *Enterprise Integration Patterns* (Hohpe, Woolf), in its order."""
ROW = re.compile(r"\| (\d+) \| \[([^\]]+)\]\(([^)]+)\) \| (.+) \|")


def rows() -> Iterator[tuple[int, str, Path, str]]:
    """Number, pattern, example and text of each row of the page."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if found := ROW.fullmatch(line):
            name = found[2].lower().replace(" ", "-")
            yield int(found[1]), name, (PAGE.parent / found[3]).resolve(), found[4]


def projects() -> dict[str, Project]:
    return {path.parent.name: load_project(path.parent) for path in sorted(EXAMPLES.glob("*/waypost.yaml"))}


def test_the_page_has_the_patterns_of_the_book_in_its_order() -> None:
    assert len(BOOK) == len(set(BOOK)) == 65
    listed = [(number, name) for number, name, _, _ in rows()]
    assert listed == list(enumerate(BOOK, 1))


def test_every_pattern_of_the_page_has_an_example_of_its_name_and_says_how_it_is_done() -> None:
    assert_none(name for _, name, example, _ in rows() if not example.is_file() or example.stem != name)
    assert_none(name for _, name, _, text in rows() if not text.endswith("."))


def test_every_flow_of_the_examples_belongs_to_a_pattern_of_the_page() -> None:
    listed = {example: name for _, name, example, _ in rows()}
    names = sorted(listed.values(), key=len, reverse=True)
    for path in EXAMPLES.glob("*/flows/*.yaml"):
        owner = next((name for name in names if path.stem == name or path.stem.startswith(f"{name}-")), None)
        assert owner is not None, f"{path}: no pattern of the page is called so"
        assert listed[path.parent / f"{owner}.yaml"] == owner, f"{path}: its pattern is in another project"


def test_every_example_is_sound_and_named_after_its_file() -> None:
    for name, project in projects().items():
        assert {flow.file.name for flow in project.flows.values()} == {f"flows/{flow}.yaml" for flow in project.flows}
        assert project.options.name == name


@pytest.mark.parametrize("name", sorted(path.parent.name for path in EXAMPLES.glob("*/waypost.yaml")))
async def test_every_case_of_the_examples_comes_out_as_it_says(name: str) -> None:
    results = await run_cases(EXAMPLES / name, "dev")
    assert_none(f"{r.file}:{r.line} {r.name}: {d}" for r in results for d in r.differences)
    tested = {result.subject for result in results}
    assert_none(pattern for _, pattern, example, _ in rows() if example.parts[-3] == name and pattern not in tested)
