"""Protocol Buffers by a descriptor set: one message a content, or many with their lengths."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from waypost.core.component import Framer, Slice
from waypost.core.errors import DataError, Fault, ProjectError, near
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Option, ProjectPath
from waypost.core.traits import FormatTraits
from waypost.formats.library import library, project_file
from waypost.formats.line import WholeFramer, too_large
from waypost.formats.protobuf_places import protobuf_place

MOST_BYTES = 1 << 20
"""Of one message: two of its bytes may become an object, which costs some hundred times as much memory and time."""
_UNWRITABLE = (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtobufOptions:
    """Where the messages are described, and how they follow each other."""

    descriptors: Annotated[
        ProjectPath,
        Option(
            "The descriptor set, as `protoc --include_imports --descriptor_set_out` writes it.",
            example="schemas/orders.protoset",
        ),
    ]
    message: Annotated[str, Option("Full name of the message type.", example="shop.Order")]
    unit: Annotated[
        Literal["content", "delimited"],
        Option("Whether a content is one message, or many, each behind its length as a varint."),
    ] = "content"


@registry.register(
    "format", "protobuf", options=ProtobufOptions, traits=FormatTraits(),
    example="{descriptors: schemas/orders.protoset, message: shop.Order}", extra="protobuf",
    traits_for=lambda options: FormatTraits(streams=options.unit == "delimited"),
)  # fmt: skip
class ProtobufFormat:
    """Protocol Buffers messages by a descriptor set of the project.

    A document holds the fields that are set, by their names in the schema: enums by name, bytes in Base64, 64-bit
    numbers whole, timestamps in ISO form, as ProtoJSON has it, but names are not changed. Fields that are not known
    are dropped. A message may have 1 MiB and 100 levels.
    """

    content_type = "application/x-protobuf"

    def __init__(self, options: ProtobufOptions, grants: Grants) -> None:
        self._delimited = options.unit == "delimited"
        self._json = library("google.protobuf.json_format", "protobuf", "protobuf")
        self._broken = library("google.protobuf.message", "protobuf", "protobuf").DecodeError
        self._type = _message_type(options, project_file(grants, options.descriptors, "protobuf"))

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        limit = min(limit_bytes, MOST_BYTES)
        return DelimitedFramer(limit, offset) if self._delimited else WholeFramer(limit, offset)

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        return [self._decode(data) for data in batch]

    def _decode(self, data: bytes) -> Any:
        if len(data) > MOST_BYTES:
            return too_large(0, MOST_BYTES)
        try:
            message = self._type.FromString(_body(data) if self._delimited else data)
            document = self._json.MessageToDict(message, preserving_proto_field_name=True)
            return _exact(document, message)
        except (self._broken, self._json.Error, *_UNWRITABLE) as wrong:
            return DataError(f"{wrong}"[:200] or "no message", where=f"message of {len(data)} bytes",
                             expected=f"a {self._type.DESCRIPTOR.full_name}", remedy="check the descriptor set",
                             code="protobuf-syntax")  # fmt: skip

    def locate(self, data: bytes, context: bytes, paths: Sequence[Sequence[str | int | None]]) -> Sequence[Any]:
        start = 0 if not self._delimited else len(data) - len(_body(data))
        descriptor = self._type.DESCRIPTOR
        return [protobuf_place(data, (start, len(data)), descriptor, path) for path in paths]

    def encode(self, documents: Sequence[Any]) -> Sequence[Any]:
        return [self._encode(document) for document in documents]

    def _encode(self, document: Any) -> bytes | DataError:
        try:
            if not isinstance(document, dict):
                raise TypeError(f"a {type(document).__name__}")
            _want_base64(document, self._type.DESCRIPTOR, "")
            message = self._json.ParseDict(_plain(document), self._type(), max_recursion_depth=100)
            data: bytes = message.SerializeToString(deterministic=True)
        except (self._json.Error, self._broken, *_UNWRITABLE) as wrong:
            return DataError(f"{wrong}"[:300], where="document", expected=f"a {self._type.DESCRIPTOR.full_name}",
                             remedy="convert it in a map", code="protobuf-value")  # fmt: skip
        return _varint(len(data)) + data if self._delimited else data


def _message_type(options: ProtobufOptions, data: bytes) -> Any:
    descriptor_pb2 = library("google.protobuf.descriptor_pb2", "protobuf", "protobuf")
    pool_module = library("google.protobuf.descriptor_pool", "protobuf", "protobuf")
    factory = library("google.protobuf.message_factory", "protobuf", "protobuf")
    broken = library("google.protobuf.message", "protobuf", "protobuf").DecodeError
    try:
        files = descriptor_pb2.FileDescriptorSet.FromString(data)
        pool = pool_module.DescriptorPool()
        for file in files.file:
            pool.Add(file)
        return factory.GetMessageClass(pool.FindMessageTypeByName(options.message))
    except KeyError:
        names = [f"{f.package}.{m.name}".lstrip(".") for f in files.file for m in f.message_type]
        found = f"no message {options.message!r}"
        raise ProjectError([Fault(options.descriptors, 0, "schema", found, ", ".join(names)[:200],
                                  near(options.message, names))]) from None  # fmt: skip
    except (broken, TypeError, ValueError) as wrong:
        found = f"no descriptor set: {wrong}"[:200]
        raise ProjectError([Fault(options.descriptors, 0, "schema", found, "what protoc --descriptor_set_out writes")]
                           ) from None  # fmt: skip


def _exact(document: Any, message: Any) -> Any:
    """Whole numbers of 64 bits as numbers, which ProtoJSON writes as texts, and decimals in place of floats."""
    fields = {field.name: field for field in message.DESCRIPTOR.fields}
    for name, value in document.items():
        field = fields[name]
        if field.type in _WHOLE:
            document[name] = [int(v) for v in value] if isinstance(value, list) else int(value)
        elif field.type in _FLOATS:
            document[name] = [_decimal(v) for v in value] if isinstance(value, list) else _decimal(value)
        elif field.type == _MESSAGE:
            inner = getattr(message, name)
            if isinstance(value, list):
                document[name] = [_exact(v, m) if isinstance(v, dict) else v for v, m in zip(value, inner, strict=True)]
            elif isinstance(value, dict) and hasattr(inner, "DESCRIPTOR") and not _is_known(inner):
                document[name] = _exact(value, inner)
    return document


_FLOATS, _WHOLE, _MESSAGE = (1, 2), (3, 4, 6, 16, 18), 11
"""``FieldDescriptor.TYPE_…``: double and float; 64-bit kinds; message."""


def _is_known(message: Any) -> bool:
    return str(message.DESCRIPTOR.full_name).startswith("google.protobuf.")


def _decimal(value: Any) -> Any:
    return Decimal(repr(value)) if isinstance(value, float) else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if not isinstance(value, Decimal):
        return value
    whole = value.is_finite() and value.adjusted() < 20 and value == value.to_integral_value()
    return int(value) if whole else float(value)  # a float holds whole numbers to 2**53 alone


def _want_base64(value: Any, descriptor: Any, path: str) -> None:
    """``ValueError`` at text for bytes that is no Base64: the library takes what of it is and leaves out the rest."""
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        field = descriptor.fields_by_name.get(name) or descriptor.fields_by_camelcase_name.get(name)
        if field is None:
            continue  # the library names it
        inner = field.message_type
        items: Sequence[Any]
        if inner is not None and inner.GetOptions().map_entry:
            field, items = inner.fields_by_name["value"], [*item.values()] if isinstance(item, dict) else []
            inner = field.message_type
        else:
            items = item if isinstance(item, list | tuple) else [item]
        for each in items:
            if inner is not None:
                _want_base64(each, inner, f"{path}{name}.")
            elif field.type == _BYTES and isinstance(each, str) and not _is_base64(each):
                raise ValueError(f"{path}{name}: {each[:40]!r} is no Base64")


_BYTES = 12
_BASE64 = re.compile(r"([A-Za-z0-9+/_-]*)={0,2}")


def _is_base64(text: str) -> bool:
    match = _BASE64.fullmatch(text)
    return match is not None and len(match[1]) % 4 != 1


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*made, number])


def _length(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """The length that stands at ``at`` and where it ends; None where it is cut off. ``ValueError`` beyond 32 bits."""
    value = 0
    for shift in range(0, 35, 7):
        if at >= len(data):
            return None
        value |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
    raise ValueError("a length of more than 32 bits")


def _body(data: bytes) -> bytes:
    found = _length(data, 0)
    if found is None or found[0] != len(data) - found[1]:
        raise ValueError("a length that is not that of the message")
    return data[found[1] :]


class DelimitedFramer:
    """One slice a message, its length included."""

    def __init__(self, limit_bytes: int, offset: int) -> None:
        self._limit, self._base = limit_bytes, offset
        self._held = bytearray()
        self._refused: DataError | None = None

    def feed(self, data: bytes) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        self._held += data
        slices: list[Slice] = []
        at = 0
        while (end := self._end(at)) is not None:
            slices.append(Slice(self._base + at, self._base + end, bytes(self._held[at:end])))
            at = end
        del self._held[:at]
        self._base += at
        if self._refused:
            self._held = bytearray()
            if not slices:
                raise self._refused
        return slices

    def _end(self, at: int) -> int | None:
        try:
            found = _length(self._held, at)
        except ValueError as wrong:
            self._refused = DataError(f"{wrong}", where=f"byte {self._base + at}",
                                      expected="a message behind its length",
                                      remedy="check that the sender writes lengths",
                                      code="protobuf-syntax")  # fmt: skip
            return None
        if found is None:
            return None
        end = found[0] + found[1]
        if end - at > self._limit:
            self._refused = too_large(self._base + at, self._limit)
            return None
        return end if end <= len(self._held) else None

    def finish(self) -> Sequence[Slice]:
        if self._refused:
            raise self._refused
        if not self._held:
            return ()
        rest, self._held = bytes(self._held), bytearray()
        said = f"record at byte {self._base}: the content ends within it; expected it complete; have it sent again"
        return (Slice(self._base, self._base + len(rest), rest, said),)
