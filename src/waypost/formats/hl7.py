"""HL7 v2 messages: by position and by name, with the delimiters each message names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from waypost.core.component import Framer
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Option
from waypost.core.traits import FormatTraits
from waypost.formats.hl7_framer import Hl7Framer
from waypost.formats.hl7_names import by_name, named_fields, row_of
from waypost.formats.hl7_places import Hl7Places
from waypost.formats.hl7_syntax import Delimiters, read_rows, write_row

_CHARACTER_SETS = {
    "ASCII": "ascii", "8859/1": "latin-1", "8859/2": "iso-8859-2", "8859/15": "iso-8859-15", "UNICODE UTF-8": "utf-8",
    "UNICODE": "utf-8", "UTF-8": "utf-8",
}  # fmt: skip
"""MSH-18 by HL7 table 0211; others are read by the option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hl7Options:
    """What the message itself may not say."""

    encoding: Annotated[
        Literal["utf-8", "ascii", "latin-1", "cp1252"],
        Option("Character encoding of messages whose MSH-18 names none, and of those written."),
    ] = "utf-8"


@registry.register("format", "hl7", options=Hl7Options, traits=FormatTraits(), example="{encoding: utf-8}")
class Hl7Format:
    """HL7 v2 messages, one document a message; delimiters are those its MSH names.

    A document holds `rows` (the segments in order, each a list that begins with its name, so that index 5 is field
    5), `segments` (the same rows by name: `segments.PID[0][5]`), `named` (the fields that have a name:
    `named.PID[0].name[0].family`) and `message`, the named fields of MSH. A field is a list of repetitions, a
    repetition a list of components, a component a text, or a list where it has subcomponents. Escapes are resolved;
    those of formatting (`\\.br\\`, `\\H\\`), of other character sets and of the sender's own (`\\Z…\\`) stay. What is
    empty at the end of a list is left out; `""`, which deletes a value, stays.

    Segments end in CR; LF and CRLF are taken too. Batch and file headers and trailers are gaps. Written are `rows`,
    each a list, or a mapping of `segment` and field names; MSH-1 and MSH-2 of a list say the delimiters.
    """

    content_type = "application/hl7-v2"

    def __init__(self, options: Hl7Options, grants: Grants) -> None:
        self._encoding = options.encoding
        named_fields()

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        return Hl7Framer(limit_bytes, offset)

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        return [self._decode(data) for data in batch]

    def _decode(self, data: bytes) -> Any:
        encoding = self._encoding_of(data)
        try:
            _, rows = read_rows(data.decode(encoding))
        except UnicodeDecodeError as wrong:
            return DataError(f"byte 0x{data[wrong.start]:02x} is not {encoding} here", where=f"byte {wrong.start}",
                             expected=encoding, remedy="have the sender name its set in MSH-18, or set encoding",
                             code="hl7-encoding")  # fmt: skip
        except DataError as error:
            return error
        segments: dict[str, list[Any]] = {}
        named: dict[str, list[Any]] = {}
        for row in rows:
            segments.setdefault(row[0], []).append(row)
            named.setdefault(row[0], []).append(by_name(row))
        return {"message": named["MSH"][0], "rows": rows, "segments": segments, "named": named}

    def _encoding_of(self, data: bytes) -> str:
        fields = data[:4096].split(b"\r", 1)[0].split(data[3:4] or b"|")
        named = fields[17].split(b"~")[0].decode("latin-1").strip() if len(fields) > 17 else ""
        return _CHARACTER_SETS.get(named.upper(), self._encoding)

    def locate(self, data: bytes, context: bytes, paths: Sequence[Sequence[str | int | None]]) -> Sequence[Any]:
        places = Hl7Places(data, self._encoding_of(data))
        return [places.range_of(path) for path in paths]

    def encode(self, documents: Sequence[Any]) -> Sequence[Any]:
        return [self._encode(document) for document in documents]

    def _encode(self, document: Any) -> bytes | DataError:
        text = ""
        try:
            text = _message(document)
            encoding = self._encoding_of(text.encode("latin-1", "replace"))
            return text.encode(encoding)
        except UnicodeEncodeError as wrong:
            return DataError(f"{wrong.object[wrong.start]!r} has no form in {wrong.encoding}",
                             where=f"character {wrong.start}", expected=wrong.encoding,
                             remedy="replace it in a map, or name another character set in MSH-18", code="hl7-encoding",
                             )  # fmt: skip
        except DataError as error:
            return error


def _message(document: Any) -> str:
    rows = document.get("rows") if isinstance(document, Mapping) else None
    if not isinstance(rows, list | tuple) or not rows:
        raise DataError("no rows", where="document", expected="rows, a list of segments", code="hl7-row")
    made = [row_of(row, f"row {n}") if isinstance(row, Mapping) else row for n, row in enumerate(rows, 1)]
    first = made[0]
    if not isinstance(first, list | tuple) or not first or first[0] != "MSH":
        raise DataError("no MSH", where="row 1", expected="MSH as the first row", code="hl7-row")
    marks = _delimiters(first)
    written = []
    for number, row in enumerate(made, 1):
        if not isinstance(row, list | tuple) or (number > 1 and row[:1] and row[0] == "MSH"):
            raise DataError(f"{str(row)[:40]!r}", where=f"row {number}", expected="a list of fields, MSH only once",
                            code="hl7-row")  # fmt: skip
        written.append(write_row(row, marks, f"row {number}"))
    return "\r".join(written) + "\r"


def _delimiters(first: Sequence[Any]) -> Delimiters:
    if len(first) < 3 or not first[1] or not first[2]:
        return Delimiters()
    separator, marks = first[1], first[2]
    used = f"{separator}{marks}"
    plain = isinstance(separator, str) and isinstance(marks, str) and len(separator) == 1 and 4 <= len(marks) <= 5
    if not plain or len(set(used)) != len(used) or any(c.isalnum() or not c.isprintable() or c == " " for c in used):
        raise DataError(f"delimiters {used[:20]!r}", where="row 1", expected="different marks such as | and ^~\\&",
                        code="hl7-delimiters")  # fmt: skip
    return Delimiters(separator, *marks[:5])
