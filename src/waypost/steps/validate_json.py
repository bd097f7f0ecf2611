"""Documents held against a JSON Schema: quick to accept, and every fault with what was meant where it is not."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from waypost.core.checking import Read
from waypost.core.errors import Fault, WaypostError, near
from waypost.core.finding import MOST_FINDINGS, Finding, covered, path_text, plain_path, shown
from waypost.core.pack import PREFIX
from waypost.core.yamlfile import parse_yaml
from waypost.steps.validate_accept import Fits, accepting
from waypost.steps.validate_repair import repair

_SCHEME = "project"
_MOST_STEPS = 10_000
_SECRET_FORMATS = ("password",)


class JsonChecker:
    """One schema with those it refers to. ``masked`` are paths whose values are never shown."""

    def __init__(
        self, name: str, documents: Mapping[str, Any], validator: Any, masked: Sequence[str],
        quickly: Callable[[Fits], Fits | None] = lambda judged: None,
    ) -> None:  # fmt: skip
        self._name, self._documents, self._validator = name, documents, validator
        self.fits = quickly(self.judged) or self.judged
        self._masked = (*map(plain_path, masked), *_sensitive(name, documents))

    def judged(self, body: Any) -> bool:
        """Whether jsonschema-rs says that the document fits."""
        try:
            return bool(self._validator.is_valid(body))
        except ValueError:
            return False

    def findings(self, body: Any) -> Sequence[Finding]:
        try:
            errors = [*islice(self._validator.iter_errors(body), MOST_FINDINGS)]
        except ValueError as error:
            return [
                Finding("", "document", f"no JSON document: {error}", "a document", repair="give the flow a format")
            ]
        return [one for error in errors for one in self._told(error)][:MOST_FINDINGS]

    def _told(self, error: Any) -> Iterator[Finding]:
        kind, path = error.kind, list(error.instance_path)
        name = str(getattr(kind, "name", ""))
        if name in ("oneOf", "anyOf") and (branch := _nearest(getattr(kind, "context", ()), len(path))):
            for inner in branch:
                yield from self._told(inner)
            return
        schema = self._schema(error)
        rule = "/".join(map(str, error.schema_path))
        if name == "required":
            yield self._missing(path, rule, str(kind.property), schema, error.instance)
        elif name in ("additionalProperties", "unevaluatedProperties"):
            for unknown in kind.unexpected:
                yield self._unexpected(path, rule, str(unknown), schema, error.instance)
        else:
            place = path_text(path)
            value = error.instance
            text = shown(value, masked=covered(place, self._masked))
            expected = _expected(name, kind) or "what the schema says"
            secret = covered(place, self._masked)
            yield Finding(place, rule, f"found {text}", expected, text, "" if secret else repair(name, kind, value))

    def _missing(self, path: list[Any], rule: str, name: str, schema: Mapping[str, Any], body: Any) -> Finding:
        properties = schema.get("properties")
        wanted = properties.get(name) if isinstance(properties, Mapping) else None
        wanted = self._resolved(wanted) if isinstance(wanted, Mapping) else {}
        if "default" in wanted:
            suggestion = f"add its default: {shown(wanted['default'])}"
        else:
            known = properties if isinstance(properties, Mapping) else {}
            strays = [str(key) for key in body if key not in known] if isinstance(body, Mapping) else []
            close = near(name, strays)
            suggestion = f"rename {close.removeprefix('did you mean ').rstrip('?')}" if close else f"add {name!r}"
        return Finding(path_text([*path, name]), rule, "missing", _described(wanted), repair=suggestion)

    def _unexpected(self, path: list[Any], rule: str, name: str, schema: Mapping[str, Any], body: Any) -> Finding:
        place = path_text([*path, name])
        value = body.get(name) if isinstance(body, Mapping) else None
        text = shown(value, masked=covered(place, self._masked))
        properties = schema.get("properties")
        known = [str(key) for key in properties] if isinstance(properties, Mapping) else []
        free = [key for key in known if not isinstance(body, Mapping) or key not in body]
        words = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
        remedy = near(name, free) or "take it out"
        return Finding(place, rule, f"a field the schema does not have, {text}", f"one of {words}" if known else "",
                       text, remedy)  # fmt: skip

    def _schema(self, error: Any) -> Mapping[str, Any]:
        """The part of a schema whose keyword is broken."""
        parts = urlsplit(str(getattr(error, "absolute_keyword_location", "") or ""))
        file = posixpath.normpath(unquote(parts.path)).lstrip("/") if parts.scheme == _SCHEME else self._name
        pointer = [unquote(p).replace("~1", "/").replace("~0", "~") for p in parts.fragment.split("/") if p]
        at: Any = self._documents.get(file, self._documents.get(self._name))
        for part in (pointer or [str(p) for p in error.schema_path])[:-1]:
            at = _inside(at, part)
        return at if isinstance(at, Mapping) else {}

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """A schema behind its reference, where that is within its file."""
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return schema
        at: Any = self._documents.get(self._name)
        for part in reference[2:].split("/"):
            at = _inside(at, part)
        return {**at, **schema} if isinstance(at, Mapping) else schema


def _inside(at: Any, part: str) -> Any:
    if isinstance(at, Mapping):
        return at.get(part)
    if isinstance(at, list) and part.isdigit() and int(part) < len(at):
        return at[int(part)]
    return None


def _nearest(branches: Any, depth: int) -> list[Any] | None:
    """The errors of the alternative that was most likely meant: it does not fail at once by its type or its constant;
    None where no alternative stands out."""
    likely = [
        branch for branch in branches
        if branch and not any(len(e.instance_path) <= depth and e.kind.name == "type" for e in branch)
    ]  # fmt: skip
    unlike = [branch for branch in likely if not any(e.kind.name == "const" for e in branch)]
    candidates = unlike or likely
    if not candidates or (len(candidates) > 1 and len(likely) == len(candidates) == len(branches) and not unlike):
        return None
    return [*min(candidates, key=lambda branch: (-max(len(e.instance_path) for e in branch), len(branch)))]


_LIMITS = {
    "minimum": "at least {}", "maximum": "at most {}", "minLength": "at least {} characters",
    "maxLength": "at most {} characters", "minItems": "at least {} items", "maxItems": "at most {} items",
    "minProperties": "at least {} fields", "maxProperties": "at most {} fields",
    "exclusiveMinimum": "more than {}", "exclusiveMaximum": "less than {}",
}  # fmt: skip
_TYPES = {
    "string": "a text", "number": "a number", "integer": "a whole number", "boolean": "true or false",
    "array": "a list", "object": "a mapping", "null": "null",
}  # fmt: skip


def _expected(name: str, kind: Any) -> str:
    if name in _LIMITS:
        return _LIMITS[name].format(kind.limit)
    if name == "type":
        types: Any = getattr(kind, "types", None) or getattr(kind, "value", "")
        return " or ".join(_TYPES.get(str(t), str(t)) for t in ([types] if isinstance(types, str) else types))
    if name == "enum":
        options = [shown(option).strip('"') for option in kind.options]
        return f"one of {', '.join(options[:20])}" + (", …" if len(options) > 20 else "")
    if name == "const":
        return shown(kind.expected_value)
    if name == "pattern":
        return f"a text by the pattern {getattr(kind, 'pattern', 'of the schema')}"
    if name == "format":
        return f"a {kind.format}"
    if name == "multipleOf":
        return f"a multiple of {kind.multiple_of}"
    return {"uniqueItems": "items that differ", "not": "something else", "contains": "an item that fits",
            "oneOf": "exactly one of the alternatives", "anyOf": "one of the alternatives",
            "falseSchema": "nothing here"}.get(name, "")  # fmt: skip


def _described(schema: Mapping[str, Any]) -> str:
    if "enum" in schema and isinstance(schema["enum"], list):
        return f"one of {', '.join(shown(option).strip(chr(34)) for option in schema['enum'][:12])}"
    types = schema.get("type")
    words = [_TYPES.get(str(t), str(t)) for t in ([types] if isinstance(types, str) else types or ())]
    return (" or ".join(words) or "a value") + (f", a {schema['format']}" if "format" in schema else "")


def _sensitive(name: str, documents: Mapping[str, Any]) -> Iterator[str]:
    """Paths whose schema says that their values are not for everybody: ``x-data-class``, ``writeOnly``, passwords."""
    left: list[tuple[str, str, Any, int]] = [(name, "", documents.get(name), 0)]
    seen: set[tuple[str, int]] = set()
    for _ in range(_MOST_STEPS):
        if not left:
            return
        file, path, schema, depth = left.pop()
        if not isinstance(schema, Mapping) or (path, id(schema)) in seen or depth > 24:
            continue
        seen.add((path, id(schema)))
        if schema.get("x-data-class") or schema.get("writeOnly") is True or schema.get("format") in _SECRET_FORMATS:
            yield path
            continue
        reference = schema.get("$ref")
        if isinstance(reference, str):
            other, _, pointer = reference.partition("#")
            at_file = posixpath.normpath(posixpath.join(posixpath.dirname(file), other)) if other else file
            at = documents.get(at_file)
            for part in [p for p in pointer.split("/") if p]:
                at = _inside(at, part.replace("~1", "/").replace("~0", "~"))
            left.append((at_file, path, at, depth + 1))
        for word in ("items", "then", "else", "if", "contains"):
            left.append((file, path, schema.get(word), depth + 1))
        for word in ("allOf", "anyOf", "oneOf", "prefixItems"):
            alternatives = schema.get(word)
            left += [(file, path, each, depth + 1) for each in alternatives] if isinstance(alternatives, list) else []
        properties = schema.get("properties")
        if isinstance(properties, Mapping):
            left += [(file, f"{path}.{key}".lstrip("."), each, depth + 1) for key, each in properties.items()]


def json_checker(
    name: str, read: Read, faults: list[Fault], *, formats: bool = True, masked: Sequence[str] = ()
) -> JsonChecker | None:
    """The checker of the JSON Schema in a project file; None with every reason in ``faults``."""
    import jsonschema_rs

    documents: dict[str, Any] = {}
    schema = documents[name] = _load(name, read, faults)
    if faults:
        return None
    inner: list[Fault] = []

    def retrieve(uri: str) -> Any:
        parts = urlsplit(uri)
        if parts.scheme != _SCHEME:
            raise ValueError(f"{uri} is outside the project")
        file = posixpath.normpath(unquote(parts.path)).lstrip("/")
        found = documents[file] = _load(file, read, inner)
        if inner:
            raise ValueError(str(inner[0]))
        return found

    patterns: Any = jsonschema_rs.RegexOptions()
    try:
        try:
            made = _validator(schema, formats, retrieve, name, patterns)
        except jsonschema_rs.ValidationError as error:
            if error.kind.name != "format":
                raise
            # look-around and back-references need an engine that goes back; how often is bounded
            patterns = jsonschema_rs.FancyRegexOptions(backtrack_limit=1000)
            made = _validator(schema, formats, retrieve, name, patterns)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        place = "/".join(map(str, getattr(error, "instance_path", ())))
        said = str(getattr(error, "message", error)).strip().splitlines()[0]
        faults.append(Fault(name, 0, "schema", f"{place + ': ' if place else ''}{said}", "a JSON Schema"))
        faults.extend(inner)
        return None

    def part(alone: Any) -> Fits:
        fits: Fits = _validator(alone, formats, retrieve, name, patterns).is_valid
        return fits

    return JsonChecker(name, documents, made, masked, lambda judged: accepting(schema, judged, part, formats=formats))


def _validator(schema: Any, formats: bool, retrieve: Callable[[str], Any], name: str, patterns: Any) -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(
        schema, validate_formats=formats, retriever=retrieve, base_uri=f"{_SCHEME}:///{name}", pattern_options=patterns
    )


def _load(name: str, read: Read, faults: list[Fault]) -> Any:
    try:
        data = read(name)
    except (OSError, LookupError, WaypostError):
        faults.append(Fault(name, 0, "file", "there is no such file in the project"))
        return None
    if name.endswith((".yaml", ".yml")) or name.startswith(PREFIX):
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
