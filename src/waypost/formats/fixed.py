"""Fixed-width and multi-record files, by a layout that is a file of the project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from waypost.core.component import Framer, Slice
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.pack import PREFIX
from waypost.core.registry import registry
from waypost.core.spec import Option, OptionFault, ProjectPath
from waypost.core.traits import FormatTraits
from waypost.formats.fixed_document import DocumentCodec
from waypost.formats.fixed_layout import read_layout
from waypost.formats.fixed_line import LineCodec, refuse
from waypost.formats.fixed_places import FixedPlaces
from waypost.formats.library import project_file
from waypost.formats.line import LineFramer, WholeFramer, too_large


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedOptions:
    """The layout, and what a message is."""

    layout: Annotated[ProjectPath, Option("The layout of the lines.", example="schemas/payments.layout.yaml")]
    unit: Annotated[
        Literal["line", "content"],
        Option("What becomes one message: each line, or the whole content with its records nested."),
    ] = "line"
    encoding: Annotated[
        Literal["utf-8", "latin-1", "cp1252", "cp037", "cp500"],
        Option("Character encoding; cp037 and cp500 are EBCDIC and need a layout without line ends."),
    ] = "utf-8"
    line_ending: Annotated[Literal["crlf", "lf"], Option("What ends a line written.", advanced=True)] = "lf"

    def faults(self) -> Iterable[OptionFault]:
        if not self.layout.endswith((".yaml", ".yml")) and not self.layout.startswith(PREFIX):
            yield OptionFault("layout", f"found {str(self.layout)!r}", "a YAML file")


@registry.register(
    "format", "fixed", options=FixedOptions, traits=FormatTraits(), shorthand="layout",
    example="{layout: schemas/payments.layout.yaml, unit: content}",
    traits_for=lambda options: FormatTraits(streams=options.unit == "line"),
)  # fmt: skip
class FixedFormat:
    """Lines of fixed-width fields, of one or several record types, by a layout of the project.

    With `unit: line` a document is the fields of a line, and `record`, its type, where the layout has several. With
    `unit: content` it is the whole file: each record type of the layout's `structure` by name, those that may repeat
    and groups as lists; counts and totals named in `checks` must be right, and are made where a document to write has
    none. Whole numbers and decimals are exact, dates ISO texts
    (years of two digits are those from 1969 to 2068), empty fields null, empty texts empty. All faults of a
    record or file are reported together. A value too long for its field, or one that would be rounded, is refused.
    """

    content_type = "text/plain"

    def __init__(self, options: FixedOptions, grants: Grants) -> None:
        self._layout = read_layout(project_file(grants, options.layout, "fixed"), options.layout)
        self._encoding, self._whole = options.encoding, options.unit == "content"
        self._lines = LineCodec(self._layout)
        self._documents = DocumentCodec(self._layout, self._lines)
        self._end = "" if not self._layout.separated else "\n" if options.line_ending == "lf" else "\r\n"
        self._named = len(self._layout.records) > 1
        self._first = next(iter(self._layout.records))

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        if self._whole:
            return WholeFramer(limit_bytes, offset)
        if self._layout.separated:
            return LineFramer(limit_bytes, offset)
        return BlockFramer(self._layout.length, limit_bytes, offset)

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        return [self._decode(data) for data in batch]

    def _decode(self, data: bytes) -> Any:
        try:
            text = data.decode(self._encoding).removeprefix("\ufeff")
        except UnicodeDecodeError as wrong:
            return DataError(f"byte 0x{data[wrong.start]:02x} is not {self._encoding} here",
                             where=f"byte {wrong.start} of the record", expected=self._encoding,
                             remedy="set encoding to what the sender writes", code="fixed-encoding")  # fmt: skip
        faults: list[str] = []
        made = self._documents.read(self._cut(text), faults) if self._whole else self._line(text, faults)
        return refuse(faults, "fixed-content" if self._whole else "fixed-line") if faults else made

    def _line(self, text: str, faults: list[str]) -> Any:
        read = self._lines.read(text, "record", faults)
        if read is None:
            return None
        return {"record": read[0], **read[1]} if self._named else read[1]

    def _cut(self, text: str) -> list[str]:
        if not self._layout.separated:
            return [text[i : i + self._layout.length] for i in range(0, len(text), self._layout.length)]
        return [line.removesuffix("\r") for line in text.split("\n")]

    def locate(self, data: bytes, context: bytes, paths: Sequence[Sequence[str | int | None]]) -> Sequence[Any]:
        places = FixedPlaces(self._layout, self._lines, data, self._encoding)
        return [places.of_content(path) if self._whole else places.of_line(path, self._named) for path in paths]

    def encode(self, documents: Sequence[Any]) -> Sequence[Any]:
        return [self._encode(document) for document in documents]

    def _encode(self, document: Any) -> bytes | DataError:
        faults: list[str] = []
        lines = self._documents.write(document, faults) if self._whole else [self._written(document, faults)]
        if faults:
            return refuse(faults, "fixed-value")
        try:
            return "".join(line + self._end for line in lines).encode(self._encoding)
        except UnicodeEncodeError as wrong:
            return DataError(f"{wrong.object[wrong.start]!r} has no form in {self._encoding}",
                             where=f"character {wrong.start}", expected=self._encoding,
                             remedy="replace it in a map", code="fixed-encoding")  # fmt: skip

    def _written(self, document: Any, faults: list[str]) -> str:
        if not isinstance(document, dict):
            faults.append(f"document: a {type(document).__name__}; expected a mapping of field to value")
            return ""
        name = document.get("record") if self._named else self._first
        if not isinstance(name, str) or name not in self._layout.records:
            faults.append(f"document: the record {name!r}; expected one of {', '.join(self._layout.records)}")
            return ""
        return self._lines.write(name, document, "document", faults)


class BlockFramer:
    """One record every ``length`` bytes, without line ends; a shorter rest is a record with a fault."""

    def __init__(self, length: int, limit_bytes: int, offset: int) -> None:
        self._length, self._limit, self._start = length, limit_bytes, offset
        self._held = bytearray()

    def feed(self, data: bytes) -> Sequence[Slice]:
        if self._length > self._limit:
            raise too_large(self._start, self._limit)
        self._held += data
        slices: list[Slice] = []
        whole = len(self._held) // self._length * self._length
        for at in range(0, whole, self._length):
            start = self._start + at
            slices.append(Slice(start, start + self._length, bytes(self._held[at : at + self._length])))
        del self._held[:whole]
        self._start += whole
        return slices

    def finish(self) -> Sequence[Slice]:
        if self._length > self._limit:
            raise too_large(self._start, self._limit)
        rest, self._held = bytes(self._held), bytearray()
        if not rest.strip():
            return ()
        said = f"record at byte {self._start}: {len(rest)} bytes; expected {self._length}; have it sent again"
        return (Slice(self._start, self._start + len(rest), rest, said),)
