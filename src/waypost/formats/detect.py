"""Several formats at one place: each content is recognised by how it begins."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from waypost.core.component import Format, Framer, Slice
from waypost.core.errors import DataError, Fault, ProjectError
from waypost.core.grants import Grants
from waypost.core.registry import Component, registry
from waypost.core.spec import Option, OptionFault
from waypost.core.traits import FormatTraits
from waypost.core.yamlfile import Path, YamlFile

_ENOUGH = 64
"""Bytes, behind white space, by which a content is recognised."""
_MOST_SPACE = 1 << 20
_BEGINNINGS = (
    ("json", re.compile(rb"[\[{]")),
    ("xml", re.compile(rb"<")),
    ("x12", re.compile(rb"ISA[^A-Za-z0-9 \r\n]")),
    ("edifact", re.compile(rb"UN[AB]|UIB")),
    ("tradacoms", re.compile(rb"STX=")),
    ("hl7", re.compile(rb"\x0b?(MSH|FHS|BHS)[^A-Za-z0-9 \r\n]")),
    ("avro", re.compile(rb"Obj\x01")),
    ("archive", re.compile(rb"\x1f\x8b|PK\x03\x04")),
    ("excel", re.compile(rb"PK\x03\x04")),
)
"""How contents begin, by format. Those of other formats begin anyhow: one of them can be named, for what is left."""
_RECOGNISED = {name for name, _ in _BEGINNINGS}
_SPACE = b" \t\r\n\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectOptions:
    """The formats, and what stands for documents."""

    formats: Annotated[
        dict[str, Any],
        Option("The formats contents may have, each with its options; at most one that cannot be recognised, such as "
               "csv or fixed.", example={"json": {}, "x12": {}, "csv": {"delimiter": ";"}}),
    ]  # fmt: skip

    def faults(self) -> Iterator[OptionFault]:
        known = [name for name in registry.names("format") if name != "detect"]
        if len(self.formats) < 2:
            yield OptionFault("formats", f"found {len(self.formats)}", "two formats or more")
        for name in self.formats:
            if name not in known:
                yield OptionFault("formats", f"no format {name!r}", "", registry.near("format", name))
        left = [name for name in self.formats if name in known and name not in _RECOGNISED]
        if len(left) > 1:
            text = f"{' and '.join(left)} begin anyhow and cannot be told apart"
            yield OptionFault("formats", text, "at most one such format")
        if {"archive", "excel"} <= set(self.formats):
            yield OptionFault("formats", "archive and excel begin alike", "one of the two")
        for name, options in self.formats.items():
            component = registry.find("format", name)
            for fault in _parsed(component, options)[1] if component else ():
                yield OptionFault("formats", f"{name}: {fault.found}", fault.expected, fault.remedy)


def _parsed(component: Component, options: Any) -> tuple[Any, list[Fault]]:
    faults: list[Fault] = []
    parsed = component.spec.parse(YamlFile("detect", options), {} if options is None else options, (), faults)
    return parsed, faults


def _traits(options: DetectOptions) -> FormatTraits:
    inner = []
    for name, given in options.formats.items():
        component = registry.find("format", name)
        parsed, faults = _parsed(component, given) if component else (None, [])
        if component and not faults:
            inner.append(component.traits_of(parsed))
    return FormatTraits(
        writes=False, streams=all(t.streams for t in inner), stages=any(t.stages for t in inner)
    )  # fmt: skip


@registry.register(
    "format", "detect", options=DetectOptions, traits=FormatTraits(writes=False), traits_for=_traits,
    example="{formats: {json: {}, xml: {}, csv: {delimiter: ';'}}}",
)  # fmt: skip
class DetectFormat:
    """Contents of several formats, each recognised by how it begins.

    A document is a mapping of `format`, the name of the format, and `document`, what that format made of it: a
    `normalizer` or `route` behind it goes by the name. White space and a UTF-8 byte order mark before the beginning do
    not count. A content that begins like none of the formats has the one that cannot be recognised, where there is one;
    else it is refused. Nothing is written: targets name a format of their own, or get JSON.
    """

    content_type = "application/octet-stream"

    def __init__(self, options: DetectOptions, grants: Grants) -> None:
        self._formats: dict[str, Format] = {}
        for name, given in options.formats.items():
            component = registry.find("format", name)
            parsed, faults = _parsed(component, given) if component else (None, [])
            if component is None or faults:
                raise ProjectError(faults)
            self._formats[name] = component.build(parsed, grants)
        self.names = tuple(self._formats)
        self._left = next((name for name in self._formats if name not in _RECOGNISED), "")

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        return _Framer(self, limit_bytes, offset, context)

    def recognise(self, data: bytes) -> str:
        """The format of a content by its beginning, '' for none."""
        begins = data.lstrip(_SPACE)[:_ENOUGH]
        for name, beginning in _BEGINNINGS:
            if name in self._formats and beginning.match(begins):
                return name
        return self._left

    def inner(self, name: str, limit_bytes: int, offset: int, context: bytes) -> Framer:
        """The framer of one of the formats."""
        return self._formats[name].framer(limit_bytes, offset, context)

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        name, _, inner = context.partition(b"\0")
        known = name.decode("ascii", "replace")
        if known in self._formats:
            return self._named(known, self._formats[known].decode(batch, inner))
        return [self._decoded(data) for data in batch]

    def _decoded(self, data: bytes) -> Any:
        """A record that no framer cut, such as the body of a request."""
        name = self.recognise(data)
        if not name:
            return _unknown(self.names)
        return self._named(name, self._formats[name].decode([data], b""))[0]

    @staticmethod
    def _named(name: str, documents: Sequence[Any]) -> list[Any]:
        return [d if isinstance(d, DataError) else {"format": name, "document": d} for d in documents]

    def encode(self, documents: Sequence[Any]) -> Sequence[Any]:
        text, remedy = "this format only reads", "give the target a format of its own"
        return [DataError(text, where="document", remedy=remedy, code="detect") for _ in documents]

    @staticmethod
    def lint(
        options: DetectOptions, file: YamlFile, path: Path, read: Any, targets: tuple[str, ...]
    ) -> list[Fault]:  # fmt: skip
        """What the formats find wrong with their files."""
        faults: list[Fault] = []
        for name, given in options.formats.items():
            component = registry.find("format", name)
            lint = getattr(component.build, "lint", None) if component else None
            if component and lint is not None:
                faults += lint(_parsed(component, given)[0], file, (*path, "formats", name), read, targets)
        return faults


class _Framer:
    """Holds the beginning back until it is known whose it is."""

    def __init__(self, format_: DetectFormat, limit_bytes: int, offset: int, context: bytes) -> None:
        self._format, self._limit, self._offset = format_, limit_bytes, offset
        name, _, inner = context.partition(b"\0")
        self._name = name.decode("ascii", "replace")
        self._framer = format_.inner(self._name, limit_bytes, offset, inner) if context else None
        self._held = b""
        self._refused: DataError | None = None
        self._contexts: dict[bytes, bytes] = {}

    def feed(self, data: bytes) -> Sequence[Slice]:
        if self._framer is not None:
            return self._tagged(self._framer.feed(data))
        if self._refused is not None:
            raise self._refused
        self._held += data
        begins = len(self._held.lstrip(_SPACE))
        if len(self._held) - begins > _MOST_SPACE:
            self._held, self._refused = b"", _unknown(self._format.names)
            raise self._refused
        if begins < _ENOUGH:
            return ()
        return self._tagged(self._begin().feed(self._held))

    def finish(self) -> Sequence[Slice]:
        if self._framer is not None:
            return self._tagged(self._framer.finish())
        if self._refused is not None:
            raise self._refused
        if not self._held.strip(_SPACE):
            return ()
        framer = self._begin()
        return self._tagged([*framer.feed(self._held), *framer.finish()])

    def _begin(self) -> Framer:
        self._name = self._format.recognise(self._held)
        if not self._name:
            self._held, self._refused = b"", _unknown(self._format.names)
            raise self._refused
        self._framer = self._format.inner(self._name, self._limit, self._offset, b"")
        return self._framer

    def _tagged(self, slices: Sequence[Slice]) -> Sequence[Slice]:
        """The slices with contexts that name their format; neighbours share one object where they did."""
        self._held = b""
        made: list[Slice] = []
        for one in slices:
            context = self._contexts.get(one.context)
            if context is None:
                self._contexts = {one.context: (context := self._name.encode() + b"\0" + one.context)}
            made.append(Slice(one.start, one.end, one.data, one.fault, context))
        return made


def _unknown(formats: Sequence[str]) -> DataError:
    return DataError("the content begins like none of the formats", where="byte 0", expected=" or ".join(formats),
                     remedy="name its format, or one for what is left, such as csv", code="detect")  # fmt: skip
