"""A JSON Schema as Python that accepts most documents that fit; whatever it does not accept is left to a judge.

Decided are types, fields, items, lengths, limits and lists of values. A part of a schema with other words (patterns,
formats, alternatives) is decided by a validator of that part alone, which the caller makes. Where neither is possible
there is no such Python. It may leave any document to the judge, and must never accept one that the judge refuses: it
takes values of the plain types only, and a property test holds it against the judge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

Fits = Callable[[Any], bool]
_DRAFTS = (
    "https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema", "http://json-schema.org/draft-06/schema",
)  # fmt: skip
"""Those in which the words below mean the same. In draft 4 ``exclusiveMinimum`` is true or false."""
_SAYS_NOTHING = frozenset((
    "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "$defs",
    "definitions",
))  # fmt: skip
_OF_THE_WHOLE = ("$schema", "$id")
_WHOLE = "body"
"""The name of the document in the code."""
_WORDS = {
    "object": ("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
    "array": ("items", "minItems", "maxItems"),
    "string": ("minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}
_LIMITS = (*_WORDS["number"], "minProperties", "maxProperties", "minItems", "maxItems", "minLength", "maxLength")
_KINDS = ("object", "array", "string", "integer", "number", "boolean", "null")
_EXACT_IN_FLOAT = 1 << 53
_LARGE = 1 << 63
"""Whole numbers beyond it are left to the judge, who takes those of many thousand digits for no numbers."""
_FEW = 8
"""Fields of a schema up to which the judge looks each of them up. With more of them, or with fewer fields in the
document, it walks the document, and refuses names that are no text."""
_NUMBERS_PAY = 5
"""The judge is as quick as Python with texts and whole numbers, and slower with decimals, which are what numbers are as
a rule. So one value in so many must be a number for this to be worth it."""
_ITEMS = 8
"""As many times a value counts that stands in a list."""
_MOST_PARTS = 1000
_MOST_LEVELS = 16
_RAISED = (LookupError, ValueError, ArithmeticError, TypeError)


class _Undecided(Exception):
    """A word, or a value of one, that has no Python here."""


def accepting(
    schema: Any, judged: Fits, part: Callable[[Any], Fits], *, formats: bool, always: bool = False
) -> Fits | None:
    """``judged``, asked only about what the Python made of ``schema`` does not accept; None where there is none.

    ``part`` makes the validator of a part that refers to nothing outside of itself. ``formats``: whether ``format``
    says anything. ``always``: also where the judge is as quick.
    """
    if not isinstance(schema, Mapping) or str(schema.get("$schema", _DRAFTS[0])).rstrip("#") not in _DRAFTS:
        return None
    writer = _Writer(schema, part, formats=formats)
    said = {word: value for word, value in schema.items() if word not in _OF_THE_WHOLE}
    try:
        writer.decided(said, _WHOLE, 2)
    except _Undecided:
        return None
    if not writer.lines or not (always or writer.numbers * _NUMBERS_PAY >= writer.values):
        return None
    writer.given |= {"_judged": judged, "_raised": _RAISED}
    writer.given |= {"_Decimal": Decimal, "_Nothing": type(None), "_inf": math.inf}
    lines = ["def fits(body):", "    try:", *writer.lines, "        return True", "    except _raised:",
             "        return _judged(body)"]  # fmt: skip
    exec(compile("\n".join(lines), "<schema>", "exec", dont_inherit=True), writer.given)
    made: Fits = writer.given["fits"]
    return made


class _Writer:
    """Writes statements that leave the function for the judge unless a value surely fits."""

    def __init__(self, whole: Mapping[str, Any], part: Callable[[Any], Fits], *, formats: bool) -> None:
        self.whole, self.part = whole, part
        self.silent = _SAYS_NOTHING if formats else _SAYS_NOTHING | {"format"}
        self.lines: list[str] = []
        self.given: dict[str, Any] = {}
        self.numbers = self.values = 0
        """How many values there are as a rule, and how many of them are numbers."""
        self._each = 1
        self._within: list[str] = []
        self._parts = 0

    def say(self, level: int, *lines: str) -> None:
        self.lines += ["    " * level + line for line in lines]

    def leave(self, level: int, condition: str) -> None:
        self.say(level, f"if {condition}: return _judged(body)")

    def fresh(self, stem: str) -> str:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise _Undecided
        return f"_{stem}{self._parts}"

    def hold(self, stem: str, value: Any) -> str:
        name = self.fresh(stem)
        self.given[name] = value
        return name

    def value(self, schema: Any, name: str, level: int) -> None:
        """A part of the schema, decided here or else by a validator of its own."""
        begun = len(self.lines)
        self.values += self._each
        try:
            self.decided(schema, name, level)
        except _Undecided:
            if not isinstance(schema, Mapping | bool) or not _stands_alone(schema):
                raise
            del self.lines[begun:]
            dialect = {"$schema": self.whole["$schema"]} if "$schema" in self.whole else {}
            alone = {**dialect, **schema} if isinstance(schema, Mapping) else schema
            self.leave(level, f"not {self.hold('part', self.part(alone))}({name})")

    def decided(self, schema: Any, name: str, level: int) -> None:
        if schema is True:
            return
        if not isinstance(schema, Mapping) or level > _MOST_LEVELS:
            raise _Undecided
        said = {word: value for word, value in schema.items() if not (word in self.silent or word.startswith("x-"))}
        if "$ref" in said:
            self.referred(said, name, level)
            return
        known = {"type", "enum", "const", *(word for words in _WORDS.values() for word in words)}
        if not known >= said.keys() or any(word in said and not _is_limit(said[word]) for word in _LIMITS):
            raise _Undecided
        kinds = _kinds(said)
        if kinds is not None:
            self.one_of([branch for kind in kinds for branch in self.branches(kind, said)], name, level)

    def referred(self, said: Mapping[str, Any], name: str, level: int) -> None:
        """A definition of the same file, written out where it is used."""
        place = said["$ref"]
        head, _, word = str(place).rpartition("/")
        definitions = self.whole.get(head.removeprefix("#/")) if head in ("#/$defs", "#/definitions") else None
        if len(said) > 1 or not isinstance(definitions, Mapping) or word not in definitions or place in self._within:
            raise _Undecided
        if not word.isascii() or not word.replace("_", "").replace("-", "").isalnum():
            raise _Undecided
        self._within.append(place)
        try:
            self.decided(definitions[word], name, level)
        finally:
            self._within.pop()

    def one_of(self, branches: Sequence[_Branch], name: str, level: int) -> None:
        if not branches:
            raise _Undecided
        if len(branches) == 1:
            kind, write = branches[0]
            self.leave(level, f"type({name}) is not {kind}")
            write(name, level)
            return
        for at, (kind, write) in enumerate(branches):
            self.say(level, f"{'elif' if at else 'if'} type({name}) is {kind}:", "    pass")
            write(name, level + 1)
        self.say(level, "else: return _judged(body)")

    def branches(self, kind: str, said: Mapping[str, Any]) -> list[_Branch]:
        """The Python types a kind of the schema's stands for here, and what is to be written for each."""
        options = _options(said)
        if options is not None:
            return self.chosen(kind, options, said)
        if kind == "object":
            return [("dict", lambda name, level: self.mapping(said, name, level))]
        if kind == "array":
            return [("list", lambda name, level: self.listing(said, name, level))]
        if kind == "string":
            return [("str", lambda name, level: self.text(said, name, level))]
        if kind == "integer":
            return [("int", lambda name, level: self.limited(said, name, level, "", ""))]
        if kind == "number":
            self.numbers += self._each
            return [
                ("_Decimal", lambda name, level: self.decimal(said, name, level)),
                ("int", lambda name, level: self.limited(said, name, level, f"{-_LARGE} < ", f" < {_LARGE}")),
                ("float", lambda name, level: self.limited(said, name, level, "-_inf < ", " < _inf")),
            ]
        return [("bool" if kind == "boolean" else "_Nothing", lambda name, level: None)]

    def chosen(self, kind: str, options: Sequence[Any], said: Mapping[str, Any]) -> list[_Branch]:
        types = {"string": str, "integer": int, "number": int, "boolean": bool, "null": type(None)}
        of_kind = frozenset(option for option in options if type(option) is types.get(kind))
        if not of_kind:
            return []
        if any(word in said for word in _WORDS.get("number" if kind == "integer" else kind, ())):
            raise _Undecided
        word = {"boolean": "bool", "null": "_Nothing", "string": "str"}.get(kind, "int")
        held = self.hold("options", of_kind)
        return [(word, lambda name, level: self.leave(level, f"{name} not in {held}"))]

    def mapping(self, said: Mapping[str, Any], name: str, level: int) -> None:
        self.sized(said, "Properties", name, level)
        fields, required = said.get("properties", {}), said.get("required", [])
        if not isinstance(fields, Mapping) or not isinstance(required, list):
            raise _Undecided
        for field in required:
            if field not in fields:
                self.leave(level, f"{field!r} not in {name}")
        optional = [field for field in fields if field not in required]
        seen = self.fresh("seen") if optional else str(len(fields))
        if optional:
            self.say(level, f"{seen} = {len(fields) - len(optional)}")
        for field, schema in fields.items():
            value = self.fresh("")
            inner = level
            if field in optional:
                self.say(level, f"if {field!r} in {name}:", f"    {seen} += 1")
                inner += 1
            self.say(inner, f"{value} = {name}[{field!r}]")
            self.value(schema, value, inner)
        self.others(said.get("additionalProperties", True), name, level, len(fields), seen)

    def others(self, said: Any, name: str, level: int, fields: int, seen: str) -> None:
        """What there may be beside the ``seen`` of the fields of the schema."""
        if said is False:
            self.leave(level, f"len({name}) != {seen}")
            return
        if said is not True:
            raise _Undecided
        looked_up = fields <= _FEW and name != _WHOLE
        if looked_up and seen == str(fields):
            return
        key = self.fresh("key")
        self.say(level, f"if len({name}) != {seen}{f' and len({name}) < {fields}' if looked_up else ''}:",
                 f"    for {key} in {name}:")  # fmt: skip
        self.leave(level + 2, f"type({key}) is not str")
        self.text({}, key, level + 2)

    def listing(self, said: Mapping[str, Any], name: str, level: int) -> None:
        self.sized(said, "Items", name, level)
        item, before = self.fresh("item"), len(self.lines)
        self.say(level, f"for {item} in {name}:")
        self._each *= _ITEMS
        try:
            self.value(said.get("items", True), item, level + 1)
        finally:
            self._each //= _ITEMS
        if len(self.lines) == before + 1:
            del self.lines[before:]

    def text(self, said: Mapping[str, Any], name: str, level: int) -> None:
        """A text that can be encoded; half a surrogate pair raises."""
        self.say(level, f"{name}.isascii() or {name}.encode()")
        self.sized(said, "Length", name, level)

    def sized(self, said: Mapping[str, Any], what: str, name: str, level: int) -> None:
        if (least := said.get(f"min{what}")) is not None:
            self.leave(level, f"len({name}) < {least}")
        if (most := said.get(f"max{what}")) is not None:
            self.leave(level, f"len({name}) > {most}")

    def decimal(self, said: Mapping[str, Any], name: str, level: int) -> None:
        self.leave(level, f"not {name}.is_finite()")
        self.limited(said, name, level, "", "")

    def limited(self, said: Mapping[str, Any], name: str, level: int, above: str, below: str) -> None:
        """A number within the limits, and those its type has here."""
        tests = [f"{name} {sign} {said[word]}" for word, sign in _SIGNS.items() if word in said]
        if above:
            tests.insert(0, f"{above}{name}{below}")
        if tests:
            self.leave(level, f"not ({' and '.join(tests)})")


_SIGNS = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
_Branch = tuple[str, Callable[[str, int], None]]


def _is_limit(value: Any) -> bool:
    return type(value) is int and abs(value) <= _EXACT_IN_FLOAT


def _options(said: Mapping[str, Any]) -> list[Any] | None:
    """The values that are allowed, where they are listed."""
    if "const" in said:
        if "enum" in said:
            raise _Undecided
        return [said["const"]]
    options = said.get("enum")
    if options is not None and not isinstance(options, list):
        raise _Undecided
    return options


def _kinds(said: Mapping[str, Any]) -> list[str] | None:
    """The kinds of values to be accepted: those the schema says, or else those it has words for; None for all."""
    types = said.get("type")
    if types is not None:
        kinds = [types] if isinstance(types, str) else list(types)
        if not set(_KINDS).issuperset(kinds):
            raise _Undecided
        return [kind for kind in kinds if kind != "integer" or "number" not in kinds]
    if _options(said) is not None:
        return ["string", "integer", "boolean", "null"]
    return [kind for kind, words in _WORDS.items() if any(word in said for word in words)] or None


def _stands_alone(schema: Any) -> bool:
    """Whether a part of a schema means the same by itself: it refers to nothing, and nothing can refer to it."""
    if isinstance(schema, Mapping):
        return all(
            (not str(word).startswith("$") or word == "$comment") and _stands_alone(value)
            for word, value in schema.items()
        )
    return not isinstance(schema, list) or all(map(_stands_alone, schema))
