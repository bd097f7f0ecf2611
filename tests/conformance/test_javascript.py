"""The javascript step keeps what every step must, and reaches nothing outside its message."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

import pytest

from waypost.core.component import Dropped, Failed, Split
from waypost.core.errors import BugError, DataError
from waypost.core.message import Message
from waypost.core.yamlfile import YamlFile
from waypost.testing.step_kit import StepConformance, build_step, messages_of, step_component

COVERS = {("step", "javascript")}

STEP = b"""
function process(body, receivedAt) {
  if (body === null || typeof body !== "object" || Array.isArray(body)) refuse("no mapping");
  if (!("n" in body)) return;
  if (body.n === 2) return [{part: 0}, {part: 1}];
  if (body.n === 3) refuse("three is refused");
  return {...body, at: receivedAt, year: new Date().getFullYear(), lot: Math.random(), keys: Object.keys(body)};
}
"""


class TestJavascript(StepConformance):
    step, options = "javascript", "steps/order.js"
    files: ClassVar = {"steps/order.js": STEP}
    bodies = ({"n": Decimal("1.5"), "z": 1, "a": "\u2028"}, {"n": 2}, {"n": 3}, {})
    outcomes = (Message, Split, Failed, Dropped)


def result(program: str, body: Any = None, options: str = "") -> Any:
    step = build_step("javascript", f"{{file: a.js{options}}}", {"a.js": program.encode()})
    (made,) = step.process(messages_of([{} if body is None else body]))
    return made


@pytest.mark.parametrize(
    "program",
    [
        "const process = () => typeof require + typeof module + typeof std + typeof os + typeof fetch",
        "const process = () => typeof setTimeout + typeof console + typeof performance + typeof Deno + typeof print",
    ],
)
def test_nothing_leads_outside(program: str) -> None:
    made = result(program.replace("const process = () => ", "function process() { return ") + " }")
    assert set(made.body.replace("undefined", " ").split()) == set()


@pytest.mark.parametrize(
    "program",
    [
        "import * as os from 'os'; function process() { return os.getenv('HOME') }",
        "function process() { return std.open('/etc/passwd', 'r').readAsString() }",
        "function process() { return require('fs').readFileSync('/etc/passwd') }",
        "function process() { return new XMLHttpRequest() }",
        "async function process() { return (await import('os')).platform }",
        "function process() { return ({}).constructor.constructor('return process.env')().HOME.x }",
    ],
)
def test_an_attempt_to_reach_outside_fails_the_message(program: str) -> None:
    assert isinstance(result(program), Failed)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("function process() { while (true) {} }", "interrupted|no answer"),
        ("function process() { for (;;) [1, 2].sort(() => { while (1); }) }", "interrupted|no answer"),
        ("function process() { return /(a+)+$/.test('a'.repeat(60) + 'b') }", "interrupted|no answer"),
        ("function process() { let a = []; for (;;) a.push(new Array(1000).fill(1)) }", "out of memory"),
        ("function process() { let s = 'x'; for (;;) s += s }", "length|memory|too long"),
        ("function process() { return 'x'.repeat(60 << 20) }", "memory|invalid string length"),
        ("function process() { return process() }", "stack"),
        ("function process() { return {a: 0 / 0} }", "a is NaN"),
        ("function process() { return {a: 10n ** 9999999n} }", "BigInt"),
        ("let x = []; x.toJSON = () => x; function process() { x.push(x); return x }", "circular|stack|JSON"),
    ],
)
def test_what_does_not_end_or_grows_parks_the_message_and_the_next_one_passes(program: str, said: str) -> None:
    source = program.replace("process()", "bad()") + "\nfunction process(b) { return b.bad ? bad() : b }"
    step = build_step("javascript", "{file: a.js, seconds: 0.5, memory_bytes: 16MiB}", {"a.js": source.encode()})
    bad, good = step.process(messages_of([{"bad": 1}, {"a": 1}]))
    assert isinstance(bad, Failed) and isinstance(bad.error, BugError), bad
    assert any(part in str(bad.error) for part in said.split("|")), bad.error
    assert isinstance(good, Message) and good.body == {"a": 1}


def test_nothing_is_remembered_from_message_to_message() -> None:
    program = """let n = 0;
function process(b) { n += 1; Object.prototype.k = n; globalThis.m = (globalThis.m || 0) + 1; return {n, m} }"""
    step = build_step("javascript", "a.js", {"a.js": program.encode()})
    assert [made.body for made in step.process(messages_of([{}, {}, {}]))] == [{"n": 1, "m": 1}] * 3


def test_clock_and_chance_are_the_message_s() -> None:
    program = (
        "function process() { return {a: Date.now(), b: new Date().getTime(), c: Math.random(), d: Date().length} }"
    )
    first, again = result(program), result(program)
    assert first.body == again.body
    assert first.body["a"] == first.body["b"] == 1_700_000_000_123


@pytest.mark.parametrize("number", [2**53 + 1, Decimal("0.1234567890123456789"), Decimal("NaN")])
def test_a_number_no_double_holds_is_refused_by_its_place(number: Any) -> None:
    made = result("function process(b) { return b }", {"lines": [{"n": number}]})
    assert isinstance(made, Failed) and isinstance(made.error, DataError) and "lines[0].n" in str(made.error)


def test_a_refusal_is_a_data_error_and_anything_else_a_bug_with_the_line_of_its_function() -> None:
    refused, bug = result("function process() { refuse('no') }"), result("\nfunction process(b) {\n return b.a.b }")
    assert isinstance(refused.error, DataError) and str(refused.error) == "a.js: no"
    assert isinstance(bug.error, BugError) and str(bug.error).startswith("a.js:2: TypeError"), bug.error


def test_a_fault_of_syntax_is_told_with_its_line_before_anything_runs() -> None:
    component = step_component("javascript")
    read = {"a.js": b"\n\nfunction process(b) { return ] }"}.__getitem__
    (fault,) = component.build.lint(component.spec.options(file="a.js"), YamlFile("f", None), (), read, ())  # type: ignore[attr-defined]
    assert (fault.file, fault.line) == ("a.js", 3) and "SyntaxError" in fault.found


def test_a_process_that_died_is_started_anew() -> None:
    step = build_step("javascript", "a.js", {"a.js": b"function process(b) { return b }"})
    assert isinstance(step.process(messages_of([{}]))[0], Message)
    step._companion._process.kill()
    step._companion._process.wait()
    assert isinstance(step.process(messages_of([{}]))[0], Failed)
    assert isinstance(step.process(messages_of([{}]))[0], Message)
