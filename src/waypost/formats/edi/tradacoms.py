"""TRADACOMS transmissions: messages as documents, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from waypost.core.component import Framer
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Option
from waypost.core.traits import FormatTraits
from waypost.formats.edi.framer import EdiFramer
from waypost.formats.edi.message_reader import Envelopes, MessageReader
from waypost.formats.edi.places import message_ranges
from waypost.formats.edi.row_write import RowWriter, mapping_of, rows_of, transactions_of
from waypost.formats.edi.tradacoms_dialect import DELIMITERS, TRADACOMS
from waypost.formats.edi.tradacoms_envelope import (
    group_document,
    interchange_document,
    mhd_row,
    stx_row,
    transaction_document,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradacomsOptions:
    """What a record is, and how it is written."""

    unit: Annotated[
        Literal["transaction", "interchange"],
        Option("What becomes one document: a message, or a whole transmission with its header and trailer messages."),
    ] = "transaction"
    check: Annotated[bool, Option("Whether a message whose MTR segment counts wrongly is refused.")] = True
    encoding: Annotated[
        Literal["utf-8", "latin-1", "cp1252"], Option("Character encoding, which TRADACOMS itself does not say.")
    ] = "latin-1"
    new_lines: Annotated[bool, Option("Whether a line end follows each segment written.", advanced=True)] = False


@registry.register(
    "format", "tradacoms", options=TradacomsOptions, traits=FormatTraits(streams=True, stages=True),
    example="{unit: interchange}",
)  # fmt: skip
class TradacomsFormat:
    """TRADACOMS transmissions, from STX to END, one document a message or transmission.

    A document holds ``interchange`` (sender, receiver, control_number, date, …), ``group`` inside a batch,
    ``transaction`` (set, version, control_number), ``rows`` (the segments between MHD and MTR in order, each a list
    that begins with its tag) and ``segments`` (the same rows by tag: ``segments.ORD[0][1]``). A composite element is a
    list; characters are released. With ``unit: interchange`` a document holds ``transactions``, each as above with
    ``accepted`` and ``errors``.

    A transmission is staged and its envelope checked before any of it is released. Written is one transmission a
    document, without batches; messages are numbered and counted.
    """

    content_type = "application/edi-tradacoms"

    def __init__(self, options: TradacomsOptions, grants: Grants) -> None:
        self._unit = options.unit
        envelopes = Envelopes(interchange_document, group_document, transaction_document)
        self._reader = MessageReader(TRADACOMS, envelopes, options.encoding, options.check)
        marks = DELIMITERS
        self._rows = RowWriter(
            name="tradacoms", element=marks.element.decode(), component=marks.component.decode(), repetition="",
            segment=marks.segment.decode(), release=marks.release.decode(), tag=marks.tag.decode(),
            line_end="\n" if options.new_lines else "", encoding=options.encoding,
        )  # fmt: skip

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        return EdiFramer(TRADACOMS, self._unit, limit_bytes, offset, context)

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        return self._reader.decode(batch, context, self._unit)

    def locate(self, data: bytes, context: bytes, paths: Sequence[Sequence[str | int | None]]) -> Sequence[Any]:
        return message_ranges(TRADACOMS, data, context, self._reader.encoding, self._unit == "interchange", paths)

    def encode(self, documents: Sequence[Any]) -> Sequence[Any]:
        return [self._encode(document) for document in documents]

    def _encode(self, document: Any) -> bytes | DataError:
        try:
            return self._interchange(document)
        except DataError as error:
            return error

    def _interchange(self, document: Any) -> bytes:
        rows, transactions = self._rows, transactions_of(document, "tradacoms")
        segments = [rows.envelope(stx_row(mapping_of(document, "interchange", "tradacoms-document")), "STX")]
        for number, message in enumerate(transactions, 1):
            segments.extend(self._message(message, number))
        return rows.join([*segments, rows.envelope(["END", str(len(transactions))], "END")])

    def _message(self, document: Any, number: int) -> list[bytes]:
        body = rows_of(document, number, "tradacoms")
        header = mhd_row(mapping_of(document, "transaction", "tradacoms-document"), number)
        segments = [self._rows.envelope(header, "MHD")]
        segments.extend(self._rows.row(row, position) for position, row in enumerate(body, 2))
        return [*segments, self._rows.envelope(["MTR", str(len(segments) + 1)], "MTR")]
