"""X12 interchanges: transaction sets as documents, and back."""

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
from waypost.formats.edi.agreed.lint import lint_agreements
from waypost.formats.edi.agreed.parties import header_bytes, x12_parties
from waypost.formats.edi.agreed.repetition import Repetitions, repetitions
from waypost.formats.edi.agreed.schemas import ProjectSchemas
from waypost.formats.edi.agreed.sender import LINE_ENDS, Sender
from waypost.formats.edi.agreed.terms import AgreedTerms
from waypost.formats.edi.framer import EdiFramer, interchange_pieces
from waypost.formats.edi.places import x12_ranges
from waypost.formats.edi.row_write import RowWriter
from waypost.formats.edi.separator_option import separator_faults
from waypost.formats.edi.x12_dialect import X12
from waypost.formats.edi.x12_reader import X12Reader
from waypost.formats.edi.x12_write import X12Writer

_BINARY = {tag.decode(): number for tag, number in X12.binary.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class X12Options:
    """What a record is, how strictly it is read, and the separators it is written with."""

    partner: Annotated[
        tuple[PartnerRef, ...],
        Option(
            "Trading partners whose agreements hold; `any` for all of the project. Interchanges of others are parked.",
            example="acme",
        ),
    ] = ()
    unit: Annotated[
        Literal["transaction", "group", "interchange"],
        Option("What becomes one message: a transaction set, or a whole group or interchange, as acknowledging needs."),
    ] = "transaction"
    fields_by: Annotated[
        Literal["position", "name"],
        Option(
            "How maps find segments and elements: by `position`, in `rows` and `segments`, or by `name`, in `body`, as "
            "the schema of the set names them (`waypost edi names`)."
        ),
    ] = "position"
    check: Annotated[
        bool, Option("Whether transaction sets must be as their grammar says; without it they are read as they come.")
    ] = True
    version: Annotated[
        str,
        Option("The version whose grammars are used where a group names one that is not known.", example="004010"),
    ] = ""
    encoding: Annotated[
        Literal["utf-8", "latin-1", "cp1252"], Option("Character encoding, which X12 itself does not say.")
    ] = "utf-8"
    element_separator: Annotated[str, Option("Written between elements.", advanced=True)] = "*"
    component_separator: Annotated[str, Option("Written between components.", advanced=True)] = ">"
    repetition_separator: Annotated[
        str, Option("Written between repetitions, from version 00402 on; empty for none.", advanced=True)
    ] = "^"
    segment_terminator: Annotated[str, Option("Written behind each segment.", advanced=True)] = "~"
    new_lines: Annotated[bool, Option("Whether a line end follows each segment written.", advanced=True)] = False
    replace_separators: Annotated[
        str,
        Option("What stands for a separator found in data; left empty, such a document is refused.", advanced=True),
    ] = ""

    def faults(self) -> Iterable[OptionFault]:
        names = ("element_separator", "component_separator", "repetition_separator", "segment_terminator")
        yield from separator_faults(self, names, frozenset({"repetition_separator"}))
        marks = [getattr(self, name) for name in names]
        if self.replace_separators and (len(self.replace_separators) != 1 or self.replace_separators in marks):
            yield OptionFault("replace_separators", f"found {self.replace_separators!r}", "one character, no separator")


@registry.register(
    "format", "x12", options=X12Options, traits=FormatTraits(streams=True, stages=True), example="{unit: transaction}"
)
class X12Format:
    """X12 interchanges, one document a transaction set or group; separators are those the interchange names.

    A document holds ``interchange`` and ``group`` (sender, receiver, control_number, date, …), ``transaction`` (set,
    control_number), ``rows`` (the segments between ST and SE in order, each a list that begins with its tag, so that
    index 3 is element 03), ``segments`` (the same rows by tag: ``segments.BEG[0][3]``) and, where the version's grammar
    is known, the set by name: ``purchase_order`` of an 850, ``acknowledgement`` of a 997. A composite element is a
    list, a repeated one a list of lists. Numbers are decimals, dates ISO texts. With ``fields_by: name`` there is a
    ``body`` in place of ``rows`` and ``segments``, of any set there is a schema of: ``body.IT1_loop[0].IT1['02']``; its
    values are texts as they came, and a set without a schema is refused. With ``unit: group`` a document holds
    ``transactions``, each as above with ``accepted`` and ``errors``, so that nothing is refused before it was
    acknowledged.

    An interchange is staged and its envelope checked before any of it is released; a broken one, and what stands
    between interchanges, is one record with a fault. Written is one interchange a document, from ``interchange``,
    ``group``, ``transaction`` and ``rows`` (or ``transactions``); counts, trailers and padding are made. In place of
    ``rows``, ``body`` holds segments and elements by name, as maps make them: ``body.BAK.01``, ``body.N1_buyer.02``, a
    list of ``body.lines`` with ``PO1.01``.
    """

    content_type = "application/edi-x12"

    @staticmethod
    def lint_agreements(partners: Mapping[str, Partner], files: Mapping[str, bytes]) -> Iterable[Fault]:
        """What of a project's agreements does not fit this format."""
        return lint_agreements("x12", partners, files)

    def __init__(self, options: X12Options, grants: Grants) -> None:
        self._options = options
        project = ProjectSchemas.of(grants) if options.partner or options.fields_by == "name" else None
        self._names = project.library if project and options.fields_by == "name" else None
        self._reader = X12Reader(options.encoding, options.check, options.version, names=self._names)
        self._readers = {"": self._reader}
        self._gate = Gate("x12", options.partner, grants, x12_parties) if options.partner else None
        self._schemas = project if options.partner else None
        self._writer = X12Writer(
            RowWriter(
                name="x12", element=options.element_separator, component=options.component_separator,
                repetition=options.repetition_separator, segment=options.segment_terminator,
                replacement=options.replace_separators, line_end="\n" if options.new_lines else "",
                encoding=options.encoding, binary=_BINARY,
            )
        )  # fmt: skip
        usage = "P" if grants.environment_class == "prod" else "T"
        self._sender = Sender(X12, self._gate.partners, usage) if self._gate else None
        self._writers: dict[str, X12Writer] = {}

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        return EdiFramer(X12, self._options.unit, limit_bytes, offset, context)

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        if self._options.unit == "interchange":
            return [self._interchange(data) for data in batch]
        agreed = self._gate.agreed(context) if self._gate else None
        if isinstance(agreed, AgreementError):
            return [agreed] * len(batch)
        envelope = self._reader_for(agreed).envelope(context)
        if isinstance(envelope, DataError):
            return [envelope] * len(batch)
        read = envelope.transaction if self._options.unit == "transaction" else envelope.group
        return [of_partner(read(data), agreed) for data in batch]

    def _interchange(self, data: bytes) -> Any:
        """The document of a whole interchange: its sets as ``transactions``, each with its group."""
        pieces = interchange_pieces(data)
        agreed = self._gate.agreed(pieces[0].context if pieces else header_bytes(X12, data)) if self._gate else None
        if isinstance(agreed, AgreementError):
            return agreed
        reader, interchange, parts = self._reader_for(agreed), None, list[Any]()
        for piece in pieces:
            envelope = reader.envelope(piece.context)
            read = envelope if isinstance(envelope, DataError) else envelope.group(piece.data)
            if isinstance(read, DataError):
                return read
            interchange = read["interchange"]
            parts += [{"group": read["group"], **one} for one in read["transactions"]]
        if interchange is None:
            return reader.header_only(header_bytes(X12, data), agreed.partner.name if agreed else "")
        return of_partner({"interchange": interchange, "transactions": parts}, agreed)

    def _reader_for(self, agreed: Agreed | None) -> X12Reader:
        """How this partner's messages are read."""
        name = agreed.partner.name if agreed else ""
        if agreed and self._schemas and name not in self._readers:
            terms = AgreedTerms(agreed, self._schemas)
            options = self._options
            self._readers[name] = X12Reader(
                agreed.receive.encoding, options.check, options.version, terms, names=self._names
            )
        return self._readers[name]

    def locate(self, data: bytes, context: bytes, paths: Sequence[Sequence[str | int | None]]) -> Sequence[Any]:
        agreed = self._gate.agreed(context or header_bytes(X12, data)) if self._gate else None
        reader = self._reader_for(None if isinstance(agreed, AgreementError) else agreed)
        return x12_ranges(data, context, reader, self._options.unit != "transaction", paths)

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

    def _writer_for(self, partner: Partner) -> X12Writer:
        """How this partner is written to."""
        if partner.name not in self._writers:
            assert partner.options.x12 is not None
            send = partner.options.x12.send
            marks = send.separators
            self._writers[partner.name] = X12Writer(
                RowWriter(
                    name="x12", element=marks.element, component=marks.component, repetition=marks.repetition,
                    segment=marks.segment, replacement=marks.replacement, line_end=LINE_ENDS[marks.line_end],
                    encoding=send.encoding, binary=_BINARY,
                )
            )  # fmt: skip
        return self._writers[partner.name]

    def opening(self, flow: str) -> Repetitions | None:
        """Looks for repetitions where an agreement asks for it."""
        return repetitions("x12", self._gate.partners, flow) if self._gate else None

    @property
    def stamps(self) -> bool:
        """Whether control numbers are put in as an interchange leaves."""
        return self._sender is not None

    def numbers_wanted(self, body: bytes) -> Sequence[NumbersWanted]:
        return self._sender.wanted(body) if self._sender else ()

    def stamped(self, body: bytes, numbers: Mapping[str, Sequence[int]], at: int) -> bytes:
        return self._sender.stamped(body, numbers, at) if self._sender else body

    def exchange(self, content: bytes, *, sent: bool) -> Mapping[str, Any] | None:
        if self._gate is None or self._sender is None:
            return None
        said = exchange_of(content, X12)
        partner = self._sender.partner_of_bytes(content) if sent else self._gate.partner_of(content)
        return None if said is None or partner is None else {**said, "partner": partner}
