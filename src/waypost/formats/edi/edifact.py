"""EDIFACT interchanges: messages as documents, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from waypost.agreements.load import Partner
from waypost.core.component import Framer
from waypost.core.errors import AgreementError, DataError, Fault
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Option, OptionFault, PartnerRef
from waypost.core.stamping import NumbersWanted
from waypost.core.traits import FormatTraits
from waypost.formats.edi.agreed.exchange import exchange_of
from waypost.formats.edi.agreed.gate import Agreed, Gate, of_partner
from waypost.formats.edi.agreed.held import Held
from waypost.formats.edi.agreed.lint import lint_agreements
from waypost.formats.edi.agreed.parties import edifact_parties, header_bytes
from waypost.formats.edi.agreed.repetition import Repetitions, repetitions
from waypost.formats.edi.agreed.schemas import ProjectSchemas
from waypost.formats.edi.agreed.sender import LINE_ENDS, Sender
from waypost.formats.edi.agreed.terms import AgreedTerms, OwnTerms, typed
from waypost.formats.edi.edifact_dialect import EDIFACT
from waypost.formats.edi.edifact_envelope import group_document, interchange_document, transaction_document
from waypost.formats.edi.edifact_write import EdifactWriter
from waypost.formats.edi.framer import EdiFramer
from waypost.formats.edi.message_reader import Envelopes, MessageReader
from waypost.formats.edi.places import message_ranges
from waypost.formats.edi.row_write import RowWriter
from waypost.formats.edi.separator_option import separator_faults

_SEPARATORS = ("element_separator", "component_separator", "repetition_separator", "release_character",
               "segment_terminator")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class EdifactOptions:
    """What a record is, and the syntax and separators it is written with."""

    partner: Annotated[
        tuple[PartnerRef, ...],
        Option(
            "Trading partners whose agreements hold; `any` for all of the project. Interchanges of others are parked.",
            example="acme",
        ),
    ] = ()
    unit: Annotated[
        Literal["transaction", "interchange"],
        Option("What becomes one document: a message, or a whole interchange, as acknowledging needs it."),
    ] = "transaction"
    fields_by: Annotated[
        Literal["position", "name"],
        Option(
            "How maps find segments and elements: by `position`, in `rows` and `segments`, or by `name`, in `body`, as "
            "the schema of the message names them (`waypost edi names`)."
        ),
    ] = "position"
    check: Annotated[
        bool,
        Option(
            "Whether a message whose trailer counts wrongly or names another message is refused, and, under an "
            "agreement or where fields have names, one that is not as its schema says."
        ),
    ] = True
    version: Annotated[
        str,
        Option("The version whose schemas name fields where a message names one that is not known.", example="D96A"),
    ] = ""
    encoding: Annotated[
        Literal["declared", "utf-8", "iso8859-1", "iso8859-15", "cp1252"],
        Option("Character encoding; `declared` is what the interchange says by UNOA to UNOY."),
    ] = "declared"
    syntax: Annotated[
        Literal["UNOA", "UNOB", "UNOC", "UNOD", "UNOE", "UNOF", "UNOG", "UNOH", "UNOI", "UNOJ", "UNOK", "UNOL", "UNOW",
                "UNOX", "UNOY"],
        Option("Written as the syntax identifier where a document names none."),
    ] = "UNOC"  # fmt: skip
    syntax_version: Annotated[
        Literal["1", "2", "3", "4"], Option("Written as the syntax version where a document names none.")
    ] = "3"
    una: Annotated[
        bool, Option("Whether a UNA segment is written where the separators are the usual ones.", advanced=True)
    ] = True
    element_separator: Annotated[str, Option("Written between elements.", advanced=True)] = "+"
    component_separator: Annotated[str, Option("Written between components.", advanced=True)] = ":"
    repetition_separator: Annotated[
        str, Option("Written between repetitions, from syntax version 4 on; empty for none.", advanced=True)
    ] = "*"
    release_character: Annotated[str, Option("Written before a separator in data.", advanced=True)] = "?"
    segment_terminator: Annotated[str, Option("Written behind each segment.", advanced=True)] = "'"
    decimal_mark: Annotated[Literal[".", ","], Option("The decimal mark of numbers written.", advanced=True)] = "."
    new_lines: Annotated[bool, Option("Whether a line end follows each segment written.", advanced=True)] = False

    def faults(self) -> Iterable[OptionFault]:
        yield from separator_faults(self, _SEPARATORS, frozenset({"repetition_separator"}))


@registry.register(
    "format", "edifact", options=EdifactOptions, traits=FormatTraits(streams=True, stages=True),
    example="{unit: transaction}",
)  # fmt: skip
class EdifactFormat:
    """EDIFACT interchanges of syntax 1 to 4, batch and interactive, one document a message or interchange.

    Separators are those UNA names, or those seen in UNB. A document holds ``interchange`` (sender, receiver,
    control_number, date, …), ``group`` where there is a UNG, ``transaction`` (set, version, release, control_number),
    ``rows`` (the segments between UNH and UNT in order, each a list that begins with its tag, so that index 3 is
    element 03) and ``segments`` (the same rows by tag: ``segments.BGM[0][2]``). A composite element is a list, a
    repeated one a list of lists; characters are released. A package of ``UNO`` and ``UNP`` is a document with
    ``object``, text of one character a byte. With ``fields_by: name`` there is a ``body`` in place of ``rows`` and
    ``segments``, of any message there is a schema of: ``body.SG25[0].LIN['01']``, ``body.DTM[0]['01']['2']``; its
    values are texts as they came, and a message without a schema is refused. With ``unit: interchange`` a document
    holds ``transactions``, each as above with ``accepted`` and ``errors``.

    An interchange is staged and its envelope checked before any of it is released; a broken one, and what stands
    between interchanges, is one record with a fault. Written is one interchange a document, from ``interchange``,
    ``group`` (optional), ``transaction`` and ``rows`` (or ``transactions``); separators in data are released, counts
    and trailers are made. In place of ``rows``, ``body`` holds segments, elements and components by name, as maps make
    them: ``body.BGM.02``, ``body.DTM_delivery.01.2``, a list of ``body.lines`` with ``LIN.01``.
    """

    content_type = "application/edifact"

    @staticmethod
    def lint_agreements(partners: Mapping[str, Partner], files: Mapping[str, bytes]) -> Iterable[Fault]:
        """What of a project's agreements does not fit this format."""
        return lint_agreements("edifact", partners, files)

    def __init__(self, options: EdifactOptions, grants: Grants) -> None:
        self._unit, self._by_name, self._version = options.unit, options.fields_by == "name", options.version
        envelopes = Envelopes(interchange_document, group_document, transaction_document)
        encoding = "" if options.encoding == "declared" else options.encoding
        self._envelopes, self._check = envelopes, options.check
        self._reader = MessageReader(EDIFACT, envelopes, encoding, options.check)
        self._readers = {"": self._reader}
        self._gate = Gate("edifact", options.partner, grants, edifact_parties) if options.partner else None
        self._schemas = ProjectSchemas.of(grants) if options.partner or self._by_name else ProjectSchemas({})
        self._held: dict[str, Held] = {}
        rows = RowWriter(
            name="edifact", element=options.element_separator, component=options.component_separator,
            repetition=options.repetition_separator, segment=options.segment_terminator,
            release=options.release_character, decimal=options.decimal_mark,
            line_end="\n" if options.new_lines else "",
        )  # fmt: skip
        self._writer = EdifactWriter(rows, options.syntax, options.syntax_version, encoding, options.una)
        usage = "P" if grants.environment_class == "prod" else "T"
        self._sender = Sender(EDIFACT, self._gate.partners, usage) if self._gate else None
        self._writers: dict[str, EdifactWriter] = {}

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        return EdiFramer(EDIFACT, self._unit, limit_bytes, offset, context)

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        if self._gate is None:
            documents = self._reader.decode(batch, context, self._unit)
            return [self._held_for(None).document(one) for one in documents] if self._by_name else documents
        if self._unit == "interchange":
            return [self._under(header_bytes(EDIFACT, data), [data], b"")[0] for data in batch]
        return self._under(context, batch, context)

    def _under(self, head: bytes, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        """Records of the interchange with this header, read as was agreed."""
        agreed = self._gate.agreed(head) if self._gate else None
        if isinstance(agreed, AgreementError):
            return [agreed] * len(batch)
        documents = self._reader_for(agreed).decode(batch, context, self._unit)
        held = self._held_for(agreed) if (agreed and self._check) or self._by_name else None
        return [
            of_partner(held.document(typed(one, agreed)) if held else typed(one, agreed), agreed) for one in documents
        ]

    def _held_for(self, agreed: Agreed | None) -> Held:
        """What this partner's messages, or those of a flow without agreements, are held against."""
        name = agreed.partner.name if agreed else ""
        if name not in self._held:
            terms = AgreedTerms(agreed, self._schemas) if agreed else OwnTerms(self._schemas)
            self._held[name] = Held(terms, check=self._check, by_name=self._by_name, version=self._version)
        return self._held[name]

    def _reader_for(self, agreed: Agreed | None) -> MessageReader:
        """How this partner's messages are read."""
        name = agreed.partner.name if agreed else ""
        if agreed and name not in self._readers:
            encoding = "" if agreed.receive.encoding == "declared" else agreed.receive.encoding
            self._readers[name] = MessageReader(EDIFACT, self._envelopes, encoding, self._check)
        return self._readers[name]

    def locate(self, data: bytes, context: bytes, paths: Sequence[Sequence[str | int | None]]) -> Sequence[Any]:
        encoding, named = self._reader.encoding or "latin-1", None
        if self._by_name:
            agreed = self._gate.agreed(context or header_bytes(EDIFACT, data)) if self._gate else None
            held = self._held_for(None if isinstance(agreed, AgreementError) else agreed)
            named = lambda rows: held.named(transaction_document(rows[0]), rows[1:-1])  # noqa: E731
        return message_ranges(EDIFACT, data, context, encoding, self._unit == "interchange", paths, named)

    def encode(self, documents: Sequence[Any]) -> Sequence[Any]:
        return [self._encode(document) for document in documents]

    def _encode(self, document: Any) -> bytes | DataError:
        try:
            if self._sender is None:
                return self._writer.interchange(document)
            partner = self._sender.partner_of(document)
            return self._writer_for(partner).interchange(self._sender.filled(document, partner))
        except DataError as error:
            return error

    def _writer_for(self, partner: Partner) -> EdifactWriter:
        """How this partner is written to."""
        if partner.name not in self._writers:
            assert partner.options.edifact is not None
            send = partner.options.edifact.send
            marks, envelope = send.separators, send.envelope
            rows = RowWriter(
                name="edifact", element=marks.element, component=marks.component, repetition=marks.repetition,
                segment=marks.segment, release=marks.release, decimal=marks.decimal,
                line_end=LINE_ENDS[marks.line_end],
            )  # fmt: skip
            made = EdifactWriter(rows, envelope.syntax, envelope.syntax_version, "", envelope.una)
            self._writers[partner.name] = made
        return self._writers[partner.name]

    def opening(self, flow: str) -> Repetitions | None:
        """Looks for repetitions where an agreement asks for it."""
        return repetitions("edifact", self._gate.partners, flow) if self._gate else None

    @property
    def stamps(self) -> bool:
        """Whether control references are put in as an interchange leaves."""
        return self._sender is not None

    def numbers_wanted(self, body: bytes) -> Sequence[NumbersWanted]:
        return self._sender.wanted(body) if self._sender else ()

    def stamped(self, body: bytes, numbers: Mapping[str, Sequence[int]], at: int) -> bytes:
        return self._sender.stamped(body, numbers, at) if self._sender else body

    def exchange(self, content: bytes, *, sent: bool) -> Mapping[str, Any] | None:
        if self._gate is None or self._sender is None:
            return None
        said = exchange_of(content, EDIFACT)
        partner = self._sender.partner_of_bytes(content) if sent else self._gate.partner_of(content)
        return None if said is None or partner is None else {**said, "partner": partner}
