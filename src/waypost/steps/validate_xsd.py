"""XML held against a schema of XSD 1.0 (libxml2) or 1.1 (xmlschema); schemas come from the project alone."""

from __future__ import annotations

import posixpath
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from waypost.core.checking import Read
from waypost.core.component import Format
from waypost.core.errors import ConfigurationRefused, DataError, Fault, WaypostError
from waypost.core.finding import MOST_FINDINGS, Finding, covered, plain_path, shown
from waypost.steps.inner_format import text_of
from waypost.steps.validate_pattern import make_linear
from waypost.steps.validate_repair import iso_date, nearest
from waypost.steps.xml_project import library, message_tree, parser, project_tree

_XS = "{http://www.w3.org/2001/XMLSchema}"
_WHO = re.compile(r"Element '([^']*)'(?:, attribute '([^']*)')?: ?(?:\[facet '(\w+)'\] )?(.*)", re.DOTALL)
_EXPECTED = re.compile(r"Expected is (.*?)\.?$")
_LACKING = re.compile(r"The attribute '([^']*)' is required but missing")
_PREFIXED = re.compile(r"/([^/:*\[\]]+:[^/:*\[\]]+)")
_COMMA = re.compile(r"[-+]?[0-9]{1,30},[0-9]{1,10}")
_SET = re.compile(r"\{(.*)\}")
_QUOTED = re.compile(r"'((?:[^'])*)'")
_TYPE = re.compile(r"(?:atomic|union|list|local) (?:atomic |union |list )?type(?: '([^']*)')?")
_WORDS = {
    "decimal": "a decimal", "date": "a date such as 2026-03-31", "dateTime": "a date and time", "int": "a whole number",
    "integer": "a whole number", "boolean": "true or false", "positiveInteger": "a whole number above 0",
}  # fmt: skip
_MOST_FILES = 500
Problems = Callable[[Any], Iterator[Finding]]


class XsdChecker:
    """One schema. ``masked`` are paths (``order/line/@id`` or ``order.line``) whose values are never shown; '' masks
    them all."""

    def __init__(
        self, name: str, etree: Any, passes: Callable[[Any], bool], problems: Callable[[Any], Iterator[Finding]],
        document: Format, masked: Sequence[str],
    ) -> None:  # fmt: skip
        self._name, self._etree, self._passes, self._problems = name, etree, passes, problems
        self._document, self._masked = document, tuple(plain_path(place.replace("/", ".")) for place in masked)

    def fits(self, body: Any) -> bool:
        tree = self._tree(body)
        return not isinstance(tree, Finding) and self._passes(tree)

    def findings(self, body: Any) -> Sequence[Finding]:
        tree = self._tree(body)
        if isinstance(tree, Finding):
            return [tree]
        return [self._hidden(one) for one in islice(self._problems(tree), MOST_FINDINGS)]

    def _tree(self, body: Any) -> Any:
        data = text_of(body, self._document)
        tree = data if isinstance(data, DataError) else message_tree(self._etree, data, self._name, "xsd")
        if isinstance(tree, DataError):
            return Finding("", "xml", tree.found, tree.expected or "XML", repair=tree.remedy)
        return tree

    def _hidden(self, one: Finding) -> Finding:
        place = plain_path(one.path.lstrip("/").replace("/", "."))
        if not one.value or not covered(place, self._masked):
            return one
        expected = "" if one.value.strip('"') in one.expected else one.expected
        text = f"a text of {len(one.value) - 2} (not shown)"
        return Finding(one.path, one.rule, f"found {text}", expected, text)


def xsd_checker(
    name: str, version: str, document: Format, read: Read, faults: list[Fault], masked: Sequence[str] = ()
) -> XsdChecker | None:
    """The checker of a schema; None with every reason in ``faults``."""
    etree = library("validate step with an XSD", name)
    made = _eleven(etree, name, read, faults) if version == "1.1" else _ten(etree, name, read, faults)
    return None if made is None or faults else XsdChecker(name, etree, *made, document, masked)


def _ten(etree: Any, name: str, read: Read, faults: list[Fault]) -> tuple[Callable[[Any], bool], Problems] | None:
    tree = project_tree(etree, name, read, faults, "xsd", "a schema of XSD 1.0")
    if tree is None:
        return None
    try:
        schema = etree.XMLSchema(tree)
    except etree.XMLSchemaParseError as error:
        entry = next(iter(error.error_log), None)
        line = entry.line if entry is not None and entry.line > 0 else 0
        remedy = "set version: '1.1' if it is a schema of XSD 1.1" if "assert" in str(error) else ""
        faults.append(Fault(name, line, "xsd", str(error)[:300], "a schema of XSD 1.0", remedy))
        return None

    def passes(root: Any) -> bool:
        try:
            return bool(schema.validate(root))
        except etree.XMLSchemaValidateError:
            return False

    def problems(root: Any) -> Iterator[Finding]:
        try:
            if schema.validate(root):
                return
        except etree.XMLSchemaValidateError:  # libxml2 counts the steps of a pattern, and gives up
            yield Finding("", "pattern", "a text for which a pattern of the schema takes too many steps",
                          "a pattern in which nothing repeated repeats")  # fmt: skip
            return
        tree = root.getroottree()
        for entry in schema.error_log:
            yield _of_libxml(entry, tree)

    return passes, problems


def _of_libxml(entry: Any, tree: Any) -> Finding:
    node, said = _node(tree, str(entry.path or "")), " ".join(str(entry.message).split())
    path = str(entry.path or "") if node is None else _named_path(node)
    rule = str(entry.type_name).removeprefix("SCHEMAV_").lower().replace("_", "-")
    match = _WHO.match(said)
    if match is None:
        return Finding(path, rule, said[:300])
    _, attribute, facet, rest = match.groups()
    if attribute:
        path = f"{path}/@{attribute}"
    wanted = _EXPECTED.search(rest)
    if wanted is not None:
        expected = wanted[1].strip("( )").replace(" , ", ", ").replace("one of (", "one of")
        return Finding(path, rule, rest[: wanted.start()].strip().rstrip(".").lower(), expected,
                       repair=_missing_repair(rest, expected))  # fmt: skip
    if lacking := _LACKING.match(rest):
        return Finding(f"{path}/@{lacking[1]}", rule, "missing", "the attribute", repair=f"add {lacking[1]!r}")
    value = None if node is None else node.get(attribute) if attribute else node.text or ""
    if value is None:
        return Finding(path, rule, rest.rstrip(".")[:300])
    text = shown(value)
    return Finding(path, rule, f"found {text}", _expectation(facet, rest), text, _suggestion(facet, rest, value))


def _missing_repair(rest: str, expected: str) -> str:
    if "Missing child" in rest:
        return f"add {expected.partition(',')[0].removeprefix('one of').strip(' ()')}"
    return "take it out, or put what is expected before it"


def _node(tree: Any, path: str) -> Any:
    """The element libxml2 means; in namespaces it says ``/*/*[2]``, or has prefixes that only the message knows."""
    found = tree.xpath(_PREFIXED.sub(r"/*[name()='\1']", path)) if path else []
    return found[0] if found else None


def _named_path(node: Any) -> str:
    """The way to an element by local names, counted where several of a name are siblings."""
    parts = []
    while node is not None:
        name = str(node.tag).rpartition("}")[2]
        parent = node.getparent()
        alike = [each for each in parent if each.tag == node.tag] if parent is not None else []
        parts.append(f"{name}[{alike.index(node) + 1}]" if len(alike) > 1 else name)
        node = parent
    return "/" + "/".join(reversed(parts))


def _expectation(facet: str | None, rest: str) -> str:
    quoted = _QUOTED.findall(rest)
    if facet == "enumeration" and (inside := _SET.search(rest)):
        return f"one of {', '.join(_QUOTED.findall(inside[1])[:20])}"
    if facet == "pattern" and quoted:
        return f"a text by the pattern {quoted[-1]}"
    limits = {"maxInclusive": "at most {}", "minInclusive": "at least {}", "maxExclusive": "less than {}",
              "minExclusive": "more than {}", "maxLength": "at most {} characters", "fractionDigits": "{} decimals",
              "minLength": "at least {} characters", "length": "{} characters", "totalDigits": "{} digits"}  # fmt: skip
    if facet in limits and quoted:
        return limits[facet].format(quoted[-1])
    kind = _TYPE.search(rest)
    name = (kind[1] or "").rpartition(":")[2].rpartition("}")[2] if kind else ""
    if name:
        return _WORDS.get(name, f"a value of type {name}")
    return "a valid value of its type" if "is not a valid value of" in rest else rest.rstrip(".")[:200]


def _suggestion(facet: str | None, rest: str, value: str) -> str:
    text = value.strip()
    made: Any = None
    if facet == "enumeration" and (inside := _SET.search(rest)):
        made = nearest(value, _QUOTED.findall(inside[1]))
    elif "xs:date'" in rest:
        made = iso_date(text)
    elif "is not a valid value of" in rest and _COMMA.fullmatch(text):
        made = text.replace(",", ".")
    elif facet == "pattern":
        pattern = _QUOTED.findall(rest)[-1]
        compact = re.sub(r"\s", "", text)
        if len(pattern) < 200 and not re.search(r"\)[*+{]|\\[ic1-9]", pattern) and len(compact) < 200:
            try:
                made = next((t for t in (text, compact, compact.upper()) if re.fullmatch(pattern, t)), None)
            except re.error:
                made = None
    elif facet == "maxLength" and len(" ".join(text.split())) <= int(_QUOTED.findall(rest)[-1]):
        made = " ".join(text.split())
    return f"write {shown(made)}" if made is not None and made != value else ""


def _eleven(etree: Any, name: str, read: Read, faults: list[Fault]) -> tuple[Callable[[Any], bool], Problems] | None:
    try:
        import xmlschema
    except ImportError:
        raise ConfigurationRefused(
            "XSD 1.1 needs xmlschema", where=name, remedy="pip install 'waypost[xsd11]'"
        ) from None
    files = _gathered(etree, name, read, faults)
    if faults:
        return None
    with tempfile.TemporaryDirectory(prefix="waypost-xsd-") as folder:
        for path, data in files.items():
            place = Path(folder, *path.split("/"))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        try:
            schema: Any = xmlschema.XMLSchema11(str(Path(folder, *name.split("/"))), allow="sandbox", base_url=folder,
                                                defuse="always")  # fmt: skip
            schema.build()
        except Exception as error:  # noqa: BLE001 - whatever it finds wrong with a schema is that file's fault
            said = " ".join(str(getattr(error, "message", "") or error).replace(folder, "").split())
            faults.append(Fault(name, 0, "xsd", said[:300], "a schema of XSD 1.1"))
            return None
    for pattern in make_linear(schema):
        faults.append(Fault(name, 0, "xsd", f"the pattern {pattern[:100]!r} cannot be run in bounded time",
                            "a pattern without repetitions of thousands"))  # fmt: skip

    def problems(root: Any) -> Iterator[Finding]:
        for error in schema.iter_errors(root):
            yield _of_xmlschema(error)

    return schema.is_valid, problems


def _gathered(etree: Any, name: str, read: Read, faults: list[Fault]) -> dict[str, bytes]:
    """The schema with all it includes, by path within the project."""
    files: dict[str, bytes] = {}
    left = [name]
    while left and len(files) < _MOST_FILES:
        path = left.pop()
        if path in files:
            continue
        try:
            files[path] = data = read(path)
            root = etree.fromstring(data, parser(etree))
        except (OSError, LookupError, WaypostError):
            faults.append(Fault(path, 0, "file", "there is no such file in the project"))
            continue
        except etree.XMLSyntaxError as error:
            faults.append(Fault(path, error.lineno or 1, "xsd", str(error)[:300], "a schema of XSD"))
            continue
        for word in ("include", "import", "redefine", "override"):
            for element in root.iterfind(f"{_XS}{word}"):
                location = element.get("schemaLocation")
                if location is None:
                    continue
                inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), location))
                if ":" in location or inside.startswith(("..", "/")):
                    text = f"{location!r} lies outside the project"
                    faults.append(Fault(path, element.sourceline or 0, "xsd", text, "a file of the project"))
                else:
                    left.append(inside)
    return files


def _of_xmlschema(error: Any) -> Finding:
    path = str(error.path or "")
    reason = " ".join(str(error.reason or error.message or "").split())
    rule = re.sub(r"(?<!^)(?=[A-Z])", "-", type(error.validator).__name__.removeprefix("Xsd")).lower()
    value = error.obj if isinstance(error.obj, str) else None
    text = "" if value is None else shown(value)
    attribute = re.match(r"attribute (\w[\w.-]*)=", reason)
    if attribute:
        path, reason = f"{path}/@{attribute[1]}", reason.partition(": ")[2] or reason
    options = re.search(r"value must be one of \[(.*)\]", reason)
    if options is not None and value is not None:
        known = _QUOTED.findall(options[1])
        meant = nearest(value, known)
        return Finding(path, rule, f"found {text}", f"one of {', '.join(known[:20])}", text,
                       f"write {shown(meant)}" if meant is not None else "")  # fmt: skip
    if lacking := re.search(r"required attribute '([^']*)'", reason):
        return Finding(f"{path}/@{lacking[1]}", rule, "missing", "the attribute", repair=f"add {lacking[1]!r}")
    if value is None:
        own = (getattr(error.elem, "text", None) or "") if rule.endswith("facet") else ""
        text = shown(own) if own else ""
        return Finding(path, rule, f"found {text}" if own else reason[:300], reason[:300] if own else "", text)
    kind = re.search(r"xs:(\w+)|datetime\.(\w+)'", reason)
    name = (kind[1] or kind[2] or "") if kind else ""
    name = name[:1].lower() + name[1:]
    expected = _WORDS.get(name, f"a value of type {name}") if name else reason[:300]
    meant = iso_date(value) if name == "date" else value.replace(",", ".") if _COMMA.fullmatch(value.strip()) else None
    return Finding(path, rule, f"found {text}", expected, text, f"write {shown(meant)}" if meant else "")
