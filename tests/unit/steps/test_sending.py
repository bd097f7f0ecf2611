"""What the steps that choose targets do beyond what every step keeps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.steps.test_lint import faults_of
from waypost.core.component import Dropped, Failed, Routed
from waypost.core.errors import ProjectError
from waypost.core.message import Message
from waypost.testing.step_kit import build_step, messages_of

TARGETS = ("erp", "crm", "archive")


def results(step: str, options: str, *bodies: Any, files: dict[str, bytes] | None = None) -> list[Any]:
    return list(build_step(step, options, files or {}, TARGETS).process(messages_of(bodies)))


def result(step: str, options: str, body: Any, files: dict[str, bytes] | None = None) -> Any:
    return results(step, options, body, files=files)[0]


# ── recipient list ──


def test_a_recipient_named_twice_gets_one_message() -> None:
    found = result("recipient_list", "{recipients: copies, always: erp}", {"copies": ["crm", " erp ", "crm", ""]})
    assert isinstance(found, Routed) and found.targets == ("erp", "crm")


def test_a_message_reaches_no_target_but_those_its_words_stand_for() -> None:
    found = results("recipient_list", "{recipients: to, names: {sales: crm}}", {"to": "sales"}, {"to": "erp"})
    assert found[0].targets == ("crm",)
    assert isinstance(found[1], Failed) and "no recipient 'erp'" in str(found[1].error)


def test_an_unknown_recipient_names_the_near_one_or_is_passed_over() -> None:
    failed = result("recipient_list", "to", {"to": ["crm", "achive"]})
    assert failed.error.code == "no-route" and "did you mean 'archive'?" in str(failed.error)
    assert result("recipient_list", "{recipients: to, unknown: ignore}", {"to": ["crm", "achive"]}).targets == ("crm",)


def test_a_message_without_recipients_fails_or_ends_but_is_never_lost_in_silence() -> None:
    assert isinstance(result("recipient_list", "to", {"to": []}), Failed)
    assert isinstance(result("recipient_list", "{recipients: to, empty: drop}", {}), Dropped)


@pytest.mark.parametrize("odd", [5, {"erp": 1}, [["erp"]], [None], b"erp", True])
def test_recipients_that_are_no_texts_are_a_data_error(odd: Any) -> None:
    found = result("recipient_list", "to", {"to": odd})
    assert isinstance(found, Failed) and found.error.error_class == "data"


def test_targets_written_out_in_the_expression_are_linted() -> None:
    options = "{recipients: \"['erp'] + (['crmm'] if total > 5 else [kind])\", always: [erpp]}"
    assert [(f.code, f.remedy) for f in faults_of("recipient_list", options, targets=TARGETS)] == [
        ("unknown-target", "did you mean 'erp'?"), ("unknown-target", "did you mean 'crm'?"),
    ]  # fmt: skip


def test_words_map_to_targets_of_the_flow_and_are_what_the_expression_may_name() -> None:
    found = faults_of("recipient_list", "\n    recipients: \"'law'\"\n    names:\n      lw: crmm", targets=TARGETS)
    assert sorted((f.line, f.remedy) for f in found) == [(4, "did you mean 'lw'?"), (6, "did you mean 'crm'?")]


# ── dynamic router ──

TABLE = b"""key,when,to,priority,from,until,note
,,archive,-1,,,whatever is left
A,,crm,,,,
A,total > 100,erp; crm,5,,,large ones
B,,erp,,2023-11-15,,from that day on
"""


def routed(body: Any, options: str = "{table: routes.csv, key: buyer}", table: bytes = TABLE) -> Any:
    return result("dynamic_router", options, body, {"routes.csv": table, "routes.yaml": table})


def test_the_highest_priority_that_fits_decides_and_is_named() -> None:
    found = routed({"buyer": "A", "total": 101})
    assert (found.targets, found.reason) == (("erp", "crm"), "routes.csv:4")
    assert routed({"buyer": "A", "total": 5}).reason == "routes.csv:3"
    assert routed({"buyer": "C"}).targets == ("archive",)


def test_a_row_counts_from_its_day_on_as_the_message_was_received() -> None:
    assert routed({"buyer": "B"}).targets == ("archive",)  # the kit's messages are of 2023-11-14
    assert routed({"buyer": "B"}, table=TABLE.replace(b"2023-11-15", b"2023-11-14")).targets == ("erp",)
    over = TABLE.replace(b"2023-11-15,", b",2023-11-14T22:13:20Z")
    assert routed({"buyer": "B"}, table=over).targets == ("archive",)


def test_without_a_row_the_default_decides_or_the_message_fails_or_ends() -> None:
    table = b"key,to\nA,crm\n"
    assert routed({"buyer": "B"}, table=table).error.code == "no-route"
    assert routed({"buyer": "B"}, "{table: routes.csv, key: buyer, default: erp}", table).targets == ("erp",)
    assert isinstance(routed({"buyer": "B"}, "{table: routes.csv, key: buyer, otherwise: drop}", table), Dropped)


def test_a_table_in_yaml_says_the_same() -> None:
    table = b"- {to: archive, priority: -1}\n- when: total > 100\n  to: [erp, crm]\n"
    options = "{table: routes.yaml}"
    assert routed({"total": 101}, options, table).targets == ("erp", "crm")
    assert routed({"total": 1}, options, table).reason == "routes.yaml:1"


def test_a_number_is_the_key_as_it_is_written() -> None:
    assert routed({"buyer": 4711}, table=b"key,to\n4711,crm\n").targets == ("crm",)


FAULTS = [
    ("key,to\nA,crmm\n", 2, "unknown-target", "a target the flow does not have"),
    ("when,to\na b,crm\n", 2, "expression", "a condition that is none"),
    ("priority,to\nhigh,crm\n", 2, "route-table", "a priority that is no number"),
    ("from,to\ntomorrow,crm\n", 2, "route-table", "a moment that is none"),
    ("from,until,to\n2026-02-01,2026-01-01,crm\n", 2, "route-table", "an end before the beginning"),
    ("key,to\nA,\n", 2, "route-table", "no target"),
    ("key,to\nA\n", 2, "route-table", "too few columns"),
    ("key,tos\nA,crm\n", 1, "route-table", "a heading nobody knows"),
    ("to,to\ncrm,crm\n", 1, "route-table", "a heading twice"),
    ("to\n", 1, "route-table", "no row"),
    ("", 1, "route-table", "nothing"),
    ('to\n"crm\n', 2, "route-table", "a quote that is not closed"),
    ("to\ncrm\nerp\n", 3, "unreachable", "a row behind one that always fits"),
    ("key,to\nA,crm\nB,erp\nA,erp\n", 4, "unreachable", "a second row of a key"),
]


@pytest.mark.parametrize(("table", "line", "code", "reason"), FAULTS, ids=[row[3] for row in FAULTS])
def test_a_table_with_a_mistake_names_its_line(table: str, line: int, code: str, reason: str) -> None:
    found = faults_of("dynamic_router", "{table: r.csv, key: k}", {"r.csv": table}, TARGETS)
    assert (line, code) in [(f.line, f.code) for f in found], (reason, found)
    assert all(f.file == "r.csv" for f in found)


def test_every_fault_of_a_table_is_told_at_once() -> None:
    table = "when,to,priority\na b,crmm,high\n,erpp,\n"
    assert len(faults_of("dynamic_router", "r.csv", {"r.csv": table}, TARGETS)) == 4


def test_rows_with_keys_need_a_key_of_the_message() -> None:
    found = faults_of("dynamic_router", "r.csv", {"r.csv": "key,to\nA,crm\n"}, TARGETS)
    assert [f.remedy for f in found] == ["add `key: EXPRESSION` to the step"]


def test_what_is_no_utf_8_or_no_list_is_a_fault_and_no_traceback() -> None:
    with pytest.raises(ProjectError, match="not UTF-8"):
        routed({}, table=b"to\n\xff\n")
    with pytest.raises(ProjectError, match="found no list"):
        routed({}, "{table: routes.yaml}", b"to: crm")


# ── routing slip ──


def test_a_slip_is_walked_stop_by_stop_and_taken_off_in_the_end() -> None:
    step = build_step("routing_slip", "{slip: stops, end: archive}", {}, TARGETS)
    message, went = messages_of([{"stops": ["crm", "erp", "crm"]}])[0], []
    for _ in range(4):
        (found,) = step.process([message])
        assert isinstance(found, Routed)
        message, went = found.message, [*went, (*found.targets, found.reason)]
    assert went == [
        ("crm", "stop 1 of 3"), ("erp", "stop 2 of 3"), ("crm", "stop 3 of 3"), ("archive", "all stops are made"),
    ]  # fmt: skip
    assert message.body == {"stops": ["crm", "erp", "crm"]}


def test_a_slip_that_is_carried_counts_and_not_the_expression() -> None:
    body = {"stops": ["erp"], "routing_slip": {"next": ["crm"], "made": ["erp"]}}
    assert result("routing_slip", "{slip: stops, end: archive}", body).targets == ("crm",)


def test_a_slip_without_an_end_is_refused_after_a_hundred_stops() -> None:
    body = {"routing_slip": {"next": ["crm"], "made": ["erp"] * 100}}
    found = result("routing_slip", "{end: archive}", body)
    assert isinstance(found, Failed) and "100 at most" in str(found.error)


@pytest.mark.parametrize("slip", ["crm", 5, {"next": [5]}, {"next": "crmm"}, {"next": {"a": 1}}, {"made": [7]}])
def test_a_slip_of_another_shape_is_a_data_error(slip: Any) -> None:
    found = result("routing_slip", "{end: archive}", {"routing_slip": slip})
    assert isinstance(found, Failed) and found.error.code in ("slip", "data")


def test_a_message_without_a_slip_needs_to_know_where_it_comes_from() -> None:
    assert "`slip`" in str(result("routing_slip", "{end: archive}", {"a": 1}).error)


def test_the_slip_may_stay_to_tell_where_the_message_was() -> None:
    found = result("routing_slip", "{end: archive, keep: true}", {"routing_slip": {"next": [], "made": ["erp"]}})
    assert found.message.body == {"routing_slip": {"next": [], "made": ["erp"]}}


def test_a_slip_to_nowhere_is_refused_before_anything_runs() -> None:
    assert [f.code for f in faults_of("routing_slip", "{end: [erpp]}", targets=TARGETS)] == ["unknown-target"]
    assert "there is no target" in str(faults_of("routing_slip", "{end: []}", targets=TARGETS)[0])


# ── expiration ──


def expired(options: str, body: Any, now: str) -> Any:
    step = build_step("expire", options, {}, TARGETS)
    (request,) = step.request(messages_of([body]))
    return request if isinstance(request, Failed) else step.process_answered(messages_of([body]), [now])[0]


def test_a_message_is_good_until_the_very_moment() -> None:
    late = "2023-11-14T23:13:20.123456Z"  # an hour after the kit's messages were received
    assert isinstance(expired("1h", {}, "2023-11-14T23:13:20.123455Z"), Message)
    found = expired("1h", {}, late)
    assert isinstance(found, Dropped) and found.reason == "expired at 2023-11-14T23:13:20Z"
    failed = expired("{after_seconds: 1h, expired: fail}", {}, late)
    assert isinstance(failed, Failed) and failed.error.code == "expired"
    assert expired("{after_seconds: 1h, to: crm}", {}, late).targets == ("crm",)


def test_a_message_that_names_no_moment_does_not_expire_but_must_say_since_when() -> None:
    step = build_step("expire", "{until: until}", {})
    assert step.request(messages_of([{}])) == [None]
    assert isinstance(expired("{after_seconds: 1h, since: ordered_at}", {}, "2026-01-01"), Failed)


@pytest.mark.parametrize("odd", ["soon", -1, 1e300, float("nan"), True, [1], {"a": 1}, "9999-12-31T23:59:59-12:00"])
def test_what_is_no_moment_is_a_data_error(odd: Any) -> None:
    found = expired("{after_seconds: 1h, since: at}", {"at": odd}, "2026-01-01")
    assert isinstance(found, Failed) and found.error.error_class == "data"


def test_how_a_message_expires_is_said_in_one_way() -> None:
    assert "neither" in str(faults_of("expire", "{expired: fail}")[0])
    assert "both" in str(faults_of("expire", "{after_seconds: 1h, until: a}")[0])
    assert [f.code for f in faults_of("expire", "{until: a, to: crmm}", targets=TARGETS)] == ["unknown-target"]


# ── normalizer ──

MAPS = {"maps/a.map.yaml": b"map: a\nfields:\n  number: po.id\n", "maps/b.jsonata": b'{"number": id}'}


def test_the_first_shape_recognised_decides_and_is_named() -> None:
    options = "{variants: [{name: a, when: exists(po), map: maps/a.map.yaml}, {name: b, jsonata: maps/b.jsonata}]}"
    found = results("normalizer", options, {"po": {"id": 1}}, {"id": 2}, {"po": {"id": 3}, "id": 4}, files=MAPS)
    assert [message.body for message in found] == [{"number": 1}, {"number": 2}, {"number": 3}]
    named = options.replace("]}", "], name_into: shape}")
    assert result("normalizer", named, {"id": 2}, MAPS).body == {"number": 2, "shape": "b"}


def test_a_message_of_no_known_shape_lists_the_known_ones() -> None:
    failed = result("normalizer", "[{name: a, when: exists(po)}]", {"x": 1})
    assert failed.error.code == "no-variant" and "expected a" in str(failed.error)


def test_a_normalizer_with_mistakes_is_told_all_of_them() -> None:
    options = (
        "\n  - {name: a, map: maps/x.map.yaml}\n  - {name: b, when: b, map: maps/broken.map.yaml}"
        "\n  - {name: b, map: m, xslt: x}"
    )
    assert "map and xslt in one variant" in str(faults_of("normalizer", options)[0])
    assert "'b' is written twice" in str(faults_of("normalizer", options.replace(", xslt: x", ""))[0])
    files = {"maps/broken.map.yaml": "map: a\nfields:\n  a: b +\n"}
    found = faults_of("normalizer", options.replace("{name: b, map: m, xslt: x}", "{name: c}"), files)
    assert [(f.file, f.line, f.code) for f in found] == [
        ("maps/x.map.yaml", 0, "file"), ("maps/broken.map.yaml", 3, "expression"), ("flows/f.yaml", 5, "unreachable"),
    ]  # fmt: skip
    assert "there is no variant" in str(faults_of("normalizer", "[]")[0])
