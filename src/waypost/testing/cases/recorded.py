"""A stored message as a test case: its input, the answers that were recorded, and what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from waypost.core.errors import DataError, Fault, ProjectError
from waypost.core.yamlfile import parse_yaml
from waypost.flow.batch.reference_step import is_reference


def case_of(shown: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    """The case of a message as ``waypost show --json`` tells it, as plain data. Raises ``DataError`` for one whose
    input or outputs are no longer there."""
    message = shown["message"]
    if shown["verdict"] not in ("proved", "differs"):
        why = shown.get("why") or shown["verdict"]
        raise DataError(f"message {message['id']} cannot be recomputed: {why}", remedy="choose another message")
    made: dict[str, Any] = {
        "name": name or f"message {message['id']} goes as it did",
        "input": {**given_of(shown), "received_at": message["received_at"]},
    }
    effects = effects_of(shown["effects"])
    return {**made, **({"effects": effects} if effects else {}), "expect": _expected(shown)}


def given_of(shown: Mapping[str, Any]) -> dict[str, Any]:
    """What came in, as a case says it."""
    headers = shown["input"].get("headers")
    return {**_input(shown), **({"headers": dict(headers)} if headers else {})}


def _input(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The text, where the record says all by itself; else the document it was read as."""
    given = shown["input"]
    if "text" in given and not given.get("context"):
        return {"text": given["text"]}
    if "document" in given:
        return {"json": given["document"]}
    raise DataError(
        f"message {shown['message']['id']} cannot be read by itself, and what is around it is not in a case",
        remedy="write the case by hand, with the whole file as its input",
    )


def effects_of(recorded: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The answers that were recorded, as a case gives them. Reference data is as its initial file in a case."""
    made: dict[str, list[dict[str, Any]]] = {}
    for effect in recorded:
        if is_reference(effect["step"]):
            continue
        when = {"when": effect["request"]} if effect.get("request") else {}
        made.setdefault(effect["step"], []).append({**when, "answer": effect["answer"]})
    return made


def _expected(shown: Mapping[str, Any]) -> dict[str, Any]:
    targets: dict[str, list[Any]] = {}
    for output in sorted(shown["outputs"], key=lambda output: output["ordinal"]):
        document = output["document"]
        targets.setdefault(output["target"], []).append(output.get("text", "") if document is None else document)
    refused = [{"place": "format", "text": shown["refused"]}] if "refused" in shown else []
    failed = [{"place": step["step"]} for step in shown["steps"] if step["result"] == "failed"]
    filtered = sum(step["result"] == "filtered" for step in shown["steps"])
    return {
        **({"targets": targets} if targets else {}),
        **({"errors": refused or failed} if refused or failed else {}),
        **({"filtered": filtered} if filtered else {}),
    }


def case_text(flow: str, cases: Sequence[Mapping[str, Any]]) -> str:
    """A file of cases."""
    return f"flow: {_scalar(flow)}\ncases:\n{_listed(cases)}"


def add_case(root: Path, file: Path, flow: str, case: Mapping[str, Any]) -> None:
    """Append a case to a file of cases of its flow; a new file is made. What the file holds stays as it is written.
    Raises ``ProjectError`` for a file of something else, or with a case of that name."""
    path = file if file.is_absolute() else root / file
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(case_text(flow, [case]), "utf-8")
        return
    faults: list[Fault] = []
    text = path.read_text("utf-8-sig")
    parsed = parse_yaml(text, str(file), faults)
    data = parsed.data if isinstance(parsed.data, dict) else {}
    cases = data.get("cases")
    if not faults and (data.get("flow") != flow or not isinstance(cases, list) or list(data)[-1] != "cases"):
        expected = f"a file with `flow: {flow}` and then `cases:`, in lines of their own"
        faults.append(parsed.fault((), "cases", f"found cases of {data.get('flow')!r}", expected, "name another file"))
    elif not faults and any(isinstance(one, dict) and one.get("name") == case["name"] for one in cases or ()):
        faults.append(parsed.fault(("cases",), "cases", f"there is a case {case['name']!r}", "", "give --name"))
    whole = text.rstrip("\n") + "\n" + _listed([case])
    if not faults and len(parse_yaml(whole, str(file), faults).data["cases"]) != len(cases or ()) + 1:
        faults.append(parsed.fault(("cases",), "cases", "the cases are not written as an indented list", "  - name: …"))
    if faults:
        raise ProjectError(faults)
    path.write_text(whole, "utf-8")


class _Dumper(yaml.SafeDumper):
    """Writes numbers with the digits they have, and texts of several lines as such."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _number(dumper: yaml.SafeDumper, value: Decimal) -> yaml.Node:
    text = f"{value:f}"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in text else 'int'}", text)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    lines = "\n" in value and not any(line.endswith(" ") for line in value.split("\n"))
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if lines else None)


_Dumper.add_representer(Decimal, _number)
_Dumper.add_representer(str, _text)


def _listed(cases: Sequence[Mapping[str, Any]]) -> str:
    text = yaml.dump(list(cases), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return "".join(f"  {line}\n" if line else "\n" for line in text.splitlines())


def _scalar(text: str) -> str:
    return str(yaml.safe_dump(text, allow_unicode=True)).removesuffix("\n").removesuffix("\n...")
