"""What `check` says of a faulty project: everything at once, each fault with its place and a near name."""

from __future__ import annotations

import textwrap

import pytest

from waypost.core.errors import ProjectError
from waypost.flow.declared.project import load_project

FLOW = """\
flow: copy
description: Copies.
owner: ops
source: {memory: in}
format: json
keys: {k: k}
targets:
  out: {memory: out}
"""


def project(root, **files):
    """The faults of a project; file names have ``__`` for ``/``."""
    named = {"waypost.yaml": "name: test\n", "flows/copy.yaml": FLOW}
    named |= {name.replace("__", "/") + ".yaml": textwrap.dedent(text) for name, text in files.items()}
    for name, text in named.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return root


def faults(root, environment="dev"):
    with pytest.raises(ProjectError) as refused:
        load_project(root, environment)
    return [str(fault) for fault in refused.value.faults]


def test_all_faults_of_all_files_are_told_at_once(tmp_path):
    flow = """\
        flow: orders
        description: Orders.
        owner: ops
        source: {directory: {path: in, polll_seconds: 3}}
        format: json
        keys: {k: "lines[0]..sku"}
        steps:
          - map: maps/none.map.yaml
          - filter: "total >"
          - route: [{when: total > 5, to: outt}, {to: out}]
          - enrich: {connection: pricse, parameters: {sku: sku}, into: price}
        targets:
          out: {sftp: {connection: prices, path: out}}
          log: {directory: {path: out, append: perhaps}}
        delivery: {order_by: kk, retry: {attempts: many}}
        expect: [{what: x12/997, within: 24h}]
        """
    connections = "prices: {kind: sql, address: 'sqlite:p.db'}\nold: {kind: ftpp, address: x}\n"
    root = project(tmp_path, flows__orders=flow, connections=connections)
    told = faults(root)
    wanted = [
        ("flows/orders.yaml:4", "'polll_seconds'", "did you mean 'poll_seconds'?"),
        ("flows/orders.yaml:6", "lines[0]..sku"),
        ("flows/orders.yaml:8", "maps/none.map.yaml"),
        ("flows/orders.yaml:9", "total >"),
        ("flows/orders.yaml:10", "outt", "did you mean 'out'?"),
        ("flows/orders.yaml:11", "'pricse'", "did you mean 'prices'?"),
        ("flows/orders.yaml:13", "kind 'sql'", "sftp"),
        ("flows/orders.yaml:14", "'perhaps'"),
        ("flows/orders.yaml:15", "'kk'", "did you mean 'k'?"),
        ("flows/orders.yaml:15", "'many'"),
        ("flows/orders.yaml:16", "x12/997: neither of 'from' and 'to'", "one of them"),
        ("connections.yaml:2", "'ftpp'", "did you mean"),
    ]
    for place, *parts in wanted:
        assert any(line.startswith(place) and all(part in line for part in parts) for line in told), (
            f"{place} {parts} is not in:\n" + "\n".join(told)
        )


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("flow: [a\n", "flows/broken.yaml:", "not YAML"),
        ("flow: a\nflow: b\n", "flows/broken.yaml:2", "'flow' is written twice"),
        ("- a\n", "flows/broken.yaml:1", "expected"),
        ("", "flows/broken.yaml:1", "an empty file"),
    ],
    ids=["not YAML", "a key twice", "a list", "empty"],
)
def test_a_file_that_is_no_flow_is_named_with_its_line(tmp_path, text, place, part):
    told = faults(project(tmp_path, flows__broken=text))
    assert any(line.startswith(place) and part in line for line in told), told


def test_a_channel_that_leads_back_is_a_cyclic_route(tmp_path):
    one = (
        FLOW.replace("flow: copy", "flow: one")
        .replace("{memory: in}", "{channel: a}")
        .replace("{memory: out}", "{channel: b}")
    )
    two = (
        FLOW.replace("flow: copy", "flow: two")
        .replace("{memory: in}", "{channel: b}")
        .replace("{memory: out}", "{channel: a}")
    )
    told = faults(project(tmp_path, flows__one=one, flows__two=two))
    assert len(told) == 1
    assert told[0].startswith("flows/one.yaml:7: messages would go round for ever: one → two → one")


def test_a_channel_that_nobody_reads_is_named(tmp_path):
    told = faults(project(tmp_path, flows__copy=FLOW.replace("{memory: out}", "{channel: nowhere}")))
    assert told == ["flows/copy.yaml:8: no flow reads channel 'nowhere'; add a flow that does [unread-channel]"]


ENVIRONMENT = "environment: dev\nvalues: {host: 3, folder: in}\nsecrets: {key: {variable: WAYPOST_TEST_NOT_SET}}\n"


def test_values_of_the_environment_are_checked(tmp_path):
    root = project(
        tmp_path,
        waypost="name: test\nvalues: {host: text, port: number}\n",
        environments__dev=ENVIRONMENT,
        connections="""\
            db: {kind: sql, address: '${hots}', password: '${key}', user: 'me-${key}'}
            """,
    )
    told = faults(root)
    for place, part in [
        ("environments/dev.yaml:2", "found 3; expected text"),
        ("environments/dev.yaml:2", "value 'port' is missing"),
        ("connections.yaml:1", "no value 'hots' in environment 'dev'; did you mean 'host'?"),
        ("connections.yaml:1", "secret 'key': the variable WAYPOST_TEST_NOT_SET is not set; set it before the start"),
        ("connections.yaml:1", "secret 'key' inside a longer text"),
    ]:
        assert any(line.startswith(place) and part in line for line in told), (place, part, told)


def test_an_unknown_environment_names_a_near_one(tmp_path):
    root = project(tmp_path, environments__test="environment: test\n")
    assert "did you mean 'test'?" in faults(root, "tets")[0]


PROD = "erp: {kind: sql, class: prod, address: 'sqlite:p.db'}\n"


def test_a_production_connection_is_refused_outside_production(tmp_path):
    root = project(
        tmp_path, connections=PROD, environments__dev="environment: dev\n",
        environments__prod="environment: prod\nclass: prod\n",
    )  # fmt: skip
    told = faults(root)
    assert told[0].startswith("connections.yaml:1: connection 'erp' is of class prod, environment 'dev' is not")
    assert load_project(root, "prod").connections["erp"]


def test_an_option_the_requester_does_not_know_is_named(tmp_path):
    flow = FLOW.replace(
        "targets:",
        "steps:\n  - enrich: {connection: db, parameters: {sku: sku}, into: p, ask: {qeury: SELECT 1}}\ntargets:",
    )
    told = faults(project(tmp_path, flows__copy=flow, connections="db: {kind: sql, address: 'sqlite:p.db'}\n"))
    assert any("'qeury'" in line and "did you mean 'query'?" in line and ":8" in line for line in told), told


def test_a_connection_that_answers_no_questions_cannot_be_asked(tmp_path):
    flow = FLOW.replace("targets:", "steps:\n  - enrich: {connection: s, parameters: {sku: sku}, into: p}\ntargets:")
    connections = "s: {kind: sftp, address: h, user: u, password: p, known_hosts: hosts}\n"
    told = faults(project(tmp_path, flows__copy=flow, connections=connections))
    assert any("answers no questions" in line for line in told), told


DIVERTED = FLOW.replace(
    "targets:", "steps:\n  - expire: {after_seconds: 1h, to: late}\ntargets:\n  late: {memory: late}"
)


def test_a_target_for_some_messages_that_would_get_all_is_refused(tmp_path):
    (found,) = faults(project(tmp_path, flows__copy=DIVERTED))
    assert found.startswith("flows/copy.yaml:8: what goes on behind 'expire' reaches 'late', too")
    routed = DIVERTED.replace("targets:", "  - route: [{to: out}]\ntargets:", 1)
    assert load_project(project(tmp_path, flows__copy=routed)).flows


def test_parameters_a_question_needs_and_does_not_get_are_told(tmp_path):
    connections = "p: {kind: sql, address: 'sqlite:p.db'}\nw: {kind: http, address: 'http://127.0.0.1:9'}\n"
    asked = FLOW.replace(
        "targets:",
        "steps:\n"
        "  - enrich: {connection: p, ask: {query: 'SELECT 1 FROM t WHERE a = :sku'}, parameters: {skuu: k}, into: a}\n"
        "  - enrich: {connection: w, ask: {path: '/p/{sku}/{k}'}, parameters: {k: k, more: k}, into: b}\ntargets:",
    )
    found = faults(project(tmp_path, connections=connections, flows__copy=asked))
    assert [fault.split(": ")[0:2] for fault in found] == [
        ["flows/copy.yaml:8", "parameter 'sku' is not given; expected sku"],
        ["flows/copy.yaml:9", "parameter 'sku' is not given; expected sku"],
    ]
    assert "did you mean 'skuu'?" in found[0] and "did you mean" not in found[1]
