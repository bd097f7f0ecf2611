"""Explains an EDI file: under which agreement each interchange comes, which schema and map each message meets, and why
each candidate was or was not taken. Nothing is read into the store, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from waypost.agreements.load import Partner
from waypost.agreements.part import MessageOptions
from waypost.agreements.resolution import Considered, Parties, Resolution, message_type, resolve
from waypost.core.errors import ProjectError
from waypost.formats.edi.agreed.parties import parties_of
from waypost.formats.edi.agreed.schemas import ProjectSchemas
from waypost.formats.edi.cutter import cut
from waypost.formats.edi.dialect import Dialect, Header
from waypost.formats.edi.edifact_dialect import EDIFACT
from waypost.formats.edi.edifact_envelope import transaction_document
from waypost.formats.edi.envelope import group_document
from waypost.formats.edi.outline import LIMIT_BYTES
from waypost.formats.edi.row_read import RowReader
from waypost.formats.edi.token import Kind, Token
from waypost.formats.edi.x12_dialect import X12

_MOST_KINDS = 200
_HEADER_BYTES = 4096


@dataclass(slots=True)
class MessageKind:
    """Messages of one type in one interchange, and what they meet. ``refusal`` says why they would be parked."""

    set: str
    version: str
    association: str
    group: str
    offset: int
    count: int = 1
    steps: list[Considered] = field(default_factory=list)
    schema: str = ""
    map: str = ""
    refusal: str = ""

    def data(self) -> dict[str, Any]:
        """As plain data."""
        names = ("set", "version", "association", "group", "offset", "count", "schema", "map", "refusal")
        return {name: getattr(self, name) for name in names} | {"steps": [step_data(step) for step in self.steps]}


@dataclass(slots=True)
class Explained:
    """One interchange of a file."""

    standard: str
    offset: int
    parties: Parties
    resolution: Resolution
    messages: list[MessageKind] = field(default_factory=list)

    @property
    def covered(self) -> bool:
        """Whether an agreement covers it and all that is in it."""
        return not self.resolution.code and not any(kind.refusal for kind in self.messages)

    def data(self) -> dict[str, Any]:
        """As plain data."""
        found, parties = self.resolution, self.parties
        names = ("sender", "sender_qualifier", "receiver", "receiver_qualifier", "usage")
        return {
            "standard": self.standard, "offset": self.offset, **{name: getattr(parties, name) for name in names},
            "covered": self.covered, "partner": found.partner.name if found.partner else None,
            "agreement": found.partner.version if found.partner else None, "code": found.code,
            "refusal": found.refusal, "remedy": found.remedy, "steps": [step_data(step) for step in found.steps],
            "messages": [kind.data() for kind in self.messages],
        }  # fmt: skip


def step_data(step: Considered) -> dict[str, Any]:
    """A step of a resolution as plain data."""
    return {
        "step": step.step, "candidate": step.candidate, "taken": step.taken, "why": step.why, "place": step.place,
        "near": step.near,
        "compared": [{"what": c.what, "agreed": c.agreed, "found": c.found, "equal": c.equal, "near": c.near}
                     for c in step.compared],
    }  # fmt: skip


def explain(
    pieces: Iterable[bytes], partners: Mapping[str, Partner], schemas: ProjectSchemas, environment_class: str = ""
) -> Iterator[Explained]:
    """Every interchange of a content. Raises ``DataError`` for a message beyond the limit."""
    explainer = _Explainer(partners, schemas, environment_class)
    for token in cut(pieces, (X12, EDIFACT), LIMIT_BYTES):
        done = explainer.take(token)
        if done is not None:
            yield done
    if explainer.current is not None:
        yield explainer.current


class _Explainer:
    def __init__(self, partners: Mapping[str, Partner], schemas: ProjectSchemas, environment_class: str) -> None:
        self._partners, self._schemas, self._class = partners, schemas, environment_class
        self.current: Explained | None = None
        self._context = b""
        self._group: Mapping[str, Any] = {}
        self._kinds: dict[tuple[str, ...], MessageKind] = {}

    def take(self, token: Token) -> Explained | None:
        """The interchange before, once another begins."""
        done = None
        if token.kind is Kind.INTERCHANGE and token.dialect is not None:
            done, self.current = self.current, self._begin(token, token.dialect)
        elif token.kind is Kind.GROUP and token.dialect is not None and self.current is not None:
            self._begin_group(token, token.dialect)
        elif token.kind is Kind.TRANSACTION and token.header is not None and self.current is not None:
            self._message(token, token.header)
        return done

    def _begin(self, token: Token, dialect: Dialect) -> Explained | None:
        self._context, self._group, self._kinds = token.data, {}, {}
        parties = parties_of(dialect, token.data)
        return None if parties is None else self._resolved(dialect, token.start, parties)

    def _resolved(self, dialect: Dialect, offset: int, parties: Parties) -> Explained:
        return Explained(dialect.name, offset, parties, resolve(self._partners.values(), parties, self._class))

    def _begin_group(self, token: Token, dialect: Dialect) -> None:
        """Groups may tell partners with the same id apart: the first one decides what is shown."""
        assert self.current is not None and token.header is not None
        rows = RowReader(token.header.delimiters, "latin-1")
        row = rows.row(token.data.decode("latin-1").strip().removesuffix(_text(token.header.delimiters.segment)))
        self._group = (
            group_document([_first(row, n) for n in range(1, len(row))])
            if dialect is X12
            else {"sender": _first(row, 2), "version": ""}
        )
        parties = parties_of(dialect, self._context + token.data)
        if parties is not None and not self.current.messages:
            self.current = self._resolved(dialect, self.current.offset, parties)

    def _message(self, token: Token, header: Header) -> None:
        assert self.current is not None
        rows = RowReader(header.delimiters, "latin-1")
        head = token.data[:_HEADER_BYTES].lstrip().partition(header.delimiters.segment)[0]
        row = rows.row(head.decode("latin-1"))
        kind = self._kind_of(row)
        key = (kind["set"], kind["version"], kind["association"], kind["group"])
        if key in self._kinds:
            self._kinds[key].count += 1
        elif len(self._kinds) < _MOST_KINDS:
            made = self._kinds[key] = MessageKind(*key, token.start)
            self.current.messages.append(made)
            self._explain_kind(made, kind)

    def _kind_of(self, row: list[Any]) -> dict[str, str]:
        group = str(self._group.get("sender") or "")
        if self.current is not None and self.current.standard == "x12":
            set_id = str(row[1]) if len(row) > 1 else row[0]
            convention = str(row[3]) if len(row) > 3 else ""
            version = str(self._group.get("version") or convention)
            return {"set": set_id, "version": version, "association": "", "group": group}
        read = transaction_document(row)
        version = f"{read.get('version', '')}{read.get('release', '')}"
        return {"set": read["set"], "version": version, "association": read.get("association", ""), "group": group}

    def _explain_kind(self, made: MessageKind, kind: Mapping[str, str]) -> None:
        assert self.current is not None
        partner = self.current.resolution.partner
        agreed = getattr(partner.options, self.current.standard) if partner is not None else None
        chosen: MessageOptions | None = None
        if partner is not None and agreed is not None:
            waited = {one.what for one in agreed.send.expect}
            messages = () if kind["set"] in waited else agreed.receive.messages
            if kind["set"] in waited:
                made.steps.append(Considered("message", kind["set"], True, "an acknowledgement that is waited for"))
            elif not messages:
                made.steps.append(Considered("message", "any type", True, "the agreement names no types"))
            chosen, looked = message_type(messages, kind, partner, f"{self.current.standard}.receive")
            made.steps += looked
            if messages and chosen is None:
                made.refusal = f"{partner.name}: {made.set} {made.version} is not agreed"
        made.map = str(chosen.map or "") if chosen else ""
        made.schema = self._schema(made, chosen)

    def _schema(self, made: MessageKind, chosen: MessageOptions | None) -> str:
        assert self.current is not None
        names = [(chosen.schema, "named in the agreement")] if chosen and chosen.schema else []
        standard, version = self.current.standard, made.version[:12].upper() or "?"
        if standard == "edifact" and made.association:
            names.append((f"edifact/{version}-{made.association}/{made.set}", "the version and association it names"))
        names.append((f"{standard}/{version}/{made.set}", "the version it names"))
        if standard == "x12" and len(version) > 6:
            names.append((f"x12/{version[:6]}/{made.set}", "the version without its guide"))
        for name, why in names:
            try:
                found = self._schemas.find(name)
            except ProjectError as error:
                made.steps.append(Considered("schema", name, False, f"it has faults: {error.faults[0]}"))
                continue
            made.steps.append(Considered("schema", name, found is not None, why if found else "there is none"))
            if found is not None:
                return name
        nearest = self._schemas.library.nearest(names[-1][0])
        if nearest is not None:
            why = "of the nearest version; what may differ between versions counts as a warning"
            made.steps.append(Considered("schema", nearest.name, True, why))
            return nearest.name
        return ""


def _first(row: list[Any], number: int) -> str:
    value = row[number] if len(row) > number else ""
    while isinstance(value, list):
        value = value[0] if value else ""
    return str(value)


def _text(mark: bytes) -> str:
    return mark.decode("latin-1")
