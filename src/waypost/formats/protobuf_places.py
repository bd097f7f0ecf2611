"""Where each value of a Protocol Buffers message stands in its bytes, by its descriptor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Part = str | int | None
Range = tuple[int, int]
_VARINT, _EIGHT, _COUNTED, _GROUP, _END, _FOUR = range(6)
_WIRE = {1: _EIGHT, 2: _FOUR, 6: _EIGHT, 7: _FOUR, 15: _FOUR, 16: _EIGHT, 9: _COUNTED, 11: _COUNTED, 12: _COUNTED}
"""How a type stands on the wire; those not named are varints."""
_MESSAGE, _REPEATED = 11, 3


def protobuf_place(data: bytes, span: Range, descriptor: Any, path: Sequence[Part]) -> Range | None:
    """The bytes of the value at ``path`` within a sound message at ``span``, without its tag and length; None for what
    stands nowhere, and for a list as a whole. Of a field written twice the last counts."""
    if not path:
        return span
    name, rest = path[0], list(path[1:])
    field = descriptor.fields_by_name.get(name) if isinstance(name, str) else None
    if field is None:
        return None
    found = [(wire, value) for number, wire, value in _fields(data, span) if number == field.number]
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        return _of_map(data, [value for _, value in found], inner, rest)
    if _is_repeated(field):
        values = [each for wire, value in found for each in _items(data, value, wire, field.type)]
        at = rest.pop(0) if rest else None
        if not isinstance(at, int) or not 0 <= at < len(values):
            return None
        chosen = values[at]
    elif found:
        chosen = found[-1][1]
    else:
        return None
    if inner is not None and not str(inner.full_name).startswith("google.protobuf."):
        return protobuf_place(data, chosen, inner, rest)
    return None if rest else chosen


def _is_repeated(field: Any) -> bool:
    known = getattr(field, "is_repeated", None)  # older versions of the library have a label alone
    return bool(known) if known is not None else field.label == _REPEATED


def _of_map(data: bytes, entries: Sequence[Range], entry: Any, path: list[Part]) -> Range | None:
    for span in reversed(entries):
        key = protobuf_place(data, span, entry, ("key",))
        if path and key is not None and _key(data[slice(*key)], entry.fields_by_name["key"].type) == str(path[0]):
            return protobuf_place(data, span, entry, ("value", *path[1:]))
    return None


def _key(raw: bytes, kind: int) -> str:
    if kind == 9:
        return raw.decode("utf-8", "replace")
    value = _varint(raw, 0)[0] if kind not in _WIRE else int.from_bytes(raw, "little")
    if kind == 8:
        return str(bool(value)).lower()
    if kind in (17, 18):
        value = (value >> 1) ^ -(value & 1)
    bits = 8 * len(raw) if kind in _WIRE else 64
    return str(value - (1 << bits) if kind in (3, 5, 15, 16) and value >> (bits - 1) else value)


def _items(data: bytes, span: Range, wire: int, kind: int) -> Iterator[Range]:
    """The values of a repeated field in one place: several where they are packed."""
    own = _WIRE.get(kind, _VARINT)
    if wire != _COUNTED or own == _COUNTED:
        yield span
        return
    at, end = span
    while at < end:
        following = _varint(data, at)[1] if own == _VARINT else at + (8 if own == _EIGHT else 4)
        yield at, following
        at = following


def _fields(data: bytes, span: Range) -> Iterator[tuple[int, int, Range]]:
    """Number, kind on the wire and value of each field, in order."""
    at, end = span
    while at < end:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        size = 0
        if wire == _COUNTED:
            size, at = _varint(data, at)
        following = _varint(data, at)[1] if wire == _VARINT else at + {_EIGHT: 8, _FOUR: 4}.get(wire, size)
        if wire not in (_GROUP, _END):  # what groups hold is not known to us: their fields are passed over one by one
            yield number, wire, (at, following)
        at = following


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
