"""A component's one declaration: a frozen options dataclass whose fields carry an ``Option``.

From it come parsing and lint (here), JSON Schema, description, scaffold and reference page (``core/describe.py``).

>>> @dataclass(frozen=True, slots=True, kw_only=True)
... class Pause:
...     seconds: Annotated[float, Option("How long to wait.", minimum=0)]
>>> Spec.of(Pause).fields[0].name
'seconds'
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from waypost.core.errors import Fault, near
from waypost.core.yamlfile import Path, YamlFile


class Secret:
    """A value that cannot be printed, formatted, compared by repr or encoded; ``reveal()`` is for connectors alone."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Secret(…)"

    def __reduce__(self) -> Any:
        raise TypeError("a secret cannot be pickled")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class ConnectionRef(str):
    """The name of a connection in ``connections.yaml``. ``Option(kinds=…)`` says which kinds fit."""


class PartnerRef(str):
    """The name of a trading partner of ``partners/``, or ``any``."""


class ProjectPath(str):
    """A file of the project, relative to its folder; it must exist and stay inside."""


class Expression(str):
    """An expression of the mapping language; checked and compiled when the project is linted."""


class Verbatim(str):
    """Text of which every character counts, such as ``02``: digits are written in quotes, since YAML takes them for a
    number and drops the zeros."""


class Duration(float):
    """Seconds; written as a number or as ``250ms``, ``5s``, ``5m``, ``24h``, ``2d``."""


class Size(int):
    """Bytes; written as a number or as ``64KiB``, ``64MiB``, ``1GiB``."""


@dataclass(frozen=True, slots=True)
class Option:
    """What a person needs to know about one option. ``summary`` is a sentence and ends with a full stop."""

    summary: str
    example: Any = None
    minimum: float | None = None
    maximum: float | None = None
    kinds: tuple[str, ...] = ()
    advanced: bool = False
    since: str = "0.1"
    deprecated: str = ""


@dataclass(frozen=True, slots=True)
class OptionField:
    """One option of a spec. ``default`` is ``dataclasses.MISSING`` where it must be given."""

    name: str
    type: Any
    option: Option
    default: Any

    @property
    def required(self) -> bool:
        return self.default is dataclasses.MISSING

    @property
    def optional(self) -> bool:
        """Whether None is allowed."""
        return type(None) in get_args(self.type)


class OptionFault(NamedTuple):
    """What an options class finds wrong with itself: its method ``faults()`` yields these, where types and bounds
    cannot say it (a pattern that does not parse, two options that exclude each other)."""

    option: str
    found: str
    expected: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Spec:
    """The options of one component. ``shorthand`` is the field meant when a plain value stands for the mapping."""

    options: type[Any]
    fields: tuple[OptionField, ...]
    shorthand: str = ""

    @staticmethod
    def of(options: type[Any], shorthand: str = "") -> Spec:
        hints = typing.get_type_hints(options, include_extras=True)
        return Spec(options, tuple(_field(f, hints[f.name]) for f in dataclasses.fields(options)), shorthand)

    def parse(self, file: YamlFile, value: Any, path: Path, faults: list[Fault]) -> Any | None:
        """An options instance, or None with the reasons added to ``faults``: all of them, each with its line."""
        if self.shorthand and not isinstance(value, Mapping) and value is not None:
            value = {self.shorthand: value}
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            faults.append(file.fault(path, "type", f"found {_show(value)}", "a mapping of options"))
            return None
        before, names = len(faults), [f.name for f in self.fields]
        for name in value:
            if name not in names:
                faults.append(
                    file.fault((*path, name), "unknown-option", f"unknown option {name!r}", "", near(name, names))
                )
        made: dict[str, Any] = {}
        for field in self.fields:
            if field.name in value:
                made[field.name] = convert(
                    field.type, value[field.name], file, (*path, field.name), faults, field.option
                )
            elif field.required:
                text = f"option {field.name!r} is missing"
                faults.append(file.fault(path, "missing-option", text, "", f"add it: {field.option.summary}"))
        if len(faults) > before:
            return None
        options = self.options(**made)
        own = getattr(options, "faults", None)
        for fault in own() if own else ():
            faults.append(file.fault((*path, fault.option), "option", fault.found, fault.expected, fault.remedy))
        return options if len(faults) == before else None


def _field(field: dataclasses.Field[Any], hint: Any) -> OptionField:
    option = Option("")
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        option = next((e for e in extras if isinstance(e, Option)), option)
    default: Any = field.default
    factory: Any = field.default_factory
    if default is dataclasses.MISSING and factory is not dataclasses.MISSING:
        default = factory()
    return OptionField(field.name, hint, option, default)


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+)\s*(KiB|MiB|GiB|B)")
_SIZE_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def convert(kind: Any, value: Any, file: YamlFile, path: Path, faults: list[Fault], option: Option) -> Any:
    """``value`` as ``kind``; None and a fault where it is not one."""
    if kind is Any:
        return value
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        inner = [a for a in args if a is not type(None)]
        if len(inner) > 1:
            return _first_fit(inner, value, file, path, faults, option)
        return convert(inner[0], value, file, path, faults, option)
    if origin is Literal:
        return _choice(list(args), value, file, path, faults)
    if isinstance(kind, type) and issubclass(kind, Enum):
        chosen = _choice([member.value for member in kind], value, file, path, faults)
        return None if chosen is None else kind(chosen)
    if origin in (list, tuple):
        return _items(args[0], value, file, path, faults, option)
    if origin is dict:
        return _entries(args[1], value, file, path, faults, option)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return Spec.of(kind).parse(file, value, path, faults)
    made = _plain(kind, value)
    if made is None:
        faults.append(file.fault(path, "type", f"found {_show(value)}", describe_type(kind)))
    elif not isinstance(made, bool) and isinstance(made, (int, float)):
        _bounds(made, option, file, path, faults)
    return made


def _first_fit(kinds: list[Any], value: Any, file: YamlFile, path: Path, faults: list[Fault], option: Option) -> Any:
    for kind in kinds:
        tried: list[Fault] = []
        made = convert(kind, value, file, path, tried, option)
        if not tried:
            return made
    faults.append(file.fault(path, "type", f"found {_show(value)}", " or ".join(map(describe_type, kinds))))
    return None


def _choice(choices: list[Any], value: Any, file: YamlFile, path: Path, faults: list[Fault]) -> Any:
    if value in choices:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and str(value) in choices:
        return str(value)
    words = ", ".join(map(str, choices))
    faults.append(
        file.fault(path, "choice", f"found {_show(value)}", f"one of {words}", near(str(value), map(str, choices)))
    )
    return None


def _items(kind: Any, value: Any, file: YamlFile, path: Path, faults: list[Fault], option: Option) -> Any:
    if isinstance(value, str | int | float):
        value = [value]
    if not isinstance(value, list):
        faults.append(file.fault(path, "type", f"found {_show(value)}", "a list"))
        return None
    return tuple(convert(kind, item, file, (*path, i), faults, option) for i, item in enumerate(value))


def _entries(kind: Any, value: Any, file: YamlFile, path: Path, faults: list[Fault], option: Option) -> Any:
    if not isinstance(value, Mapping):
        faults.append(file.fault(path, "type", f"found {_show(value)}", "a mapping"))
        return None
    return {str(k): convert(kind, v, file, (*path, k), faults, option) for k, v in value.items()}


def _plain(kind: Any, value: Any) -> Any:
    if kind is Duration:
        return _quantity(value, _DURATION, _DURATION_UNITS, Duration)
    if kind is Size:
        return _quantity(value, _SIZE, _SIZE_UNITS, Size)
    if kind is bool:
        return value if isinstance(value, bool) else None
    if kind is int:
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if kind is float:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if kind is Secret:
        written = isinstance(value, str | int) and not isinstance(value, bool)
        return value if isinstance(value, Secret) else Secret(str(value)) if written else None
    if kind is Verbatim:
        return Verbatim(value) if isinstance(value, str) else None
    if isinstance(kind, type) and issubclass(kind, str):
        if isinstance(value, bool):
            return kind("true" if value else "false") if kind is Expression else None
        return kind(str(value)) if isinstance(value, str | int | float) else None
    raise TypeError(f"options cannot be of type {kind!r}")


def _quantity(value: Any, pattern: re.Pattern[str], units: Mapping[str, float], kind: type[Any]) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return kind(value) if value >= 0 else None
    match = pattern.fullmatch(value.strip()) if isinstance(value, str) else None
    return kind(float(match[1]) * units[match[2]]) if match else None


def _bounds(value: float, option: Option, file: YamlFile, path: Path, faults: list[Fault]) -> None:
    if option.minimum is not None and value < option.minimum:
        faults.append(file.fault(path, "range", f"found {value}", f"at least {option.minimum}"))
    if option.maximum is not None and value > option.maximum:
        faults.append(file.fault(path, "range", f"found {value}", f"at most {option.maximum}"))


def describe_type(kind: Any) -> str:
    """The words for a type in messages and pages: ``text``, ``whole number``, ``list of text``."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(describe_type(a) for a in args if a is not type(None))
    if origin is Literal:
        return "one of " + ", ".join(map(str, args))
    if origin in (list, tuple):
        return f"list of {describe_type(args[0])}"
    if origin is dict:
        return f"mapping of {describe_type(args[1])}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(str(m.value) for m in kind)
    if dataclasses.is_dataclass(kind):
        return "mapping"
    return _TYPE_WORDS.get(kind, "text")


_TYPE_WORDS: dict[Any, str] = {
    Any: "any value", str: "text", Verbatim: "text in quotes", int: "whole number", float: "number",
    bool: "true or false",
    Duration: "duration such as 5s or 2m", Size: "size such as 64MiB", Secret: "secret",
    ConnectionRef: "connection name", PartnerRef: "partner name", ProjectPath: "file of the project",
    Expression: "expression",
}  # fmt: skip


def _show(value: Any) -> str:
    if isinstance(value, Secret):
        return "a secret"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else repr(value)
