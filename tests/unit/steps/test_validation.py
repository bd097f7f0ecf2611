"""What the validate step finds has one shape, names what was meant, and shows no value that is not for everybody."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.test_validate import EDI_ROWS, LAYOUT, ORDER, UNIT
from waypost.core.component import Failed, Noted
from waypost.core.errors import ProjectError
from waypost.core.finding import FIELDS, Finding
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.yamlfile import parse_yaml
from waypost.steps.validate_repair import iso_date
from waypost.testing.cases.runner import run_cases
from waypost.testing.step_kit import build_step, messages_of, step_component


def found(options: str, body: Any, data_class: str = "", **files: str | bytes) -> list[dict[str, str]]:
    """The findings of one message; ``a_b`` names the file a.b."""
    given = {name.replace("_", "."): data.encode() if isinstance(data, str) else data for name, data in files.items()}
    component, faults = step_component("validate"), list[Any]()
    file = parse_yaml(options, "options", faults)
    parsed = component.spec.parse(file, file.data, (), faults)
    assert not faults, faults
    step = component.build(parsed, Grants(root=Path("."), read_file=given.__getitem__, data_class=data_class))
    (result,) = step.process(messages_of([body]))
    if isinstance(result, Noted):
        return [one.data() for one in result.findings]
    return [dict(one) for one in result.error.details] if isinstance(result, Failed) else []


def repairs(schema: str, value: Any) -> str:
    (one,) = found("s.yaml", {"f": value}, s_yaml=f"properties: {{f: {schema}}}")
    return one["repair"]


@pytest.mark.parametrize(
    ("schema", "value", "repair"),
    [
        ("{enum: [EA, KG]}", "ea", 'write "EA"'),
        ("{enum: [KILOGRAM, PIECE]}", "kilogramm", 'write "KILOGRAM"'),
        ("{enum: [EA, KG]}", "zzz", ""),
        ("{const: 5}", 6, "write 5"),
        ("{type: integer}", " 12 ", "write 12"),
        ("{type: number}", "1,50", "write 1.50"),
        ("{type: string}", 12, 'write "12"'),
        ("{type: boolean}", "yes", "write true"),
        ("{type: array}", {"a": 1}, ""),
        ("{type: array}", "one", "write a list of 1"),
        ("{type: string, maxLength: 4}", "  ab  ", 'write "ab"'),
        ("{type: string, maxLength: 4}", "abcdef", ""),
        ("{pattern: '^[A-Z]{2}[0-9]+$'}", "de 12", 'write "DE12"'),
        ("{multipleOf: 0.01}", Decimal("1.239"), "write 1.24"),
        ("{format: date}", "20260301", 'write "2026-03-01"'),
        ("{format: date}", "31/12/2026", 'write "2026-12-31"'),
        ("{format: date}", "03/04/2026", ""),
        ("{format: date-time}", "2026-03-01 8:05", 'write "2026-03-01T08:05:00Z"'),
        ("{format: uuid}", "018F3C1E7A2B70008000000000010000", 'write "018f3c1e-7a2b-7000-8000-000000010000"'),
        ("{format: email}", " a@example.com ", 'write "a@example.com"'),
    ],
)
def test_a_repair_is_suggested_where_what_was_meant_is_plain(schema: str, value: Any, repair: str) -> None:
    assert repairs(schema, value) == repair


def test_a_missing_field_is_given_its_default_or_the_name_it_goes_by() -> None:
    schema = "required: [currency, quantity, number]\nproperties: {currency: {type: string, default: EUR}}"
    told = {one["path"]: one["repair"] for one in found("s.yaml", {"quantty": 1}, s_yaml=schema)}
    assert told == {
        "currency": 'add its default: "EUR"', "quantity": "rename 'quantty'", "number": "add 'number'",
    }  # fmt: skip


def test_a_default_is_found_behind_a_reference_to_another_file() -> None:
    part = "required: [id]\nproperties: {id: {$ref: '#/$defs/id'}}\n$defs: {id: {default: X1}}"
    told = found("s.yaml", {"buyer": {}}, s_yaml="properties: {buyer: {$ref: part.yaml}}", part_yaml=part)
    assert [(one["path"], one["rule"]) for one in told] == [("buyer.id", "required")]


def test_of_alternatives_the_one_that_was_meant_is_told_about() -> None:
    schema = """
properties:
  pay:
    oneOf:
      - {required: [iban], properties: {kind: {const: bank}, iban: {maxLength: 4}}}
      - {required: [card], properties: {kind: {const: card}, card: {type: string}}}
"""
    told = found("s.yaml", {"pay": {"kind": "card", "card": 5}}, s_yaml=schema)
    assert [(one["path"], one["expected"]) for one in told] == [("pay.card", "a text")]


@pytest.mark.parametrize(
    ("options", "body", "files"),
    [
        ("s.yaml", {"a": 1}, {"s_yaml": "properties: {a: {type: string}}"}),
        ("rules: [{id: r, check: a > 1, path: a}]", {"a": 1}, {}),
        ("xsd: s.xsd", "<order on='x'><n>1</n><unit>EA</unit></order>",
         {"s_xsd": ORDER.replace(b"parts/unit.xsd", b"u.xsd"), "u_xsd": UNIT}),
        ("{xsd: s.xsd, version: '1.1'}", "<order on='x'><n>1</n><unit>EA</unit></order>",
         {"s_xsd": ORDER.replace(b"parts/unit.xsd", b"u.xsd"), "u_xsd": UNIT}),
        ("layout: l.yaml", "H20261301\n", {"l_yaml": LAYOUT}),
        ("edi: x12/004010/850", {"rows": [["BEG", "00", "SA", "4711", "", "yesterday"], *EDI_ROWS[1:]]}, {}),
    ],
    ids=["json-schema", "rules", "xsd-1.0", "xsd-1.1", "layout", "edi"],
)  # fmt: skip
def test_every_kind_of_validation_tells_its_findings_in_the_same_shape(
    options: str, body: Any, files: dict[str, Any]
) -> None:
    told = found(options, body, **files)
    assert told and all(tuple(one) == FIELDS for one in told)
    assert all(one["path"] and one["rule"] and one["value"] and one["severity"] == "error" for one in told)
    assert {field.name for field in dataclasses.fields(Finding)} == set(FIELDS)


SECRET = "SECRET-078"


@pytest.mark.parametrize(
    ("options", "body", "data_class", "files"),
    [
        ("s.yaml", {"a": SECRET}, "", {"s_yaml": "properties: {a: {maxLength: 2, x-data-class: personal}}"}),
        ("s.yaml", {"a": SECRET}, "", {"s_yaml": "properties: {a: {enum: [x], writeOnly: true}}"}),
        ("s.yaml", {"p": {"a": SECRET}}, "",
         {"s_yaml": "properties: {p: {$ref: t.yaml}}",
          "t_yaml": "x-data-class: health\nproperties: {a: {type: integer}}"}),
        ("{schema: s.yaml, mask: [l.a]}", {"l": [{"a": SECRET}]}, "",
         {"s_yaml": "properties: {l: {items: {properties: {a: {format: date}}}}}"}),
        ("s.yaml", {"a": SECRET}, "personal", {"s_yaml": "properties: {a: {pattern: x}, b: {}}\nrequired: [b]"}),
        ("s.yaml", {SECRET: 1, "x": SECRET}, "health", {"s_yaml": "properties: {x: {const: 1}}"}),
        ("rules: [{id: r, check: a == 'x', path: a, repair: lower(a)}]", {"a": SECRET}, "personal", {}),
        ("{rules: [{id: r, check: a > 5, value: a}], mask: [a]}", {"a": SECRET}, "", {}),
        ("xsd: s.xsd", f"<order on='{SECRET}'><n>{SECRET}</n><unit>{SECRET}</unit></order>", "personal",
         {"s_xsd": ORDER.replace(b"parts/unit.xsd", b"u.xsd"), "u_xsd": UNIT}),
        ("{xsd: s.xsd, version: '1.1'}", f"<order on='{SECRET}'><n>{SECRET}</n><unit>{SECRET}</unit></order>",
         "personal", {"s_xsd": ORDER.replace(b"parts/unit.xsd", b"u.xsd"), "u_xsd": UNIT}),
        ("{xsd: s.xsd, mask: [order/@on]}", f"<order on='{SECRET}'><n>1</n><unit>EA</unit></order>", "",
         {"s_xsd": ORDER.replace(b"parts/unit.xsd", b"u.xsd"), "u_xsd": UNIT}),
        ("layout: l.yaml", f"H{SECRET}\n", "personal", {"l_yaml": LAYOUT}),
        ("edi: x12/004010/850", {"rows": [["BEG", SECRET]]}, "personal", {}),
    ],
)  # fmt: skip
def test_a_value_that_is_not_for_everybody_is_in_no_finding(
    options: str, body: Any, data_class: str, files: dict[str, Any]
) -> None:
    told = found(options, body, data_class, **files)
    assert told
    for one in told:
        assert SECRET not in " ".join(one[name] for name in FIELDS if name != "path"), one


def test_a_value_is_shown_where_nothing_forbids_it() -> None:
    (one,) = found("s.yaml", {"a": SECRET}, "internal", s_yaml="properties: {a: {maxLength: 2}}")
    assert one["value"] == f'"{SECRET}"'


def test_warnings_go_with_the_message_and_errors_bring_them_along() -> None:
    options = "{rules: [{id: w, check: a < 5, severity: warning}, {id: e, check: a < 9}]}"
    step = build_step("validate", options, {})
    fine, warned, failed = step.process(messages_of([{"a": 1}, {"a": 6}, {"a": 10}]))
    assert isinstance(fine, Message)
    assert isinstance(warned, Noted) and [one.rule for one in warned.findings] == ["w"]
    assert isinstance(failed, Failed) and [one["rule"] for one in failed.error.details] == ["w", "e"]  # type: ignore[attr-defined]
    assert "expected a < 9" in str(failed.error)
    assert "a < 5" not in str(failed.error), "a warning is not why the message failed"


def test_a_schema_may_be_watched_before_it_is_enforced() -> None:
    (one,) = found("{schema: s.yaml, severity: warning}", {}, s_yaml="required: [a]")
    assert (one["severity"], one["path"]) == ("warning", "a")


def test_rules_come_from_a_file_too_and_hold_for_each_item() -> None:
    rules = "rules:\n  - {id: priced, each: lines, check: item.price > 0, path: price, expected: a price}\n"
    told = found("rules_file: r.yaml", {"lines": [{"price": 1}, {"price": 0}]}, r_yaml=rules)
    assert [(one["path"], one["value"], one["expected"]) for one in told] == [("lines[1].price", "0", "a price")]


@pytest.mark.parametrize(
    ("options", "files", "said"),
    [
        ("{}", {}, "nothing to check"),
        ("rules: [{id: r, check: 'a >'}]", {}, "expression"),
        ("rules_file: r.yaml", {"r.yaml": b"rules: [{id: r}]"}, "option 'check' is missing"),
        ("rules_file: none.yaml", {}, "no such file"),
        ("xsd: s.xsd", {"s.xsd": b"<a/>"}, "s.xsd"),
        ("xsd: s.xsd", {"s.xsd": ORDER.replace(b"parts/unit.xsd", b"file:///etc/passwd")}, "outside the project"),
        ("xsd: s.xsd", {"s.xsd": ORDER.replace(b"parts/unit.xsd", b"../../etc/passwd")}, "outside the project|no file"),
        ("{xsd: s.xsd, version: '1.1'}", {"s.xsd": ORDER.replace(b"parts/unit.xsd", b"http://127.0.0.1/u.xsd")},
         "outside the project"),
        ("layout: l.yaml", {"l.yaml": b"records: {}"}, "l.yaml"),
        ("edi: x12/004010/999999", {}, "no schema 'x12/004010/999999'"),
        ("{xsd: s.xsd, document: none}", {"s.xsd": ORDER}, "no format 'none'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_what_it_is_held_against_is_told_before_it_runs(
    options: str, files: dict[str, bytes], said: str
) -> None:
    faults: list[Any] = []
    file, component = parse_yaml(options, "options.yaml", faults), step_component("validate")
    parsed = component.spec.parse(file, file.data, (), faults)
    if parsed is not None:
        faults += component.build.lint(parsed, file, (), files.__getitem__, ())  # type: ignore[attr-defined]
        if not faults:
            with pytest.raises(ProjectError) as error:
                component.build(parsed, Grants(root=Path("."), read_file=files.__getitem__))
            faults += error.value.faults
    text = "\n".join(map(str, faults))
    assert any(part in text for part in said.split("|")), text


def test_an_overlay_of_the_project_is_an_edi_schema_too() -> None:
    overlay = "overlay: acme/850\nuse: x12/004010/850\nset: {PO1/3: {codes: [KG]}}\n"
    told = found("edi: acme.yaml", {"rows": EDI_ROWS}, acme_yaml=overlay)
    assert [one["path"] for one in told] == ["segment 3 PO1, element 3"]
    assert told[0]["value"] == '"EA"'


def test_a_date_that_could_be_two_is_not_guessed() -> None:
    assert iso_date("03/04/2026") is None and iso_date("30.02.2026") is None


async def test_a_case_names_what_is_noted_and_hears_of_what_is_not(tmp_path: Path) -> None:
    flow = """
flow: orders
description: Watched.
owner: ops
source: {memory: in}
steps: [{validate: {rules: [{id: small, check: a < 5, severity: warning, path: a}]}}]
targets: {out: {memory: out}}
"""
    cases = """
flow: orders
cases:
  - {name: noted, input: {json: {a: 7}}, expect: {targets: {out: [{a: 7}]}, warnings: [{code: small, text: found 7}]}}
  - {name: none wanted, input: {json: {a: 7}}, expect: {targets: {out: [{a: 7}]}, warnings: []}}
  - {name: missed, input: {json: {a: 1}}, expect: {targets: {out: [{a: 1}]}, warnings: [{code: small}]}}
"""
    (tmp_path / "waypost.yaml").write_text("name: t\n")
    for folder, text in (("flows", flow), ("tests", cases)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "orders.yaml").write_text(text)
    noted, none_wanted, missed = await run_cases(tmp_path, "dev")
    assert noted.differences == () and noted.findings[0]["rule"] == "small"
    assert "not expected at validate" in none_wanted.differences[0]
    assert "was not noted" in missed.differences[0]


def test_a_file_of_edi_is_looked_at_with_its_envelopes() -> None:
    text = (
        "ISA*00*          *00*          *ZZ*A              *ZZ*B              *260101*1200*U*00401*000000001*0*T*>~"
        "GS*PO*A*B*20260101*1200*1*X*004010~ST*850*0001~BEG*00*SA*4711**2026XX01~PO1*1*10*EA*1.5**VP*A~CTT*2~"
        "SE*5*0001~GE*1*1~IEA*1*000000002~"
    )
    told = found("edi: x12/004010/850", text)
    assert [one["rule"] for one in told] == ["element-date", "850-lines", "interchange-control-number"]
    assert told[0]["path"] == "850 0001, segment 2 BEG, element 5"


def test_paths_and_values_of_elements_in_a_namespace_are_told_by_their_local_names() -> None:
    head = b'<xs:schema targetNamespace="urn:o" xmlns="urn:o" elementFormDefault="qualified" '
    schema = ORDER.replace(b"<xs:schema ", head, 1).replace(b'type="unit"', b'type="xs:date"')
    schema = schema.replace(b'<xs:include schemaLocation="parts/unit.xsd"/>', b"")
    body = "<o:order xmlns:o='urn:o' on='2026-03-01'><o:n>1</o:n><o:n>x</o:n><o:unit>20260301</o:unit></o:order>"
    told = found("xsd: s.xsd", body, s_xsd=schema)
    assert [(one["path"], one["value"], one["repair"]) for one in told] == [
        ("/order/n[2]", '"x"', ""), ("/order/unit", '"20260301"', 'write "2026-03-01"'),
    ]  # fmt: skip
