"""The bytes of a document at a boundary: JSON that people can read and from which the same document comes back.

What JSON has no form for is a mapping with the one key ``$``: ``{"$": ["bytes", "…"]}``. A document's own mapping of
that shape is written the same way, so that none is taken for the other.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from waypost.core.component import Framer
from waypost.core.errors import BugError, DataError

CONTENT_TYPE = "application/json"
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_PLAIN = frozenset({str, int, bool, type(None)})


class BoundaryFormat:
    """Implements what the engine needs of a ``Format`` to hand documents to a boundary."""

    content_type = CONTENT_TYPE

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        raise BugError("documents at a boundary are not cut", where="engine")

    def encode(self, documents: Sequence[Any]) -> Sequence[Any]:
        return [_written(document) for document in documents]

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        return [read(data) for data in batch]


def _written(document: Any) -> bytes | DataError:
    try:
        return write(document)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        return DataError(
            f"the document cannot be kept: {error}", expected="mappings with text keys, lists, text, numbers, bytes"
        )


def write(document: Any) -> bytes:
    """The bytes of a document."""
    return _encode(_marked(document))


def read(data: bytes | msgspec.Raw) -> Any:
    """The document of such bytes."""
    return _unmarked(_decode(data))


def _marked(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, Mapping):
        made = {name: _marked(item) for name, item in value.items()}
        return {"$": ["map", made]} if len(made) == 1 and "$" in made else made
    if isinstance(value, list | tuple):
        return [_marked(item) for item in value]
    if isinstance(value, Decimal):
        text = str(value)
        return value if "." in text and "E" not in text else {"$": ["decimal", text]}
    return _named(value)


def _named(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$": ["bytes", base64.b64encode(value).decode()]}
    if isinstance(value, float):
        return {"$": ["float", repr(value)]}
    if isinstance(value, datetime.datetime):
        return {"$": ["moment", value.isoformat()]}
    if isinstance(value, datetime.date):
        return {"$": ["date", value.isoformat()]}
    if isinstance(value, datetime.time):
        return {"$": ["time", value.isoformat()]}
    if isinstance(value, str | int):
        return value
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


def _unmarked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unmarked(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and "$" in value:
        kind, given = value["$"]
        return _READ[kind](given)
    return {name: _unmarked(item) for name, item in value.items()}


_READ: Mapping[str, Any] = {
    "map": lambda given: {name: _unmarked(item) for name, item in given.items()},
    "decimal": Decimal,
    "float": float,
    "bytes": base64.b64decode,
    "moment": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
}
