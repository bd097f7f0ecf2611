"""Validation against a JSON Schema: what does not fit is a dead letter that lists every fault."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import msgspec

from waypost.core.component import Failed, Result
from waypost.core.errors import DataError, Fault, ProjectError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Option, ProjectPath
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile, parse_yaml
from waypost.mapping.lineage_step import Passing, StepLineage
from waypost.steps.file import reader

_SCHEME = "project"
_MOST_FAULTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateOptions:
    schema: Annotated[ProjectPath, Option("The JSON Schema, as JSON or YAML.", example="schemas/order.yaml")]
    formats: Annotated[bool, Option("Whether `format` (date, email, …) is checked; else it is a note.")] = True


@registry.register(
    "step", "validate", options=ValidateOptions, traits=StepTraits(), shorthand="schema", example="schemas/order.yaml"
)
class Validate:
    """Let only messages pass that fit a JSON Schema.

    Decimals are numbers and are compared exactly. ``$ref`` may name other schemas of the project, relative to the file;
    nothing is ever fetched. Draft 2020-12, or the draft that ``$schema`` says.
    """

    def __init__(self, options: ValidateOptions, grants: Grants) -> None:
        faults: list[Fault] = []
        validator = _validator(options, reader(grants), faults)
        if faults:
            raise ProjectError(faults)
        self._validator, self._is_valid, self._schema = validator, validator.is_valid, options.schema

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        fits = self._is_valid
        try:
            return [m if fits(m.body) else self._refusal(m.body) for m in batch]
        except ValueError:
            return [self._judge(message) for message in batch]

    def _judge(self, message: Message) -> Result:
        try:
            return message if self._is_valid(message.body) else self._refusal(message.body)
        except ValueError as error:
            text = f"the message is no JSON document: {error}"
            return Failed(DataError(text, where=self._schema, expected="a document", remedy="give the flow a format"))

    def _refusal(self, body: Any) -> Failed:
        found = [_detail(error) for error in islice(self._validator.iter_errors(body), _MOST_FAULTS)]
        listed = "; ".join(f"{detail['path'] or 'the message'}: {detail['found']}" for detail in found)
        more = f" (the first {_MOST_FAULTS})" if len(found) == _MOST_FAULTS else ""
        text = f"the message does not fit{more}: {listed}"
        return Failed(DataError(text, where=self._schema, code="schema", details=found))

    @staticmethod
    def lint(
        options: ValidateOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """What is wrong with the schema or one it refers to."""
        faults: list[Fault] = []
        _validator(options, read, faults)
        return faults

    @staticmethod
    def lineage(options: ValidateOptions, read: Callable[[str], bytes]) -> StepLineage:
        """The message stays as it is; all of it decides whether it goes on."""
        return Passing(note=f"goes on when it fits {options.schema}")


def _detail(error: Any) -> dict[str, str]:
    """One fault: where in the message, which rule of the schema, what was found."""
    said = str(error.message)
    return {
        "path": "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.instance_path).lstrip("."),
        "rule": "/".join(map(str, error.schema_path)),
        "found": said if len(said) <= 300 else said[:140] + " … " + said[-140:],
    }


def _validator(options: ValidateOptions, read: Callable[[str], bytes], faults: list[Fault]) -> Any:
    import jsonschema_rs

    schema = _load(options.schema, read, faults)
    if faults:
        return None
    inner: list[Fault] = []

    def retrieve(uri: str) -> Any:
        parts = urlsplit(uri)
        if parts.scheme != _SCHEME:
            raise ValueError(f"{uri} is outside the project")
        found = _load(posixpath.normpath(unquote(parts.path)).lstrip("/"), read, inner)
        if inner:
            raise ValueError(str(inner[0]))
        return found

    try:
        return jsonschema_rs.validator_for(
            schema, validate_formats=options.formats, retriever=retrieve, base_uri=f"{_SCHEME}:///{options.schema}"
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        place = "/".join(map(str, getattr(error, "instance_path", ())))
        said = str(getattr(error, "message", error)).strip().splitlines()[0]
        faults.append(Fault(options.schema, 0, "schema", f"{place + ': ' if place else ''}{said}", "a JSON Schema"))
        faults.extend(inner)
    return None


def _load(name: str, read: Callable[[str], bytes], faults: list[Fault]) -> Any:
    try:
        data = read(name)
    except (OSError, LookupError):
        faults.append(Fault(name, 0, "file", "there is no such file in the project"))
        return None
    if name.endswith((".yaml", ".yml")):
        schema = parse_yaml(data.decode("utf-8", "replace"), name, faults).data
    else:
        try:
            schema = msgspec.json.decode(data)
        except msgspec.DecodeError as error:
            faults.append(Fault(name, 0, "schema", f"not JSON: {error}", "a JSON Schema"))
            return None
    if not faults and not isinstance(schema, dict | bool):
        faults.append(Fault(name, 1, "schema", f"found a {type(schema).__name__}", "a JSON Schema: a mapping"))
    return schema
