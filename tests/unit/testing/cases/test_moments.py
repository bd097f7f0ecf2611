"""Cases through time: several inputs, waits, answers that take a while, people, and what comes out when."""

from __future__ import annotations

from pathlib import Path

import pytest

from waypost.core.errors import ProjectError
from waypost.testing.cases.coverage import Coverage
from waypost.testing.cases.declared import CaseResult
from waypost.testing.cases.runner import run_cases
from waypost.testing.cases.writing import write_snapshots

FLOW = """\
flow: it
description: One step that waits.
owner: ops
source: {{memory: in}}
format: {{json: {{lines: true}}}}
keys: {{k: k}}
steps:
  - {step}
targets:
  out: {{memory: out}}
{more}
"""
CONNECTIONS = "swift: {kind: http, address: 'http://127.0.0.1:1'}\nslow: {kind: http, address: 'http://127.0.0.1:1'}\n"
SCATTER = (
    "scatter_gather: {branches: {swift: {connection: swift, parameters: {n: n}, ask: {path: /}}, slow: {connection: "
    "slow, parameters: {n: n}, ask: {path: /}}}, into: offers, timeout: 60s, incomplete: INCOMPLETE}"
)


def project(root: Path, step: str, case: str, more: str = "") -> Path:
    for name, text in {
        "waypost.yaml": "name: it\n", "connections.yaml": CONNECTIONS,
        "flows/it.yaml": FLOW.format(step=step, more=more),
        "tests/it.yaml": "flow: it\ncases:\n  - name: a case\n" + "".join(f"    {s}\n" for s in case.splitlines()),
    }.items():  # fmt: skip
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_text(text)
    return root


async def run(root: Path, coverage: Coverage | None = None) -> CaseResult:
    (result,) = await run_cases(root, "dev", "", coverage)
    return result


def out(*numbers: int) -> str:
    return "{targets: {out: [" + ", ".join(f"{{n: {n}}}" for n in numbers) + "]}}"


GOOD = {
    "a delayer holds each message for its own time, in several inputs": (
        "delayer: 15m",
        f"""\
input: {{json: {{n: 1}}}}
expect: {{waiting: {{delayer: 1}}}}
then:
  - {{wait: 5m, input: {{json: {{n: 2}}}}, expect: {{waiting: {{delayer: 2}}}}}}
  - {{wait: 10m, expect: {out(1)}}}
  - {{wait: 299s, expect: {{}}}}
  - {{wait: 1s, expect: {{targets: {{out: [{{n: 2}}]}}, waiting: {{}}}}}}""",
    ),
    "time may pass to a moment, and a delayer lets go at the one a message names": (
        "delayer: {until: due}",
        """\
input: {json: {due: '2026-02-01'}, received_at: '2026-01-31T12:00:00Z'}
expect: {}
then:
  - {at: '2026-01-31T23:59:59Z', expect: {waiting: {delayer: 1}}}
  - {at: '2026-02-01T00:00:00Z', expect: {targets: {out: [{due: '2026-02-01'}]}}}
  - {input: {json: {due: '2026-01-01'}}, expect: {targets: {out: [{due: '2026-01-01'}]}}}""",
    ),
    "a throttler keeps its rate": (
        "throttler: {rate: 2, per: 60s}",
        f"""\
input: {{text: "{{\\"n\\": 1}}\\n{{\\"n\\": 2}}\\n{{\\"n\\": 3}}\\n"}}
expect: {out(1)}
then:
  - {{wait: 29s, expect: {{waiting: {{throttler: 2}}}}}}
  - {{wait: 1s, expect: {out(2)}}}
  - {{wait: 30s, expect: {out(3)}}}
  - {{wait: 30s, input: {{json: {{n: 4}}}}, expect: {out(4)}}}""",
    ),
    "a batcher goes by count and by time": (
        "batcher: {count: 2, after: 30s}",
        """\
input: {json: {n: 1}}
expect: {}
then:
  - {wait: 29s, input: {json: {n: 2}}, expect: {targets: {out: [[{n: 1}, {n: 2}]]}}}
  - {wait: 29s, input: {json: {n: 3}}, expect: {waiting: {batcher: 1}}}
  - {wait: 30s, expect: {targets: {out: [[{n: 3}]]}}}""",
    ),
    "an idempotent receiver remembers for as long as it says": (
        "idempotent_receiver: {key: n, keep_seconds: 1h}",
        f"""\
input: {{text: "{{\\"n\\": 1}}\\n{{\\"n\\": 1}}\\n"}}
expect: {{targets: {{out: [{{n: 1}}]}}, filtered: 1}}
then:
  - {{wait: 3599s, input: {{json: {{n: 1}}}}, expect: {{filtered: 1}}}}
  - {{wait: 1s, input: {{json: {{n: 1}}}}, expect: {out(1)}}}""",
    ),
    "answers take their time, and all of them let the message go": (
        SCATTER.replace("INCOMPLETE", "fail"),
        """\
input: {json: {n: 1}}
effects:
  scatter_gather/swift: [{when: {n: 1}, answer: {price: 4}}]
  scatter_gather/slow: [{answer: {price: 3}, after: 60s}]
expect: {waiting: {scatter_gather: 1}}
then:
  - {wait: 59s, expect: {}}
  - {wait: 1s, expect: {targets: {out: [{n: 1, offers: {swift: {price: 4}, slow: {price: 3}}}]}}}""",
    ),
    "who refuses and who is away is waited for no longer than the time": (
        SCATTER.replace("INCOMPLETE", "release"),
        """\
input: {json: {n: 1}}
effects:
  scatter_gather/swift: [{error: too heavy}]
  scatter_gather/slow: [{error: no route, error_class: transient}]
expect: {targets: {out: [{n: 1, offers: {}}]}}
then:
  - {wait: 1h, expect: {}}""",
    ),
    "who was away is asked again and answers from when the case says so": (
        SCATTER.replace("INCOMPLETE", "release"),
        """\
input: {json: {n: 1}}
effects:
  scatter_gather/swift: [{answer: 1}]
  scatter_gather/slow: [{error: no route, error_class: transient}]
expect: {}
then:
  - {wait: 10s, expect: {waiting: {scatter_gather: 1}}}
  - wait: 20s
    effects: {scatter_gather/slow: [{answer: 2}]}
    expect: {targets: {out: [{n: 1, offers: {swift: 1, slow: 2}}]}}""",
    ),
    "a person lets a group go, and another cancels one": (
        "aggregator: {correlate: k, complete: {count: 9}}",
        """\
input: {json: {k: A}}
expect: {}
then:
  - {input: {json: {k: B}}, expect: {waiting: {aggregator: 2}}}
  - {release: {aggregator: A}, expect: {targets: {out: [[{k: A}]]}}}
  - {cancel: {aggregator: B}, expect: {waiting: {}}}""",
    ),
}  # fmt: skip


@pytest.mark.parametrize("step, case", GOOD.values(), ids=GOOD)
async def test_a_case_through_time_comes_out_as_it_says(tmp_path: Path, step: str, case: str) -> None:
    assert (await run(project(tmp_path, step, case))).differences == ()


WRONG = {
    "another number that waits": ("delayer: 5s", "expect: {waiting: {}}", "waiting: expected 0 at delayer, found 1"),
    "nothing when its time has come": (
        "delayer: 5s",
        "expect: {}\nthen: [{wait: 5s}]",
        "then[0] (line 6): out[0]: not",
    ),
    "a group nobody waits in": (
        "aggregator: {correlate: k, complete: {count: 2}}",
        "expect: {}\nthen: [{release: {aggregator: B}}]",
        "no group 'B' waits; waiting: A",
    ),
    "a system the case does not answer for": (
        SCATTER.replace("INCOMPLETE", "fail"),
        "effects: {scatter_gather/slow: [{}]}\nexpect: {}",
        'step scatter_gather/swift asks {"n": 1} and the case has no answer',
    ),
    "another state of a failure": (
        "aggregator: {correlate: x, complete: {count: 2}}",
        "expect: {errors: [{place: aggregator, state: parked}]}",
        "expected an error with place 'aggregator', state 'parked', which did not happen",
    ),
}


@pytest.mark.parametrize("step, case, told", WRONG.values(), ids=WRONG)
async def test_each_way_to_come_out_otherwise_is_said(tmp_path: Path, step: str, case: str, told: str) -> None:
    result = await run(project(tmp_path, step, "input: {json: {k: A, n: 1}}\n" + case))
    assert any(told in difference for difference in result.differences), result.differences


FAULTY = {
    "time that goes back": ("then: [{wait: 1h}, {at: '2026-01-15T12:59:59Z'}]", "moment 2 is at 2026-01-15T12:59:59Z"),
    "two times": ("then: [{wait: 1h, at: '2026-01-15T12:59:59Z'}]", "found both wait and at"),
    "no time": ("then: [{at: tomorrow}]", "'tomorrow' is no time"),
    "nothing": ("then: [{expect: {filtered: 1}}]", "nothing happens"),
    "an answer of nobody": ("effects: {scatter_gather/swft: []}", "did you mean 'scatter_gather/swift'?"),
    "an answer of a step that asks several": (
        "effects: {scatter_gather: []}",
        "no step 'scatter_gather' in flow 'it' that",
    ),
    "a group of no step": ("then: [{release: {scater_gather: x}}]", "did you mean 'scatter_gather'?"),
    "a target of a later moment": ("then: [{wait: 1s, expect: {targets: {ou: []}}}]", "did you mean 'out'?"),
    "a matcher of a later moment": ("then: [{wait: 1s, expect: {targets: {out: [{$rex: x}]}}}]", "no matcher '$rex'"),
    "a received_at of a later input": ("then: [{input: {json: 1, received_at: x}}]", "unknown option 'received_at'"),
    "a snapshot of one moment": ("then: [{wait: 1s, expect: {snapshot: true}}]", "a snapshot of one moment"),
}


@pytest.mark.parametrize("case, told", FAULTY.values(), ids=FAULTY)
async def test_a_mistake_in_a_case_is_a_fault_with_its_line(tmp_path: Path, case: str, told: str) -> None:
    step = SCATTER.replace("INCOMPLETE", "fail")
    with pytest.raises(ProjectError) as raised:
        await run(project(tmp_path, step, "input: {json: {n: 1}}\nexpect: {}\n" + case))
    assert any((f.file, f.line) == ("tests/it.yaml", 6) and told in str(f) for f in raised.value.faults), raised.value


async def test_a_snapshot_holds_every_moment(tmp_path: Path) -> None:
    case = "input: {json: {n: 1}}\nexpect: {snapshot: true}\nthen:\n  - {wait: 5s}\n"
    root = project(tmp_path, "delayer: 5s", case)
    assert [told.what for told in await write_snapshots(root, "dev")] == ["written"]
    assert (await run(root)).differences == ()
    (root / "flows/it.yaml").write_text(FLOW.format(step="delayer: 6s", more=""))
    assert any("then[0].targets.out" in difference for difference in (await run(root)).differences)


async def test_coverage_counts_why_groups_go_and_who_answers(tmp_path: Path) -> None:
    step = "aggregator: {correlate: k, complete: {count: 2, after: 1m}}\n  - " + SCATTER.replace("INCOMPLETE", "fail")
    case = "input: {json: {k: A, n: 1}}\nexpect: {}\nthen:\n"
    case += "  - {wait: 60s, expect: {errors: [{place: scatter_gather}]}}"
    coverage = Coverage()
    assert (await run(project(tmp_path, step, case), coverage)).differences == ()
    assert [f"{b.place}: {b.what}" for share in coverage.shares() for b in share.missed] == [
        "step aggregator: a group goes: count",
        "step scatter_gather: a group goes: all answered",
        "step scatter_gather: a group goes: time is over",
        "step scatter_gather: a group goes: too few can answer",
        "step scatter_gather: slow answers",
        "step scatter_gather: swift answers",
        "target out: a message reaches it",
    ]
