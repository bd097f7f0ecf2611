"""JSON (RFC 8259): whole documents or one a line, numbers exact."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, NoReturn, TypedDict

import msgspec

from waypost.core.component import Framer
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Option, OptionFault
from waypost.core.traits import FormatTraits
from waypost.formats.json_list import ListFramer
from waypost.formats.json_places import json_places
from waypost.formats.line import LineFramer, WholeFramer
from waypost.formats.place import found_at, place

DEPTH = 512
"""Levels of nesting a document may have, read or written."""

_BOM = b"\xef\xbb\xbf"
_MEMBERS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_BYTE = re.compile(r" \(byte (\d+)\)$")
_HALF_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\)\\u[dD][c-fC-F]")
_HUGE_EXPONENT = re.compile(rb"[0-9][eE][-+]?0*[1-9][0-9]{17,}")
_exact = msgspec.json.Decoder(float_hook=Decimal)
_UNWRITABLE = (msgspec.MsgspecError, RecursionError, TypeError, ValueError, OverflowError)
_NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, ArithmeticError, RecursionError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonOptions:
    """How JSON is cut and read."""

    lines: Annotated[bool, Option("Whether each line is a document of its own (NDJSON).")] = False
    records: Annotated[
        str,
        Option("Path of the list whose items are a message each, cut as it is read; `this` where the content is the "
               "list.", example="data.orders"),
    ] = ""  # fmt: skip
    duplicate_keys: Annotated[
        Literal["last", "refuse"],
        Option(
            "What a key written twice in one object means: the last value counts, or the document is refused "
            "(slower to read).",
            advanced=True,
        ),
    ] = "last"

    def faults(self) -> Iterator[OptionFault]:
        if self.lines and self.records:
            yield OptionFault("records", "both `lines` and `records`", "one of the two")
        if self.records and not all(self.records.split(".")):
            yield OptionFault("records", f"found {self.records!r}", "names with dots between them")


@registry.register(
    "format", "json", options=JsonOptions, traits=FormatTraits(), example="lines: true",
    traits_for=lambda options: FormatTraits(streams=options.lines or bool(options.records)),
)  # fmt: skip
class JsonFormat:
    """JSON documents, one per content, per line or per item of a list; numbers are exact.

    Whole numbers become ``int`` of at most 4,300 digits, all others ``Decimal`` as written (``-0.0``, ``1.50`` stay so,
    ``-0`` is the whole number 0). A UTF-8 byte order mark is passed over; NaN, trailing text, wrong UTF-8, other
    encodings, nesting beyond 512 levels and half surrogate pairs are refused. Keys are written in the order the
    document holds them, with ``lines`` each document ends in LF. A float that is not finite becomes null.

    With ``records`` a content of any length is cut item by item in bounded memory. What stands around the list is
    passed over; a content that ends too early, or has no such list or two, is refused behind the items before. Written
    is a list of one within the members of its path; targets of the flow write plain documents unless they say so.
    """

    def __init__(self, options: JsonOptions, grants: Grants) -> None:
        self.content_type = "application/x-ndjson" if options.lines else "application/json"
        self._lines, self._end = options.lines, b"\n" if options.lines else b""
        self._read: Any = _read_refusing_duplicates if options.duplicate_keys == "refuse" else _exact.decode
        names = [] if options.records in ("", "this") else options.records.split(".")
        self._path = names if options.records else None
        self._before = b""
        if options.records:
            self._before = b"".join(b"{" + msgspec.json.encode(name) + b":" for name in names) + b"["
            self._end = b"]" + b"}" * len(names)
        self._write = msgspec.json.Encoder(decimal_format="number").encode

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        if self._path is not None:
            return ListFramer(self._path, limit_bytes, offset, context)
        return LineFramer(limit_bytes, offset) if self._lines else WholeFramer(limit_bytes, offset)

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        read = self._read
        try:
            documents = list(map(read, batch))
        except _NOT_JSON:
            return self._decode_each(batch)
        if max(map(len, batch), default=0) > 2 * DEPTH and any(map(_too_nested, batch, documents)):
            return self._decode_each(batch)
        return documents

    def _decode_each(self, batch: Sequence[bytes]) -> Sequence[Any]:
        read = self._read
        documents: list[Any] = []
        for data in batch:
            try:
                document = read(data)
                if _too_nested(data, document):
                    raise RecursionError
            except _NOT_JSON as cause:
                document = self._second_look(data, cause)
            documents.append(document)
        return documents

    def narrowed(self, paths: Sequence[str]) -> Callable[[bytes], Any] | None:
        """A reader of no more of a record than these members (``customer.id``), about a third of the time of reading
        it whole; None where the paths are not of that kind. It raises ``ValueError`` where the record is broken or
        shaped otherwise: read it whole then."""
        if not all(_MEMBERS.fullmatch(path) for path in paths):
            return None
        tree: dict[str, Any] = {}
        for path in paths:
            level = tree
            for name in path.split("."):
                level = level.setdefault(name, {})
        return msgspec.json.Decoder(_shape(tree), float_hook=Decimal).decode

    def locate(self, data: bytes, context: bytes, paths: Sequence[Sequence[str | int | None]]) -> Sequence[Any]:
        return json_places(data, paths)

    def encode(self, documents: Sequence[Any]) -> Sequence[Any]:
        """All of them, looked through together; one by one where something in them is not as it should be."""
        try:
            made = list(map(self._write, documents))
            _refuse_bare_words(made)
        except _UNWRITABLE:
            return self._encode_each(documents)
        if max(map(len, made), default=0) > 2 * DEPTH and any(map(_too_nested, made, documents)):
            return self._encode_each(documents)
        before, end = self._before, self._end
        return [before + data + end for data in made] if end else made

    def _encode_each(self, documents: Sequence[Any]) -> Sequence[Any]:
        write, before, end = self._write, self._before, self._end
        made: list[Any] = []
        for document in documents:
            try:
                data = write(document)
                _refuse_bare_words([data])
                if _too_nested(data, document):
                    raise RecursionError
                made.append(before + data + end)
            except _UNWRITABLE as cause:
                made.append(_unwritable(cause))
        return made

    def _second_look(self, data: bytes, cause: Exception) -> Any:
        """What ``data`` holds after its byte order mark, or the reason why it cannot be read."""
        if data.startswith(_BOM):
            rest = data[len(_BOM) :]
            (document,) = self.decode([rest], b"")
            return document
        return _explain(data, cause)


def _shape(tree: dict[str, Any]) -> Any:
    members = {name: _shape(below) if below else Any for name, below in tree.items()}
    return TypedDict("Members", members, total=False)  # type: ignore[operator]


def _explain(data: bytes, cause: Exception) -> DataError:
    if isinstance(cause, RecursionError):
        return _too_deep(place(data, 0))
    if isinstance(cause, _Duplicate):
        return DataError(f"key {cause.key!r} is written twice in one object",
                         where=place(data, _second(data, cause.key)), expected="each key once",
                         remedy="or set duplicate_keys: last", code="json-duplicate-key")  # fmt: skip
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or data[:4] == b"\0\0\xfe\xff":
        return DataError(
            "a UTF-32 byte order mark" if b"\0\0" in data[:4] else "a UTF-16 byte order mark",
            where=place(data, 0),
            expected="UTF-8",
            code="json-encoding",
        )
    try:
        data.decode()
    except UnicodeDecodeError as wrong:
        return DataError(f"byte 0x{data[wrong.start]:02x} is not UTF-8 here", where=place(data, wrong.start),
                         expected="UTF-8", remedy="have the sender write UTF-8", code="json-encoding")  # fmt: skip
    if half := _HALF_PAIR.search(data):
        return DataError("an escape of half a surrogate pair", where=place(data, half.start()),
                         expected="both halves", code="json-text")  # fmt: skip
    if isinstance(cause, ArithmeticError) and (huge := _HUGE_EXPONENT.search(data)):
        return DataError("a number whose exponent has more than 17 digits", where=place(data, huge.start()),
                         expected="a number people use", code="json-number")  # fmt: skip
    said = str(cause).removeprefix("JSON is malformed: ")
    match = _BYTE.search(said)
    position = int(match[1]) if match else len(data)
    said = _BYTE.sub("", said) if match else "it ends too early" if "truncated" in said else said
    return DataError(f"{said} {found_at(data, position)}", where=place(data, position), expected="JSON (RFC 8259)",
                     remedy="have the sender correct it", code="json-syntax")  # fmt: skip


def _unwritable(cause: Exception) -> DataError:
    if isinstance(cause, msgspec.DecodeError):
        return DataError("a number that is not finite", where="document", expected="finite numbers",
                         remedy="map it to null or text", code="json-number")  # fmt: skip
    if isinstance(cause, RecursionError):
        return _too_deep("document")
    if isinstance(cause, UnicodeEncodeError):
        return DataError(f"half a surrogate pair in {cause.object[:40]!r}", where="document",
                         expected="whole characters", code="json-text")  # fmt: skip
    return DataError(f"a value JSON has no form for ({cause})", where="document",
                     expected="texts, numbers, true, false, null, lists and mappings of texts",
                     remedy="convert it in a map", code="json-type")  # fmt: skip


def _too_deep(where: str) -> DataError:
    return DataError("nested too deep", where=where, expected=f"at most {DEPTH} levels", code="json-depth")


def _refuse_bare_words(written: Iterable[bytes]) -> None:
    """Raise where msgspec wrote a decimal that is not finite: it does so as a bare word, which is not JSON."""
    # A search for one letter takes a tenth of that for a word; half of the longer word is found quicker than all of it.
    for data in written:
        if (b"N" in data and b"NaN" in data) or (b"I" in data and b"Infi" in data):
            msgspec.json.decode(data)


def _too_nested(data: bytes, document: Any) -> bool:
    """Whether a document has more levels than allowed. A level takes two bytes; to split where levels begin stops after
    as many, where to count them would look at every byte."""
    if len(data) <= 2 * DEPTH or len(data.split(b"{", DEPTH)) + len(data.split(b"[", DEPTH)) < DEPTH + 2:
        return False
    return _deeper(document)


def _deeper(document: Any) -> bool:
    """Whether the document has more levels than allowed, walked level by level."""
    level: list[Any] = [document]
    for _ in range(DEPTH):
        level = [child for item in level for child in _children(item) if isinstance(child, dict | list | tuple)]
        if not level:
            return False
    return True


def _children(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list | tuple) else ()


class _Duplicate(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Duplicate(key)
            seen.add(key)
    return made


def _no_constant(word: str) -> NoReturn:
    raise ValueError(word)


_strict = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=Decimal, parse_constant=_no_constant)


def _read_refusing_duplicates(data: bytes) -> Any:
    """As the fast reader, which alone decides what is JSON, but looks at the keys too."""
    document = _exact.decode(data)
    _strict.decode(data.decode())
    return document


def _second(data: bytes, key: str) -> int:
    """Where ``key`` is written for the second time, as good as a search can tell."""
    written = msgspec.json.encode(key)
    first = data.find(written)
    return max(data.find(written, first + 1), 0)
