"""What single steps do beyond what every step keeps."""

from decimal import Decimal
from typing import Any

import pytest

from waypost.core.component import Dropped, Failed, Request, Routed, Split, Tapped
from waypost.core.errors import BugError, ConfigurationRefused, DataError, ProjectError
from waypost.core.grants import Grants
from waypost.core.message import Message, id_text
from waypost.testing.step_kit import build_step, messages_of, step_component


def built(step: str, options: str, **files: str) -> Any:
    return build_step(step, options, {f"{name}.{step_kind(step)}": data.encode() for name, data in files.items()})


def step_kind(step: str) -> str:
    return {"python": "py", "validate": "json", "map": "yaml"}[step]


def results(step: Any, *bodies: Any) -> list[Any]:
    return list(step.process(messages_of(bodies)))


def test_a_filter_lets_pass_what_fits_and_ends_the_rest() -> None:
    found = results(build_step("filter", "n >= 0", {}), {"n": 1}, {"n": -1}, {})
    assert [type(r) for r in found] == [Message, Dropped, Dropped]


def test_a_filter_passes_the_very_message() -> None:
    batch = messages_of([{"n": 1}])
    assert build_step("filter", "n", {}).process(batch)[0] is batch[0]


def test_a_router_takes_the_first_rule_that_fits() -> None:
    step = build_step("route", "[{when: n > 10, to: big}, {when: n > 5, to: [mid, audit]}, {to: small}]", {})
    found = results(step, {"n": 11}, {"n": 6}, {"n": 1})
    assert [r.targets for r in found] == [("big",), ("mid", "audit"), ("small",)]
    assert all(isinstance(r, Routed) for r in found)


def test_a_message_that_fits_no_rule_is_a_data_error_that_lists_the_rules() -> None:
    found = results(build_step("route", "[{when: n > 10, to: big}]", {}), {"n": 1})[0]
    assert isinstance(found, Failed) and found.error.code == "no-route"
    assert "`n > 10`" in str(found.error)


def test_a_split_keeps_fields_of_the_whole_and_the_part_s_own_win() -> None:
    step = build_step("split", "{items: lines, keep: {order: number, sku: \"'none'\"}}", {})
    found = results(step, {"number": "1", "lines": [{"sku": "A"}, {}]})[0]
    assert isinstance(found, Split)
    assert [child.body for child in found.children] == [{"order": "1", "sku": "A"}, {"order": "1", "sku": "none"}]


def test_a_split_of_plain_values_needs_a_field_for_them() -> None:
    failed = results(build_step("split", "{items: lines, keep: {order: number}}", {}), {"lines": [1]})[0]
    assert isinstance(failed, Failed) and "`into`" in str(failed.error)
    whole = results(build_step("split", "{items: lines, into: line}", {}), {"lines": [1]})[0]
    assert isinstance(whole, Split) and whole.children[0].body == {"line": 1}


def test_a_split_tells_each_part_which_of_how_many_it_is() -> None:
    step = build_step("split", "{items: lines, into: line, sequence: part}", {})
    (message,) = messages_of([{"lines": ["A", "B"]}])
    (found,) = step.process([message])
    assert isinstance(found, Split)
    assert [(c.body["part"]["number"], c.body["part"]["size"]) for c in found.children] == [(1, 2), (2, 2)]
    assert {c.body["part"]["id"] for c in found.children} == {id_text(message.id)}


def test_a_wire_tap_copies_only_what_fits_its_condition() -> None:
    found = results(build_step("wire_tap", "{to: audit, when: n > 1}", {}), {"n": 2}, {"n": 1})
    assert isinstance(found[0], Tapped) and isinstance(found[1], Message)


@pytest.mark.parametrize("made", ["{'a': {'x', 'y'}}", "{'a': [(frozenset('x'),)]}", "[{'a': {1}}]", "{1, 2}"])
def test_a_python_function_that_returns_a_set_is_a_bug_for_a_set_has_no_order(made: str) -> None:
    found = results(built("python", "s.py", s=f"def process(body):\n    return {made}\n"), {})[0]
    assert isinstance(found, Failed) and isinstance(found.error, BugError) and "sorted" in str(found.error)


def test_a_python_function_that_returns_what_holds_itself_is_looked_through_once() -> None:
    code = "def process(body):\n    made = {'n': 1}\n    made['self'] = [made]\n    return made\n"
    assert isinstance(results(built("python", "s.py", s=code), {})[0], Message)


def test_validate_lists_every_fault_of_a_message_with_path_rule_and_text() -> None:
    schema = '{"properties": {"lines": {"items": {"required": ["sku"], "properties": {"q": {"maximum": 9.5}}}}}}'
    failed = results(built("validate", "s.json", s=schema), {"lines": [{"sku": "A"}, {"q": Decimal("9.51")}]})[0]
    assert isinstance(failed, Failed) and isinstance(failed.error, DataError)
    assert failed.error.code == "schema"
    assert [(d["path"], d["rule"].split("/")[-1]) for d in failed.error.details] == [
        ("lines[1].sku", "required"), ("lines[1].q", "maximum"),
    ]  # fmt: skip
    assert "lines[1].q: found 9.51; expected at most 9.5" in str(failed.error)


def test_validate_compares_decimals_exactly() -> None:
    step = built("validate", "s.json", s='{"properties": {"a": {"maximum": 0.3, "type": "number"}}}')
    exact, above = results(step, {"a": Decimal("0.3")}, {"a": Decimal("0.30000000000000000000001")})
    assert isinstance(exact, Message) and isinstance(above, Failed)


def test_validate_refuses_bytes_with_a_remedy() -> None:
    failed = results(built("validate", "s.json", s='{"type": "object"}'), b"raw")[0]
    assert isinstance(failed, Failed) and "give the flow a format" in str(failed.error)


def test_validate_lists_a_bounded_number_of_faults_of_bounded_length() -> None:
    step = built("validate", "s.json", s='{"items": {"type": "string", "maxLength": 3}}')
    failed = results(step, [1] * 5000)[0]
    assert isinstance(failed, Failed) and len(failed.error.details) == 500  # type: ignore[attr-defined]
    long = results(step, ["x" * 1_000_000])[0]
    assert isinstance(long, Failed) and len(str(long.error)) < 1000


def test_formats_are_checked_unless_switched_off() -> None:
    schema = '{"properties": {"on": {"format": "date"}}}'
    assert isinstance(results(built("validate", "s.json", s=schema), {"on": "soon"})[0], Failed)
    off = built("validate", "{schema: s.json, formats: false}", s=schema)
    assert isinstance(results(off, {"on": "soon"})[0], Message)


def test_an_enricher_asks_with_parameters_and_puts_the_answer_in_a_copy() -> None:
    step = build_step("enrich", "{connection: c, parameters: {sku: line.sku}, into: line.price}", {})
    batch = messages_of([{"line": {"sku": "A"}, "n": 1}])
    asked = step.request(batch)[0]
    assert isinstance(asked, Request) and asked.parameters == {"sku": "A"}
    made = step.process_answered(batch, [Decimal("1.50")])[0]
    assert made.body == {"line": {"sku": "A", "price": Decimal("1.50")}, "n": 1}
    assert batch[0].body == {"line": {"sku": "A"}, "n": 1}


def test_an_enricher_that_hears_nothing_fails_skips_or_takes_a_default() -> None:
    batch = messages_of([{"sku": "A"}])
    options = "{{connection: c, parameters: {{sku: sku}}, into: price, missing: {}}}"
    failed = build_step("enrich", options.format("fail"), {}).process_answered(batch, [None])[0]
    assert isinstance(failed, Failed) and "sku = 'A'" in str(failed.error)
    assert build_step("enrich", options.format("skip"), {}).process_answered(batch, [None])[0] is batch[0]
    default = build_step("enrich", options.format("default, default: 5"), {}).process_answered(batch, [None])[0]
    assert default.body == {"sku": "A", "price": 5}


def test_a_message_without_key_is_not_claimed() -> None:
    step = build_step("idempotent_receiver", "number", {})
    failed = step.request(messages_of([{}]))[0]
    assert isinstance(failed, Failed) and "no key" in str(failed.error)


@pytest.mark.parametrize(("left", "right"), [(1, Decimal("1.00")), (2.5, Decimal("2.50")), (10, 10.0)])
def test_a_number_is_one_key_however_it_is_written(left: Any, right: Any) -> None:
    asked = build_step("idempotent_receiver", "key: '[n]'", {}).request(messages_of([{"n": left}, {"n": right}]))
    assert asked[0].parameters == asked[1].parameters


def test_keys_of_different_fields_do_not_run_together() -> None:
    asked = build_step("idempotent_receiver", "key: '[a, b]'", {}).request(
        messages_of([{"a": "1", "b": "23"}, {"a": "12", "b": "3"}])
    )
    assert asked[0].parameters["claim"] != asked[1].parameters["claim"]


def test_a_repetition_ends_linked_to_its_original() -> None:
    step = build_step("idempotent_receiver", "n", {})
    found = step.process_answered(messages_of([{"n": 1}]), [{"original": "018f"}])[0]
    assert found == Dropped("a repetition", duplicate_of="018f")


def test_python_returns_a_body_nothing_or_parts() -> None:
    step = built("python", "s.py", s="def process(body):\n    return body.get('out')")
    found = results(step, {"out": {"a": 1}}, {}, {"out": [1, 2]})
    assert found[0].body == {"a": 1} and isinstance(found[1], Dropped) and isinstance(found[2], Split)


def test_an_exception_of_the_function_is_its_bug_with_its_line() -> None:
    step = built("python", "s.py", s="def process(body):\n    x = 1\n    return 1 / body['n']")
    failed = results(step, {"n": 0})[0]
    assert isinstance(failed, Failed) and isinstance(failed.error, BugError)
    assert str(failed.error).startswith("s.py:3: ZeroDivisionError")


def test_a_file_that_fails_while_loading_is_a_project_error() -> None:
    with pytest.raises(ProjectError, match=r"s.py:1: ZeroDivisionError"):
        built("python", "s.py", s="x = 1 / 0\ndef process(body): return body")


def test_impure_python_is_never_run() -> None:
    with pytest.raises(ProjectError, match="import of os"):
        built("python", "s.py", s="import os\nos._exit(3)\ndef process(body): return body")


def test_a_step_with_a_file_and_no_grant_to_read_says_so() -> None:
    component = step_component("map")
    with pytest.raises(ConfigurationRefused, match="may not read"):
        component.build(component.spec.options(file="m.yaml"), Grants(root=None))  # type: ignore[arg-type]


def test_now_in_a_condition_is_when_the_message_was_received() -> None:
    found = results(build_step("filter", "now() < '2023-11-15'", {}), {})
    assert isinstance(found[0], Message)
