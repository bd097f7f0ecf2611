"""Templates and fragments: what they become, and that each fault names template and instance."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.unit.cli.commanding import write
from waypost.core.errors import ProjectError
from waypost.flow.declared.project import load_project

TEMPLATE = """\
template: copy
parameters:
  name: text
  folder: {type: text, default: 'in/${with.name}'}
  limit: {type: whole, default: 5}
  tags: {type: list, default: []}
flow:
  flow: copy-${with.name}
  description: Copies what is more than ${with.limit}.
  owner: ops
  tags: ${with.tags}
  source: {directory: {path: '${with.folder}'}}
  format: json
  steps:
    - filter: n > ${with.limit}
    - fragment: check
      with: {field: n}
  targets:
    out: {directory: {path: 'out/${with.name}'}}
"""
FRAGMENT = """\
fragment: check
parameters: {field: text}
steps:
  - filter: ${with.field} > 0
  - filter: {condition: '${with.field} < 100'}
    name: upper
"""
FLOWS = "template: copy\nwith: {limit: 7}\ninstances:\n  - {name: a}\n  - {name: b, limit: 9, tags: [x, y]}\n"
FILES = {"waypost.yaml": "name: t\n", "templates/copy.yaml": TEMPLATE, "templates/check.yaml": FRAGMENT,
         "flows/all.yaml": FLOWS}  # fmt: skip


def faults(tmp_path: Path, **changed: str) -> list[str]:
    files = {**FILES, **{name.replace("__", "/").replace("_yaml", ".yaml"): text for name, text in changed.items()}}
    with pytest.raises(ProjectError) as raised:
        load_project(write(tmp_path, files))
    return [str(fault) for fault in raised.value.faults]


def test_each_instance_is_a_flow_with_its_values(tmp_path):
    project = load_project(write(tmp_path, FILES))
    a, b = (project.flows[name] for name in ("copy-a", "copy-b"))
    assert [use.options.condition for use in a.steps] == ["n > 7", "n > 0", "n < 100"]
    assert [use.name for use in a.steps] == ["filter", "filter-2", "upper"]
    assert b.steps[0].options.condition == "n > 9" and b.options.tags == ("x", "y")
    assert a.source.options.path == "in/a" and a.options.tags == ()


def test_the_version_covers_templates(tmp_path):
    before = load_project(write(tmp_path, FILES)).version
    after = load_project(write(tmp_path, {**FILES, "templates/check.yaml": FRAGMENT.replace("100", "101")})).version
    assert before != after


def test_instances_may_be_a_table(tmp_path):
    table = "name,limit,tags\na,1,x; y\nb,,\n"
    files = {**FILES, "flows/all.yaml": "template: copy\ninstances: templates/t.csv\n", "templates/t.csv": table}
    project = load_project(write(tmp_path, files))
    assert project.flows["copy-a"].options.tags == ("x", "y")
    assert project.flows["copy-b"].steps[0].options.condition == "n > 5"


def test_a_named_fragment_names_its_steps_below_it(tmp_path):
    text = TEMPLATE.replace("      with: {field: n}\n", "      with: {field: n}\n      name: ok\n")
    project = load_project(write(tmp_path, {**FILES, "templates/copy.yaml": text}))
    assert [use.name for use in project.flows["copy-a"].steps] == ["filter", "ok/filter", "ok/upper"]


def test_a_fault_of_a_template_is_told_once_with_its_instances(tmp_path):
    said = faults(tmp_path, templates__copy_yaml=TEMPLATE.replace("format: json", "format: jsn"))
    assert said == [
        "templates/copy.yaml:13: no format 'jsn' (2 instances, the first in flows/all.yaml:4); "
        "did you mean 'json'? [unknown-format]"
    ]


def test_a_fault_of_a_value_names_the_instance_and_where_the_template_uses_it(tmp_path):
    flows = FLOWS.replace("{name: a}", "{name: a, limit: '7 +'}").replace("with: {limit: 7}\n", "")
    text = TEMPLATE.replace("type: whole, default: 5", "type: any, default: 5").replace(
        "n > ${with.limit}", "${with.limit}"
    )
    (fault,) = faults(tmp_path, flows__all_yaml=flows, templates__copy_yaml=text)
    assert fault.startswith("flows/all.yaml:3: expression `7 +`")
    assert "(parameter 'limit' of templates/copy.yaml:15)" in fault


def test_a_fault_in_a_fragment_names_who_uses_it(tmp_path):
    said = faults(tmp_path, templates__check_yaml=FRAGMENT.replace("condition:", "condtion:"))
    assert said and all("templates/check.yaml:5" in fault for fault in said)
    assert all("in templates/copy.yaml:16" in fault for fault in said)


ALL, COPY, CHECK = "flows__all_yaml", "templates__copy_yaml", "templates__check_yaml"
WRONG = [
    (
        ALL,
        FLOWS.replace("{name: a}", "{nam: a}"),
        "flows/all.yaml:4: template 'copy' has no parameter 'nam'",
        "did you mean 'name'?",
    ),
    (
        ALL,
        FLOWS.replace("{name: a}", "{}"),
        "flows/all.yaml:4: parameter 'name' of template 'copy' is missing",
        "text, by templates/copy.yaml:3",
    ),
    (
        ALL,
        FLOWS.replace("limit: 9", "limit: many"),
        "flows/all.yaml:5: parameter 'limit': found 'many'",
        "whole, by templates/copy.yaml:5",
    ),
    (ALL, FLOWS.replace("limit: 9", "limit: true"), "found True", "whole"),
    (ALL, FLOWS.replace("template: copy", "template: cpy"), "no template 'cpy'", "did you mean 'copy'?"),
    (ALL, FLOWS.replace("with:", "wth:"), "unknown option 'wth'", "did you mean 'with'?"),
    (
        ALL,
        FLOWS.replace("name: b", "name: a"),
        "flow 'copy-a' is also in templates/copy.yaml, in flows/all.yaml:4",
        "one flow a name",
    ),
    (COPY, TEMPLATE.replace("with.limit}.", "with.limt}."), "no parameter 'limt'", "did you mean 'limit'?"),
    (
        COPY,
        TEMPLATE.replace("  name: text\n", "  name: text\n  more: text\n"),
        "templates/copy.yaml:4: parameter 'more' is never used",
        "${with.more}",
    ),
    (COPY, TEMPLATE.replace("type: whole", "type: hole"), "no type 'hole'", "did you mean 'whole'?"),
    (COPY, TEMPLATE.replace("default: 5", "default: x"), "found 'x'", "whole"),
    (COPY, TEMPLATE.replace("fragment: check", "fragment: chek"), "no fragment 'chek'", "did you mean 'check'?"),
    (CHECK, FRAGMENT + "  - fragment: check\n    with: {field: n}\n", "go too deep", "ones that end"),
]


@pytest.mark.parametrize(("file", "text", "found", "more"), WRONG)
def test_what_is_wrong_is_told_where_it_stands(tmp_path, file, text, found, more):
    assert any(found in fault and more in fault for fault in faults(tmp_path, **{file: text})), faults(
        tmp_path, **{file: text}
    )


EXAMPLE = Path(__file__).parents[3] / "examples/partner-orders"


def test_the_example_makes_a_flow_for_each_partner_and_its_cases_hold():
    from waypost.testing.cases.runner import run_cases

    project = load_project(EXAMPLE)
    assert sorted(project.flows) == ["orders-acme", "orders-globex", "orders-initech", "orders-umbrella", "web-orders"]
    results = asyncio.run(run_cases(EXAMPLE, "dev", ""))
    assert len(results) == 5 and not [result.differences for result in results if result.differences]
